"""What the checker of cuts knows of windows: their lines, and how the windows of a document must lie.

Written from docs/fim.md alone, like checker.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from pipeline.config import Fim

SPARE = 20
"""Tokens of the context that a window leaves: 4 for sentinels and end-of-text, and 16."""


class Line(NamedTuple):
    """A line of a window: [start, body_end) without its end, [start, end) with it."""

    start: int
    body_end: int
    end: int


def lines_of(text: str) -> list[Line]:
    r"""The lines; "\n", "\r\n" and "\r" end one, and nothing else does."""
    found, start, at = [], 0, 0
    while at < len(text):
        if text[at] not in "\r\n":
            at += 1
            continue
        size = 2 if text.startswith("\r\n", at) else 1
        found.append(Line(start, at, at + size))
        start = at = at + size
    return [*found, Line(start, at, at)] if start < at else found


def column(body: str) -> int:
    """The column of the first visible character; a tab reaches to the next multiple of 8."""
    at = 0
    for character in body[: len(body) - len(body.lstrip())]:
        at = (at // 8 + 1) * 8 if character == "\t" else at + 1
    return at


@dataclass(frozen=True)
class Cut:
    """A window with a cut in it; all places count from the window's start."""

    text: str
    broken: bool
    start: int
    end: int
    deleted: int
    margins: tuple[int, int] = (0, 0)
    token_places: frozenset[int] | None = None
    lines: list[Line] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lines", lines_of(self.text))

    @property
    def known(self) -> list[Line]:
        """The lines without a last one that is broken off."""
        return self.lines[:-1] if self.broken else self.lines

    def body(self, line: Line) -> str:
        return self.text[line.start : line.body_end]

    def is_blank(self, line: Line) -> bool:
        return not self.body(line).strip()

    def number_at(self, place: int) -> int | None:
        """The number of the line whose body, or whose place before the end, holds `place`."""
        found = [n for n, line in enumerate(self.lines) if line.start <= place <= line.body_end]
        return found[-1] if found else None


def narrowed(rows: Sequence[Mapping[str, Any]], text: str) -> list[bool]:
    """Which of a document's windows may have been narrowed: those that do not meet their neighbours."""
    starts = [row["window_start"] for row in rows] + [len(text)]
    ends = [0] + [row["window_end"] for row in rows]
    gaps = [start != end for start, end in zip(starts, ends, strict=True)]
    return [before or after for before, after in pairwise(gaps)]


def document_violations(text: str, rows: Sequence[Mapping[str, Any]], fim: Fim) -> list[str]:
    """What is wrong with the windows of one document, its rows in the order of their parts."""
    found = []
    if [row["part"] for row in rows] != list(range(len(rows))):
        found.append("parts are not 0, 1, 2 …")
    if any(a["window_end"] > b["window_start"] for a, b in pairwise(rows)):
        found.append("windows overlap")
    long = {(line.start, line.end) for line in lines_of(text) if _is_long(text, line, fim)}
    starts = {line.start for line in lines_of(text)}
    for row, is_narrow in zip(rows, narrowed(rows, text), strict=True):
        start = row["window_start"]
        if text[max(start - 1, 0) : start + 1] == "\r\n":
            found.append(f"a window begins inside a line end, at {start}")
        inside_long = any(first < start < last for first, last in long)
        if not is_narrow and start not in starts and not inside_long:
            found.append(f"a window begins inside a line that is not long, at {start}")
    return found


def _is_long(text: str, line: Line, fim: Fim) -> bool:
    return len(text[line.start : line.end].encode()) > (fim.context - SPARE) / 4
