"""Fixed strings in texts: how often groups of them occur, and where a text's first lines end.

An Aho-Corasick automaton over UTF-8 bytes counts each string as str.count does: its occurrences do not
overlap each other, but may overlap those of other strings. With `ignore_case`, ASCII letters match in either
case, which equals searching `text.lower()` for the strings that are allowed. A look-up or two a byte in any
text: 300 MB/s to 2 GB/s on one core. Filters call these functions from Python, never from their own kernels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from filters.text import Texts


class Needles(NamedTuple):
    """An automaton: `rows` is i32[states * width], and an entry is the next state times `width`."""

    classes: npt.NDArray[np.uint8]
    """Byte → column of `rows`; 0 for a byte of no string."""
    begins: npt.NDArray[np.bool_]
    """Whether a string begins with these two bytes (the first times 256, and the second); [65536]."""
    rows: npt.NDArray[np.int32]
    width: int
    first_final: int
    """The first state at which a string ends: all later ones are such."""
    found_from: npt.NDArray[np.int32]
    """Final state less `first_final` → where its strings begin in `found`; i32[final states + 1]."""
    found: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int64]
    """Of each string, in bytes."""
    groups: npt.NDArray[np.int64]
    """Of each string."""
    n_groups: int


def compile_needles(groups: Sequence[Sequence[str]], *, ignore_case: bool = False) -> Needles:
    """The automaton of some groups of strings, each counted together.

    Raises ValueError for an empty string and, with `ignore_case`, for one whose folding is not that of ASCII:
    U+212A and U+0130 become ASCII letters in lower case, so "k", and "i" at an end, could match more.
    """
    needles = [text.encode() for texts in groups for text in texts]
    for needle in needles:
        folded = ignore_case and (needle != needle.lower() or b"k" in needle or needle.endswith(b"i"))
        if not needle or folded or (ignore_case and not needle.isascii()):
            raise ValueError(f"cannot search for {needle!r}{' in any case' if ignore_case else ''}")
    classes = _byte_classes(needles, ignore_case)
    children, found = _trie(needles)
    rows = _complete(children, found, classes)
    order = np.argsort([bool(ended) for ended in found], kind="stable")  # the root stays first
    first_final = sum(not ended for ended in found)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    finals = [found[state] for state in order[first_final:].tolist()]
    width = rows.shape[1]
    return Needles(
        classes,
        _beginnings(children, found, classes),
        (number[rows[order]] * width).astype(np.int32).ravel(),
        width,
        first_final,
        np.cumsum([0, *map(len, finals)], dtype=np.int32),
        np.array([index for ended in finals for index in ended], np.int32),
        np.array([len(needle) for needle in needles], np.int64),
        np.array([group for group, texts in enumerate(groups) for _ in texts], np.int64),
        len(groups),
    )


def _byte_classes(needles: Sequence[bytes], ignore_case: bool) -> npt.NDArray[np.uint8]:
    classes = np.zeros(256, np.uint8)
    for column, byte in enumerate(sorted(set(b"".join(needles))), start=1):
        classes[byte] = column
        if ignore_case:
            classes[ord(chr(byte).upper())] = column
    return classes


def _beginnings(
    children: list[dict[int, int]], found: list[list[int]], classes: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    begins = np.zeros((256, 256), np.bool_)
    for first, child in children[0].items():
        whole = bool(found[child])
        seconds = np.isin(classes, [classes[byte] for byte in children[child]]) & (classes > 0) | whole
        begins[classes == classes[first]] |= seconds
    return begins.ravel()


def _trie(needles: Sequence[bytes]) -> tuple[list[dict[int, int]], list[list[int]]]:
    """Children of each state by byte, and the numbers of the strings that end there."""
    children: list[dict[int, int]] = [{}]
    found: list[list[int]] = [[]]
    for index, needle in enumerate(needles):
        state = 0
        for byte in needle:
            if byte not in children[state]:
                children[state][byte] = len(children)
                children.append({})
                found.append([])
            state = children[state][byte]
        found[state].append(index)
    return children, found


def _complete(
    children: list[dict[int, int]], found: list[list[int]], classes: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """The next state of every state and class; `found` is extended by what ends in a state's suffixes."""
    rows = np.zeros((len(children), int(classes.max()) + 1), np.int64)
    fallback = [0] * len(children)
    waiting = deque([0])
    while waiting:  # breadth first: a state's longest proper suffix is complete before the state is
        state = waiting.popleft()
        if state:
            rows[state] = rows[fallback[state]]
            found[state] += found[fallback[state]]
        for byte, child in children[state].items():
            fallback[child] = int(rows[state, classes[byte]])
            rows[state, classes[byte]] = child
            waiting.append(child)
    return rows


@njit(cache=True, nogil=True)
def _count(
    data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], needles: Needles
) -> npt.NDArray[np.int64]:
    counts = np.zeros((needles.n_groups, len(starts)), np.int64)
    classes, begins, rows, width = needles.classes, needles.begins, needles.rows, needles.width
    first_final_row = needles.first_final * width
    leaves = np.zeros(256, np.bool_)  # the root; asked first, since most bytes begin no string
    for byte in range(256):
        leaves[byte] = rows[classes[byte]] != 0
    last = np.zeros(len(needles.sizes), np.int64)  # where each string last ended; texts lie in order
    for text in range(len(starts)):
        row, at, end = 0, starts[text], ends[text]
        while at < end:
            if row == 0:
                while at + 1 < end and not (leaves[data[at]] and begins[(data[at] << 8) | data[at + 1]]):
                    at += 1
            row = rows[row + classes[data[at]]]
            at += 1
            if row >= first_final_row:
                final = row // width - needles.first_final
                for place in range(needles.found_from[final], needles.found_from[final + 1]):
                    needle = needles.found[place]
                    if at - needles.sizes[needle] >= last[needle]:
                        counts[needles.groups[needle], text] += 1
                        last[needle] = at
    return counts


def count_needles(
    texts: Texts, needles: Needles, ends: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.int64]:
    """Occurrences of each group in each text, or in what of it lies before `ends`: i64[groups, n]."""
    starts = np.ascontiguousarray(texts.offsets[:-1])
    stops = np.ascontiguousarray(texts.offsets[1:]) if ends is None else ends
    return _count(texts.data, starts, stops, needles)


@njit(cache=True, nogil=True)
def first_lines_ends(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], lines: int
) -> npt.NDArray[np.int64]:
    """Where the first `lines` lines of each text, as str.splitlines has them, end: i64[n]."""
    ends = np.empty(len(offsets) - 1, np.int64)
    for text in range(len(ends)):
        at, end, left = offsets[text], offsets[text + 1], lines
        while at < end:
            byte = data[at]
            size = 0
            if byte == 0x0D:
                size = 2 if at + 1 < end and data[at + 1] == 0x0A else 1
            elif 0x0A <= byte <= 0x0C or 0x1C <= byte <= 0x1E:
                size = 1
            elif byte == 0xC2 and at + 1 < end and data[at + 1] == 0x85:
                size = 2
            elif byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80 and data[at + 2] & 0xFE == 0xA8:
                size = 3
            at += max(size, 1)
            left -= size > 0
            if left == 0:
                break
        ends[text] = at
    return ends
