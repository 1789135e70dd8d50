"""Decide: who goes for whom in each cluster of like documents.

A unit of `clusters` sends a block's documents and pairs to the partition of their component's root. A unit of
`decide` then has whole components: it picks who stays, drops held-out documents whose cluster also keeps a
training document (so that no cluster stands on both sides), and says the size of each cluster. What bounds it
is the partition, and a component is never divided: 32 bytes a document and 40 a pair; for `extremes`, also
the shingle sets of one component.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from filters.shingles import ShingleSets, jaccard_and_containment
from pipeline.dedup.exchange import Ints, gather, read_slice, rows_path, write_slices
from pipeline.dedup.graph import choice
from pipeline.dedup.units.blocks import HELD, docs_path, partition_of
from pipeline.dedup.units.pairs import CONTAINMENT, JACCARD, LEFT, RIGHT, read_pairs
from pipeline.dedup.units.same import weights_path
from pipeline.dedup.units.shingles import HASH_BYTES, find_sets
from pipeline.dedup.work import BLOCK_BITS, ESTIMATE, INDEX_MASK, LEAK, MEASURED, NEAR, STAYS, UNMEASURED
from pipeline.units import Product, Receipt

NUMBER, REASON, KEPT, LIKE, INSIDE, MEASURE, ROOT, SIZE, VERDICT_WORDS = range(9)
"""Columns of a verdict: a document, why it goes, for whom, how alike, containment, measured how, its cluster.
"""
MOST_EXTREMES: Final = 1024
"""Kept documents of a cluster with which another is compared in `extremes`."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClustersWork:
    """A block, its pairs, and the files of components and of weights."""

    block: int
    stem: Path
    pairs: tuple[Path, ...]
    labels: tuple[Path, ...]
    same_ids: tuple[Path, ...]
    same_texts: tuple[Path, ...]
    partitions: int
    old: bool
    """Whether the block is of a saved index."""


@dataclass(frozen=True)
class DecideWork:
    """One partition of components."""

    partition: int
    files: tuple[Path, ...]
    """Every block's `clusters` rows."""
    blocks: int
    first_new: int
    exact: bool
    cluster: str
    threshold: float
    stems: tuple[Path, ...]
    sets: tuple[Path, ...]
    """Each group's shingle sets, for `extremes`."""
    memory: int


def nodes_path(rows: Path) -> Path:
    """(number, root, held out, weight) beside the pairs of a `clusters` unit."""
    return rows.with_suffix(".nodes")


