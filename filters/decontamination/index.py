"""Items as the kernel's tables: anchors for the search of whole items, and the n-grams of all of them.

An item's anchor is the window of its own that the fewest items share, and of these the one with the most
distinct bytes: it makes false alarms rare, and a hostile text cannot repeat it often. Items of equal text
count once, under the first one's name. 7 MB of items take less than a second and 90 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from filters.decontamination.folding import Form, folded
from filters.decontamination.grams import Grams, gram_slot, next_gram
from filters.decontamination.items import Item
from filters.decontamination.kernel import WIDTHS, Bytes, Items, Longs, hash_of, item_slot, mark
from filters.kernel_cache import forget_stale_kernels
from filters.text import pack_texts

forget_stale_kernels(__file__)

_BITS_PER_KEY: Final = 64
_FEWEST_BITS: Final = 1 << 18
_SKETCH: Final = 1 << 20
_SKETCH_SHIFT: Final = np.uint64(44)


class Index(NamedTuple):
    """What a search needs: tables, and the number of the item that each row of them stands for."""

    form: Form
    items: Items
    item_numbers: Longs
    grams: Grams
    gram_numbers: Longs


def index_of(found: Sequence[Item], *, ngram: int, ignore_whitespace: bool, min_item_chars: int) -> Index:
    """The index of items. Those that fold to fewer code points than `min_item_chars` have n-grams only."""
    form: Form = "squeezed" if ignore_whitespace else "lower"
    wholes, words = (
        [folded(item.text, form) for item in found],
        [folded(item.text, "words") for item in found],
    )
    long_enough = [text if len(text.decode()) >= min_item_chars else b"" for text in wholes]
    item_numbers = _first_of_each(long_enough)
    gram_numbers = _first_of_each([text if text.count(b" ") + 1 >= ngram else b"" for text in words])
    items = item_table([long_enough[number] for number in item_numbers])
    grams = gram_table([words[number] for number in gram_numbers], ngram)
    nothing = [-1]  # so that a kernel's -1 for none finds an entry
    return Index(form, items, np.array(item_numbers + nothing), grams, np.array(gram_numbers + nothing))


def item_table(texts: Sequence[bytes]) -> Items:
    """The table of distinct, non-empty folded items."""
    data, offsets = _flat(texts)
    items = Items(
        data=data,
        offsets=offsets,
        bitmap=_bitmap(len(texts)),
        slots=_slots(len(texts)),
        nexts=np.full(len(texts), -1, np.int64),
        anchors=np.zeros((len(texts), 2), np.uint64),
        places=np.zeros(len(texts), np.int64),
        widths=np.array([width for width in WIDTHS if _holds(texts, width)], np.int64),
    )
    _anchor_items(items, np.array(WIDTHS), np.zeros(_SKETCH, np.int32))
    return items


def gram_table(texts: Sequence[bytes], n: int) -> Grams:
    """The table of the n-grams of items folded to words."""
    data, offsets = _flat(texts)
    most = sum(text.count(b" ") + 1 for text in texts)
    bitmap, slots = _bitmap(most), _slots(most)
    spans, hashes, pairs = (
        np.zeros((most, 2), np.int64),
        np.zeros(most, np.uint64),
        np.zeros((most, 2), np.int64),
    )
    totals = np.zeros(len(texts) + 1, np.int64)
    totals[-1] = 1  # of no item: its share is 0 / 1
    grams = Grams(data, spans, hashes, bitmap, slots, offsets, offsets, totals, n)
    n_grams, n_pairs = _collect_grams(grams, pairs)
    pairs = pairs[np.argsort(pairs[:n_pairs, 0], kind="stable")]
    held = np.concatenate([[0], np.cumsum(np.bincount(pairs[:, 0], minlength=n_grams))]).astype(np.int64)
    return grams._replace(
        spans=spans[:n_grams].copy(),
        hashes=hashes[:n_grams].copy(),
        item_offsets=held,
        items=pairs[:, 1].copy(),
    )


def _holds(texts: Sequence[bytes], width: int) -> bool:
    """Whether the anchor of some item has this width."""
    return any(width <= len(text) and (width == WIDTHS[0] or len(text) < 2 * width) for text in texts)


def _first_of_each(texts: Sequence[bytes]) -> list[int]:
    """The numbers of the first of equal texts, without empty ones."""
    first = {text: number for number, text in reversed(list(enumerate(texts))) if text}
    return sorted(first.values())


def _flat(texts: Sequence[bytes]) -> tuple[Bytes, Longs]:
    """Texts back to back, writable as the kernel's other arrays are."""
    packed = pack_texts(texts)
    return packed.data.copy(), packed.offsets.copy()


