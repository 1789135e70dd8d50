"""Where a window is cut: pure functions of (text, rng, limits) to `Cut`, or None if a kind has no place.

The middle is text[start:end], in code points of the window. The rules are those of docs/fim.md. Places are
drawn uniformly among the lines that suit a kind, without looking at all of them: lines are drawn, and those
that do not suit set aside, until one does. Linear in the window, about 10 µs for 200 lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, TypeVar

from pipeline.keyed import Rng
from pipeline.synthesize.lines import indent_chars, indent_columns, line_body, split_lines
from pipeline.synthesize.syntax_trees import Nodes

T = TypeVar("T")

# Where a word or a punctuation mark begins or ends.
_TOKEN_BORDER: Final = re.compile(r"\b|(?<=[^\w\s])|(?=[^\w\s])")


class Limits(NamedTuple):
    """What a cut must respect beyond the text itself."""

    margins: tuple[int, int]
    """Characters that a random cut keeps clear at the start and at the end."""
    max_lines: int
    """The most lines of a `lines` middle."""
    whole_end: bool
    """Whether the text ends where its document or one of its lines ends, and not inside a line."""
    places: Callable[[str, bool], Sequence[int]] | None = None
    """Of (text, whole_end): between what the cuts of `random` fall; None for characters."""
    cursor: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Weights of a cursor where the indent ends, at a token border, and anywhere in the line."""
    line_newline: bool = False
    """Whether a `line` middle holds its newline."""
    borders: Callable[[str], Sequence[int]] | None = None
    """Where a text's tokens end, if cuts are to be moved there."""
    nodes: Nodes | None = None
    """The text's syntax tree, if there is one."""


class Cut(NamedTuple):
    """The middle's place, in code points of the window."""

    start: int
    end: int


def random_cut(text: str, rng: Rng, limits: Limits) -> Cut | None:
    """Two independent uniform cuts between the margins, both ends included."""
    low, high = limits.margins[0], len(text) - limits.margins[1]
    if low > high:
        return None
    if limits.places is None:
        one, other = low + rng.below(high - low + 1), low + rng.below(high - low + 1)
        return Cut(min(one, other), max(one, other))
    places = [place for place in limits.places(text, limits.whole_end) if low <= place <= high]
    if not places:
        return None
    one, other = places[rng.below(len(places))], places[rng.below(len(places))]
    return Cut(min(one, other), max(one, other))


def line_places(text: str, whole_end: bool) -> list[int]:
    """Where lines begin, and the text's end unless it breaks off inside a line."""
    places = [0, *accumulate(map(len, split_lines(text)))]
    return places if whole_end else places[:-1]


def empty_cut(text: str, rng: Rng, limits: Limits) -> Cut | None:
    """A cursor where nothing is to be added: before a line's end, in a blank line, or at the text's end."""
    lines = split_lines(text)

    def place(index: int) -> int | None:
        """The cursor's distance from the start of line `index`; the index past the last is the text's end."""
        if index == len(lines):
            return 0 if limits.whole_end else None
        body = line_body(lines[index])
        if not body or body.isspace():
            return rng.below(len(body) + 1)
        return len(body) if len(body) < len(lines[index]) else None

    found = _first_suitable(len(lines) + 1, rng, place)
    if found is None:
        return None
    cursor = _line_start(lines, found[0]) + found[1]
    return Cut(cursor, cursor)


def line_cut(text: str, rng: Rng, limits: Limits) -> Cut | None:
    """From a cursor in a non-blank line to the end of that line, with its newline if the limits say so."""
    lines = finished_lines(text, whole_end=limits.whole_end)
    found = _first_suitable(len(lines), rng, lambda index: _cursor(lines[index], rng, limits.cursor))
    if found is None:
        return None
    index, cursor = found
    start = _line_start(lines, index)
    kept = lines[index] if limits.line_newline else line_body(lines[index])
    return Cut(start + cursor, start + len(kept))


def lines_cut(text: str, rng: Rng, limits: Limits) -> Cut | None:
    """From a cursor in a non-blank line over 2 or more lines, to before the first that is indented less.

    Where none of the next max_lines is, a number of lines drawn from 2..max_lines is taken, or all there are.
    """
    lines = finished_lines(text, whole_end=limits.whole_end)
    open_lines = 2 + rng.below(limits.max_lines - 1)

    def place(index: int) -> tuple[int, int] | None:
        """The cursor's distance from the start of line `index`, and how many lines the middle spans."""
        if lines[index].isspace():
            return None
        following = lines[index : index + limits.max_lines + 1]
        count = _lines_to_smaller_indent(following) or min(open_lines, len(following))
        cursor = _cursor(lines[index], rng, limits.cursor) if count > 1 else None
        return None if cursor is None else (cursor, count)

    found = _first_suitable(len(lines), rng, place)
    if found is None:
        return None
    index, (cursor, count) = found
    start = _line_start(lines, index)
    return Cut(start + cursor, start + sum(map(len, lines[index : index + count])))


def finished_lines(text: str, *, whole_end: bool) -> list[str]:
    """The lines, without the last where the window breaks off inside it: its rest is not known here."""
    lines = split_lines(text)
    return lines if whole_end else lines[:-1]


def _first_suitable(count: int, rng: Rng, place: Callable[[int], T | None]) -> tuple[int, T] | None:
    """An index drawn uniformly from those below `count` where `place` finds something, with what it finds."""
    candidates = list(range(count))
    while candidates:
        pick = rng.below(len(candidates))
        found = place(candidates[pick])
        if found is not None:
            return candidates[pick], found
        candidates[pick] = candidates[-1]
        candidates.pop()
    return None


def _cursor(line: str, rng: Rng, weights: tuple[float, float, float]) -> int | None:
    """A place in a non-blank line with something non-blank after it; None in a blank line.

    By `weights`: where the indent ends; at the first token border from a uniform place on; at a uniform
    place.
    """
    first, last = indent_chars(line), len(line.rstrip()) - 1
    if last < 0:
        return None
    way = rng.choose(weights)
    if way == 0:
        return first
    uniform = first + rng.below(last - first + 1)
    if way == 1:
        border = _TOKEN_BORDER.search(line, uniform)
        return border.start() if border is not None and border.start() <= last else first
    return uniform


def _lines_to_smaller_indent(lines: list[str]) -> int | None:
    """How many of `lines` come before the first non-blank one that is indented less than the first line."""
    indent = indent_columns(lines[0])
    if indent == 0:
        return None
    for count, line in enumerate(lines):
        if indent_columns(line) < indent and not line.isspace():
            return count
    return None


def _line_start(lines: list[str], index: int) -> int:
    return sum(map(len, lines[:index]))