def send_clusters(work: ClustersWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write a block's pairs and its documents that are in a pair, sliced by the partition of their root."""
    (product,) = pending
    labels = gather(work.labels, work.block, 2)
    labels = labels[np.argsort(labels[:, 0])]
    held = read_slice(docs_path(work.stem), 0)[:, HELD]
    weights = block_weights(work.same_ids, work.same_texts, work.block, len(held), old=work.old)
    index = labels[:, 0] & INDEX_MASK
    nodes = np.column_stack([labels, held[index], weights[index]])
    path = rows_path(product)
    write_slices(nodes_path(path), nodes, _partition(labels[:, 1], work.partitions), work.partitions)
    pairs = read_pairs(work.pairs)
    roots = labels[np.searchsorted(labels[:, 0], pairs[:, RIGHT]), 1]
    write_slices(path, pairs, _partition(roots, work.partitions), work.partitions)
    return [product.commit(Receipt(product.key, len(nodes), len(nodes)))]


def block_weights(
    same_ids: tuple[Path, ...], same_texts: tuple[Path, ...], block: int, count: int, *, old: bool
) -> Ints:
    """How many documents of this corpus each document of a block stands for, itself included."""
    by_text = gather([weights_path(path) for path in same_texts], block)
    weights = np.full(count, int(not old), np.int64)
    if old:  # its texts' weights do not hold those of its ids
        by_id = gather([weights_path(path) for path in same_ids], block)
        weights[by_id[:, 0] & INDEX_MASK] = by_id[:, 1]
        weights[by_text[:, 0] & INDEX_MASK] += by_text[:, 1]
    else:
        weights[by_text[:, 0] & INDEX_MASK] = by_text[:, 1]
    return weights


def _partition(roots: Ints, partitions: int) -> Ints:
    """Partitions of roots, which are not uniform: by a mix of their bits."""
    return partition_of((roots.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64), partitions)


def decide(work: DecideWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the verdict on every document of the partition's components, sliced by block."""
    (product,) = pending
    nodes = gather([nodes_path(path) for path in work.files], work.partition)
    nodes = nodes[np.argsort(nodes[:, 0])]
    pairs = gather(work.files, work.partition)
    pairs = pairs[np.lexsort((pairs[:, LEFT], pairs[:, RIGHT]))]
    verdicts = np.concatenate([_judge(work, *part) for part in _portions(work, nodes, pairs)])
    write_slices(rows_path(product), verdicts, verdicts[:, NUMBER] >> BLOCK_BITS, work.blocks)
    gone = int((verdicts[:, REASON] != STAYS).sum())
    return [product.commit(Receipt(product.key, len(nodes), len(nodes) - gone, {"removed": gone}))]


def _portions(work: DecideWork, nodes: Ints, pairs: Ints) -> Iterator[tuple[Ints, Ints]]:
    """All documents and pairs; for `extremes`, whole components whose shingle sets fit in memory together."""
    if work.cluster != "extremes" or not len(nodes):
        yield nodes, pairs
        return
    sets = find_sets(nodes[:, 0], work.stems, work.sets)
    by_root = np.argsort(nodes[:, 1], kind="stable")
    roots = nodes[by_root, 1]
    spent = np.cumsum((sets.stops - sets.starts)[by_root]) * HASH_BYTES
    portion = np.empty(len(nodes), np.int64)  # that in which a component ends
    last = np.searchsorted(roots, roots, "right") - 1
    portion[by_root] = spent[last] // (work.memory // 2)
    of_pair = portion[np.searchsorted(nodes[:, 0], pairs[:, RIGHT])]
    for index in np.unique(portion):
        yield nodes[portion == index], pairs[of_pair == index]


def _judge(work: DecideWork, nodes: Ints, pairs: Ints) -> Ints:
    numbers, roots = nodes[:, 0], nodes[:, 1]
    left, right = (np.searchsorted(numbers, pairs[:, side]) for side in (LEFT, RIGHT))
    sets = find_sets(numbers, work.stems, work.sets).read() if work.cluster == "extremes" else None
    owner = _owners(work, nodes, sets, (left, right, pairs[:, JACCARD].view(np.float64)))
    owner = np.where(numbers < work.first_new, np.arange(len(numbers)), owner)
    gone = np.flatnonzero(owner != np.arange(len(numbers)))
    verdicts = np.zeros((len(numbers), VERDICT_WORDS), np.int64)
    verdicts[:, NUMBER], verdicts[:, KEPT], verdicts[:, ROOT] = numbers, numbers, roots
    verdicts[gone, REASON] = NEAR
    verdicts[gone, KEPT] = numbers[owner[gone]]
    _measure(work, verdicts, owner, sets, (left, right, pairs))
    _drop_leaks(verdicts, held_out=nodes[:, 2] != 0, first_new=work.first_new)
    cluster = np.searchsorted(numbers, roots)
    sizes = np.bincount(cluster, nodes[:, 3], minlength=len(numbers)).astype(np.int64)
    verdicts[:, SIZE] = sizes[cluster]
    return verdicts


def _owners(
    work: DecideWork, nodes: Ints, sets: ShingleSets | None, found: tuple[Ints, Ints, Floats]
) -> Ints:
    """The position of who stays for each document, its own if it stays."""
    left, right, similarity = found
    n = len(nodes)
    if sets is not None:
        joined = choice.joined_clusters(n, left, right)
        return choice.extremes(joined, sets.hashes, sets.offsets, work.threshold, MOST_EXTREMES)[0]
    if work.cluster == "components":
        return choice.one_of_each(n, np.searchsorted(nodes[:, 0], nodes[:, 1]))
    return choice.greedy(n, left, right, similarity)[0]


def _measure(
    work: DecideWork, verdicts: Ints, owner: Ints, sets: ShingleSets | None, found: tuple[Ints, Ints, Ints]
) -> None:
    """How alike those that go are to those that stay for them, as far as the pair was looked at."""
    left, right, pairs = found
    n = len(verdicts)
    gone = np.flatnonzero(owner != np.arange(n))
    keys, wanted = right * n + left, gone * n + owner[gone]
    at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
    seen = keys[at] == wanted if len(keys) else np.zeros(len(gone), np.bool_)
    known, at = gone[seen], at[seen]
    verdicts[known, LIKE], verdicts[known, INSIDE] = pairs[at, JACCARD], pairs[at, CONTAINMENT]
    exact = work.exact and sets is None
    verdicts[known, MEASURE] = np.where((pairs[at, LEFT] >= work.first_new) & exact, MEASURED, ESTIMATE)
    if sets is not None:
        inside = gone[verdicts[gone, KEPT] >= work.first_new]
        jaccard, containment = jaccard_and_containment(sets, owner[inside], inside)
        verdicts[inside, LIKE], verdicts[inside, INSIDE] = jaccard.view(np.int64), containment.view(np.int64)
        verdicts[inside, MEASURE] = MEASURED


def _drop_leaks(verdicts: Ints, *, held_out: npt.NDArray[np.bool_], first_new: int) -> None:
    """Leave each cluster on one side; of the documents on its side, the best is named.

    A cluster in which a document of a saved index is held out stands there, any other that keeps a training
    document stands on the side of training.
    """
    numbers = verdicts[:, NUMBER]
    new = numbers >= first_new
    cluster = np.searchsorted(numbers, verdicts[:, ROOT])
    for against, leaking in ((held_out & ~new, ~held_out & new), (~held_out, held_out & new)):
        stays = verdicts[:, REASON] == STAYS
        there = np.flatnonzero(stays & against)[::-1]
        witness = np.full(len(verdicts), -1)
        witness[cluster[there]] = there  # reversed: the best of a cluster wins
        leaks = np.flatnonzero(stays & leaking & (witness[cluster] >= 0))
        verdicts[leaks, REASON] = LEAK
        left_alone = np.isin(
            verdicts[:, KEPT], numbers[leaks]
        )  # who went for a leak goes for its witness now
        verdicts[left_alone, KEPT] = numbers[witness[cluster[left_alone]]]
        verdicts[left_alone, LIKE] = verdicts[left_alone, INSIDE] = 0
        verdicts[left_alone, MEASURE] = UNMEASURED
