"""Stage "context parts": the contexts of each split's documents, out of all ranges, in the order of its rows.

One unit a split leaves what synthesis reads: `row` and `context_files`. Its bytes depend on the contexts
alone, not on how many ranges they came from, so samples do not become stale when that number changes. Memory:
one row group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from pipeline.repository_context.contexts import CONTEXTS
from pipeline.repository_context.row_groups import read_range, slices_by_bytes, write_groups
from pipeline.sources import Split
from pipeline.store import file_digest, key_of
from pipeline.units import Product, Receipt, Unit

VERSION: Final = 1
PART_GROUP_BYTES: Final = 4 << 20
PARTS: Final = pa.schema([CONTEXTS.field("row"), CONTEXTS.field("context_files")])


@dataclass(frozen=True)
class PartWork:
    """A split by its number, and the contexts of all ranges."""

    number: int
    ranges: tuple[Path, ...]


def parts_units(
    folder: Path, splits: Sequence[Split], ranges: Sequence[Path], digests: Sequence[str]
) -> list[Unit]:
    """One unit a split, keyed by its number and all ranges."""
    units = []
    for split in splits:
        product = Product(
            folder / f"part-{split.number:05d}.json",
            key_of("context parts", VERSION, split.number, list(digests)),
        )
        units.append(Unit(split.label, PartWork(split.number, tuple(ranges)), (product,), 0))
    return units


def write_part(work: PartWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Leave the contexts of one split."""
    (product,) = pending
    own = (work.number, work.number)
    found = [read_range(path, ["row", "characters"], "split", *own) for path in work.ranges]
    numbered = [
        table.append_column("range", pa.array([n] * len(table), pa.int64())) for n, table in enumerate(found)
    ]
    rows = pa.concat_tables(numbered).sort_by("row")
    write_groups(product.path, PARTS, _groups(work, rows))
    digest = file_digest(product.path)
    return [product.commit(Receipt(product.key, len(rows), len(rows), digest=digest))]


def _groups(work: PartWork, rows: pa.Table) -> Iterator[pa.Table]:
    for start, count in slices_by_bytes(rows["characters"].to_numpy(), PART_GROUP_BYTES):
        group = rows.slice(start, count)
        first, last = group["row"][0].as_py(), group["row"][-1].as_py()
        holding = group["range"].unique().to_pylist()
        near = (
            read_range(work.ranges[number], PARTS.names, "row", first, last, split=work.number)
            for number in holding
        )
        yield pa.concat_tables(near).sort_by("row")
