"""Bands: a 64-bit hash of each band of each signature, sliced by its leading bits.

Only documents that are the first of their id and of their text take part, and of those only the ones that
have shingles: an all-ones signature says nothing. The number of the band is hashed with it, so two bands with
equal entries do not meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.dedup.exchange import Ints, gather, rows_path
from pipeline.dedup.units.blocks import numbers_of, read_signatures, write_keyed
from pipeline.dedup.work import INDEX_MASK
from pipeline.units import Product, Receipt


@dataclass(frozen=True)
class BandsWork:
    """A block, and the files that say which of its documents are repeated."""

    block: int
    stem: Path
    removed: tuple[Path, ...]
    num_perm: int
    bands: int
    rows: int
    """Entries a band."""
    partitions: int


def choose_bands(threshold: float, num_perm: int) -> tuple[int, int]:
    """(bands, entries a band) as datasketch chooses them for a threshold."""
    from datasketch import MinHashLSH  # noqa: PLC0415 — 0.3 s of import that only this needs

    lsh = MinHashLSH(threshold=threshold, num_perm=num_perm)
    return int(lsh.b), int(lsh.r)


def write_bands(work: BandsWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write (band hash, number) of each document of a block that is to be compared."""
    (product,) = pending
    signatures = read_signatures(work.stem, work.num_perm)
    alive = (signatures != np.uint32(0xFFFFFFFF)).any(axis=1)
    alive[gather(work.removed, work.block)[:, 0] & INDEX_MASK] = False
    numbers = numbers_of(work.block, len(signatures))[alive]
    records = np.empty((len(numbers) * work.bands, 2), np.int64)
    records[:, 0] = band_hashes(signatures[alive], work.bands, work.rows).ravel()
    records[:, 1] = np.repeat(numbers, work.bands)
    count = len(signatures)
    del signatures
    write_keyed(rows_path(product), records, work.partitions)
    dropped = {"not compared": int((~alive).sum())}
    return [product.commit(Receipt(product.key, count, len(numbers), dropped))]


@njit(cache=True, nogil=True)
def band_hashes(signatures: npt.NDArray[np.uint32], bands: int, rows: int) -> Ints:
    """Hashes of all bands: int64[n, bands] (FNV-1a over 32-bit words, finished by SplitMix64's mix)."""
    hashes = np.empty((len(signatures), bands), np.int64)
    for i in range(len(signatures)):
        for band in range(bands):
            state = np.uint64(0xCBF29CE484222325) ^ np.uint64(band)
            for j in range(band * rows, (band + 1) * rows):
                state = (state ^ np.uint64(signatures[i, j])) * np.uint64(0x100000001B3)
                state ^= state >> np.uint64(29)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            hashes[i, band] = np.int64(state ^ (state >> np.uint64(31)))
    return hashes
