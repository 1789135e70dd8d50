"""Units of connected components: contract a file of edges, tie neighbours to the least, label nodes.

Edges go from unit to unit in sliced files of rows (larger, smaller). `contract` and `tie_larger` leave a
slice a partition, by the hash of the larger end. `tie_smaller` leaves *both ends*: those slices, and then as
many of rows (smaller, larger), by the hash of the smaller end. Every unit contracts what it writes to
forests, a file each, so no file has a node with two smaller neighbours. Memory: see components.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.dedup.exchange import Ints, distinct, gather, read_slice, slice_sizes, write_slices
from pipeline.dedup.graph.forest import (
    entries,
    labels,
    large_star,
    least_of,
    partition_of,
    small_star,
    spanning,
)
from pipeline.dedup.work import BLOCK_BITS
from pipeline.units import Product, Receipt

STEP: Final = 1 << 18
"""Edges handled at once: 4 MB."""
_WORD: Final = 8


@dataclass(frozen=True)
class EdgesWork:
    """Files to read, in a round one share of them; and how many partitions (of labels: blocks) to write."""

    paths: tuple[Path, ...]
    share: int
    shares: int
    slices: int
    rows_in_memory: int
    both_ends: bool = False
    """Whether the second half of each file repeats the first, by the smaller end."""


Sliced = tuple[Ints, Ints, int]
"""Rows, the slice of each, and the number of slices."""


def rows_of(path: Path) -> int:
    """How many rows a sliced file has."""
    return int(slice_sizes(path).sum())


def file_of(product: Product, index: int) -> Path:
    """The name of one of a unit's files; its receipt says how many there are."""
    return product.receipt.with_name(f"{product.receipt.stem}-{index:05d}.slices")


def contract(work: EdgesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Forests of a file of edges."""
    (path,) = work.paths
    edges = rows_of(path)
    forests = spanning(_stream(path, edges), max(2, min(2 * edges, work.rows_in_memory)))
    files, left = _write(pending[0], (_by_larger(rows, work.slices) for rows in forests))
    return _finished(pending[0], edges, left, files)


def tie_smaller(work: EdgesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """The small stars of a share of the nodes."""
    edges = gather(work.paths, work.share)
    least, _ = least_of(edges)
    tied = (small_star(least, edges[at : at + STEP]) for at in range(0, len(edges), STEP))
    forests = spanning(tied, _nodes_written(work))
    files, left = _write(pending[0], (_by_both(rows, work.slices) for rows in forests))
    return _finished(pending[0], len(edges), left // 2, files)


def tie_larger(work: EdgesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """The large stars of a share of the nodes.

    The receipt counts as changed each edge to a node that is not a root, and each second smaller neighbour:
    if no share has any, what was read is the stars of all components.
    """
    least, changed = least_of(gather(work.paths, work.share))
    edges = 0

    def tied() -> Iterator[Ints]:
        nonlocal edges, changed
        for rows in _larger_neighbours(work):
            new_rows, new = large_star(least, rows)
            edges, changed = edges + len(rows), changed + new
            yield new_rows

    forests = spanning(tied(), _nodes_written(work))
    files, left = _write(pending[0], (_by_larger(rows, work.slices) for rows in forests))
    return _finished(pending[0], edges, left, files, changed)


def label_stars(work: EdgesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Labels of a share of the nodes, once the edges are the stars of all components: leaves, then roots."""

    def nodes() -> Iterator[Ints]:
        yield entries(least_of(gather(work.paths, work.share))[0])
        roots = _distinct(rows[:, 0] for rows in _larger_neighbours(work))
        yield np.stack([roots, roots], axis=1)

    return _labelled(pending[0], nodes(), work.slices)


def label_all(work: EdgesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Labels of all nodes: the whole graph in one unit."""
    edges = [rows_of(path) >> work.both_ends for path in work.paths]
    steps = (rows for path, own in zip(work.paths, edges, strict=True) for rows in _stream(path, own))
    return _labelled(pending[0], labels(steps, 2 * sum(edges), work.rows_in_memory), work.slices)


def _stream(path: Path, count: int) -> Iterator[Ints]:
    """The first two columns of the first `count` rows of a file, STEP at once, whatever its slices."""
    left = count
    with path.open("rb") as stream:
        _, columns = (int(value) for value in np.fromfile(stream, "<i8", 2))
        stream.seek(-rows_of(path) * columns * _WORD, os.SEEK_END)  # rows stand last in it
        while left:
            rows = np.fromfile(stream, "<i8", columns * min(left, STEP)).reshape(-1, columns)
            left -= len(rows)
            yield np.ascontiguousarray(rows[:, :2])


def _larger_neighbours(work: EdgesWork) -> Iterator[Ints]:
    """Rows (node, larger neighbour) of a share of the nodes, as `tie_smaller` left them."""
    for path in work.paths:
        rows = read_slice(path, work.shares + work.share)
        for at in range(0, len(rows), STEP):
            yield rows[at : at + STEP]


def _nodes_written(work: EdgesWork) -> int:
    """Nodes of a forest that a round writes: fewer than a table could hold, as each edge is written twice."""
    return max(2, work.rows_in_memory // 2)


def _by_larger(rows: Ints, partitions: int) -> Sliced:
    return rows, partition_of(rows[:, 0], partitions), partitions


def _by_both(rows: Ints, partitions: int) -> Sliced:
    by_larger, by_smaller = partition_of(rows[:, 0], partitions), partition_of(rows[:, 1], partitions)
    both = np.concatenate([rows, rows[:, ::-1]])
    return both, np.concatenate([by_larger, by_smaller + partitions]), 2 * partitions


def _distinct(parts: Iterable[Ints]) -> Ints:
    """Sorted distinct values; holds about twice as many, or a few STEPs."""
    held: list[Ints] = [np.empty(0, np.int64)]
    for part in parts:
        held.append(part)
        if sum(map(len, held[1:])) > max(STEP, len(held[0])):
            held = [distinct(np.concatenate(held))]
    return distinct(np.concatenate(held))


def _write(product: Product, files: Iterable[Sliced]) -> tuple[int, int]:
    """Commit each of the files; how many there are, and how many rows."""
    count = rows_written = 0
    for count, (rows, slice_of_row, slices) in enumerate(files, 1):
        write_slices(file_of(product, count - 1), rows, slice_of_row, slices)
        rows_written += len(rows)
    return count, rows_written


def _labelled(product: Product, parts: Iterable[Ints], blocks: int) -> list[Receipt]:
    """Commit labels, a slice a block; the receipt counts nodes."""
    files, nodes = _write(product, ((rows, rows[:, 0] >> BLOCK_BITS, blocks) for rows in parts))
    return [product.commit(Receipt(product.key, nodes, nodes, facts={"files": files}))]


def _finished(product: Product, edges: int, left: int, files: int, changed: int = 0) -> list[Receipt]:
    """The receipt of a unit that read `edges`; those not left join what is joined without them."""
    facts = {"files": files, "changed": changed}
    return [product.commit(Receipt(product.key, edges, left, {"redundant": edges - left}, facts=facts))]
