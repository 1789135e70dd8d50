"""How a phase of dedup runs its stages: units named by stage and number, and what they leave.

A unit's key is that of the whole result and of how the work is divided, so a killed run goes on where it was.
Files that no later stage reads are removed when their stage is done; receipts stay until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from pipeline.dedup.exchange import rows_path
from pipeline.dedup.index import SLICES, Index
from pipeline.dedup.units.blocks import SliceOf
from pipeline.dedup.work import INNER_STAGE, Stage
from pipeline.store import key_of
from pipeline.units import Product, Receipt, Unit

MOST_PARTITIONS: Final = 1 << 14
PARTITION_ROWS: Final = 1 << 18
MOST_EVEN: Final = 16
RECORD_BYTES: Final = 64
"""A keyed row while a partition of them is sorted."""


class Done(NamedTuple):
    """The products of a stage's units and what their receipts say, unit by unit."""

    products: tuple[Product, ...]
    receipts: tuple[Receipt, ...]

    @property
    def rows(self) -> tuple[Path, ...]:
        """Each unit's sliced file."""
        return tuple(rows_path(product) for product in self.products)

    def files(self, name: Callable[[Product, int], Path]) -> list[tuple[Path, ...]]:
        """Each unit's numbered files, as many as its receipt says."""
        both = zip(self.products, self.receipts, strict=True)
        return [tuple(name(product, i) for i in range(receipt.facts["files"])) for product, receipt in both]


@dataclass(frozen=True)
class Stages:
    """Runs stages whose files stand in `folder`, which belongs to one division of one result."""

    stage: Stage
    folder: Path
    out: Path
    """Where the results go."""
    key: str
    memory: int
    indexes: Sequence[Index]

    def each(self, name: str, call: Callable[..., list[Receipt]], works: Iterable[Any]) -> Done:
        """Run a stage of one unit a work."""
        folder = self.folder / name.replace(" ", "-")
        units = [
            Unit(f"{name} {i}", own, (Product(folder / f"part-{i:05d}.json", key_of(self.key, name, i)),), 0)
            for i, own in enumerate(works)
        ]
        receipts = self.named(name, call, units) if units else []
        return Done(tuple(unit.products[0] for unit in units), tuple(own[0] for own in receipts))

    def named(
        self, name: str, call: Callable[..., list[Receipt]], units: Sequence[Unit]
    ) -> list[list[Receipt]]:
        """Run units under a name that shows whose stage it is."""
        return self.stage(INNER_STAGE + name, call, units)

    def partitions(self, rows: int) -> int:
        """In how many partitions so many keyed rows are dealt with: a power of two.

        As many as memory asks for, and some for the cores if there are rows enough.
        """
        needed = 1 << max(0, -(-rows * RECORD_BYTES // self.memory) - 1).bit_length()
        even = 1 << max(0, min(rows // PARTITION_ROWS, MOST_EVEN)).bit_length() >> 1
        return min(max(needed, even), SLICES if self.indexes else MOST_PARTITIONS)

    def keyed(self, kind: str, new: Sequence[Path], partition: int, partitions: int) -> tuple[SliceOf, ...]:
        """Where a partition of ids, texts or bands lies, in ascending order of numbers."""
        old: list[SliceOf] = []
        block = 0
        for index in self.indexes:
            old += index.files(kind, partition, partitions, block)
            block += len(index.stems)
        return (*old, *(SliceOf(path, partition, 1, 0) for path in new))


def release(paths: Iterable[Path]) -> None:
    """Remove files that no later stage reads."""
    for path in paths:
        path.unlink(missing_ok=True)
