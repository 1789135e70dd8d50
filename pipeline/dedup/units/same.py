"""Equal keys: of all documents with one id, or one text, the best stays. A unit handles a share of the keys.

Keyed rows are (key, key, number, weight): a document's weight is how many it stands for, itself included;
those of a saved index weigh nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

from pipeline.dedup.exchange import Ints, gather, read_slice, rows_path, write_slices
from pipeline.dedup.units.blocks import TEXT, SliceOf, docs_path, numbers_of, read_shifted, write_keyed
from pipeline.dedup.work import BLOCK_BITS, INDEX_MASK
from pipeline.units import Product, Receipt


@dataclass(frozen=True)
class SameWork:
    """One partition of keys, in files that ascend by number from file to file."""

    files: tuple[SliceOf, ...]
    blocks: int
    first_new: int
    """Documents of lower numbers are a saved index's: they stay."""


@dataclass(frozen=True)
class TextsWork:
    """A block whose repeated ids are known: its other documents' text hashes are to be written."""

    block: int
    stem: Path
    same_ids: tuple[Path, ...]
    """Receipts of the units of `same ids`."""
    partitions: int


def weights_path(rows: Path) -> Path:
    """(number, weight) of those that stand for others, sliced by block; `rows` says who goes."""
    return rows.with_suffix(".weights")


def same_keys(work: SameWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write (number, who stays) of each repeated document, sliced by its block, and weights of who stays."""
    (product,) = pending
    path = rows_path(product)
    rows = np.concatenate([read_shifted(file, 2) for file in work.files])
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]  # stable: equal keys stay in ascending number
    firsts = _firsts(rows[:, :2])
    numbers, owners = rows[:, 2], rows[firsts, 2]
    new = numbers >= work.first_new
    removed = np.stack([numbers, owners], axis=1)[(owners != numbers) & new]
    write_slices(path, removed, removed[:, 0] >> BLOCK_BITS, work.blocks)
    totals = np.bincount(firsts, rows[:, 3], minlength=len(rows)).astype(np.int64)
    heads = (firsts == np.arange(len(rows))) & (totals != new)  # a new one that stands alone weighs one
    weights = np.stack([numbers[heads], totals[heads]], axis=1)
    write_slices(weights_path(path), weights, weights[:, 0] >> BLOCK_BITS, work.blocks)
    dropped = {"repeated": len(removed)}
    return [product.commit(Receipt(product.key, int(new.sum()), int(new.sum()) - len(removed), dropped))]


@njit(cache=True, nogil=True)
def _firsts(keys: Ints) -> Ints:
    """For each sorted key, the position of the first that equals it."""
    first = np.zeros(len(keys), np.int64)
    for k in range(1, len(keys)):
        same = keys[k, 0] == keys[k - 1, 0] and keys[k, 1] == keys[k - 1, 1]
        first[k] = first[k - 1] if same else k
    return first


def write_texts(work: TextsWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the keyed rows of a block's texts, but for documents that repeat an id."""
    (product,) = pending
    docs = read_slice(docs_path(work.stem), 0)
    alive = np.ones(len(docs), np.bool_)
    alive[gather(work.same_ids, work.block)[:, 0] & INDEX_MASK] = False
    weights = np.ones(len(docs), np.int64)
    heavy = gather([weights_path(path) for path in work.same_ids], work.block)
    weights[heavy[:, 0] & INDEX_MASK] = heavy[:, 1]
    numbers = numbers_of(work.block, len(docs))
    rows = np.column_stack([docs[:, TEXT], numbers, weights])[alive]
    write_keyed(rows_path(product), rows, work.partitions)
    dropped = {"repeated": int((~alive).sum())}
    return [product.commit(Receipt(product.key, len(docs), int(alive.sum()), dropped))]
