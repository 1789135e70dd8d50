"""Sliced files: rows of int64 in groups, one a reader, so that one file a writer serves any number of them.

A unit that has rows for many others writes them once, slice by slice; each of the others reads its slice out
of every writer's file with one seek. Layout, in little-endian int64: how many slices, how many columns,
slices + 1 offsets in rows, then the rows. Nothing is mapped into memory: a reader holds what it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.store import committed
from pipeline.units import Product

Ints = npt.NDArray[np.int64]
_WORD = 8
_STEP = 1 << 18


def rows_path(product: Product) -> Path:
    """Where the rows of a unit stand."""
    return product.receipt.with_suffix(".rows")


def write_slices(path: Path, rows: Ints, slice_of_row: Ints, slices: int) -> None:
    """Commit `rows` int64[n, k] by slice; within a slice they keep their order.

    `slice_of_row` int64[n] holds numbers in [0, slices); else ValueError.
    """
    if len(slice_of_row) and not 0 <= slice_of_row.min() <= slice_of_row.max() < slices:
        raise ValueError(
            f"{path}: slices {slice_of_row.min()}..{slice_of_row.max()} are not all within 0..{slices - 1}"
        )
    offsets = np.zeros(slices + 1, np.int64)
    np.cumsum(np.bincount(slice_of_row, minlength=slices), out=offsets[1:])
    order = None if (np.diff(slice_of_row) >= 0).all() else _stable_order(slice_of_row, offsets)
    with committed(path) as temporary, temporary.open("wb") as stream:
        stream.write(np.array([slices, rows.shape[1]], "<i8").tobytes())
        stream.write(offsets.astype("<i8", copy=False).tobytes())
        for start in range(0, len(rows), _STEP):  # a copy of all rows would be as large as they are
            own = slice(start, start + _STEP)
            np.ascontiguousarray(rows[own] if order is None else rows[order[own]], "<i8").tofile(stream)


def write_rows(path: Path, rows: Ints) -> None:
    """Commit `rows` int64[n, k] as one slice."""
    write_slices(path, rows, np.zeros(len(rows), np.int64), 1)


@njit(cache=True, nogil=True)
def _stable_order(slice_of_row: Ints, offsets: Ints) -> Ints:
    """The positions of rows slice by slice (a counting sort)."""
    at = offsets[:-1].copy()
    order = np.empty(len(slice_of_row), np.int64)
    for row in range(len(slice_of_row)):
        order[at[slice_of_row[row]]] = row
        at[slice_of_row[row]] += 1
    return order


def slice_sizes(path: Path) -> Ints:
    """How many rows each slice holds: int64[slices]."""
    with path.open("rb") as stream:
        slices, _ = np.fromfile(stream, "<i8", 2)
        return np.diff(np.fromfile(stream, "<i8", slices + 1))


def read_slice(path: Path, index: int, count: int = 1) -> Ints:
    """The rows of one slice, or of `count` consecutive ones: int64[m, k]."""
    with path.open("rb") as stream:
        slices, columns = (int(value) for value in np.fromfile(stream, "<i8", 2))
        stream.seek(_WORD * (2 + index))
        start, *_, stop = (int(value) for value in np.fromfile(stream, "<i8", count + 1))
        stream.seek(_WORD * (2 + slices + 1 + start * columns))
        return np.fromfile(stream, "<i8", (stop - start) * columns).reshape(-1, columns)


def distinct(values: Ints) -> Ints:
    """Distinct values, ascending: as np.unique, whose hash table is slower where most are distinct."""
    ordered = np.sort(values, axis=None)
    first = np.ones(len(ordered), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def gather(paths: Iterable[Path], index: int, columns: int = 0) -> Ints:
    """One slice of every file, in the order of the paths: int64[m, k]; without a file, k is `columns`."""
    parts = [read_slice(path, index) for path in paths]
    return np.concatenate(parts) if parts else np.empty((0, columns), np.int64)
