"""Copies of input files with the rows that dedup keeps: all columns, the files' own names and order.

A unit is a file. Rows go through in batches of about 8 MB and are written in row groups of about 32 MB, so
memory does not grow with a file. A copy whose receipt fits is not made again, and one that fits no more goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.sources import Split
from pipeline.store import (
    PARQUET_OPTIONS,
    PARQUET_READING,
    committed,
    file_digest,
    filesystem_of,
    key_of,
)
from pipeline.units import Product, Receipt, Unit, read_receipt

BATCH_BYTES: Final = 8_000_000
ROW_GROUP_BYTES: Final = 32_000_000
MAX_BATCH_ROWS: Final = 8192


@dataclass(frozen=True)
class CopyWork:
    """A file, its splits, and the rows of each that stay."""

    file: str
    splits: tuple[Split, ...]
    survivors: tuple[Path, ...]


def copy_units(
    folder: Path,
    splits: Sequence[Split],
    roots: Sequence[str],
    survivors: Sequence[Path],
    digests: Sequence[str],
) -> list[Unit]:
    """One unit a file; `roots` are the inputs in which the splits were found."""
    places = _places([split.file for split in splits], roots)
    units = []
    for file, place in places.items():
        own = [i for i, split in enumerate(splits) if split.file == file]
        work = CopyWork(file, tuple(splits[i] for i in own), tuple(survivors[i] for i in own))
        key = key_of("kept copy", 1, [(splits[i].digest, digests[i]) for i in own])
        product = Product((folder / place).with_suffix(".json"), key)
        units.append(Unit(file, work, (product,), sum(split.rows for split in work.splits)))
    return units


def _places(files: Sequence[str], roots: Sequence[str]) -> dict[str, str]:
    """Where each file's copy stands: its path in its input; if two would meet there, under a folder of the
    input; if two meet there too, under a number.
    """
    owners = dict(zip(files, roots, strict=True))
    inputs = {root: number for number, root in enumerate(dict.fromkeys(roots))}
    inside = {}
    for file, root in owners.items():
        start = root.rstrip("/") + "/"
        inside[file] = file.removeprefix(start) if file.startswith(start) else file.rpartition("/")[2]
    apart = {file: f"input-{inputs[owners[file]]:05d}/{place}" for file, place in inside.items()}
    numbered = {file: f"{n:05d}-{file.rpartition('/')[2]}" for n, file in enumerate(owners)}
    choices = (inside, apart, numbered)
    return next(places for places in choices if len({*places.values()}) == len(places))


def copy_kept(work: CopyWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write one file's kept rows."""
    (product,) = pending
    filesystem, path = filesystem_of(work.file)
    kept = 0
    with filesystem.open(path, "rb") as stream:
        parquet = pq.ParquetFile(stream, **PARQUET_READING)
        with (
            committed(product.path) as temporary,
            pq.ParquetWriter(temporary, parquet.schema_arrow, **PARQUET_OPTIONS) as writer,
        ):
            for table in _row_groups(_kept_batches(work, parquet), parquet.schema_arrow):
                writer.write_table(table)
                kept += len(table)
    rows = sum(split.rows for split in work.splits)
    receipt = Receipt(product.key, rows, kept, {"removed": rows - kept}, digest=file_digest(product.path))
    return [product.commit(receipt)]


def _kept_batches(work: CopyWork, parquet: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    for split, survivors in zip(work.splits, work.survivors, strict=True):
        rows = np.sort(pq.read_table(survivors, columns=["row"]).column("row").to_numpy())
        if not len(rows):  # a split that could not be read has none
            continue
        groups = [parquet.metadata.row_group(group) for group in split.row_groups]
        per_row = max(1, sum(g.total_byte_size for g in groups) // max(1, sum(g.num_rows for g in groups)))
        batch_rows = max(1, min(MAX_BATCH_ROWS, BATCH_BYTES // per_row))
        start = 0
        for batch in parquet.iter_batches(batch_rows, list(split.row_groups), use_threads=False):
            first, end = np.searchsorted(rows, [start, start + len(batch)])
            if first < end:
                yield batch.take(pa.array(rows[first:end] - start))
            start += len(batch)


def _row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(held, schema)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held, schema)


def remove_stale(folder: Path, units: Sequence[Unit]) -> None:
    """Remove copies that are not those of these units: of other inputs, or of other settings."""
    keys = {product.receipt: product.key for unit in units for product in unit.products}
    for path in sorted(folder.rglob("*.json")):
        receipt = read_receipt(path)
        if receipt is not None and receipt.key != keys.get(path):
            path.unlink()
            path.with_suffix(".parquet").unlink(missing_ok=True)
