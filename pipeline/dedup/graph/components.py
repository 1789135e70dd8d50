"""Connected components of edges spread over files, with no step that needs all edges in one process.

If all edges fit `rows_in_memory`, one unit joins them by union-find. Else a unit a file contracts it to
forests; if these fit, one unit joins them; else star rounds follow (Kiveris et al., 2014, "Connected
Components in MapReduce and Beyond"). Edges are dealt to partitions by a hash of a node; rounds in which each
node ties its smaller neighbours to the least alternate with rounds in which it ties its larger ones, until
the rest fits or nothing changes. No round leaves more edges than it found, and each that changes something
lowers the sum of all ends, so they end; a path of a million nodes, in fifths, took 29 to 41 rounds.

Memory: a unit holds about ROW_BYTES · rows_in_memory bytes. In a round a node has at most one smaller
neighbour a file, so partitions by the larger end are even. Those by the smaller end are not (the centre of a
star) and are streamed: skew costs the time of one unit, not memory. Disk: 16 or 32 bytes an edge and round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.dedup.graph.stars import (
    EdgesWork,
    contract,
    file_of,
    label_all,
    label_stars,
    rows_of,
    tie_larger,
    tie_smaller,
)
from pipeline.dedup.work import Stage
from pipeline.store import key_of
from pipeline.units import Product, Receipt, Unit

ROW_BYTES: Final = 128
"""What a unit holds for each of `rows_in_memory`, at most: some in tables, most while it writes a file."""
ROUNDS: Final = 200


class Level(NamedTuple):
    """What a round left: files, edges, partitions, how many edges it changed, if files have both ends."""

    paths: tuple[Path, ...]
    edges: int
    partitions: int
    changed: int
    both_ends: bool


def connect(
    stage: Stage, folder: Path, key: str, edges: Sequence[Path], blocks: int, rows_in_memory: int
) -> list[Path]:
    """Label files, a slice a block of the node: rows (node, root), root the least number of its component.

    `edges` are sliced files of rows (left, right), two different numbers; how they are sliced, ordered and
    repeated does not matter. Each node of an edge stands once in all label files. As a set, the rows do not
    depend on `rows_in_memory`, two or more, nor on how edges are divided. Without edges there are no files.
    `key` stands for the edges and all that they follow from.
    """
    assert rows_in_memory >= 2  # a row has two nodes
    sizes = [rows_of(path) for path in edges]
    if not any(sizes):
        return []
    own_key = key_of("components", 1, key, sizes, blocks, rows_in_memory)
    job = _Job(stage, folder / "components", own_key, blocks, rows_in_memory)
    if sum(sizes) <= rows_in_memory:
        return job.labels_of_few(edges)
    return job.labels_of_many(edges, sum(sizes))


@dataclass(frozen=True)
class _Job:
    stage: Stage
    folder: Path
    key: str
    blocks: int
    rows_in_memory: int

    def labels_of_few(self, paths: Sequence[Path], *, both_ends: bool = False) -> list[Path]:
        """One unit joins all edges."""
        work = EdgesWork(tuple(paths), 0, 1, self.blocks, self.rows_in_memory, both_ends)
        return self._labels(label_all, [work])

    def labels_of_many(self, paths: Sequence[Path], edges: int) -> list[Path]:
        """Contract each file, then make rounds until the rest fits one unit or consists of stars."""
        slices = self._partitions(edges)
        files = [EdgesWork((path,), 0, 1, slices, self.rows_in_memory) for path in paths]
        level = self._round(1, contract, files)
        for number in count(2):
            if level.edges <= self.rows_in_memory:
                return self.labels_of_few(level.paths, both_ends=level.both_ends)
            if number > ROUNDS:
                raise RuntimeError(
                    f"{self.folder}: {level.edges} edges of components still change after {ROUNDS} rounds; "
                    "this is a defect of infill: please report it"
                )
            before, larger = level, number % 2 == 1
            given = self._shares(before, self._partitions(before.edges))
            level = self._round(number, tie_larger if larger else tie_smaller, given)
            if larger and not level.changed:
                return self._labels(label_stars, self._shares(before, self.blocks))
        raise AssertionError  # count() does not end

    def _partitions(self, edges: int) -> int:
        return max(1, -(-edges // self.rows_in_memory))

    def _shares(self, level: Level, slices: int) -> list[EdgesWork]:
        return [
            EdgesWork(level.paths, share, level.partitions, slices, self.rows_in_memory)
            for share in range(level.partitions)
        ]

    def _labels(self, work: Callable[..., list[Receipt]], given: Sequence[EdgesWork]) -> list[Path]:
        products, receipts = self._run("components", "labels", work, given)
        return list(_files(products, receipts))

    def _round(self, number: int, work: Callable[..., list[Receipt]], given: Sequence[EdgesWork]) -> Level:
        products, receipts = self._run(f"components, round {number}", f"round-{number:03d}", work, given)
        edges = sum(receipt.rows_out for receipt in receipts)
        changed = sum(receipt.facts["changed"] for receipt in receipts)
        return Level(_files(products, receipts), edges, given[0].slices, changed, work is tie_smaller)

    def _run(
        self, name: str, folder: str, work: Callable[..., list[Receipt]], given: Sequence[EdgesWork]
    ) -> tuple[list[Product], list[Receipt]]:
        """Run a unit for each of `given`; its products and receipts."""
        products = [
            Product(self.folder / folder / f"part-{index:05d}.json", key_of(self.key, folder, index))
            for index in range(len(given))
        ]
        units = [
            Unit(f"{name}, unit {index}", own, (product,), 0)
            for index, (own, product) in enumerate(zip(given, products, strict=True))
        ]
        receipts = self.stage(name, work, units)
        for unit, held in zip(units, receipts, strict=True):
            if not held:
                raise RuntimeError(
                    f"{unit.label}: its worker died more often than engine.retries allows, and without its "
                    "edges no component is known; lower engine.dedup_bytes or free memory, and run again"
                )
        return products, [held[0] for held in receipts]


def _files(products: Sequence[Product], receipts: Sequence[Receipt]) -> tuple[Path, ...]:
    return tuple(
        file_of(product, index)
        for product, receipt in zip(products, receipts, strict=True)
        for index in range(receipt.facts["files"])
    )
