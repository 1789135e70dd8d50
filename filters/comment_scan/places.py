"""Kernels that judge a place: whether a rule may begin there, and whether a string there is a docstring.

They look back at most over one run of blanks or one short word, and ahead over one run of dashes or blanks.
"""

# ruff: noqa: PLR0911, PLR0912, PLR0913, PLR0917
# Kernels: plain arguments and plain loops are what numba compiles well.

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from filters.comment_scan.kernel import kernel
from filters.comment_scan.literals import BRACKETS, HEAD, READY, WORD_LENGTH, heredoc_end
from filters.comment_scan.rules import FLAGS, OPEN_LENGTH, WHERE, Flag, Kind, Where
from filters.comment_scan.spans import contains, is_blank, is_line_end, is_word, skip_blanks, stands_at

Bytes = npt.NDArray[np.uint8]
Row = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]

_NO_OPERAND_AFTER: Final = np.frombuffer(b")]}\"'`", np.uint8)
_POSTFIX: Final = np.frombuffer(b"+-!", np.uint8)
_CLOSERS: Final = np.frombuffer(b")]", np.uint8)
_NOT_FIRST_IN_REGEX: Final = np.frombuffer(b" =\t\r\n", np.uint8)
_BEFORE_WORD: Final = np.frombuffer(b";&|()[]{},`", np.uint8)
_SEPARATORS: Final = np.frombuffer(b";&|()", np.uint8)
_SIGILS: Final = np.frombuffer(b"$\\?@&%*-", np.uint8)
_BEFORE_COMMAND: Final = np.frombuffer(b"\n\r;{(&@", np.uint8)
_OPERATORS: Final = np.frombuffer(b"!#$%&*+./<=>?@\\^|~:-", np.uint8)
_AFTER_STATEMENT: Final = np.frombuffer(b"\n\r#;", np.uint8)
_DEF: Final = np.frombuffer(b"def", np.uint8)
_CLASS: Final = np.frombuffer(b"class", np.uint8)
_ASYNC: Final = np.frombuffer(b"async", np.uint8)


@kernel
def _is_postfix(data: Bytes, start: int, at: int) -> bool:
    """Whether an operator stands after its operand: x++ and x--, and TypeScript's x!."""
    if at == start or not contains(_POSTFIX, data[at]):
        return False
    before = data[at - 1]
    return before == data[at] if data[at] != 33 else is_word(before) or contains(_CLOSERS, before)


@kernel
def _begins_line(data: Bytes, start: int, at: int) -> bool:
    """Whether only blanks stand before a position on its line."""
    while at > start and is_blank(data[at - 1]):
        at -= 1
    return at == start or is_line_end(data[at - 1])


@kernel
def _is_operand_place(
    data: Bytes, start: int, at: int, end: int, last: int, flags: int, keywords: Bytes
) -> bool:
    """Whether a slash here begins a regular expression: by the last code byte, or the word that it ends."""
    if last < start:
        return True
    if flags & Flag.COMMAND and _begins_line(data, start, at):
        return True
    if data[last] == 60:  # no regular expression, but a closing tag, follows in JavaScript
        return flags & Flag.COMMAND != 0
    if not is_word(data[last]):
        return not (contains(_NO_OPERAND_AFTER, data[last]) or _is_postfix(data, start, last))
    if (
        flags & Flag.COMMAND
        and last < at - 1
        and at + 1 < end
        and not contains(_NOT_FIRST_IN_REGEX, data[at + 1])
    ):
        return True
    first = last
    while first > start and last - first < 12 and is_word(data[first - 1]):
        first -= 1
    for offset in range(len(keywords) - (last - first + 2)):  # keywords stand between spaces
        inside = keywords[offset] == 32 and keywords[offset + last - first + 2] == 32
        if inside and stands_at(data, first, end, keywords[offset + 1 : offset + last - first + 2]):
            return True
    return False


@kernel
def _is_command_place(data: Bytes, start: int, at: int, end: int, length: int) -> bool:
    """Whether a command may begin here, and the word of that length, if it is one, ends."""
    after = at + length
    if after < end and is_word(data[after - 1]) and is_word(data[after]):
        return False
    while at > start and is_blank(data[at - 1]):
        at -= 1
    return at == start or contains(_BEFORE_COMMAND, data[at - 1])


@kernel
def place_fits(data: Bytes, start: int, at: int, end: int, last: int, rule: Row, keywords: Bytes) -> bool:
    """Whether the rule's `where` holds for an opener at this position."""
    where = rule[WHERE]
    if where == Where.ANYWHERE:
        return True
    if where == Where.OPERAND:
        return _is_operand_place(data, start, at, end, last, rule[FLAGS], keywords)
    if at == start and where != Where.COMMAND:
        return True
    before = data[max(start, at - 1)]
    if where == Where.COMMAND:
        return _is_command_place(data, start, at, end, rule[OPEN_LENGTH])
    if where == Where.NOT_AFTER_ITSELF:
        return before != data[at]
    if where == Where.LINE_START:
        return _begins_line(data, start, at)
    if where == Where.COLUMN_ZERO:
        return is_line_end(before)
    if where == Where.WORD_START:
        return before <= 32 or contains(_BEFORE_WORD, before)
    if where == Where.AFTER_BLANK:
        return before <= 32 or contains(_SEPARATORS, before)
    if where == Where.NOT_AFTER_WORD:
        return not is_word(before)
    if where == Where.NOT_AFTER_SIGIL:
        return not (is_word(before) or contains(_SIGILS, before))
    if where == Where.NOT_AFTER_COLON:
        return before != 58
    if contains(_OPERATORS, before):
        return False
    while at < end and data[at] == 45:
        at += 1
    return at >= end or not contains(_OPERATORS, data[at])


@kernel
def _is_header(data: Bytes, at: int, end: int) -> bool:
    """Whether a logical line that begins here defines a function or a class (Python)."""
    for keyword in (_DEF, _CLASS, _ASYNC):
        after = at + len(keyword)
        if stands_at(data, at, end, keyword) and after < end and is_blank(data[after]):
            return True
    return False


@kernel
def begin_lines(data: Bytes, at: int, end: int, state: Integers) -> int:
    """Pass a line end: skip the body of a pending heredoc, and note where the next logical line begins."""
    if state[WORD_LENGTH] > 0:
        return heredoc_end(data, at, end, state)
    if state[BRACKETS] == 0:
        state[HEAD] = skip_blanks(data, at, end)
    return at


@kernel
def note_layout(data: Bytes, at: int, end: int, kind: int, state: Integers) -> None:
    """Follow brackets and the colon that ends a header, which tell where a docstring may stand."""
    if kind == Kind.OPENING:
        state[BRACKETS] += 1
    elif kind == Kind.CLOSING:
        state[BRACKETS] = max(0, state[BRACKETS] - 1)
    elif state[BRACKETS] == 0 and state[HEAD] >= 0:
        if _is_header(data, state[HEAD], end):
            state[READY] = at
        state[HEAD] = -1


@kernel
def is_docstring(data: Bytes, after: int, end: int, rule: Row, last: int, state: Integers) -> bool:
    """Whether a string that ended at `after` was a whole statement, and the first of its body."""
    if not rule[FLAGS] & Flag.DOCSTRING or last != state[READY] or state[BRACKETS] > 0:
        return False
    after = skip_blanks(data, after, end)
    return after >= end or contains(_AFTER_STATEMENT, data[after])
