"""Shingles: the rules that cut a text in tokens, and exact sets of shingles.

words          runs of ASCII letters, digits, `_` and of all characters beyond ASCII
code           such runs, and each visible ASCII sign by itself
ascii-words    runs of ASCII letters, digits and `_`
ascii-split    what stands between characters that are none of those, empty or not
unicode-lower  what stands between characters that are not `\\w`, of the text in lower case, empty or not

`ShingleSets` holds the exact sets that signatures summarise; `jaccard_and_containment` merges pairs of them,
at some 280 million hashes a second.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from filters.minhash_kernel import CONTINUATION, SEPARATOR, SIGN, WORD, Bytes, Integers, Words64
from filters.text import Texts, pack_texts

SEPARATED: Final = ("ascii-split", "unicode-lower")  # whose tokens can be empty
TOKENS: Final = ("words", "code", "ascii-words", *SEPARATED)
_ASCII: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_NOT_WORD: Final = re.compile(r"\W")
_LOWERED: Final = bytes(ord(chr(byte).lower()) if byte in _ASCII else ord(" ") for byte in range(256))


class ShingleSets(NamedTuple):
    """`hashes` u64[total], ascending and distinct within a document; set i is
    hashes[offsets[i]:offsets[i+1]], `offsets` i64[n + 1].
    """

    hashes: Words64
    offsets: Integers


def byte_kinds(tokens: str) -> Bytes:
    """Whether a byte separates tokens, is a part of one, is one, or is no character of its own: u8[256]."""
    if tokens == "unicode-lower":  # of a text that `kernel_texts` prepared
        kinds = np.full(256, WORD, np.uint8)
        kinds[ord(" ")] = SEPARATOR
        return kinds
    kinds = np.full(256, SEPARATOR, np.uint8)
    kinds[np.frombuffer(_ASCII, np.uint8)] = WORD
    if tokens == "code":
        kinds[0x21:0x7F] = SIGN
        kinds[np.frombuffer(_ASCII, np.uint8)] = WORD
    if tokens in ("words", "code"):
        kinds[0x80:] = WORD
    elif tokens == "ascii-split":
        kinds[0x80:0xC0] = CONTINUATION
    return kinds


def kernel_texts(texts: Texts, tokens: str) -> Texts:
    """The texts as the kernels read them: for unicode-lower in lower case, each separator a space."""
    if tokens != "unicode-lower":
        return texts
    lowered = [_lowered(texts.data[start:end].tobytes()) for start, end in pairwise(texts.offsets)]
    return pack_texts(lowered)


def _lowered(text: bytes) -> bytes:
    return text.translate(_LOWERED) if text.isascii() else _NOT_WORD.sub(" ", text.decode().lower()).encode()


def distinct(hashes: Words64, offsets: Integers) -> ShingleSets:
    """Sets of the hashes that stand document after document; `hashes` is sorted in place."""
    for start, end in pairwise(offsets):
        hashes[start:end].sort()
    sizes = _compact(hashes, offsets)
    return ShingleSets(hashes[: sizes[-1]].copy(), sizes)


@njit(cache=True, nogil=True)
def _compact(hashes: Words64, offsets: Integers) -> Integers:
    """Move each document's distinct hashes together to the front; returns their offsets."""
    ends = np.zeros(len(offsets), np.int64)
    to = 0
    for document in range(len(offsets) - 1):
        for at in range(offsets[document], offsets[document + 1]):
            if at == offsets[document] or hashes[at] != hashes[to - 1]:
                hashes[to] = hashes[at]
                to += 1
        ends[document + 1] = to
    return ends


def jaccard_and_containment(
    sets: ShingleSets, left: Integers, right: Integers
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """|A ∩ B| / |A ∪ B| and |A ∩ B| / |B| for A, B = sets left[i], right[i]: two f64[m]; 0 of an empty set.

    Raises ValueError for an index outside [0, n) or for unlike lengths.
    """
    check_pairs(len(sets.offsets) - 1, left, right)
    return _overlaps(sets.hashes, sets.offsets, left, right)


def check_pairs(height: int, left: Integers, right: Integers) -> None:
    """Raise ValueError unless left[i], right[i] are rows below `height`."""
    if len(left) != len(right):
        raise ValueError(f"{len(left)} left rows and {len(right)} right rows do not make pairs")
    for rows in (left, right):
        if len(rows) and (rows.min() < 0 or rows.max() >= height):
            raise ValueError(f"rows {rows.min()}..{rows.max()} are not all within {height} documents")


@njit(cache=True, nogil=True)
def _overlaps(
    hashes: Words64, offsets: Integers, left: Integers, right: Integers
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    jaccard, containment = np.zeros(len(left), np.float64), np.zeros(len(left), np.float64)
    for pair in range(len(left)):
        i, j = offsets[left[pair]], offsets[right[pair]]
        i_end, j_end = offsets[left[pair] + 1], offsets[right[pair] + 1]
        union, of_right, shared = i_end - i + j_end - j, j_end - j, 0
        while i < i_end and j < j_end:
            first, second = hashes[i], hashes[j]
            shared += first == second
            i += first <= second
            j += second <= first
        if shared:
            jaccard[pair] = shared / (union - shared)
            containment[pair] = shared / of_right
    return jaccard, containment
