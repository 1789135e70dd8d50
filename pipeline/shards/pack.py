"""Packing plans: rows of at most T tokens that hold whole samples, every sample exactly once.

Best-fit decreasing in windows of 65,536 samples: longest first, each into the open row that it fills best.
The rows of a window then stand in a fixed pseudo-random order, and the samples of a row in stream order, so
that neither place tells a sample's length. Deterministic, one shard at a time, about 4 M samples/s; fill
above 0.999 on code.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.shards.merge import file_record
from pipeline.store import committed

WINDOW_SAMPLES: Final = 65_536
_BLOCK: Final = 64  # capacities that one occupancy count covers


def pack_shard(
    lengths: npt.NDArray[np.int32], row_length: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Pack samples of these lengths; returns row offsets i64[rows + 1] into items, and items u32[samples].

    Row r holds the samples `items[offsets[r]:offsets[r + 1]]`, numbered within the shard. Raises ValueError
    when a sample does not fit a row.
    """
    if len(lengths) and (lengths.min() < 1 or lengths.max() > row_length):
        worst = int(np.argmax((lengths < 1) | (lengths > row_length)))
        raise ValueError(
            f"sample {worst} has {lengths[worst]} tokens, a row holds 1 to {row_length}: pack longer rows "
            "or lower fim.context"
        )
    row_sizes, items = [np.zeros(1, np.int64)], [np.empty(0, np.uint32)]
    for first in range(0, len(lengths), WINDOW_SAMPLES):
        row_of = _pack_window(lengths[first : first + WINDOW_SAMPLES], row_length)
        row_sizes.append(np.bincount(row_of))
        items.append((np.argsort(row_of, kind="stable") + first).astype(np.uint32))
    return np.cumsum(np.concatenate(row_sizes), dtype=np.int64), np.concatenate(items)


def _pack_window(lengths: npt.NDArray[np.int32], row_length: int) -> npt.NDArray[np.int64]:
    """The row of each sample, rows in scrambled order."""
    # Equals in scrambled order: by number, the first short samples would all join the last long ones.
    order = np.lexsort((_scrambled(len(lengths)), -lengths))
    opened = _best_fit(lengths[order].astype(np.int64), row_length)
    row_of = np.empty(len(lengths), np.int64)
    row_of[order] = _scrambled(int(opened.max()) + 1)[opened]
    return row_of


def _scrambled(count: int) -> npt.NDArray[np.int64]:
    """A fixed permutation of `range(count)`: the ranks of SplitMix64 outputs, which are distinct."""
    mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    ranks = np.empty(count, np.int64)
    ranks[np.argsort(mixed ^ (mixed >> np.uint64(31)))] = np.arange(count)
    return ranks


