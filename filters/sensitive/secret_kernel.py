"""The kernel of the secrets filter: where a literal stands that every key of some shape holds.

One pass of an Aho–Corasick automaton over the bytes, one table look-up each, in any case of letters; then, at
a literal, a look at no more than 64 bytes before and 160 after it. So time is linear in any text, and memory
is the hits. Hits are few (about 20 in a megabyte of code), since a rule asks for enough bytes of the right
class around its literal.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

MAX_BEFORE: Final = 64
_NEAR: Final = 160  # bytes after a word such as `password` within which its value must begin
_WORD: Final = 1  # bits of `Tables.classes` with a meaning here; the other classes belong to the rules
_QUOTE: Final = 2
_VALUE: Final = 4
_DIGIT: Final = 8
_MIN_VALUE: Final = 8


class Tables(NamedTuple):
    """An automaton and, for each anchor, what must stand around it."""

    letters: npt.NDArray[np.uint8]
    """u8[256]: the letter of a byte, below 64; case is folded, and what is in no anchor is letter 0."""
    step: npt.NDArray[np.uint16]
    """u16[states · 64]: from state s (a multiple of 64; 0 is the start) with letter k to step[s + k]."""
    quiet: int
    """States below this one are the end of no anchor."""
    anchor_at: npt.NDArray[np.int32]
    """i32[states]: the longest anchor that ends in state 64 · i, or -1."""
    shorter: npt.NDArray[np.int32]
    """i32[anchors]: the longest other anchor that this one ends with, or -1."""
    asks: npt.NDArray[np.int64]
    """i64[anchors, 7]: length; 1 if it may not begin inside a word; class bit and least number of bytes
    before it; the same after it; 1 if a value must be assigned nearby."""
    classes: npt.NDArray[np.uint32]
    """u32[256]: the classes of each byte, a bit each."""


@njit(cache=True, nogil=True)
def find_anchors(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], tables: Tables
) -> npt.NDArray[np.int64]:
    """(document, anchor, first byte of a possible match) of every hit, in order of position: i64[n, 3]."""
    hits = np.empty((64, 3), np.int64)
    count = 0
    asks, classes = tables.asks, tables.classes
    for document in range(len(offsets) - 1):
        start, end = offsets[document], offsets[document + 1]
        state, at = 0, start
        while at < end:
            state, at = _run(data, at, end, state, tables)
            anchor = tables.anchor_at[state >> 6]
            while anchor >= 0:
                ask = asks[anchor]
                far, back = at + ask[5], at - ask[0] - ask[3]
                first = -1
                # Most anchors stand in vain; the farthest bytes asked for tell, before anything is called.
                if (
                    start <= back
                    and far <= end
                    and (not ask[5] or classes[data[far - 1]] & ask[4])
                    and (not ask[3] or classes[data[back]] & ask[2])
                ):
                    first = _match_start(data, start, at, end, ask, classes)
                if first >= 0:
                    if count == len(hits):
                        grown = np.empty((2 * count, 3), np.int64)
                        grown[:count] = hits
                        hits = grown
                    hits[count, 0], hits[count, 1], hits[count, 2] = document, anchor, first
                    count += 1
                anchor = tables.shorter[anchor]
    return hits[:count]


@njit(cache=True, nogil=True)
def _run(data: npt.NDArray[np.uint8], at: int, end: int, state: int, tables: Tables) -> tuple[int, int]:
    """The state after the next byte that ends an anchor (or the last byte), and the place after it."""
    letters, step, quiet = tables.letters, tables.step, tables.quiet
    while at < end:
        state = int(step[state + int(letters[data[at]])])
        at += 1
        if state >= quiet:
            break
    return state, at


@njit(cache=True, nogil=True)
def _match_start(
    data: npt.NDArray[np.uint8],
    start: int,
    after: int,
    end: int,
    ask: npt.NDArray[np.int64],
    classes: npt.NDArray[np.uint32],
) -> int:
    """Where a match with the anchor that ends before `after` would begin; -1 if there can be none."""
    first = after - ask[0]
    if ask[1] and first > start and classes[data[first - 1]] & _WORD and not _escaped(data, first, start):
        return -1
    for at in range(after, after + ask[5]):
        if not classes[data[at]] & ask[4]:
            return -1
    if ask[6] and not _is_assigned(data, after, end, classes):
        return -1
    run = 0
    if ask[3]:
        while run < MAX_BEFORE and first - run > start and classes[data[first - run - 1]] & ask[2]:
            run += 1
        if run < ask[3]:
            return -1
    return first - run


@njit(cache=True, nogil=True)
def _escaped(data: npt.NDArray[np.uint8], first: int, start: int) -> bool:
    r"""Whether the letter before `first` is that of \n, \r or \t."""
    letter = data[first - 1]
    return first - 2 >= start and data[first - 2] == 0x5C and (letter in (0x6E, 0x72, 0x74))


@njit(cache=True, nogil=True)
def _is_assigned(data: npt.NDArray[np.uint8], after: int, end: int, classes: npt.NDArray[np.uint32]) -> bool:
    """Whether a run of value bytes with a digit follows soon, after a separator and a quote or `=`."""
    separated = False
    opened = False  # the byte before is a quote or `=`
    run = digits = 0
    for at in range(after, min(end, after + _NEAR)):
        byte = data[at]
        if run and classes[byte] & _VALUE:
            run += 1
            digits += 1 if classes[byte] & _DIGIT else 0
            if run >= _MIN_VALUE and digits:
                return True
            continue
        run = digits = 0
        if classes[byte] & _QUOTE:
            opened = separated
        elif byte in (0x3D, 0x3A, 0x2C):  # = : ,
            separated = True
            opened = byte != 0x2C
        elif byte == 0x20:
            continue
        elif separated and opened and classes[byte] & _VALUE:
            run = 1
            digits = 1 if classes[byte] & _DIGIT else 0
            opened = False
        else:
            opened = False
    return False
