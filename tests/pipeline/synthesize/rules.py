"""The rules of docs/fim.md for each kind, checked character by character and independently of the code."""

from __future__ import annotations

from collections.abc import Callable


def line_table(text: str) -> list[tuple[int, int, int]]:
    """Start, end without and end with the newline, of every line."""
    table, start, at = [], 0, 0
    while at < len(text):
        if text[at] in "\r\n":
            end = at + 2 if text[at : at + 2] == "\r\n" else at + 1
            table.append((start, at, end))
            start = at = end
        else:
            at += 1
    return [*table, (start, at, at)] if start < at else table


def indent(body: str) -> int:
    """Columns of white space before the first visible character; tabs stop at multiples of 8."""
    column = 0
    for character in body:
        if not character.isspace():
            break
        column = (column // 8 + 1) * 8 if character == "\t" else column + 1
    return column


def line_of(text: str, at: int) -> tuple[int, int, int]:
    """The line that holds place `at`; its newline's own inside belongs to no line."""
    found = [line for line in line_table(text) if line[0] <= at <= line[1]]
    assert found, f"place {at} is inside a line end"
    return found[-1]


def check_empty(text: str, start: int, end: int, max_lines: int) -> None:
    assert start == end
    if start == len(text):
        return
    first, body_end, _ = line_of(text, start)
    blank = not text[first:body_end].strip()
    assert blank or start == body_end
    assert not (text[start - 1 : start].isidentifier() and text[start].isidentifier())


def check_line(text: str, start: int, end: int, max_lines: int) -> None:
    first, body_end, _ = line_of(text, start)
    assert end == body_end
    assert text[start:end].strip()
    assert text[first:start].strip() or indent(text[first:start]) == indent(text[first:body_end])


def check_lines(text: str, start: int, end: int, max_lines: int) -> None:
    table = line_table(text)
    first, body_end, _ = line_of(text, start)
    assert text[start:body_end].strip()
    assert text[first:start].strip() or indent(text[first:start]) == indent(text[first:body_end])
    following = [line for line in table if line[0] >= first][: max_lines + 1]
    spanned = [line for line in following if line[0] < end]
    assert 2 <= len(spanned) <= max_lines
    assert spanned[-1][2] == end
    bodies = [text[line_start:line_end] for line_start, line_end, _ in following]
    smaller = [
        number for number, body in enumerate(bodies) if body.strip() and indent(body) < indent(bodies[0])
    ]
    if smaller:
        assert len(spanned) == smaller[0]


def check_random(text: str, start: int, end: int, max_lines: int) -> None:
    assert 0 <= start <= end <= len(text)


CHECKS: dict[str, Callable[[str, int, int, int], None]] = {
    "random": check_random,
    "empty": check_empty,
    "line": check_line,
    "lines": check_lines,
}


def check_deleted(text: str, end: int, deleted: int, max_lines: int) -> None:
    """1..max_lines whole lines are gone after the middle, and the suffix stands as it stood to the cursor."""
    kept = end + deleted
    table = line_table(text)
    starts = {line[0] for line in table} | {0}
    if deleted == 0:
        return
    if end in starts:
        gone = [line for line in table if end <= line[0] < kept]
        assert gone[-1][2] == kept
    else:
        gone = [line for line in table if end < line[0] and line[0] <= kept and line[1] <= kept]
        last = gone[-1]
        assert kept == last[1]
        assert last[1] < last[2] or kept == len(text)
    assert 1 <= len(gone) <= max_lines
