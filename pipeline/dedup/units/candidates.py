"""Candidates: documents that share a band hash, as pairs; a unit handles a share of the hashes.

Most hashes occur once. A table of counters finds those that do without sorting, and only the rest is sorted.
In a bucket of up to BUCKET_LIMIT documents all are paired. In a larger one each is paired with the best of
the bucket only, the fewer the larger it is, down to LEAST_ANCHORS: so a bucket of a million licence headers
costs eight pairs a document, and the pairs are the same however the work is divided.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.dedup.exchange import Ints, write_slices
from pipeline.dedup.units.blocks import SliceOf, read_shifted
from pipeline.dedup.work import BLOCK_BITS
from pipeline.units import Product, Receipt

BUCKET_LIMIT = 128
LEAST_ANCHORS = 8
Flags = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CandidatesWork:
    """One partition of band hashes: for each block, by ascending number, its file and the slices to read."""

    files: tuple[SliceOf, ...]
    blocks: int
    first_new: int
    """Documents of lower numbers are a saved index's, and are not compared with each other."""
    pairs_at_a_time: int


def pairs_path(product: Product, index: int) -> Path:
    """The `index`-th file of a partition's pairs."""
    return product.receipt.with_suffix(f".{index}.pairs")


def find_candidates(work: CandidatesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write pairs (left, right), sliced by the block of right; facts: how many files."""
    (product,) = pending
    hashes, numbers, records = _repeated(work)
    count, files = 0, 0
    for pairs in bucket_pairs(hashes, numbers, work.first_new, work.pairs_at_a_time):
        write_slices(pairs_path(product, files), pairs, pairs[:, 1] >> BLOCK_BITS, work.blocks)
        count, files = count + len(pairs), files + 1
    facts = {"records": records, "repeated": len(hashes), "files": files}
    return [product.commit(Receipt(product.key, count, count, facts=facts))]


def _repeated(work: CandidatesWork) -> tuple[Ints, Ints, int]:
    """Hashes that occur more than once and their numbers, sorted by both; and how many records there were."""
    parts = [read_shifted(file, 1) for file in work.files]
    total = sum(map(len, parts))
    bits = max(10, int(2 * total + 1).bit_length())
    counters = np.zeros(1 << bits, np.uint8)
    for part in parts:
        _count(part, counters, bits)
    kept = [part[_is_repeated(part, counters, bits)] for part in parts]
    del parts
    rows = np.concatenate(kept) if kept else np.empty((0, 2), np.int64)
    order = np.argsort(rows[:, 0], kind="stable")  # equal hashes stay in ascending number
    hashes, numbers = rows[order, 0], rows[order, 1]
    return hashes, numbers, total


@njit(cache=True, nogil=True)
def _count(records: Ints, counters: Flags, bits: int) -> None:
    for k in range(len(records)):
        slot = (np.uint64(records[k, 0]) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)
        if counters[slot] < 2:
            counters[slot] += 1


@njit(cache=True, nogil=True)
def _is_repeated(records: Ints, counters: Flags, bits: int) -> npt.NDArray[np.bool_]:
    found = np.empty(len(records), np.bool_)
    for k in range(len(records)):
        slot = (np.uint64(records[k, 0]) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)
        found[k] = counters[slot] == 2
    return found


def bucket_pairs(hashes: Ints, numbers: Ints, first_new: int, at_a_time: int) -> Iterator[Ints]:
    """Pairs (left, right) int64[m, 2] within each run of equal sorted `hashes`, left < right, `at_a_time` or
    so.

    A pair whose right is before `first_new` is left out.
    """
    places = _anchors(hashes, numbers, first_new)
    total = np.cumsum(places)
    start = 0
    while start < len(hashes):
        spent = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, spent + at_a_time, "right")))
        pairs = _pairs(hashes, numbers, places, start, stop, int(total[stop - 1] - spent))
        if len(pairs):
            yield pairs
        start = stop


@njit(cache=True, nogil=True)
def _anchors(hashes: Ints, numbers: Ints, first_new: int) -> Ints:
    """With how many of the first of its bucket each record is paired."""
    places = np.zeros(len(hashes), np.int64)
    start = 0
    while start < len(hashes):
        stop = start + 1
        while stop < len(hashes) and hashes[stop] == hashes[start]:
            stop += 1
        size = stop - start
        most = size if size <= BUCKET_LIMIT else max(LEAST_ANCHORS, BUCKET_LIMIT * BUCKET_LIMIT // size)
        for k in range(start, stop):
            if numbers[k] >= first_new:
                places[k] = min(k - start, most)
        start = stop
    return places


@njit(cache=True, nogil=True)
def _pairs(hashes: Ints, numbers: Ints, places: Ints, start: int, stop: int, count: int) -> Ints:
    """Pairs of the records `start`..`stop` with the first of their buckets."""
    pairs = np.empty((count, 2), np.int64)
    first = start
    while first > 0 and hashes[first - 1] == hashes[start]:
        first -= 1
    at = 0
    for k in range(start, stop):
        if hashes[k] != hashes[first]:
            first = k
        for m in range(places[k]):
            pairs[at, 0], pairs[at, 1] = numbers[first + m], numbers[k]
            at += 1
    return pairs