def _bitmap(keys: int) -> npt.NDArray[np.uint64]:
    return np.zeros(max(_FEWEST_BITS, 1 << (_BITS_PER_KEY * keys).bit_length()) >> 6, np.uint64)


def _slots(keys: int) -> Longs:
    return np.full(1 << max(4, (2 * keys).bit_length()), -1, np.int64)


@njit(cache=True, nogil=True)
def _window(text: Bytes, at: int, width: int) -> tuple[np.uint64, np.int64]:
    """(its bytes as the kernel's register holds them, distinct bytes) of a window."""
    word, distinct = np.uint64(0), np.int64(0)
    for index in range(width):
        word |= np.uint64(text[at + index]) << np.uint64(8 * index)
        new = 1
        for before in range(index):
            if text[at + before] == text[at + index]:
                new = 0
        distinct += new
    return word, distinct


@njit(cache=True, nogil=True)
def _anchor_items(items: Items, widths: Longs, sketch: npt.NDArray[np.int32]) -> None:
    """Choose each item's anchor and enter it, the last item first, so that chains ascend.

    `sketch` counts windows over all items by their hash; a collision costs a worse choice, no more.
    """
    for item in range(len(items.nexts)):
        text = items.data[items.offsets[item] : items.offsets[item + 1]]
        width = _widest(len(text), widths)
        for at in range(len(text) - width + 1):
            sketch[hash_of(_window(text, at, width)[0], width) >> _SKETCH_SHIFT] += 1
    for item in range(len(items.nexts) - 1, -1, -1):
        text = items.data[items.offsets[item] : items.offsets[item + 1]]
        width = _widest(len(text), widths)
        best = np.int64(1) << 60
        for at in range(len(text) - width + 1):
            word, distinct = _window(text, at, width)
            cost = 16 * np.int64(sketch[hash_of(word, width) >> _SKETCH_SHIFT]) - distinct
            if cost < best:
                best = cost
                items.places[item] = at
        word, _ = _window(text, items.places[item], width)
        items.anchors[item, 0], items.anchors[item, 1] = word, width
        slot = item_slot(word, width, hash_of(word, width), items)
        items.nexts[item] = items.slots[slot]
        items.slots[slot] = item
        mark(items.bitmap, hash_of(word, width))


@njit(cache=True, nogil=True)
def _widest(size: int, widths: Longs) -> int:
    """The first of `widths`, which descend to 1, that fits."""
    index = 0
    while widths[index] > size:
        index += 1
    return widths[index]


@njit(cache=True, nogil=True)
def _collect_grams(grams: Grams, pairs: Longs) -> tuple[int, int]:
    """Enter the n-grams of each item (`grams.item_offsets` bound their texts here), and write the pairs of
    gram and item; returns how many there are of both.
    """
    hashes, starts = np.zeros(grams.n + 1, np.uint64), np.zeros(grams.n + 1, np.int64)
    last = np.full(len(pairs), -1)
    n_grams = n_pairs = 0
    for item in range(len(grams.item_offsets) - 1):
        base = grams.item_offsets[item]
        text = grams.data[base : grams.item_offsets[item + 1]]
        start, at, n_words, hash_ = next_gram(text, 0, hashes, starts, 0)
        while start >= 0:
            slot = gram_slot(text[start:at], hash_, grams)
            gram = grams.slots[slot]
            if gram < 0:
                gram = n_grams
                n_grams += 1
                grams.slots[slot], grams.hashes[gram] = gram, hash_
                grams.spans[gram, 0], grams.spans[gram, 1] = base + start, base + at
                mark(grams.bitmap, hash_)
            if last[gram] != item:
                last[gram] = item
                pairs[n_pairs, 0], pairs[n_pairs, 1] = gram, item
                n_pairs += 1
                grams.totals[item] += 1
            start, at, n_words, hash_ = next_gram(text, at, hashes, starts, n_words)
    return n_grams, n_pairs
