"""Half-written code: how much after the middle is deleted from the suffix.

Either a number of lines, or all to the end of the cursor's block, which by the rule of `lines` is where the
first non-blank line stands that is indented less than the cursor's. Positions are code points of the window.
About 1 µs for a few lines; linear in what is deleted.
"""

from __future__ import annotations

from itertools import islice

from pipeline.config import HalfWritten
from pipeline.keyed import Rng
from pipeline.synthesize.cuts import Cut
from pipeline.synthesize.lines import LINE_END, indent_columns, is_line_start, line_start, split_lines


def draw_deleted(text: str, cut: Cut, rng: Rng, settings: HalfWritten | None) -> int:
    """How many characters after the middle to delete; 0 in samples that are not half-written."""
    if settings is None or rng.uniform() >= settings.rate:
        return 0
    to_block_end = settings.to_block_end > 0 and rng.uniform() < settings.to_block_end
    deleted = chars_to_block_end(text, cut) if to_block_end else 0
    return deleted or deleted_chars(text, cut.end, 1 + rng.below(settings.max_lines))


def deleted_chars(text: str, cut_end: int, lines: int) -> int:
    """The characters to delete after `cut_end` so that the next `lines` lines (or all there are) are gone.

    At the start of a line these are whole lines. Elsewhere the rest of the cursor's line goes too, and the
    last deleted line's newline stays, so that the suffix begins with a newline as before.
    """
    at_start = is_line_start(text, cut_end)
    wanted = lines if at_start else lines + 1
    ends = list(islice(LINE_END.finditer(text, cut_end), wanted))
    if at_start:
        stop = ends[-1].end() if len(ends) == wanted else len(text)
    elif not ends or ends[0].end() == len(text):
        stop = cut_end  # no line follows the cursor's
    else:
        keeps_newline = len(ends) == wanted or ends[-1].end() == len(text)
        stop = ends[-1].start() if keeps_newline else len(text)
    return stop - cut_end


def chars_to_block_end(text: str, cut: Cut) -> int:
    """The characters to delete so that all lines after the middle that are in the cursor's block are gone.

    0 where the cursor's line is blank or not indented, and where the block has no line after the middle.
    """
    indent = _indent_at(text, cut.start)
    if not indent:
        return 0
    rest = split_lines(text[cut.end :])
    following = rest if is_line_start(text, cut.end) else rest[1:]
    inside = next(
        (
            count
            for count, line in enumerate(following)
            if not line.isspace() and indent_columns(line) < indent
        ),
        len(following),
    )
    return deleted_chars(text, cut.end, inside) if inside else 0


def _indent_at(text: str, position: int) -> int:
    """The indent of the line that holds `position`; 0 for a blank line."""
    start = line_start(text, position)
    end = LINE_END.search(text, start)
    line = text[start : end.start() if end else len(text)]
    return indent_columns(line) if line and not line.isspace() else 0
