"""Kernels that find where the literals with a form of their own end: regular expressions, quotes of the
writer's choice (Perl, Ruby), heredocs, YAML's block scalars, and Lisp's expressions.

They look ahead. What they see they either consume, or, having failed, note in the document's state not to
look at again: so a scan that calls them stays linear, whatever the text.
"""

# ruff: noqa: PLR1714
# Kernels: plain arguments and plain loops are what numba compiles well.

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from filters.comment_scan.kernel import kernel
from filters.comment_scan.rules import Flag
from filters.comment_scan.spans import MAX_FENCE, contains, is_line_end, is_word, skip_blanks, stands_at

Bytes = npt.NDArray[np.uint8]
State = npt.NDArray[np.int64]

# Slots of a document's state: no regular expression begins before NO_REGEX; OPEN_HEREDOCS counts heredocs
# without a closing word, and after MOST_OPEN_HEREDOCS no more are looked for; WORD is the pending heredoc's;
# READY is where the last code byte stands when a docstring may follow; HEAD is where the logical line begins;
# STOPPED tells that the code has ended.
NO_REGEX, OPEN_HEREDOCS, WORD, WORD_LENGTH, FENCE_AT = range(5)
FENCE_LENGTH, READY, HEAD, BRACKETS, STOPPED = range(5, 10)
STATE_SIZE: Final = 10
MOST_OPEN_HEREDOCS: Final = 8
MOST_REGEX_BYTES: Final = 8192

_NO_DELIMITER: Final = np.frombuffer(b",;=)]}>", np.uint8)
_OPENING_BRACKETS: Final = np.frombuffer(b"([{<", np.uint8)
_LISP_OPENING: Final = np.frombuffer(b"([{", np.uint8)
_LISP_CLOSING: Final = np.frombuffer(b")]}", np.uint8)
_AFTER_DATUM: Final = np.frombuffer(b' \t\r\n()[]{}";', np.uint8)
_BLOCK_INDICATORS: Final = np.frombuffer(b"+-0123456789", np.uint8)


@kernel
def regex_end(data: Bytes, at: int, end: int, flags: int, state: State) -> int:
    """The position after the closing slash; -1, and a note not to look again where it looked, for none."""
    in_class = False
    end = min(end, at + MOST_REGEX_BYTES)
    while at < end and (flags & Flag.MULTILINE or not is_line_end(data[at])):
        byte = data[at]
        if byte == 92:
            at += 1
        elif byte == 91:
            in_class = True
        elif byte == 93:
            in_class = False
        elif byte == 47 and not in_class:
            return at + 1
        at += 1
    state[NO_REGEX] = at
    return -1


@kernel
def delimited_end(data: Bytes, at: int, end: int, flags: int) -> int:
    """The position after q{…} or s/…/…/ whose name has been passed; -1 for none, -2 for no end."""
    opening = skip_blanks(data, at, end)
    if opening >= end or is_word(data[opening]) or data[opening] <= 32:
        return -1
    if contains(_NO_DELIMITER, data[opening]) or (
        opening > at and not contains(_OPENING_BRACKETS, data[opening])
    ):
        return -1
    is_quote = data[opening] == 34 or data[opening] == 39
    if is_quote and opening + 2 < end and data[opening + 1] == data[opening + 2] == data[opening]:
        return -1  # Elixir's ~s""", which the rule for """ knows
    parts = 2 if flags & Flag.TWO_PARTS else 1
    at = opening
    while parts > 0:
        opener = data[at]
        closer = closing_bracket(opener)
        at = part_end(data, at + 1, end, opener, closer, flags)
        if at >= end:
            return end if parts == 1 and data[end - 1] == closer else -2
        parts -= 1
        if parts > 0 and opener == closer:
            at -= 1  # one delimiter stands between the parts
        elif parts > 0:
            while at < end and data[at] <= 32:
                at += 1
            if at >= end:
                return -2
    return at


