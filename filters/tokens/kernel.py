"""The encoding kernel: UTF-8 bytes → pre-tokens → memo → merges → ids, many texts a call.

*Split*: the scanner gives the matches of GPT-2's pattern (Radford et al., 2019; encoder.py of openai/gpt-2)
`'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+` without backtracking.
*Memo*: direct-mapped, of fixed size. A hit compares every byte and a miss overwrites, so what it holds
decides how fast an answer comes and never what it is. *Merge*: the pair of the lowest rank first, the
leftmost of equals, as `Word::merge_all` of `tokenizers`: by scan when short, else by heap, in O(n log n) time
and 28n bytes of memory.

About 60 MB/s of code cold and 110 MB/s warm on one core. All in one file, hence its length: numba's cache
does not see that a callee in another file has changed. Loops have one exit each: with two, numba counts
references at each call, and the scanner runs at a fifth of the speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from filters.tokens.unicode_classes import ALONE, SPACE

BLANK: Final = 0x20
TAB: Final = 0x09
APOSTROPHE: Final = 0x27
BLOCK: Final = 1 << 12
"""Pre-tokens that are found before they are looked up: two tight loops beat one that does both."""
KEY_MOST: Final = 31
IDS_MOST: Final = 7
"""A longer pre-token, in bytes, or one of more ids, is not kept in the memo."""
_COUNT: Final = 8
_IDS: Final = 9
SCAN_MOST: Final = 64
"""The longest pre-token, in bytes, that is merged by scan."""
NO_RANK: Final = np.int64(1 << 40)
_LENGTH_SHIFT: Final = np.uint64(56)
_NO_KEY: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_MIX_LOW: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_HIGH: Final = np.uint64(0xC2B2AE3D27D4EB4F)

Bytes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class Tables(NamedTuple):
    """What the kernel knows of a tokenizer.

    `classes` u8[2**21]: class of each code point; ALONE ones are split off before the pattern sees them.
    `runs` i32[2, n]: added tokens that are runs of blanks (row 0) and of tabs (row 1), split off likewise.
    Column 0 has the longest length, column k the id of k characters; every length from 2 to the longest has
    one. `byte_ids` i32[256]. `pairs` u64[2**k, 2], at most half full, open addressing with linear probing:
    left << 32 | right, rank << 32 | merged.
    """

    classes: Bytes
    runs: Ids
    byte_ids: Ids
    pairs: Words


class Memo(NamedTuple):
    """One block of memory, seen as `keys` u64[rows, 8] and as `values` i32[rows, 16]; rows is a power of two.

    A row of 64 bytes is 32 of key (a pre-token's bytes, zeros, its length in the last), how many ids, and 7
    ids.
    """

    keys: Words
    values: Ids


def empty_memo(rows: int) -> Memo:
    """A memo that knows nothing: no key is all zeros, since its last byte is a length of at least 1."""
    keys = np.zeros((rows, 8), np.uint64)
    return Memo(keys, keys.view(np.int32))


def pair_table(merges: Mapping[tuple[int, int], tuple[int, int]]) -> Words:
    """The table `pairs` of (left, right) → (rank, merged)."""
    table = np.full((1 << max(4, (2 * len(merges)).bit_length()), 2), _NO_KEY)
    keys = np.fromiter((left << 32 | right for left, right in merges), np.uint64, len(merges))
    values = np.fromiter((rank << 32 | merged for rank, merged in merges.values()), np.uint64, len(merges))
    _fill(table, keys, values)
    return table


@njit(cache=True, nogil=True)
def encode_texts(data: Bytes, offsets: Longs, tables: Tables, memo: Memo, ids: Ids) -> Longs:
    """Write the ids of all texts, back to back, to `ids` (room for one per byte); returns n + 1 offsets."""
    ends = np.zeros(len(offsets), np.int64)
    stops = np.empty(BLOCK, np.int64)
    count = 0
    for text in range(len(offsets) - 1):
        at, end = offsets[text], offsets[text + 1]
        while at < end:
            found = split_block(data, at, end, tables.classes, tables.runs, stops)
            count += _encode_block(data, at, stops[:found], tables, memo, ids[count:])
            at = stops[found - 1]
        ends[text + 1] = count
    return ends


@njit(cache=True, nogil=True)
def _encode_block(data: Bytes, start: int, stops: Longs, tables: Tables, memo: Memo, ids: Ids) -> int:
    """Write the ids of adjacent pre-tokens, the first from `start`, to the front of `ids`; returns how many.

    The key is made here, not in a function that would take `data`: that call would cost more than the lookup.
    """
    count = 0
    keys, values = memo
    mask = np.uint64(len(keys) - 1)
    for stop in stops:
        size = stop - start
        word0, word1, word2 = np.uint64(0), np.uint64(0), np.uint64(0)
        word3 = np.uint64(size) << _LENGTH_SHIFT
        for at in range(min(size, 8)):
            word0 |= np.uint64(data[start + at]) << np.uint64(8 * at)
        if size > 8:
            word1 = _word(data, start + 8, min(stop, start + 16))
            word2 = _word(data, start + 16, min(stop, start + 24))
            word3 |= _word(data, start + 24, min(stop, start + KEY_MOST))
        row = _hash(word0, word1, word2, word3) & mask
        same = (
            keys[row, 0] == word0
            and keys[row, 1] == word1
            and keys[row, 2] == word2
            and keys[row, 3] == word3
        )
        if same and size <= KEY_MOST:
            for at in range(values[row, _COUNT]):
                ids[count + at] = values[row, _IDS + at]
            count += values[row, _COUNT]
        else:
            added = _merge_bytes(data[start:stop], tables, ids[count : count + size])
            if added <= IDS_MOST and size <= KEY_MOST:
                keys[row, 0], keys[row, 1], keys[row, 2], keys[row, 3] = word0, word1, word2, word3
                values[row, _COUNT] = added
                for at in range(added):
                    values[row, _IDS + at] = ids[count + at]
            count += added
        start = stop
    return count


@njit(cache=True, nogil=True)
def _hash(word0: np.uint64, word1: np.uint64, word2: np.uint64, word3: np.uint64) -> np.uint64:
    low = (word0 ^ word1 << np.uint64(29) ^ word1 >> np.uint64(35)) * _MIX_LOW
    high = (word2 ^ word3 << np.uint64(29) ^ word3 >> np.uint64(35)) * _MIX_HIGH
    return ((low ^ high) ^ (low ^ high) >> np.uint64(29)) >> np.uint64(8)


@njit(cache=True, nogil=True)
def _word(data: Bytes, start: int, stop: int) -> np.uint64:
    """At most 8 bytes, little-endian; 0 when `stop` is not past `start`."""
    word = np.uint64(0)
    for at in range(start, stop):
        word |= np.uint64(data[at]) << np.uint64(8 * (at - start))
    return word


@njit(cache=True, nogil=True)
def _merge_bytes(pretoken: Bytes, tables: Tables, ids: Ids) -> int:
    """Write the ids of one pre-token to the front of `ids`, which is as long; returns how many."""
    size = len(pretoken)
    if size > 1 and run_length(pretoken, 0, size, tables.runs) == size:
        ids[0] = tables.runs[0 if pretoken[0] == BLANK else 1, size]
        return 1
    for at in range(size):
        ids[at] = tables.byte_ids[pretoken[at]]
    return merge(ids, tables.pairs)


@njit(cache=True, nogil=True)
def class_at(data: Bytes, at: int, end: int, classes: Bytes) -> tuple[np.int64, int]:
    """The class and the width in bytes of the character at `at` < `end`; a cut-off one takes what is left."""
    if data[at] < 0x80:
        return np.int64(classes[data[at]]), 1
    return _long_class_at(data, at, end, classes)


@njit(cache=True, nogil=True)
def _long_class_at(data: Bytes, at: int, end: int, classes: Bytes) -> tuple[np.int64, int]:
    lead = np.int64(data[at])
    width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if end - at < width:
        return np.int64(0), end - at
    code = lead & (0xFF >> (width + 1))
    for offset in range(1, width):
        code = code << 6 | np.int64(data[at + offset]) & 0x3F
    return np.int64(classes[code]), width


@njit(cache=True, nogil=True)
def split_block(data: Bytes, at: int, end: int, classes: Bytes, runs: Ids, stops: Longs) -> int:
    """Write where the pre-tokens of data[at:end] stop to `stops`, until it is full; returns how many.

    `kind` is the class that the pre-token repeats, `next_` that of the character after it, `last` where its
    last character starts. The end of the text and a run token count as ALONE: a piece ends there.
    """
    count = 0
    has_runs = runs.shape[1] > 1
    while at < end and count < len(stops):
        start = last = at
        kind, width = class_at(data, at, end, classes)
        if data[at] == BLANK and at + 1 < end:
            following, following_width = class_at(data, at + 1, end, classes)
            if following not in (SPACE, ALONE):
                kind, width = following, 1 + following_width
        if data[at] == APOSTROPHE or (has_runs and kind == SPACE):
            fixed = _contraction(data, at, end) + run_length(data, at, end, runs)
            if fixed:
                kind, width = np.int64(ALONE), fixed
        at += width
        next_ = kind
        while next_ == kind and kind != ALONE:
            next_, width = np.int64(ALONE), 0
            if at < end:
                next_, width = class_at(data, at, end, classes)
            if has_runs and next_ == SPACE and run_length(data, at, end, runs):
                next_ = np.int64(ALONE)
            if next_ == kind:
                last = at
                at += width
        if kind == SPACE and next_ != ALONE and last > start:
            at = last
        stops[count] = at
        count += 1
    return count


@njit(cache=True, nogil=True)
def run_length(data: Bytes, at: int, end: int, runs: Ids) -> int:
    """The length of the run token that starts at `at` < `end`: 0 for none, else from 2 to the longest."""
    length = 0
    if data[at] == BLANK or data[at] == TAB:
        longest = min(int(runs[0 if data[at] == BLANK else 1, 0]), end - at)
        length = 1
        while length < longest and data[at + length] == data[at]:
            length += 1
    return length if length > 1 else 0


@njit(cache=True, nogil=True)
def _contraction(data: Bytes, at: int, end: int) -> int:
    """The length of 's, 't, 'm, 'd, 're, 've or 'll at `at`; 0 for none of them."""
    if data[at] != APOSTROPHE:
        return 0
    first = data[at + 1] if at + 1 < end else np.uint8(0)
    second = data[at + 2] if at + 2 < end else np.uint8(0)
    length = 0
    if first in (ord("s"), ord("t"), ord("m"), ord("d")):
        length = 2
    elif (first in (ord("r"), ord("v")) and second == ord("e")) or (first == ord("l") and second == ord("l")):
        length = 3
    return length


@njit(cache=True, nogil=True)
def _fill(table: Words, keys: Words, values: Words) -> None:
    for index in range(len(keys)):
        slot = _slot(table, keys[index])
        table[slot, 0] = keys[index]
        table[slot, 1] = values[index]


@njit(cache=True, nogil=True)
def _slot(table: Words, key: np.uint64) -> np.int64:
    """Where `key` is, or the empty slot where it would be."""
    mask = np.int64(len(table) - 1)
    slot = np.int64((key * _MIX_LOW) >> np.uint64(32)) & mask
    while table[slot, 0] != key and table[slot, 0] != _NO_KEY:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def rank_of(table: Words, left: int, right: int) -> tuple[np.int64, np.int64]:
    """(rank, merged id) of a pair of ids; the rank is NO_RANK for a pair that does not merge."""
    slot = _slot(table, np.uint64(left) << np.uint64(32) | np.uint64(right))
    if table[slot, 0] == _NO_KEY:
        return NO_RANK, np.int64(0)
    value = table[slot, 1]
    return np.int64(value >> np.uint64(32)), np.int64(value & np.uint64(0xFFFFFFFF))


@njit(cache=True, nogil=True)
def merge(ids: Ids, table: Words) -> int:
    """Merge `ids` in place; returns how many are left."""
    if len(ids) <= SCAN_MOST:
        return merge_by_scan(ids, table)
    return merge_by_heap(ids, table)


@njit(cache=True, nogil=True)
def merge_by_scan(ids: Ids, table: Words) -> int:
    """Merge by looking for the least rank at each step."""
    count = len(ids)
    ranks = np.empty(count, np.int64)
    for at in range(count - 1):
        ranks[at], _ = rank_of(table, ids[at], ids[at + 1])
    while count > 1:
        best = 0
        for at in range(1, count - 1):
            if ranks[at] < ranks[best]:
                best = at
        if ranks[best] == NO_RANK:
            break
        _, merged = rank_of(table, ids[best], ids[best + 1])
        ids[best] = merged
        count -= 1
        for at in range(best + 1, count):
            ids[at] = ids[at + 1]
            ranks[at - 1] = ranks[at]
        if best > 0:
            ranks[best - 1], _ = rank_of(table, ids[best - 1], ids[best])
        if best < count - 1:
            ranks[best], _ = rank_of(table, ids[best], ids[best + 1])
    return count


@njit(cache=True, nogil=True)
def merge_by_heap(ids: Ids, table: Words) -> int:
    """Merge with a linked list over positions and a heap of rank << 32 | position of the pair's left id.

    An entry is stale, and skipped, when its position was merged into another or its pair now has another
    rank. Each merge takes one entry and adds at most two, so 2n entries are enough.
    """
    count = len(ids)
    after = np.arange(1, count + 1).astype(np.int32)
    before = np.arange(-1, count - 1).astype(np.int32)
    heap = np.empty(2 * count, np.int64)
    size = 0
    for at in range(count - 1):
        size = _push_pair(heap, size, at, ids, after, table)
    while size:
        entry = heap[0]
        size = _pop(heap, size)
        at = entry & 0xFFFFFFFF
        if ids[at] < 0 or after[at] == count:
            continue
        right = after[at]
        rank, merged = rank_of(table, ids[at], ids[right])
        if rank != entry >> 32:
            continue
        ids[at], ids[right] = merged, -1
        after[at] = after[right]
        if after[at] < count:
            before[after[at]] = at
            size = _push_pair(heap, size, at, ids, after, table)
        if before[at] >= 0:
            size = _push_pair(heap, size, before[at], ids, after, table)
    return _compact(ids)


@njit(cache=True, nogil=True)
def _compact(ids: Ids) -> int:
    kept = 0
    for at in range(len(ids)):
        if ids[at] >= 0:
            ids[kept] = ids[at]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _push_pair(heap: Longs, size: int, at: int, ids: Ids, after: Ids, table: Words) -> int:
    """Add the pair that starts at `at`, if it merges; returns the heap's new size."""
    rank, _ = rank_of(table, ids[at], ids[after[at]])
    if rank == NO_RANK:
        return size
    entry = rank << 32 | np.int64(at)
    child = size
    while child > 0 and heap[(child - 1) >> 1] > entry:
        heap[child] = heap[(child - 1) >> 1]
        child = (child - 1) >> 1
    heap[child] = entry
    return size + 1


@njit(cache=True, nogil=True)
def _pop(heap: Longs, size: int) -> int:
    """Take the least entry off; returns the heap's new size."""
    size -= 1
    entry, parent = heap[size], 0
    child = 1
    while child < size:
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= entry:
            break
        heap[parent] = heap[child]
        parent, child = child, 2 * child + 1
    heap[parent] = entry
    return size
