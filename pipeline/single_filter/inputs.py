"""Files of documents in any format that `infill filter` takes: their names, columns and rows.

A file's format is that of its name's ending. A folder stands for its Parquet files, else its Arrow files,
else its JSON lines, in the order of their names and without hidden ones. A batch holds about BATCH_BYTES of
what is read, going by the sizes in a file's own metadata. Anything unreadable is a ValueError with the
file's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import fsspec
import fsspec.implementations.local
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from pipeline.config import Source
from pipeline.single_filter.json_lines import json_batches, json_schema
from pipeline.sources import first_line, hub_files
from pipeline.store import PARQUET_READING, filesystem_of

BATCH_BYTES: Final = 8_000_000
MAX_BATCH_ROWS: Final = 8192
ENDINGS: Final = {
    "parquet": (".parquet",),
    "arrow": (".arrow", ".arrows", ".feather", ".ipc"),
    "json": tuple(
        plain + packed for plain in (".jsonl", ".ndjson", ".json") for packed in ("", ".gz", ".bz2", ".zst")
    ),
}
ALL_ENDINGS: Final = tuple(chain(*ENDINGS.values()))
HUB_NAME: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
"""OWNER/NAME, if there is no such path and the name does not end like a file."""
EXPECTED: Final = (
    "expected Parquet (.parquet), Arrow (.arrow, .feather) or JSON lines (.jsonl, .json, also .gz)"
)


class Rows(NamedTuple):
    """Consecutive rows of a file; `first_row` is the number of the first one in it."""

    file: str
    first_row: int
    batch: pa.RecordBatch


def list_files(inputs: Sequence[str]) -> list[str]:
    """The files that paths, URLs, folders and globs name, each once. Raises ValueError if there is none."""
    return list(dict.fromkeys(file for text in inputs for file in _expand(text)))


def read_schema(file: str) -> pa.Schema:
    """The columns of a file; JSON lines are read through for it."""
    with _opened(file) as stream:
        if _format_of(file) == "parquet":
            schema = pq.read_schema(stream)
        elif _format_of(file) == "arrow":
            schema = _ipc_reader(stream).schema
        else:
            schema = json_schema(stream, file, block_bytes=BATCH_BYTES)
    if len(set(schema.names)) < len(schema.names):
        raise ValueError(
            f"{file} has two columns of one name; its columns are {', '.join(schema.names)}: rename one"
        )
    return schema


def read_rows(file: str, schema: pa.Schema, columns: Sequence[str]) -> Iterator[Rows]:
    """All rows of a file whose schema was read before, with `columns` of it."""
    first_row = 0
    with _opened(file) as stream:
        for batch in _batches(stream, file, schema, columns):
            yield Rows(file, first_row, batch)
            first_row += batch.num_rows


def _expand(text: str) -> list[str]:
    if HUB_NAME.fullmatch(text) and not text.endswith(ALL_ENDINGS) and not Path(text).exists():
        return _hub_files(text)
    try:
        filesystem, path = filesystem_of(text)
        matches = [path] if filesystem.exists(path) else sorted(filesystem.glob(path))
        names = [name for name in matches if name == path or not _hidden(name.rpartition("/")[2])]
        found = [own for name in names for own in _files_of(filesystem, name)]
    except Exception as error:  # every kind of remote file system has errors of its own
        problem = f"{text} cannot be listed ({first_line(error)})"
        raise ValueError(f"{problem}; give a file, a folder, a glob or a URL") from error
    if not found:
        raise ValueError(f"{text}: found no file there; {EXPECTED}")
    return [filesystem.unstrip_protocol(own) if "://" in text else own for own in found]


def _hub_files(name: str) -> list[str]:
    """The files of a dataset of the hub, as `hf://` URLs of the commit that it has now."""
    try:
        found = [file for file in hub_files(Source(hub=name)) if file.endswith(ALL_ENDINGS)]
    except ValueError as error:
        raise ValueError(f"{name} is no path here; {str(error).removeprefix('source.hub: ')}") from error
    if not found:
        raise ValueError(f"{name}: found no file of a known format in this dataset of the hub; {EXPECTED}")
    return found


def _files_of(filesystem: Any, name: str) -> list[str]:
    if not filesystem.isdir(name):
        return [name]
    names = sorted(own for own in filesystem.find(name) if not _hidden(own.removeprefix(name)))
    by_format = ([own for own in names if own.endswith(endings)] for endings in ENDINGS.values())
    return next(filter(None, by_format), [])


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in path.split("/"))


def _format_of(file: str) -> str:
    for name, endings in ENDINGS.items():
        if file.endswith(endings):
            return name
    raise ValueError(f"{file} has a name of no known format; {EXPECTED}: rename or convert it")


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    """The file's bytes, decompressed; what goes wrong while they are read is told with the file's name."""
    try:
        filesystem, path = filesystem_of(file)
        if _format_of(file) == "arrow" and isinstance(
            filesystem, fsspec.implementations.local.LocalFileSystem
        ):
            with pa.memory_map(path) as mapped:  # a batch of an Arrow file may be as large as the file
                yield mapped
            return
        with filesystem.open(path, "rb") as stream:
            packed = file.endswith((".gz", ".bz2", ".zst"))
            yield pa.CompressedInputStream(stream, pa.Codec.detect(file).name) if packed else stream
    except (pa.ArrowException, OSError, ImportError) as error:
        raise ValueError(
            f"{file} cannot be read ({first_line(error)}); {EXPECTED}, whole: write it again"
        ) from error


def _batches(stream: Any, file: str, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    if _format_of(file) == "parquet":
        parquet = pq.ParquetFile(stream, **PARQUET_READING)
        # Arrow decodes several columns of one batch by threads; their order in time is no concern, memory is.
        yield from parquet.iter_batches(
            _parquet_rows(parquet.metadata, columns), columns=columns, use_threads=False
        )
    elif _format_of(file) == "arrow":
        for batch in _ipc_batches(_ipc_reader(stream)):
            yield from _sliced(batch.select(columns))
    else:
        yield from json_batches(stream, file, schema, columns, block_bytes=BATCH_BYTES)


def _parquet_rows(metadata: pq.FileMetaData, columns: Sequence[str]) -> int:
    """How many rows of the row group with the largest ones hold about BATCH_BYTES."""
    largest = 1
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        chunks = [group.column(column) for column in range(group.num_columns)]
        size = sum(
            chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns
        )
        largest = max(largest, size // max(1, group.num_rows))
    return min(MAX_BATCH_ROWS, max(1, BATCH_BYTES // largest))


def _ipc_reader(stream: Any) -> Any:
    """A reader of Arrow's file format, or of its stream format, which `datasets` names alike."""
    magic = stream.read(6)
    stream.seek(0)
    return pa.ipc.open_file(stream) if magic == b"ARROW1" else pa.ipc.open_stream(stream)


def _ipc_batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        yield from (reader.get_batch(index) for index in range(reader.num_record_batches))
    else:
        yield from reader


def _sliced(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for column in batch.columns:
        _check_offsets(column)
    rows = min(MAX_BATCH_ROWS, max(1, BATCH_BYTES * batch.num_rows // max(1, batch.nbytes)))
    yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))


def _check_offsets(column: pa.Array) -> None:
    """Refuse offsets out of the data, which Arrow maps as they stand; UTF-8 is judged row by row later."""
    plain = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
    (column.view(plain[column.type]) if column.type in plain else column).validate(full=True)
