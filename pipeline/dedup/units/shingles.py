"""Exact comparison: the shingles of documents that are candidates, and the pairs they confirm.

A unit of `shingles` reads the wanted texts of a group of splits and leaves their sets: `.hashes`, uint64 one
after the other, and `.rows` of (number, start, stop). A unit of `confirm` compares the pairs of one block, as
many at a time as have sets that fit. Pairs with a document of a saved index keep their estimate: its text is
not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from filters.minhash import MinHash
from filters.shingles import ShingleSets, jaccard_and_containment
from pipeline.dedup.exchange import Ints, distinct, gather, read_slice, rows_path, write_rows
from pipeline.dedup.units.blocks import PLACE, pick_docs
from pipeline.dedup.units.candidates import pairs_path
from pipeline.dedup.units.pairs import LEFT, PAIR_WORDS, RIGHT, pair_rows
from pipeline.dedup.work import ROW_BITS, ROW_MASK
from pipeline.documents import Reading, read_batches
from pipeline.sources import Split
from pipeline.store import committed
from pipeline.units import Product, Receipt

HASH_BYTES = 8


@dataclass(frozen=True)
class ShinglesWork:
    """A group of splits, and the files that say which of its documents are wanted."""

    group: int
    splits: tuple[Split, ...]
    reading: Reading
    minhash: MinHash
    wanted: tuple[Path, ...]


@dataclass(frozen=True)
class ConfirmWork:
    """A block's pairs, and where the shingle sets of each group lie."""

    stems: tuple[Path, ...]
    pairs: tuple[Path, ...]
    sets: tuple[Path, ...]
    """Each group's `.rows`."""
    threshold: float
    """For pairs of a saved index, the estimate must reach it too."""
    first_new: int
    memory: int


def hashes_path(rows: Path) -> Path:
    """The sets that a `.rows` file of `shingles` speaks of."""
    return rows.with_suffix(".hashes")


def make_shingles(work: ShinglesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the shingle sets of one split's wanted documents. Raises RuntimeError if one is not there any
    more.
    """
    (product,) = pending
    wanted = gather(work.wanted, work.group)
    places, first = np.unique(wanted[:, 1], return_index=True)
    numbers = wanted[first, 0]
    path = rows_path(product)
    sizes = [np.zeros(0, np.int64)]
    with committed(hashes_path(path)) as temporary, temporary.open("wb") as stream:
        for index, split in enumerate(work.splits):
            rows = places[places >> ROW_BITS == index] & ROW_MASK
            for texts in _texts(split, work.reading, rows):
                sets = work.minhash.shingle_sets(texts)
                sets.hashes.astype("<u8", copy=False).tofile(stream)
                sizes.append(np.diff(sets.offsets))
    stops = np.cumsum(np.concatenate(sizes))
    table = np.column_stack([numbers, stops - np.concatenate(sizes), stops])
    table = table[np.argsort(numbers)]
    write_rows(path, table)
    return [product.commit(Receipt(product.key, len(places), len(places)))]


def _texts(split: Split, reading: Reading, rows: Ints) -> Iterator[pa.ChunkedArray]:
    """The texts of some rows of a split, in batches. Raises RuntimeError if one is not there any more."""
    seen = [np.zeros(0, np.int64)]
    for batch in read_batches(split, reading, ["content"], rows=rows):
        seen.append(batch.documents["row"].to_numpy())
        yield batch.documents["content"]
    if not np.array_equal(np.concatenate(seen), rows):
        raise RuntimeError(f"{split.label}: not the documents that were annotated; it changed during the run")


def confirm_pairs(work: ConfirmWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the pairs of one block that reach the threshold, with their exact similarity."""
    (product,) = pending
    came, found = 0, 0
    for index, path in enumerate(work.pairs):
        pairs = read_slice(path, 0)
        inside = pairs[:, LEFT] >= work.first_new
        estimate = pairs[~inside]
        confirmed = [estimate[estimate[:, 2].view(np.float64) >= work.threshold]]
        confirmed += [
            _exact(part, sets, work) for part, sets in _portions(work, pairs[inside][:, [LEFT, RIGHT]])
        ]
        kept = np.concatenate(confirmed) if confirmed else np.empty((0, PAIR_WORDS), np.int64)
        kept = kept[np.lexsort((kept[:, LEFT], kept[:, RIGHT]))]
        write_rows(pairs_path(product, index), kept)
        came, found = came + len(pairs), found + len(kept)
    dropped = {"below the threshold": came - found}
    facts = {"files": len(work.pairs)}
    return [product.commit(Receipt(product.key, came, found, dropped, facts=facts))]


def _exact(pairs: Ints, sets: Sets, work: ConfirmWork) -> Ints:
    left, right = (np.searchsorted(sets.numbers, pairs[:, side]) for side in (LEFT, RIGHT))
    jaccard, containment = jaccard_and_containment(sets.read(), left, right)
    good = jaccard >= work.threshold
    return pair_rows(pairs[good], jaccard[good], containment[good])


@dataclass(frozen=True)
class Sets:
    """Where the shingle sets of some documents lie."""

    numbers: Ints
    """Ascending."""
    groups: Ints
    starts: Ints
    stops: Ints
    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes of all the sets."""
        return int((self.stops - self.starts).sum()) * HASH_BYTES

    def read(self) -> ShingleSets:
        """All the sets, in the order of `numbers`."""
        lengths = self.stops - self.starts
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        hashes = np.empty(offsets[-1], np.uint64)
        for group in np.unique(self.groups).tolist():
            own = np.flatnonzero(self.groups == group)
            if not lengths[own].any():
                continue
            mapped = np.memmap(hashes_path(self.files[group]), "<u8", "r")
            for i in own.tolist():
                hashes[offsets[i] : offsets[i + 1]] = mapped[self.starts[i] : self.stops[i]]
        return ShingleSets(hashes, offsets)


def find_sets(numbers: Ints, stems: tuple[Path, ...], files: tuple[Path, ...]) -> Sets:
    """Where the sets of documents (ascending numbers) lie."""
    groups = pick_docs(stems, numbers)[:, PLACE][:, 0]
    found = np.zeros((len(numbers), 2), np.int64)
    for group in np.unique(groups).tolist():
        table = read_slice(files[group], 0)
        own = groups == group
        found[own] = table[np.searchsorted(table[:, 0], numbers[own])][:, 1:]
    return Sets(numbers, groups, found[:, 0], found[:, 1], files)


def _portions(work: ConfirmWork, pairs: Ints) -> Iterator[tuple[Ints, Sets]]:
    """Runs of pairs whose sets fit in memory together; one pair at least."""
    if not len(pairs):
        return
    sets = find_sets(distinct(pairs), work.stems, work.sets)
    if sets.size > work.memory // 2 and len(pairs) > 1:
        half = len(pairs) // 2
        yield from _portions(work, pairs[:half])
        yield from _portions(work, pairs[half:])
    else:
        yield pairs, sets
