"""The rules of docs/fim.md for each kind, checked character by character and independently of the code."""

from __future__ import annotations

from collections.abc import Callable

import tree_sitter_python
from tree_sitter import Language, Node, Parser

PYTHON = Language(tree_sitter_python.language())


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


def check_refact(text: str, start: int, end: int, max_lines: int) -> None:
    table = line_table(text)
    first = next(number for number, line in enumerate(table) if line[0] <= start <= line[1])
    last = next(number for number, line in enumerate(table) if line[0] <= end <= line[1])
    if first == last:
        return
    assert end == table[last][1]
    blank = [number for number in range(first + 1, len(table)) if not text[slice(*table[number][:2])].strip()]
    assert last == blank[0] if blank and blank[0] <= first + 33 else last <= first + 32


def check_block(text: str, start: int, end: int, max_lines: int, grammar: Language = PYTHON) -> None:
    """The middle is a node or a run of siblings; both its ends are named, and there is no error in it."""
    assert text[start:end].strip()
    assert text[:start].strip() or text[end:].strip()
    data = text.encode()
    first, last = len(text[:start].encode()), len(text[:end].encode())
    assert b"\r\n" not in (data[first - 1 : first + 1], data[last - 1 : last + 1])
    families = [[Parser(grammar).parse(data).root_node]]
    runs = []
    for family in families:  # grows while it is read
        runs += [run for run in _runs(family, first, last, data) if not any(node.has_error for node in run)]
        families += [node.children for node in family if node.children]
    assert runs


def _runs(family: list[Node], first: int, last: int, data: bytes) -> list[list[Node]]:
    """A node that begins or ends inside a line end counts as if it did so before it."""
    opening, closing = ({at, at + 1} if data[at : at + 2] == b"\r\n" else {at} for at in (first, last))
    opens = [i for i, node in enumerate(family) if node.is_named and node.start_byte in opening]
    closes = [i for i, node in enumerate(family) if node.is_named and node.end_byte in closing]
    return [family[i : j + 1] for i in opens for j in closes if i <= j]


CHECKS: dict[str, Callable[[str, int, int, int], None]] = {
    "random": check_random,
    "empty": check_empty,
    "line": check_line,
    "lines": check_lines,
    "block": check_block,
    "refact-v2": check_refact,
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
