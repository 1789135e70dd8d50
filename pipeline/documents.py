"""Read a split as batches of documents in canonical columns, a bounded number of bytes at a time.

A batch is an Arrow table with the canonical columns that were asked for, plus `row` (its number in the split)
and `doc_id`. Content that is null, not UTF-8 or too long never reaches a filter: such rows come back as
quarantine records. Metadata that is not UTF-8 is shown with U+FFFD, but identifies its document by its own
bytes. A page that cannot be decoded makes the whole split `BadInput`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.license import plain_lists
from pipeline.sources import CANONICAL, IDENTITY, Split, first_line, is_damage
from pipeline.store import PARQUET_READING, filesystem_of
from pipeline.units import BadInput, Quarantine

MAX_BATCH_ROWS = 8192


@dataclass(frozen=True)
class Reading:
    """How a source's files are read: the same for every split of a run."""

    source_name: str
    mapping: Mapping[str, str]
    max_document_bytes: int
    batch_bytes: int


class Batch(NamedTuple):
    """Some documents, and the rows beside them that hold none that can be used."""

    documents: pa.Table
    quarantine: tuple[Quarantine, ...]


def read_batches(
    split: Split, reading: Reading, columns: Sequence[str], *, rows: npt.NDArray[np.int64] | None = None
) -> Iterator[Batch]:
    """The split's documents with canonical `columns`; `rows` (ascending) keeps to these rows of the split.

    Raises BadInput when a page of the file cannot be decoded.
    """
    if rows is not None and not len(rows):
        return
    wanted = list(dict.fromkeys([*IDENTITY, *columns]))
    start = 0
    for raw in _raw_batches(split, reading, [name for name in wanted if name in reading.mapping]):
        numbers = np.arange(start, start + len(raw), dtype=np.int64)
        if rows is not None:
            numbers = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(raw))]
        if len(numbers):
            chosen = raw if len(numbers) == len(raw) else raw.take(pa.array(numbers - start))
            yield _canonical(chosen, wanted, reading, split, numbers)
        start += len(raw)


