"""Pairs: the candidates of one block, each once, with how alike their signatures are.

A unit holds its block's signatures; those of better documents it reads from their blocks' files, in order, as
many at a time as fit. A pair file has the rows of `PAIR`; similarities are float64 stored as their bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from filters.minhash import equal_shares
from filters.minhash_schemes import estimated_sizes
from pipeline.dedup.exchange import Ints, distinct, gather, read_slice, slice_sizes, write_rows, write_slices
from pipeline.dedup.units.blocks import PLACE, pick_docs, pick_signatures, read_signatures
from pipeline.dedup.units.candidates import pairs_path
from pipeline.dedup.work import BLOCK_BITS, INDEX_MASK
from pipeline.units import Product, Receipt

LEFT, RIGHT, JACCARD, CONTAINMENT, PAIR_WORDS = 0, 1, 2, 3, 4
"""Columns of a pair file: the better document, the other, and how alike; containment is of the right one."""
ERRORS: Final = 4.0
"""Standard errors below the threshold at which an estimate is still worth an exact comparison."""
Floats = npt.NDArray[np.float64]
PASS_BYTES: Final = 64
"""A candidate pair while it is sorted and made unique."""


@dataclass(frozen=True)
class PairsWork:
    """A block and all files of candidates."""

    block: int
    stems: tuple[Path, ...]
    """Of every block."""
    candidates: tuple[Path, ...]
    num_perm: int
    threshold: float
    """Pairs whose estimate is below are left out; 0 keeps all."""
    first_new: int
    wanted_groups: int
    """Of how many groups of splits documents may be wanted for an exact comparison; 0: none are."""
    memory: int


def lowest_estimate(threshold: float, num_perm: int) -> float:
    """An estimate that a pair at the threshold falls below once in some 30,000 times."""
    return max(0.0, threshold - ERRORS * float(np.sqrt(threshold * (1 - threshold) / num_perm)))


def estimate_pairs(work: PairsWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the block's pairs, and (number, place) of who is wanted, by group; facts: how many files."""
    (product,) = pending
    own = read_signatures(work.stems[work.block], work.num_perm)
    came, found, files = 0, 0, 0
    for candidates, raw in _passes(work):
        came += raw
        kept = [_estimated(work, own, part) for part in _portions(work, candidates)]
        pairs = np.concatenate(kept) if kept else np.empty((0, PAIR_WORDS), np.int64)
        pairs = pairs[np.lexsort((pairs[:, LEFT], pairs[:, RIGHT]))]
        write_rows(pairs_path(product, files), pairs)
        if work.wanted_groups:
            _write_wanted(work, pairs, wanted_path(product, files))
        found, files = found + len(pairs), files + 1
    dropped = {"repeated or below": came - found}
    return [product.commit(Receipt(product.key, came, found, dropped, facts={"files": files}))]


def wanted_path(product: Product, index: int) -> Path:
    """Documents of one pair file whose shingles are wanted."""
    return product.receipt.with_suffix(f".{index}.wanted")


def _passes(work: PairsWork) -> Iterator[tuple[Ints, int]]:
    """Unique candidates (left, right) of the block, a range of rights at a time, and how many there were.

    Each file's slice is read once a pass, and what is not in the range is let go.
    """
    sizes = [int(slice_sizes(path)[work.block]) for path in work.candidates]
    passes = max(1, -(-sum(sizes) * PASS_BYTES // work.memory))
    for index in range(passes):
        parts = [np.empty((0, 2), np.int64)]
        for path, size in zip(work.candidates, sizes, strict=True):
            if size:
                part = read_slice(path, work.block)
                parts.append(part[(part[:, 1] & INDEX_MASK) % passes == index] if passes > 1 else part)
        raw = np.concatenate(parts)
        del parts
        yield _unique(raw), len(raw)


def _unique(pairs: Ints) -> Ints:
    """The distinct pairs, sorted by (left, right); their rights are of one block."""
    if not len(pairs):
        return pairs
    left, right = pairs[:, 0] & INDEX_MASK, pairs[:, 1] & INDEX_MASK
    widths = [int(own.max()).bit_length() for own in (left, right)]
    packed = (pairs[:, 0] >> BLOCK_BITS << sum(widths)) | (left << widths[1]) | right
    blocks = int(pairs[:, 0].max()) >> BLOCK_BITS
    assert blocks.bit_length() + sum(widths) < 64  # 2^23 blocks of 2^20 documents fit
    packed = pl.Series(packed).sort().to_numpy()  # five times as fast as numpy's
    packed = packed[np.diff(packed, prepend=-1) != 0]
    left = (packed >> sum(widths) << BLOCK_BITS) | (packed >> widths[1] & ((1 << widths[0]) - 1))
    right = (pairs[0, 1] & ~INDEX_MASK) | (packed & ((1 << widths[1]) - 1))
    return np.column_stack([left, right])


def _portions(work: PairsWork, candidates: Ints) -> Iterator[Ints]:
    """Runs of candidates whose lefts' signatures fit in memory together."""
    most = max(1, work.memory // (3 * 4 * work.num_perm))
    for start in range(0, len(candidates), most):
        yield candidates[start : start + most]


def _estimated(work: PairsWork, own: npt.NDArray[np.uint32], candidates: Ints) -> Ints:
    """The rows of those candidates that reach the threshold; sorted by left as they came."""
    first = np.diff(candidates[:, 0], prepend=-1) != 0  # they are sorted
    lefts, place = candidates[first, 0], np.cumsum(first) - 1
    theirs = pick_signatures(work.stems, lefts, work.num_perm)
    rights = candidates[:, 1] & INDEX_MASK
    alike = equal_shares(theirs, place, own, rights)
    good = alike >= work.threshold
    alike, place, rights = alike[good], place[good], rights[good]
    containment = estimated_containment(alike, estimated_sizes(theirs)[place], estimated_sizes(own[rights]))
    return pair_rows(candidates[good], alike, containment)


def estimated_containment(jaccard: Floats, left: Floats, right: Floats) -> Floats:
    """The share of right sets that is in left ones, from their similarity and estimated sizes."""
    shared = jaccard * (left + right) / (1 + jaccard)
    return np.minimum(1.0, shared / np.maximum(right, 1.0))


def pair_rows(pairs: Ints, jaccard: Floats, containment: Floats) -> Ints:
    """Rows of a pair file."""
    return np.column_stack([pairs, jaccard.view(np.int64), containment.view(np.int64)])


def _write_wanted(work: PairsWork, pairs: Ints, path: Path) -> None:
    """(number, place) of each document of a pair within this corpus, sliced by its group."""
    inside = pairs[pairs[:, LEFT] >= work.first_new]
    numbers = distinct(inside[:, [LEFT, RIGHT]])
    places = pick_docs(work.stems, numbers)[:, PLACE]
    write_slices(path, np.column_stack([numbers, places[:, 1]]), places[:, 0], work.wanted_groups)


def read_pairs(files: tuple[Path, ...]) -> Ints:
    """The pairs of a block, sorted by (right, left)."""
    pairs = gather(files, 0) if files else np.empty((0, PAIR_WORDS), np.int64)
    return pairs if len(files) == 1 else pairs[np.lexsort((pairs[:, LEFT], pairs[:, RIGHT]))]
