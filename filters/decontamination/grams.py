"""Kernels for word n-grams: read them off a text folded to words, look them up, count them by item.

A word is hashed byte by byte, n words by a rolling hash (each turned left by one bit more than the next), so
a text of any n costs one pass of 4 ns a byte. A hash only says where to look: after a hit bytes are compared.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from filters.decontamination.kernel import BLANK, NONE, Bytes, Longs, Words, is_marked, same_bytes, slot_of

_FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xC2B2AE3D27D4EB4F)


class Grams(NamedTuple):
    """The distinct n-grams of items folded to words, and the items that hold each.

    `spans` i64[grams, 2]: where one stands in `data`; `hashes` u64[grams]; `bitmap` and `slots` as in Items;
    gram g is held by `items[item_offsets[g]:item_offsets[g + 1]]`; `totals` i64[items + 1]: distinct n-grams,
    and 1; `n`: words in an n-gram.
    """

    data: Bytes
    spans: Longs
    hashes: Words
    bitmap: Words
    slots: Longs
    item_offsets: Longs
    items: Longs
    totals: Longs
    n: int


@njit(cache=True, nogil=True)
def next_gram(
    text: Bytes, at: int, hashes: Words, starts: Longs, n_words: int
) -> tuple[int, int, int, np.uint64]:
    """The next n-gram of a text folded to words: (where it starts, where it stops, words read, its hash).

    `starts` i64[n + 1] and `hashes` u64[n + 1] are rings of the last n words before `at`; after them stand
    the ring's next slot and the hash of these n together. At the end of the text the start is -1.
    """
    n, start = len(starts) - 1, NONE
    if n_words == 0:
        hashes[:] = 0
        starts[n] = 0
    slot = starts[n]
    turn = np.uint64(n & 63)
    while start == NONE and at < len(text):
        at += text[at] == BLANK
        first, word = at, _FNV_OFFSET
        while at < len(text) and text[at] != BLANK:
            word = (word ^ np.uint64(text[at])) * _FNV_PRIME
            at += 1
        if at > first:
            word = (word ^ word >> np.uint64(32)) * _MIX
            old = hashes[slot]
            hashes[n] = _turned(hashes[n], np.uint64(1)) ^ _turned(old, turn) ^ word
            hashes[slot], starts[slot] = word, first
            n_words += 1
            slot = slot + 1 if slot + 1 < n else 0
            if n_words >= n:
                start = starts[slot]
    starts[n] = slot
    return start, at, n_words, hashes[n] * _BASE


@njit(cache=True, nogil=True)
def _turned(word: np.uint64, bits: np.uint64) -> np.uint64:
    """A word rotated to the left by 0..63 bits."""
    return word << bits | word >> (np.uint64(64) - bits & np.uint64(63))


@njit(cache=True, nogil=True)
def gram_slot(text: Bytes, hash_: np.uint64, grams: Grams) -> np.int64:
    """The slot of the n-gram that is `text`, or the empty slot where it would be."""
    slot = slot_of(hash_, len(grams.slots))
    while grams.slots[slot] != NONE:
        gram = grams.slots[slot]
        span = grams.spans[gram]
        if grams.hashes[gram] == hash_ and same_bytes(text, grams.data[span[0] : span[1]]):
            break
        slot = (slot + 1) & (len(grams.slots) - 1)
    return slot


@njit(cache=True, nogil=True)
def count_grams(text: Bytes, grams: Grams, stamp: int, tally: Longs, seen: Longs) -> Longs:
    """(item, distinct n-grams of it in a folded text, start, stop) of the item with the largest share.

    `tally` i64[items, 4] is scratch: count, start, stop, next touched item; all counts are 0 before and
    after. `seen` i64[grams] holds the stamp of the text that held the n-gram last. The item is -1 for none,
    and the lowest of equals.
    """
    hashes, starts = np.zeros(grams.n + 1, np.uint64), np.zeros(grams.n + 1, np.int64)
    best = np.array([NONE, 0, NONE, NONE])
    touched, n_words = NONE, 0
    start, at, n_words, hash_ = next_gram(text, 0, hashes, starts, n_words)
    while start != NONE:
        if is_marked(grams.bitmap, hash_):
            gram = grams.slots[gram_slot(text[start:at], hash_, grams)]
            if gram != NONE and seen[gram] != stamp:
                seen[gram] = stamp
                for item in grams.items[grams.item_offsets[gram] : grams.item_offsets[gram + 1]]:
                    if tally[item, 0] == 0:
                        tally[item, 1], tally[item, 3] = start, touched
                        touched = item
                    tally[item, 0] += 1
                    tally[item, 2] = at
        start, at, n_words, hash_ = next_gram(text, at, hashes, starts, n_words)
    share = 0.0
    while touched != NONE:
        own = tally[touched, 0] / grams.totals[touched]
        if own > share or (own == share and touched < best[0]):
            share = own
            best[0] = touched
            best[1:] = tally[touched, :3]
        tally[touched, 0] = 0
        touched = tally[touched, 3]
    return best
