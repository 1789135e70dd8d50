"""Parquet files in small row groups, which are written and found a piece at a time.

Where a group ends depends on the rows alone. So files do not depend on how work was divided, and a reader of
a few rows decodes little more than those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.store import PARQUET_OPTIONS, committed

GROUP_BYTES: Final = 1 << 20


def slices_by_bytes(
    sizes: npt.NDArray[np.int64], group_bytes: int = GROUP_BYTES
) -> Iterator[tuple[int, int]]:
    """(first row, rows) of consecutive groups; a group ends when a multiple of `group_bytes` is passed."""
    numbers = np.cumsum(sizes) // group_bytes
    bounds = np.flatnonzero(np.diff(numbers)) + 1
    edges = [0, *bounds.tolist(), len(sizes)]
    return ((start, stop - start) for start, stop in pairwise(edges) if stop > start)


def write_groups(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> None:
    """Commit a file with one row group a table."""
    with committed(path) as temporary, pq.ParquetWriter(temporary, schema, **PARQUET_OPTIONS) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(1, len(group)))


def read_range(
    path: Path, columns: Sequence[str], column: str, first: int, last: int, **equal: Any
) -> pa.Table:
    """The rows whose `column` lies in first..last, and whose other columns are `equal`; by one thread."""
    kind = pq.read_schema(path).field(column).type
    near = (pc.field(column) >= pa.scalar(first, kind)) & (pc.field(column) <= pa.scalar(last, kind))
    for name, value in equal.items():
        near &= pc.field(name) == value
    return pq.read_table(path, columns=list(columns), filters=near, use_threads=False)
