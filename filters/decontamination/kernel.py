"""Decontamination's first kernels: fold a text, and find the items that stand in it.

*Fold* rewrites each code point by a table: lower case, white space dropped, or words joined by one blank.
*Find* keeps the last 8 bytes in a register and asks a bitmap, then a hash table, whether they are some item's
anchor; the whole item is then compared byte by byte. Each is one pass of 2 to 3 ns a byte on one core.
Kernels of this folder call each other across files and are forgotten together: see filters/kernel_cache.py.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

SEPARATOR: Final = 255
"""The length in a fold table that means: one blank between words."""
BLANK: Final = 0x20
WIDTHS: Final = (8, 4, 2, 1)
"""The anchors' widths in bytes: an item has the widest that it can hold."""
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
NONE: Final = -1
"""No item, no n-gram, no place."""

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class Folding(NamedTuple):
    """What each code point becomes: `packed` u32[2**21], its UTF-8 bytes from the lowest up, and `lengths`
    u8[2**21], how many, or SEPARATOR.
    """

    packed: npt.NDArray[np.uint32]
    lengths: Bytes


class Items(NamedTuple):
    """Folded items back to back, `data` u8 and `offsets` i64[n + 1], and how to find one by its anchor.

    `bitmap` u64: one bit for each hash; `slots` i64[2**k]: the first item of an anchor, or -1, with linear
    probing by hash; `nexts` i64[n]: the next item of the same anchor, ascending; `anchors` u64[n, 2]: the
    bytes, from the lowest up, and the width; `places` i64[n]: where in the item the anchor starts;
    `widths` i64: those in use.
    """

    data: Bytes
    offsets: Longs
    bitmap: Words
    slots: Longs
    nexts: Longs
    anchors: Words
    places: Longs
    widths: Longs


@njit(cache=True, nogil=True)
def fold(text: Bytes, folding: Folding, out: Bytes, most: int | np.int64) -> tuple[np.int64, int]:
    """Fold until `most` bytes or more are written; returns (bytes written, code points read).

    `out` needs room for 3 bytes for every 2 of `text`, and 4 more.
    """
    packed, lengths = folding
    characters = at = 0
    written, open_ = np.int64(0), np.int64(0)
    while at < len(text) and written < most:
        code = np.int64(text[at])
        at += 1
        characters += 1
        if code >= 0x80:  # the bounds keep text that is not UTF-8 harmless
            extra = 3 if code >= 0xF0 else (2 if code >= 0xE0 else 1)
            code &= 0x3F >> extra
            stop = min(at + extra, len(text))
            while at < stop:
                code = code << 6 | np.int64(text[at]) & 0x3F
                at += 1
        length = np.int64(lengths[code])
        if length > 1 and length != SEPARATOR:
            for index in range(length):
                out[written + index] = packed[code] >> np.uint32(8 * index)
            written += length
            open_ = np.int64(1)
        else:  # without a branch on what is a word: it would be mispredicted at every other word
            out[written] = packed[code]
            within = np.int64(length == 1)
            written += within + open_ * np.int64(length == SEPARATOR)
            open_ = within
    return written, characters


@njit(cache=True, nogil=True)
def hash_of(window: np.uint64, width: int) -> np.uint64:
    """A 64-bit hash of an anchor, whose upper bits are the good ones."""
    return (window ^ np.uint64(width) ^ window >> np.uint64(31)) * _BASE


@njit(cache=True, nogil=True)
def slot_of(hash_: np.uint64, slots: int) -> np.int64:
    """Where a hash's probing starts among 2**k slots."""
    return np.int64(hash_ >> np.uint64(20)) & (slots - 1)


@njit(cache=True, nogil=True)
def is_marked(bitmap: Words, hash_: np.uint64) -> bool:
    """Whether the bit of a hash is set in a bitmap of 2**k words."""
    bit = np.int64(hash_ >> np.uint64(38)) & (64 * len(bitmap) - 1)
    return bool(bitmap[bit >> 6] >> np.uint64(bit & 63) & np.uint64(1))


@njit(cache=True, nogil=True)
def mark(bitmap: Words, hash_: np.uint64) -> None:
    """Set the bit of a hash."""
    bit = np.int64(hash_ >> np.uint64(38)) & (64 * len(bitmap) - 1)
    bitmap[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@njit(cache=True, nogil=True)
def same_bytes(left: Bytes, right: Bytes) -> bool:
    """Whether two byte strings are equal."""
    same = len(left) == len(right)
    at = 0
    while same and at < len(left):
        same = left[at] == right[at]
        at += 1
    return same


@njit(cache=True, nogil=True)
def item_slot(window: np.uint64, width: int, hash_: np.uint64, items: Items) -> np.int64:
    """The slot of an anchor, or the empty slot where it would be."""
    slot = slot_of(hash_, len(items.slots))
    while items.slots[slot] != NONE:
        anchor = items.anchors[items.slots[slot]]
        if anchor[0] == window and anchor[1] == np.uint64(width):
            break
        slot = (slot + 1) & (len(items.slots) - 1)
    return slot


@njit(cache=True, nogil=True)
def find_item(text: Bytes, width: int, items: Items, best: np.int64) -> tuple[np.int64, np.int64]:
    """The lowest item below `best` with an anchor of this width that stands in a folded text, and where
    first; (`best`, -1) if there is none.
    """
    found, place = np.int64(best), np.int64(NONE)
    last = np.uint64(0)
    shift = np.uint64(64 - 8 * width)
    for at in range(len(text)):
        last = last >> np.uint64(8) | np.uint64(text[at]) << np.uint64(56)
        hash_ = hash_of(last >> shift, width)
        if is_marked(items.bitmap, hash_) and at + 1 >= width:
            item = items.slots[item_slot(last >> shift, width, hash_, items)]
            while item != NONE and item < found:
                start = at + 1 - width - items.places[item]
                whole = items.data[items.offsets[item] : items.offsets[item + 1]]
                if start >= 0 and same_bytes(whole, text[start : start + len(whole)]):
                    found, place = item, np.int64(start)
                item = items.nexts[item]
    return found, place
