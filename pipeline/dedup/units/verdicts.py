"""Verdicts of a block's documents, and the evidence that follows from them.

`verdicts` gathers what the searches for ids, texts and likeness said of a block. `evidence` then follows who
stays for whom across blocks, since who stands for an equal text may have gone for a near-duplicate itself,
and sends what is to be told of each document to its group of splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from filters.minhash import equal_shares
from filters.minhash_schemes import estimated_sizes
from pipeline.dedup.exchange import Ints, gather, read_slice, rows_path, slice_sizes, write_rows, write_slices
from pipeline.dedup.units.blocks import (
    ID,
    PLACE,
    docs_path,
    numbers_of,
    pick_docs,
    pick_rows,
    pick_signatures,
)
from pipeline.dedup.units.decide import (
    INSIDE,
    KEPT,
    LIKE,
    MEASURE,
    NUMBER,
    REASON,
    ROOT,
    SIZE,
    VERDICT_WORDS,
    block_weights,
)
from pipeline.dedup.units.pairs import estimated_containment
from pipeline.dedup.work import DUPLICATE_ID, ESTIMATE, EXACT, INDEX_MASK, MEASURED, NEAR, STAYS, UNMEASURED
from pipeline.units import Product, Receipt

E_PLACE, E_REASON, E_KEPT_IN, E_LIKE, E_INSIDE, E_MEASURE, E_SIZE = range(7)
E_KEPT, E_CLUSTER, EVIDENCE_WORDS = slice(7, 9), slice(9, 11), 11
"""Columns of what a group of splits is told of a document that goes, or that others went for."""
ONE = int(np.float64(1.0).view(np.int64))


@dataclass(frozen=True)
class VerdictsWork:
    """A block, and the files that speak of its documents."""

    block: int
    stem: Path
    same_ids: tuple[Path, ...]
    same_texts: tuple[Path, ...]
    decided: tuple[Path, ...]
    old: bool
    """Whether the block is of a saved index."""


@dataclass(frozen=True)
class EvidenceWork:
    """A block of this corpus, and every block's verdicts."""

    block: int
    stems: tuple[Path, ...]
    verdicts: tuple[Path, ...]
    groups: int
    index_starts: tuple[int, ...]
    """The first number of each saved index, and then that of this corpus."""
    num_perm: int
    memory: int


def give_verdicts(work: VerdictsWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the verdict on each document of a block, by index."""
    (product,) = pending
    count = int(slice_sizes(docs_path(work.stem)).sum())
    rows = np.zeros((count, VERDICT_WORDS), np.int64)
    rows[:, NUMBER] = rows[:, KEPT] = rows[:, ROOT] = numbers_of(work.block, count)
    rows[:, SIZE] = block_weights(work.same_ids, work.same_texts, work.block, count, old=work.old)
    for files, reason in ((work.same_ids, DUPLICATE_ID), (work.same_texts, EXACT)):
        removed = gather(files, work.block)
        at = removed[:, 0] & INDEX_MASK
        rows[at, REASON], rows[at, KEPT] = reason, removed[:, 1]
    equal = rows[:, REASON] == EXACT
    rows[equal, LIKE] = rows[equal, INSIDE] = ONE
    rows[equal, MEASURE] = MEASURED
    decided = gather(work.decided, work.block)
    if len(decided):
        rows[decided[:, NUMBER] & INDEX_MASK] = decided
    write_rows(rows_path(product), rows)
    gone = int((rows[:, REASON] != STAYS).sum())
    return [product.commit(Receipt(product.key, count, count - gone, {"removed": gone}))]


def give_evidence(work: EvidenceWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write what is told of each removed document, and of each that others went for, sliced by group of
    splits.
    """
    (product,) = pending
    verdicts = read_slice(work.verdicts[work.block], 0)
    docs = read_slice(docs_path(work.stems[work.block]), 0)
    told = np.flatnonzero((verdicts[:, REASON] != STAYS) | (verdicts[:, SIZE] > 1))
    rows, places = verdicts[told], docs[told][:, PLACE]
    _follow(rows, work)
    _estimate(rows, work)
    evidence = np.zeros((len(rows), EVIDENCE_WORDS), np.int64)
    evidence[:, E_PLACE], evidence[:, E_REASON] = places[:, 1], rows[:, REASON]
    evidence[:, E_KEPT], evidence[:, E_CLUSTER] = (_ids(rows[:, c], work) for c in (KEPT, ROOT))
    evidence[:, E_KEPT_IN] = _indexes(rows[:, KEPT], work.index_starts)
    for there, here in ((E_LIKE, LIKE), (E_INSIDE, INSIDE), (E_MEASURE, MEASURE), (E_SIZE, SIZE)):
        evidence[:, there] = rows[:, here]
    write_slices(rows_path(product), evidence, places[:, 0], work.groups)
    gone = int((rows[:, REASON] != STAYS).sum())
    facts = {"told": len(rows)}
    return [product.commit(Receipt(product.key, len(docs), len(docs) - gone, {"removed": gone}, facts=facts))]


def _follow(rows: Ints, work: EvidenceWork) -> None:
    """Lead each row on to a document that stays, and to its cluster; likeness is the least on the way."""
    moving = np.flatnonzero(np.isin(rows[:, REASON], (DUPLICATE_ID, EXACT)))
    while len(moving):
        kept = _picked(rows[moving, KEPT], work)
        rows[moving, ROOT], rows[moving, SIZE] = kept[:, ROOT], kept[:, SIZE]
        on = kept[:, REASON] != STAYS
        moving, kept = moving[on], kept[on]
        rows[moving, KEPT] = kept[:, KEPT]
        for column in (LIKE, INSIDE):
            least = np.minimum(rows[moving, column].view(np.float64), kept[:, column].view(np.float64))
            rows[moving, column] = least.view(np.int64)
        rows[moving, MEASURE] = np.minimum(rows[moving, MEASURE], kept[:, MEASURE])


def _picked(numbers: Ints, work: EvidenceWork) -> Ints:
    """The verdicts on some documents of any blocks."""
    distinct, place = np.unique(numbers, return_inverse=True)
    return pick_rows(work.verdicts, distinct, VERDICT_WORDS)[place]


def _ids(numbers: Ints, work: EvidenceWork) -> Ints:
    distinct, place = np.unique(numbers, return_inverse=True)
    return pick_docs(work.stems, distinct)[:, ID][place]


def _indexes(numbers: Ints, starts: tuple[int, ...]) -> Ints:
    """0 for a document of this corpus, else 1 for the first saved index, and so on."""
    found = np.searchsorted(np.array(starts, np.int64), numbers, "right")
    return np.where(found == len(starts), 0, found)


def _estimate(rows: Ints, work: EvidenceWork) -> None:
    """Estimate likeness where a document went for one that it was never compared with."""
    unknown = np.flatnonzero((rows[:, REASON] == NEAR) & (rows[:, MEASURE] == UNMEASURED))
    most = max(1, work.memory // (4 * 4 * max(1, work.num_perm)))
    for start in range(0, len(unknown), most):
        part = unknown[start : start + most]
        pair = []
        for column in (KEPT, NUMBER):
            distinct, place = np.unique(rows[part, column], return_inverse=True)
            pair.append((pick_signatures(work.stems, distinct, work.num_perm), place))
        (theirs, left), (own, right) = pair
        alike = equal_shares(theirs, left, own, right)
        inside = estimated_containment(alike, estimated_sizes(theirs)[left], estimated_sizes(own)[right])
        rows[part, LIKE], rows[part, INSIDE] = alike.view(np.int64), inside.view(np.int64)
        rows[part, MEASURE] = ESTIMATE