def _raw_batches(split: Split, reading: Reading, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Record batches of `split.rows` rows in all, as the file has them; absent columns stay absent."""
    per_row = max(1, split.text_bytes // max(1, split.rows)) if "content" in columns else 64
    batch_rows = max(1, min(MAX_BATCH_ROWS, reading.batch_bytes // per_row))
    left = split.rows
    filesystem, path = filesystem_of(split.file)
    try:
        with filesystem.open(path, "rb") as stream:
            parquet = pq.ParquetFile(stream, **PARQUET_READING)
            present = [name for name in columns if reading.mapping[name] in parquet.schema_arrow.names]
            own = [reading.mapping[name] for name in present]
            # Arrow decodes several columns of one batch by threads; one core a worker is ours.
            batches = parquet.iter_batches(batch_rows, list(split.row_groups), own, use_threads=False)
            while left > 0 and (raw := next(batches, None)) is not None:
                raw = raw.slice(0, left)
                left -= len(raw)
                yield raw.select(own).rename_columns(present)
    except (pa.ArrowException, OSError) as error:
        if not is_damage(error):
            raise
        what = f"row {split.rows - left} and after cannot be decoded ({first_line(error)})"
        message = f"{split.label}: {what}; write the file again"
        raise BadInput(Quarantine(split.file, -1, "parquet_corrupt", message)) from error


def _canonical(
    raw: pa.RecordBatch, wanted: Sequence[str], reading: Reading, split: Split, numbers: npt.NDArray[np.int64]
) -> Batch:
    """Cast to the canonical types, fill absent columns with nulls, drop and record unusable text."""
    columns = {name: canonical_column(raw, name) for name in wanted if name != "content"}
    problems: dict[int, Problem] = {}
    if "content" in wanted:
        columns["content"], problems = usable_text(raw.column("content"), reading.max_document_bytes)
    table = pa.table({"row": pa.array(numbers), "doc_id": _doc_ids(reading.source_name, raw), **columns})
    if not problems:
        return Batch(table, ())
    where = f"{split.label}, row"
    quarantine = tuple(
        Quarantine(split.file, int(numbers[i]), reason, f"{where} {numbers[i]} of the split: {text}")
        for i, (reason, text) in sorted(problems.items())
    )
    keep = np.ones(len(raw), np.bool_)
    keep[list(problems)] = False
    return Batch(table.filter(pa.array(keep)), quarantine)


def canonical_column(raw: pa.RecordBatch, name: str) -> pa.Array:
    """A metadata column in its canonical type; what that type cannot hold is null."""
    kind = CANONICAL[name]
    if name not in raw.schema.names:
        return pa.nulls(len(raw), kind)
    column = _plain(raw.column(name))
    if pa.types.is_struct(column.type) and pa.types.is_list(kind):  # BigQuery's export of a list
        column = plain_lists(column)
    if pa.types.is_floating(column.type):  # a cast alone would make a number of NaN
        column = pc.if_else(pc.less(pc.abs(column), 2.0**63), column, None)
    if pa.types.is_list(kind) and not pa.types.is_nested(column.type):
        values = column.cast(pa.large_binary()).to_pylist()
        column = pa.array([None if v is None else [v] for v in values], pa.list_(pa.large_binary()))
    cast = column.cast(kind, safe=False)
    return cast if pa.types.is_integer(kind) else _with_valid_text(cast)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _with_valid_text(texts: pa.Array) -> pa.Array:
    """Texts, or lists of texts, with U+FFFD for what is not UTF-8: a Parquet string may hold any bytes."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        binary = pa.list_(pa.large_binary()) if pa.types.is_list(texts.type) else pa.large_binary()
        return pa.array([_decoded(value) for value in texts.cast(binary).to_pylist()], texts.type)
    return texts


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return None if value is None else value.decode("utf-8", "replace")


Problem = tuple[str, str]


def usable_text(column: pa.Array, max_bytes: int) -> tuple[pa.Array, dict[int, Problem]]:
    """The column as large_string, with "" for text that cannot be used, and what is wrong by index."""
    raw = _plain(column).cast(pa.large_binary())
    problems: dict[int, Problem] = {}
    sizes = np.asarray(pc.binary_length(raw).fill_null(0))
    for index in np.flatnonzero(np.asarray(pc.is_null(raw))).tolist():
        problems[index] = ("content_null", "found no content, expected text; drop the row or mend its export")
    for index in np.flatnonzero(sizes > max_bytes).tolist():
        found = f"found {sizes[index]} bytes of text, expected at most {max_bytes}"
        problems[index] = ("document_too_large", f"{found}; raise source.max_document_bytes to take it")
    for index, position in _invalid_utf8(raw, skip=problems):
        found = f"found a byte at offset {position} that is not UTF-8, expected UTF-8"
        problems[index] = ("content_not_utf8", f"{found}; decode the file with its own encoding first")
    if problems:
        blank = np.zeros(len(raw), np.bool_)
        blank[list(problems)] = True
        raw = pc.if_else(pa.array(blank), pa.scalar(b"", pa.large_binary()), raw)
    return pa.Array.from_buffers(pa.large_string(), len(raw), raw.buffers(), offset=raw.offset), problems


def _invalid_utf8(raw: pa.Array, *, skip: Mapping[int, Problem]) -> Iterator[tuple[int, int]]:
    """(index, offset of the first bad byte) of each value that is not UTF-8; one check of all if none is."""
    text = pa.Array.from_buffers(pa.large_string(), len(raw), raw.buffers(), offset=raw.offset)
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        for index, value in enumerate(raw):
            if index in skip:
                continue
            try:
                value.as_py().decode("utf-8")
            except UnicodeDecodeError as error:
                yield index, error.start


def _doc_ids(source_name: str, raw: pa.RecordBatch) -> pa.Array:
    """16-byte blake2b of (source, repository, path, revision), each after its length: none can blend."""
    rows = zip(*(_bytes(raw, name) for name in IDENTITY), strict=True)
    source = source_name.encode()
    ids = [blake2b(b"".join(b"%d:%b" % (len(p), p) for p in (source, *row)), digest_size=16) for row in rows]
    return pa.array([digest.digest() for digest in ids], pa.binary(16))


def _bytes(raw: pa.RecordBatch, name: str) -> list[bytes]:
    """A text column as bytes; absent and null are empty."""
    if name not in raw.schema.names:
        return [b""] * len(raw)
    return _plain(raw.column(name)).cast(pa.large_binary()).fill_null(b"").to_pylist()