@njit(cache=True, nogil=True)
def _best_fit(lengths: npt.NDArray[np.int64], row_length: int) -> npt.NDArray[np.int64]:
    """The row of each sample, rows numbered as they are opened. Lengths are in 1..row_length.

    Open rows are in one stack per remaining capacity; `occupied` counts the stacked rows of 64 capacities
    each, so that the search for the tightest row skips empty stretches.
    """
    row_of = np.empty(len(lengths), np.int64)
    below = np.empty(len(lengths), np.int64)  # below[row]: the row under it in its stack, or -1
    top = np.full(row_length + 1, -1, np.int64)
    occupied = np.zeros(row_length // _BLOCK + 1, np.int64)
    row_count = 0
    for sample in range(len(lengths)):
        length = lengths[sample]
        capacity = length
        while capacity <= row_length and top[capacity] < 0:
            if occupied[capacity // _BLOCK] == 0:
                capacity = (capacity // _BLOCK + 1) * _BLOCK
            else:
                capacity += 1
        if capacity <= row_length:
            row = top[capacity]
            top[capacity] = below[row]
            occupied[capacity // _BLOCK] -= 1
        else:
            row = row_count
            row_count += 1
            capacity = row_length
        row_of[sample] = row
        left = capacity - length
        below[row] = top[left]
        top[left] = row
        occupied[left // _BLOCK] += 1
    return row_of


def write_pack(
    shards_dir: Path, split: str, row_length: int, lengths: Iterable[npt.NDArray[np.int32]]
) -> dict[str, Any]:
    """Commit the packing plan of a split from the sample lengths of its shards, in file order.

    Returns {"split", "row_length", "rows", "fill", "files"}. Rows never cross shards; items number the
    samples of the split. A split without samples has no rows and no files.
    """
    shards = (shard for shard in lengths if len(shard))
    first = next(shards, None)
    if first is None:
        return {"split": split, "row_length": row_length, "rows": 0, "fill": 0.0, "files": []}
    rows = samples = tokens = 0
    paths = [shards_dir / f"{split}.pack-{row_length}.{part}.npy" for part in ("rows", "items")]
    with ExitStack() as stack:
        row_file, item_file = (
            stack.enter_context(stack.enter_context(committed(path)).open("wb+")) for path in paths
        )
        _write_header(row_file, "<i8", 1)
        _write_header(item_file, "<u4", 0)
        row_file.write(bytes(8))  # the first row starts at item 0
        for shard_lengths in chain([first], shards):
            offsets, items = pack_shard(shard_lengths, row_length)
            _check_numbers(split, samples + len(items))
            row_file.write((offsets[1:] + samples).astype("<i8").data)
            item_file.write((items + np.uint32(samples)).astype("<u4").data)
            rows, samples = rows + len(offsets) - 1, samples + len(items)
            tokens += int(shard_lengths.sum(dtype=np.int64))
        _write_header(row_file, "<i8", rows + 1)
        _write_header(item_file, "<u4", samples)
    files = [file_record(path, samples=samples, tokens=tokens) for path in paths]
    fill = round(tokens / (rows * row_length), 6)
    return {"split": split, "row_length": row_length, "rows": rows, "fill": fill, "files": files}


def check_pack(shards_dir: Path, plan: dict[str, Any], lengths: npt.NDArray[np.int32]) -> None:
    """Raise ValueError unless the plan holds every sample of the split once, in rows that do not overflow."""
    offsets, items = load_pack(shards_dir, plan["split"], plan["row_length"])
    if len(offsets) != plan["rows"] + 1 or offsets[0] != 0 or offsets[-1] != len(items):
        raise ValueError(
            f"the offsets of {plan['rows']} rows must go from 0 to {len(items)}, the number of items"
        )
    if (offsets[1:] <= offsets[:-1]).any():
        raise ValueError(
            f"row {int((offsets[1:] <= offsets[:-1]).argmax())} holds no item, expected one or more"
        )
    if len(items) != len(lengths) or items.max(initial=0) >= len(lengths):
        raise ValueError(
            f"there are {len(items)} items up to {items.max(initial=0)} for {len(lengths)} samples"
        )
    uses = np.bincount(items, minlength=len(lengths))
    if (uses != 1).any():
        sample = int((uses != 1).argmax())
        raise ValueError(f"sample {sample} of the split is in {uses[sample]} rows, expected 1")
    sums = np.add.reduceat(lengths[items], offsets[:-1], dtype=np.int64)
    if (sums > plan["row_length"]).any():
        row = int(sums.argmax())
        raise ValueError(f"row {row} has {sums[row]} tokens, expected at most {plan['row_length']}")


def load_pack(
    shards_dir: Path, split: str, row_length: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Memory-map a plan: row offsets and items. Raises ValueError when the arrays are of another type."""
    stem = f"{split}.pack-{row_length}"
    offsets, items = (np.load(shards_dir / f"{stem}.{part}.npy", mmap_mode="r") for part in ("rows", "items"))
    if (offsets.dtype, offsets.ndim, items.dtype, items.ndim) != (np.int64, 1, np.uint32, 1):
        raise ValueError(
            f"{stem} has {offsets.dtype} rows and {items.dtype} items, expected flat int64 and uint32"
        )
    return offsets, items


def _check_numbers(split: str, samples: int) -> None:
    if samples > 1 << 32:
        raise ValueError(
            f"split {split} has more than 2**32 samples, and items are 32 bits: divide the source"
        )


def _write_header(stream: BinaryIO, dtype: str, count: int) -> None:
    """(Re)write a one-dimensional `.npy` header in place: numpy pads it to one size for every count."""
    stream.seek(0)
    header = {"descr": dtype, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(stream, header)
    assert stream.tell() == 128
    stream.seek(0, 2)
