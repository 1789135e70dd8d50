"""The scanner behind the comments filter: one table-driven pass over UTF-8 bytes that finds comments.

A language is a list of rules (filters/data/comment_syntax.toml); the bytes at which a rule may begin select
it, every other byte is passed over. Strings may hold code (`${…}`), so there is a stack of at most 32
strings; nested comments are a counter. Every byte is passed a bounded number of times and memory is
constant. Several hundred MB/s.
"""

# ruff: noqa: PLR0911, PLR0912, PLR0913, PLR0917, PLR1714, SIM110
# Kernels: plain arguments and plain loops are what numba compiles well.

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from filters.comment_scan.kernel import kernel
from filters.comment_scan.literals import (
    FENCE_AT,
    FENCE_LENGTH,
    HEAD,
    MOST_OPEN_HEREDOCS,
    NO_REGEX,
    OPEN_HEREDOCS,
    READY,
    STATE_SIZE,
    STOPPED,
    WORD_LENGTH,
    closing_bracket,
    datum_end,
    delimited_end,
    indented_end,
    note_heredoc,
    regex_end,
)
from filters.comment_scan.places import begin_lines, is_docstring, note_layout, place_fits
from filters.comment_scan.rules import (
    AFTER,
    CLOSE_LENGTH,
    FLAGS,
    KIND,
    NEXT,
    OPEN,
    OPEN_LENGTH,
    Flag,
    Kind,
    Tables,
)
from filters.comment_scan.spans import (
    CLOSED,
    FILE_END,
    IN_HOLE,
    after_closer,
    block_end,
    character_end,
    code_points,
    code_start,
    contains,
    escape_end,
    fence_length,
    line_comment_end,
    skip_blanks,
    string_end,
)
from filters.kernel_cache import forget_stale_kernels

forget_stale_kernels(__file__)

Bytes = npt.NDArray[np.uint8]
Row = npt.NDArray[np.int32]
Rules = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]

_NO_MATCH, _PASSED, _BLANK, _COMMENT, _STRING, _FAILED = range(6)  # what a rule did at a position
_MAX_DEPTH: Final = 32
_DOCSTRING_PREFIXES: Final = np.frombuffer(b"rRuU", np.uint8)


@kernel
def _apply(
    data: Bytes, start: int, at: int, end: int, rule: Row, blob: Bytes, state: Integers
) -> tuple[int, int]:
    """(next position, what was done) of a rule whose opener stands at `at`."""
    kind, body = rule[KIND], at + rule[OPEN_LENGTH]
    after = -1
    if kind == Kind.LINE:
        return line_comment_end(data, body, end, rule, blob), _COMMENT
    if kind == Kind.BLOCK or kind == Kind.STRING:
        length = fence_length(data, body, end, rule, blob)
        if length < 0:
            return at, _NO_MATCH
        inside = body + length + rule[AFTER + 1]
        state[FENCE_AT], state[FENCE_LENGTH] = body, length
        if state[STOPPED]:
            return end, _COMMENT
        if kind == Kind.STRING:
            return inside, _STRING
        return block_end(data, inside, end, rule, blob, body, length), _COMMENT
    if kind == Kind.DATUM:
        return datum_end(data, body, end), _COMMENT
    if kind == Kind.STOP:
        state[STOPPED] = 1
        found = after_closer(data, body, end, rule, blob) if rule[CLOSE_LENGTH] else end
        return max(body, found - 1) if found < end else end, _BLANK
    if kind == Kind.OUTSIDE:
        return after_closer(data, body, end, rule, blob), _PASSED
    if kind == Kind.ESCAPE:
        return escape_end(data, at, end), _PASSED
    if kind == Kind.CHARACTER:
        after = character_end(data, body, end)
    elif kind == Kind.REGEX:
        after = regex_end(data, body, end, rule[FLAGS], state) if at >= state[NO_REGEX] else -1
    elif kind == Kind.DELIMITED:
        after = delimited_end(data, body, end, rule[FLAGS])
    elif kind == Kind.HEREDOC:
        is_free = state[OPEN_HEREDOCS] < MOST_OPEN_HEREDOCS and state[WORD_LENGTH] == 0
        after = note_heredoc(data, body, end, rule[FLAGS], state) if is_free else -1
    elif kind == Kind.INDENTED:
        after = indented_end(data, start, body, end)
    else:
        after = body
    if after < 0:
        return at, _NO_MATCH if after == -1 else _FAILED
    return after, _PASSED


@kernel
def _opens_at(data: Bytes, at: int, end: int, rules: Rules, index: int, blob: Bytes) -> bool:
    """Whether a rule's opener stands at `at`, where its first byte is known to stand."""
    length, opener = int(rules[index, OPEN_LENGTH]), int(rules[index, OPEN])
    if at + length > end:
        return False
    for offset in range(1, length):
        if data[at + offset] != blob[opener + offset]:
            return False
    return True


