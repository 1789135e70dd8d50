"""An independent checker of cuts, written from docs/fim.md alone.

`violations` says what is wrong with one sidecar row; `document_violations`, in checker_windows.py, with how
the windows of a document lie. The places that each rule allows are written out, without random choices, so
that a cut is right if and only if the page allows it. Milliseconds a row. Nothing of pipeline/synthesize is
imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pipeline.config import Fim

from .checker_deletions import deletion_violations
from .checker_trees import holds_as_block
from .checker_windows import Cut, Line, column


def violations(text: str, lang: str, row: Mapping[str, Any], fim: Fim, **context: Any) -> list[str]:
    """What is wrong with the cut of one sample whose window was not narrowed.

    `context` may give the dialect's `margins`, and `token_places`, which `unit = "token"` and `snap` ask for.
    """
    first, last = row["window_start"], row["window_end"]
    bounds = [0, first, row["cut_start"], row["cut_end"], row["cut_end"] + row["deleted"], last, len(text)]
    if any(a > b for a, b in pairwise(bounds)):
        return [f"places out of order: {bounds}"]
    cut = Cut(
        text[first:last],
        broken=last < len(text) and text[last - 1] not in "\r\n",
        start=row["cut_start"] - first,
        end=row["cut_end"] - first,
        deleted=row["deleted"],
        **context,
    )
    kind = row["kind"]
    found = [*_order(row, fim)]
    if kind == "plain":
        placed = (row["cut_start"], row["cut_end"], row["middle_start"], row["middle_len"], row["deleted"])
        return found + ["a plain sample has a cut"] * (placed != (last, last, 0, 0, 0))
    if kind not in RULES:
        return [*found, f"unknown kind {kind}"]
    found += _kind(cut, kind, fim)
    found += RULES[kind](cut, fim, lang)
    found += _common(cut, kind, fim)
    found += deletion_violations(cut, fim)
    return [f"{kind}: {text}" for text in found]


def _order(row: Mapping[str, Any], fim: Fim) -> Iterator[str]:
    orders = {name for name, weight in fim.orders.items() if weight > 0}
    allowed = {"none"} if row["kind"] == "plain" else orders
    if not fim.languages and row["order"] not in allowed:
        yield f"order {row['order']}, allowed {sorted(allowed)}"


def _kind(cut: Cut, kind: str, fim: Fim) -> Iterator[str]:
    """Whether the kind was asked for, or stands for one that has no place."""
    asked = {name for name, weight in fim.kinds.items() if weight > 0}
    if fim.languages or kind in asked:
        return
    if kind != "random" and not (kind == "lines" and "block" in asked):
        yield f"nobody asked for it, but for {sorted(asked)}"
    if kind == "random" and all(HAS_PLACE.get(name, lambda *_: False)(cut, fim) for name in asked):
        yield f"it stands for {sorted(asked)}, which have a place"


def _lines_have_place(cut: Cut, fim: Fim) -> bool:
    return any(
        not cut.is_blank(line) and _lines_ends(cut, number, fim) for number, line in enumerate(cut.known)
    )


HAS_PLACE = {
    "empty": lambda cut, fim: bool(cut.known) or not cut.broken,
    "line": lambda cut, fim: not all(map(cut.is_blank, cut.known)),
    "lines": _lines_have_place,
    "block": _lines_have_place,
}
"""`refact-v2` is not here: its rows are drawn, and may all be unsuitable."""


def _common(cut: Cut, kind: str, fim: Fim) -> Iterator[str]:
    free = kind == "random" and fim.unit != "line"
    for place in () if free else (cut.start, cut.end):
        if cut.text[max(place - 1, 0) : place + 1] == "\r\n":
            yield f"place {place} is inside a line end"
    if cut.broken and not free:
        last = cut.lines[-1]
        is_allowed = kind == "empty" and cut.is_blank(last)
        if cut.end > last.start and not is_allowed:
            yield "reaches into a line that the window breaks off"


def _random(cut: Cut, fim: Fim, lang: str) -> Iterator[str]:
    low, high = cut.margins[0], len(cut.text) - cut.margins[1]
    if not low <= cut.start <= cut.end <= high:
        yield f"places {cut.start}, {cut.end} are not within {low}..{high}"
    if fim.tokenization == "snap" or fim.unit == "token":
        places = cut.token_places
    elif fim.unit == "line":
        places = frozenset(line.start for line in cut.lines) | (
            {len(cut.text)} - {cut.broken * len(cut.text)}
        )
    else:
        places = None
    if places is not None and not {cut.start, cut.end} <= places:
        yield f"places {cut.start}, {cut.end} are none of the unit's"


def _empty(cut: Cut, fim: Fim, lang: str) -> Iterator[str]:
    if cut.start != cut.end:
        yield "the middle is not empty"
    number, at = cut.number_at(cut.start), cut.start
    at_end = at == len(cut.text) and not cut.broken
    in_line = number is not None and (
        cut.is_blank(cut.lines[number])
        or (at == cut.lines[number].body_end and cut.lines[number] in cut.known)
    )
    if not at_end and not in_line:
        yield "the cursor stands neither at a line's end, nor in a blank line, nor at the end"
    if all(is_word(character) for character in (cut.text[at - 1 : at], cut.text[at : at + 1])):
        yield "the cursor stands inside an identifier"


def is_word(character: str) -> bool:
    """Whether it is one letter, digit or underscore."""
    return character.isalnum() or character == "_"


def is_border(body: str, at: int) -> bool:
    """Whether a word begins or ends at this place, or a punctuation mark is beside it."""
    around = [character for character in (body[at - 1 : at] if at else "", body[at : at + 1]) if character]
    is_edge = len({is_word(character) for character in around}) == 2 or len(around) == 1
    return is_edge or any(not is_word(character) and not character.isspace() for character in around)


def _cursor(cut: Cut, fim: Fim) -> Iterator[str]:
    """The rules for the cursor of `line` and `lines`."""
    number = cut.number_at(cut.start)
    if number is None or cut.is_blank(cut.lines[number]) or cut.lines[number] not in cut.known:
        yield "the cursor stands in no line that has something visible"
        return
    line = cut.lines[number]
    body, at = cut.body(line), cut.start - line.start
    indent, last = len(body) - len(body.lstrip()), len(body.rstrip()) - 1
    if not indent <= at <= last:
        yield f"the cursor, {at}, is not before a character of the visible part, {indent}..{last}"
    if fim.tokenization == "snap" and cut.token_places is not None:
        borders = cut.token_places & set(range(line.start + indent, line.start + last + 1))
        if borders and cut.start not in borders:
            yield f"the cursor stands at no token's border, {sorted(borders)}"
        return
    if fim.tokenization == "snap" or fim.cursor.inside or at == indent:
        return
    if not fim.cursor.border or not is_border(body, at):
        yield "the cursor stands neither where the indent ends nor at a border"


def _line(cut: Cut, fim: Fim, lang: str) -> Iterator[str]:
    yield from _cursor(cut, fim)
    number = cut.number_at(cut.start)
    if number is not None:
        line = cut.lines[number]
        if cut.end != (line.end if fim.line_newline else line.body_end):
            yield "the middle does not end where its line does"


def _lines(cut: Cut, fim: Fim, lang: str) -> Iterator[str]:
    yield from _cursor(cut, fim)
    number = cut.number_at(cut.start)
    if number is None:
        return
    ends = _lines_ends(cut, number, fim)
    if cut.end not in ends:
        yield f"the middle ends at {cut.end}, allowed are {ends}"


def _lines_ends(cut: Cut, number: int, fim: Fim) -> list[int]:
    """Where a `lines` middle may end whose cursor stands in this line."""
    indent = column(cut.body(cut.lines[number]))
    after = cut.known[number + 1 : number + 1 + fim.max_lines]
    smaller = [
        index
        for index, line in enumerate(after, 1)
        if not cut.is_blank(line) and column(cut.body(line)) < indent
    ]
    spans = [smaller[0]] if smaller else range(2, fim.max_lines + 1)
    return [cut.known[number + span - 1].end for span in spans if 2 <= span <= len(cut.known) - number]


def _block(cut: Cut, fim: Fim, lang: str) -> Iterator[str]:
    if len(cut.text.encode()) > 65_536:
        yield "the window is too long to be parsed"
    if not cut.text[cut.start : cut.end].strip():
        yield "nothing visible in the middle"
    if not (cut.text[: cut.start] + cut.text[cut.end :]).strip():
        yield "nothing visible outside the middle"
    if not holds_as_block(cut.text, cut.start, cut.end, lang):
        yield "the middle is neither a node nor a run of siblings without errors"


def _refact(cut: Cut, fim: Fim, lang: str) -> Iterator[str]:
    rows, place = cut.known, (cut.start, cut.end)
    if len(rows) < 2:
        yield "a window of fewer than two rows"
    if not any(_refact_cuts(cut, rows, number, place) for number in range(len(rows))):
        yield "no splitter cuts so"


def _refact_cuts(cut: Cut, rows: Sequence[Line], number: int, place: tuple[int, int]) -> bool:
    row, (start, end) = rows[number], place
    if not row.start <= start <= row.body_end:
        return False
    inside = row.end - row.start >= 3 and end < row.body_end
    nothing = start == end < row.body_end
    if inside or nothing or end == row.body_end:
        return True
    following = rows[number + 1 :]
    blank = [k for k, later in enumerate(following[:33], 1) if cut.is_blank(later)]
    steps = blank[:1] or range(1, min(len(following), 32) + 1)
    return any(end == following[step - 1].body_end for step in steps)


RULES = {
    "random": _random,
    "empty": _empty,
    "line": _line,
    "lines": _lines,
    "block": _block,
    "refact-v2": _refact,
}
