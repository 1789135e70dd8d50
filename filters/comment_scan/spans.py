"""Kernels that find where a comment, a string or a character literal ends, and small tests of bytes.

Each takes a position in UTF-8 bytes and gives one that is not smaller, or -1 for "it is none", and none reads
at or beyond `end`. Rules are rows of filters/comment_scan/rules.py's columns; their texts lie in a blob of
bytes.
"""

# ruff: noqa: PLR0913, PLR0917, PLR1714, SIM110
# Kernels: plain arguments and plain loops are what numba compiles well.

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from filters.comment_scan.kernel import kernel
from filters.comment_scan.rules import (
    AFTER,
    ANY_FENCE,
    CLOSE,
    FENCE,
    FLAGS,
    HOLE_1,
    HOLE_2,
    OPEN,
    TAIL,
    WORD_FENCE,
    Flag,
)

Bytes = npt.NDArray[np.uint8]
Row = npt.NDArray[np.int32]

CLOSED, LINE_END, FILE_END, IN_HOLE = range(4)  # how a string went on
MAX_FENCE: Final = 128
_NOT_IN_FENCE: Final = np.frombuffer(b' ()\\"\t\n\r', np.uint8)
_BYTE_ORDER_MARK: Final = np.frombuffer(b"\xef\xbb\xbf", np.uint8)
_HASHBANG: Final = np.frombuffer(b"#!", np.uint8)


@kernel
def code_points(data: Bytes, at: int, end: int) -> int:
    """How many code points stand between two positions."""
    count = 0
    text = data[at:end]  # by index numba would test each for being negative, and LLVM not vectorise
    for byte in text:
        count += int((byte & 0xC0) != 0x80)
    return count


@kernel
def is_word(byte: int) -> bool:
    """Whether a byte belongs to a word."""
    return 48 <= byte <= 57 or 65 <= byte <= 90 or byte == 95 or 97 <= byte <= 122 or byte >= 0x80


@kernel
def is_lower(byte: int) -> bool:
    """Whether a byte is a lower-case letter or an underscore."""
    return 97 <= byte <= 122 or byte == 95


@kernel
def is_blank(byte: int) -> bool:
    """Whether a byte is a space, a tab or a form feed."""
    return byte == 32 or byte == 9 or byte == 12


@kernel
def is_line_end(byte: int) -> bool:
    """Whether a byte ends a line."""
    return byte == 10 or byte == 13


@kernel
def contains(text: Bytes, byte: int) -> bool:
    """Whether a byte is one of `text`."""
    for other in text:
        if other == byte:
            return True
    return False


@kernel
def stands_at(data: Bytes, at: int, end: int, text: Bytes) -> bool:
    """Whether `text` stands at this position."""
    if at + len(text) > end:
        return False
    for index in range(len(text)):
        if data[at + index] != text[index]:
            return False
    return True


@kernel
def has_text(data: Bytes, at: int, end: int, rule: Row, blob: Bytes, column: int) -> bool:
    """Whether the rule's text of this column stands at this position."""
    text, length = int(rule[column]), int(rule[column + 1])
    if at + length > end:
        return False
    for offset in range(length):
        if data[at + offset] != blob[text + offset]:
            return False
    return True


@kernel
def skip_blanks(data: Bytes, at: int, end: int) -> int:
    """The position of the next byte that is no blank, or `end`."""
    while at < end and is_blank(data[at]):
        at += 1
    return at


@kernel
def line_comment_end(data: Bytes, at: int, end: int, rule: Row, blob: Bytes) -> int:
    """The position of the line end, or of the rule's closer, that ends a line comment."""
    continues, closes = rule[FLAGS] & Flag.BACKSLASH, rule[CLOSE + 1] > 0
    while at < end:
        if is_line_end(data[at]):
            if not (continues and data[at - 1] == 92):
                return at
        elif closes and has_text(data, at, end, rule, blob, CLOSE):
            return at
        at += 1
    return end


@kernel
def fence_length(data: Bytes, at: int, end: int, rule: Row, blob: Bytes) -> int:
    """The length of the fence that begins at `at` and that the rule's `after` follows; -1 for no match."""
    length, kind = 0, rule[FENCE]
    if kind == ANY_FENCE:
        while at + length < end and length < MAX_FENCE and not contains(_NOT_IN_FENCE, data[at + length]):
            length += 1
    elif kind == WORD_FENCE:
        while at + length < end and length < MAX_FENCE and is_lower(data[at + length]):
            length += 1
    elif kind != 0:
        while at + length < end and length < MAX_FENCE and data[at + length] == kind:
            length += 1
    return length if has_text(data, at + length, end, rule, blob, AFTER) else -1