@kernel
def _try_rules(
    data: Bytes,
    start: int,
    at: int,
    end: int,
    last: int,
    rules: Rules,
    blob: Bytes,
    keywords: Bytes,
    index: int,
    state: Integers,
) -> tuple[int, int, int]:
    """(next position, what was done, rule) of the first rule of a chain that matches at `at`."""
    while index >= 0:
        if not _opens_at(data, at, end, rules, index, blob):
            index = int(rules[index, NEXT])
            continue
        kind = rules[index, KIND]
        if Kind.NEWLINE <= kind <= Kind.CLOSING:  # these are frequent: no view of the rule is made for them
            if kind == Kind.NEWLINE:
                return begin_lines(data, at + 1, end, state), _BLANK, index
            note_layout(data, at, end, kind, state)
            return at + 1, _PASSED, index
        rule = rules[index]
        if place_fits(data, start, at, end, last, rule, keywords):
            after, effect = _apply(data, start, at, end, rule, blob, state)
            if effect != _NO_MATCH:
                return after, effect, index
        index = int(rules[index, NEXT])
    return at, _NO_MATCH, index


@kernel
def _scan(
    data: Bytes, start: int, end: int, language: int, tables: Tables, state: Integers, stack: Integers
) -> int:
    """Code points in comments and docstrings of a text; -1 when it ends inside a string that spans lines."""
    rules, blob, keywords = tables.rules, tables.blob, tables.keywords
    first = tables.first[language]  # taken out of the loop: each access of a tuple's array counts a reference
    at = code_start(data, start, end)
    if tables.outside[language] >= 0:
        at = after_closer(data, at, end, rules[tables.outside[language]], blob)
    last = previous = place = start - 1  # the last two bytes of code; the last before the string that is open
    opened, within, level, comment = at, -1, 0, 0
    state[:] = 0
    state[READY], state[HEAD] = last, skip_blanks(data, at, end)
    while at < end:
        if within >= 0:  # in a string whose rule this is
            rule = rules[within]
            at, ending = string_end(data, at, end, rule, blob, state[FENCE_AT], state[FENCE_LENGTH])
            if ending == IN_HOLE:
                if level == _MAX_DEPTH:
                    return -1
                stack[level, 0], stack[level, 1], stack[level, 2] = within, 1, data[at - 1]
                level += 1
            elif ending == FILE_END and rule[FLAGS] & Flag.MULTILINE:
                return -1
            elif ending == CLOSED and is_docstring(data, at, end, rule, place, state):
                comment += code_points(data, opened, at)
            last, within = at - 1, -1
            continue
        byte = data[at]
        if level > 0:  # in code within a string
            stack[level - 1, 1] += int(byte == stack[level - 1, 2])
            stack[level - 1, 1] -= int(byte == closing_bracket(stack[level - 1, 2]))
            if stack[level - 1, 1] == 0:
                level -= 1
                within, at, state[FENCE_LENGTH] = stack[level, 0], at + 1, 0
                continue
        after, effect, index = at, _NO_MATCH, int(first[byte])
        if index >= 0:
            after, effect, index = _try_rules(data, start, at, end, last, rules, blob, keywords, index, state)
        if effect == _NO_MATCH:
            if byte > 32:
                previous, last = last, at
            after = at + 1
        elif effect == _COMMENT:
            comment += code_points(data, at, after)
        elif effect == _STRING:
            has_prefix = start <= last == at - 1 and contains(_DOCSTRING_PREFIXES, data[last])
            within, opened, place = index, at - int(has_prefix), previous if has_prefix else last
        elif effect == _PASSED:
            last = after - 1
        elif effect == _FAILED:
            return -1
        at = after
    is_open = level > 0 or (within >= 0 and rules[within, FLAGS] & Flag.MULTILINE)
    return -1 if is_open else comment


@njit(cache=True, nogil=True)
def comment_counts(data: Bytes, offsets: Integers, languages: Integers, tables: Tables) -> Integers:
    """Code points in comments (or -1) and in all, of each text: i64[2, n]. An unknown language is < 0."""
    counts = np.zeros((2, len(languages)), np.int64)
    state = np.zeros(STATE_SIZE, np.int64)
    stack = np.zeros((_MAX_DEPTH, 3), np.int64)
    for document in range(len(languages)):
        start, end = offsets[document], offsets[document + 1]
        known = languages[document] >= 0
        counts[0, document] = (
            _scan(data, start, end, languages[document], tables, state, stack) if known else -1
        )
        counts[1, document] = code_points(data, start, end)
    return counts