@kernel
def closing_bracket(opener: int) -> int:
    """The byte that closes a bracket; any other byte closes itself."""
    if opener == 40:
        return 41
    return opener + 2 if opener == 91 or opener == 123 or opener == 60 else opener


@kernel
def part_end(data: Bytes, at: int, end: int, opener: int, closer: int, flags: int) -> int:
    """The position after the closing delimiter, or `end`."""
    depth = 1
    while at < end:
        byte = data[at]
        at += 1
        if byte == 92:
            at += 1
        elif byte == closer:
            depth -= 1
            if depth == 0:
                return at
        elif byte == opener and not flags & Flag.FLAT:
            depth += 1
    return end


@kernel
def note_heredoc(data: Bytes, at: int, end: int, flags: int, state: State) -> int:
    """Note a heredoc's word, whose body begins on the next line; the position after it, or -1 for none."""
    is_free = flags & Flag.BARE != 0
    if at < end and (data[at] == 45 or data[at] == 126):
        is_free = True
        at += 1
    if flags & Flag.BARE:
        at = skip_blanks(data, at, end)
    quote = data[at] if at < end and (data[at] == 34 or data[at] == 39) else np.uint8(0)
    if quote != 0 or (at < end and data[at] == 92):
        at += 1
    first = at
    while at < end and at - first < MAX_FENCE and is_word(data[at]):
        at += 1
    if first == at or data[first] < 65 or (quote != 0 and not (at < end and data[at] == quote)):
        return -1
    if quote == 0 and data[first] >= 97 and not is_free:
        return -1
    state[WORD], state[WORD_LENGTH] = first, at - first
    return at + 1 if quote != 0 else at


@kernel
def heredoc_end(data: Bytes, at: int, end: int, state: State) -> int:
    """The position after the closing word of the pending heredoc; `at` for none, which is counted."""
    word = data[state[WORD] : state[WORD] + state[WORD_LENGTH]]
    state[WORD_LENGTH] = 0
    line = at
    while line < end:
        first = skip_blanks(data, line, end)
        after = first + len(word)
        if stands_at(data, first, end, word) and (after >= end or not is_word(data[after])):
            return after
        while first < end and data[first] != 10:
            first += 1
        line = first + 1
    state[OPEN_HEREDOCS] += 1
    return at


@kernel
def indented_end(data: Bytes, start: int, at: int, end: int) -> int:
    """The position of the line end that closes a YAML block scalar whose sign was passed; -1 for none."""
    while at < end and contains(_BLOCK_INDICATORS, data[at]):
        at += 1
    at = skip_blanks(data, at, end)
    if at < end and not is_line_end(data[at]):
        return -1
    first = at
    while first > start and data[first - 1] != 10:
        first -= 1
    indent = skip_blanks(data, first, end) - first
    closed = at
    while at < end:
        line = at + 1
        first = skip_blanks(data, line, end)
        at = first
        while at < end and data[at] != 10:
            at += 1
        is_empty = first >= end or is_line_end(data[first])
        if not is_empty and first - line <= indent:
            return closed
        closed = at
    return end


@kernel
def datum_end(data: Bytes, at: int, end: int) -> int:
    """The position after Lisp's next expression: a word, a string, or all that a pair of brackets holds."""
    while at < end and data[at] <= 32:
        at += 1
    depth, in_string = 0, False
    while at < end:
        byte = data[at]
        if byte == 92:
            at += 1
        elif byte == 34:
            in_string = not in_string
        elif not in_string and contains(_LISP_OPENING, byte):
            depth += 1
        elif not in_string and contains(_LISP_CLOSING, byte):
            depth -= 1
            if depth < 0:
                return at
        at += 1
        if (
            depth == 0
            and not in_string
            and (at >= end or contains(_AFTER_DATUM, data[at]) or data[at - 1] == 41)
        ):
            return min(at, end)
    return end