@kernel
def closer_length(data: Bytes, at: int, end: int, rule: Row, blob: Bytes, fence: int, fenced: int) -> int:
    """The length of the closer that stands here: closer, `fenced` bytes as at `fence`, tail; 0 for none."""
    if not has_text(data, at, end, rule, blob, CLOSE):
        return 0
    length = int(rule[CLOSE + 1])
    if at + length + fenced > end:
        return 0
    for offset in range(fenced):
        if data[at + length + offset] != data[fence + offset]:
            return 0
    length += fenced
    return length + rule[TAIL + 1] if has_text(data, at + length, end, rule, blob, TAIL) else 0


@kernel
def block_end(data: Bytes, at: int, end: int, rule: Row, blob: Bytes, fence: int, fenced: int) -> int:
    """The position after the closer of a block comment, or `end`."""
    first, nests, opener = blob[rule[CLOSE]], rule[FLAGS] & Flag.NESTED, int(rule[OPEN + 1])
    depth = 1
    while at < end:
        length = 0
        if data[at] == first:
            length = closer_length(data, at, end, rule, blob, fence, fenced)
            depth -= length > 0
            if depth == 0:
                return at + length
        if length == 0 and nests and has_text(data, at, end, rule, blob, OPEN):
            length = opener
            depth += 1
        at += max(1, length)
    return end


@kernel
def string_end(
    data: Bytes, at: int, end: int, rule: Row, blob: Bytes, fence: int, fenced: int
) -> tuple[int, int]:
    """(position, how the string went on) from a position inside a string."""
    flags, first = rule[FLAGS], blob[rule[CLOSE]]
    holes = rule[HOLE_1 + 1] > 0
    while at < end:
        byte = data[at]
        if byte == first:
            length = closer_length(data, at, end, rule, blob, fence, fenced)
            if length > 0:
                doubled = flags & Flag.DOUBLED and closer_length(
                    data, at + length, end, rule, blob, fence, fenced
                )
                if not doubled:
                    return at + length, CLOSED
            at += max(1, 2 * length)
        elif holes and has_text(data, at, end, rule, blob, HOLE_1):
            return at + rule[HOLE_1 + 1], IN_HOLE
        elif holes and rule[HOLE_2 + 1] > 0 and has_text(data, at, end, rule, blob, HOLE_2):
            return at + rule[HOLE_2 + 1], IN_HOLE
        elif (byte == 92 and flags & Flag.BACKSLASH) or (byte == 96 and flags & Flag.BACKTICK):
            at = escape_end(data, at, end)
        elif is_line_end(byte) and not flags & Flag.MULTILINE:
            return at, LINE_END
        else:
            at += 1
    return end, FILE_END


@kernel
def escape_end(data: Bytes, at: int, end: int) -> int:
    """The position after a backslash and what it escapes; "\r\n" counts as one."""
    is_pair = at + 2 < end and data[at + 1] == 13 and data[at + 2] == 10
    return min(end, at + (3 if is_pair else 2))


@kernel
def character_end(data: Bytes, at: int, end: int) -> int:
    """The position after a character literal whose quote has been passed; -1 when it is none."""
    if at >= end or is_line_end(data[at]):
        return -1
    if data[at] == 92:
        for position in range(at + 2, min(at + 14, end)):
            if data[position] == 39:
                return position + 1
        return -1
    at += 1
    while at < end and data[at] & 0xC0 == 0x80:
        at += 1
    return at + 1 if at < end and data[at] == 39 else -1


@kernel
def after_closer(data: Bytes, at: int, end: int, rule: Row, blob: Bytes) -> int:
    """The position after the rule's next closer, or `end`."""
    while at < end and not has_text(data, at, end, rule, blob, CLOSE):
        at += 1
    return min(end, at + rule[CLOSE + 1])


@kernel
def code_start(data: Bytes, start: int, end: int) -> int:
    """The position after a byte order mark and a hashbang line, which is not a comment."""
    at = start + 3 if stands_at(data, start, end, _BYTE_ORDER_MARK) else start
    if stands_at(data, at, end, _HASHBANG) and at + 2 < end and (data[at + 2] == 47 or data[at + 2] == 32):
        while at < end and not is_line_end(data[at]):
            at += 1
    return at
