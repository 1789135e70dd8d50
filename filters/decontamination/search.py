"""The search itself: each text is folded twice, once for whole items and once for n-grams.

Findings are numbers of items and spans in code points. A text costs 1.5 times the longest one's size in
memory, and about 11 ns a byte on one core.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from filters.decontamination.grams import Grams, count_grams
from filters.decontamination.kernel import NONE, Bytes, Folding, Items, Longs, find_item, fold
from filters.kernel_cache import forget_stale_kernels

forget_stale_kernels(__file__)


@njit(cache=True, nogil=True)
def span_of(text: Bytes, folding: Folding, out: Bytes, start: np.int64, stop: np.int64) -> tuple[int, int]:
    """The code points of a text that folded to the bytes from `start` to `stop`."""
    return fold(text, folding, out, start + 1)[1] - 1, fold(text, folding, out, stop)[1]


@njit(cache=True, nogil=True)
def search_texts(
    data: Bytes, offsets: Longs, foldings: tuple[Folding, Folding], items: Items, grams: Grams
) -> Longs:
    """The findings in each text: i64[n, 7], (item, start, stop) of a substring, (item, count, start, stop) of
    n-grams. Spans are in code points; an item of -1 means none. `foldings` are those of items and of grams.
    """
    longest = 0
    for size in offsets[1:] - offsets[:-1]:
        longest = max(longest, size)
    out = np.empty(longest + (longest >> 1) + 4, np.uint8)
    tally, seen = np.zeros((len(grams.totals), 4), np.int64), np.zeros(len(grams.hashes), np.int64)
    findings = np.full((len(offsets) - 1, 7), NONE)
    for number in range(len(findings)):
        text, finding = data[offsets[number] : offsets[number + 1]], findings[number]
        written, _ = fold(text, foldings[0], out, len(out))
        best = place = np.int64(len(items.nexts))
        for width in items.widths:
            found, where = find_item(out[:written], width, items, best)
            if found < best:
                best, place = found, where
        if best < len(items.nexts):
            finding[0] = best
            stop = place + items.offsets[best + 1] - items.offsets[best]
            finding[1], finding[2] = span_of(text, foldings[0], out, place, stop)
        written, _ = fold(text, foldings[1], out, len(out))
        finding[3:] = count_grams(out[:written], grams, number + 1, tally, seen)
        if finding[3] != NONE:
            finding[5], finding[6] = span_of(text, foldings[1], out, finding[5], finding[6])
    return findings
