"""JSON lines as record batches: one schema for the whole file, then blocks of whole lines parsed by Arrow.

Arrow's own streaming reader fixes the schema at its first block and fails when a later one adds a key or
fills a null. Here a first pass over the file infers the schema of every block and unites them; the second
reads with it. A text that looks like a time stays a text. Memory is a few blocks, and a longer line makes
one grow.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.json

MAX_LINE_BYTES: Final = 1 << 30


class _Block(NamedTuple):
    """Some whole lines, and the number of the first one."""

    first_line: int
    text: bytes


def json_schema(stream: Any, name: str, *, block_bytes: int) -> pa.Schema:
    """The schema that all lines fit. Raises ValueError, with the line, for one that is not a JSON object."""
    merged = pa.schema([])
    for block in _blocks(stream, name, block_bytes):
        found = _parse(block, name, pa.json.ParseOptions()).schema
        found = pa.schema([pa.field(field.name, _without_times(field.type)) for field in found])
        try:
            merged = pa.unify_schemas([merged, found], promote_options="permissive")
        except pa.ArrowException as error:
            place = f"{name}, lines from {block.first_line}"
            expected = (
                "expected the types of the lines before: make them agree, or convert the file to Parquet"
            )
            raise ValueError(f"{place}: found another type ({error}), {expected}") from error
    return merged


def json_batches(
    stream: Any, name: str, schema: pa.Schema, columns: Sequence[str], *, block_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The file's rows with `columns` of `schema`, a block at a time."""
    wanted = pa.schema([schema.field(column) for column in columns])
    options = pa.json.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore")
    for block in _blocks(stream, name, block_bytes):
        yield from _parse(block, name, options).to_batches()


def _blocks(stream: Any, name: str, block_bytes: int) -> Iterator[_Block]:
    """Blocks of whole lines, each of at least `block_bytes` but for the last."""
    first_line, unfinished = 1, [b""]
    while chunk := stream.read(block_bytes):
        lines, newline, tail = chunk.rpartition(b"\n")
        if newline:
            text = b"".join([*unfinished, lines, newline])
            yield _Block(first_line, text)
            first_line, unfinished = first_line + text.count(b"\n"), [tail]
            continue
        unfinished.append(tail)
        if sum(map(len, unfinished)) > MAX_LINE_BYTES:
            found = f"found more than {MAX_LINE_BYTES:,} bytes without a line end"
            raise ValueError(f"{name}, line {first_line}: {found}, expected one JSON object a line")
    if any(unfinished):
        yield _Block(first_line, b"".join(unfinished))


def _parse(block: _Block, name: str, options: Any) -> pa.Table:
    try:
        return _table(block.text, options)
    except pa.ArrowException as error:
        number, reason = _bad_line(block, options) or (block.first_line, error)
        place = f"line {number}" if reason is not error else f"lines from {number}"
        found = str(reason).splitlines()[0].removesuffix(" in row 0")
        expected = "expected one JSON object a line, each key with one type throughout"
        raise ValueError(
            f"{name}, {place}: found {found}; {expected}: mend it, or convert it to Parquet"
        ) from error


def _table(text: bytes, options: Any) -> pa.Table:
    whole = pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    return pa.json.read_json(io.BytesIO(text), read_options=whole, parse_options=options)


def _bad_line(block: _Block, options: Any) -> tuple[int, Exception] | None:
    """The first line that cannot be parsed even by itself, and why."""
    for number, line in enumerate(block.text.split(b"\n"), block.first_line):
        try:
            if line.strip():
                _table(line, options)
        except pa.ArrowException as error:
            return number, error
    return None


def _without_times(kind: pa.DataType) -> pa.DataType:
    """The type with text in place of the times that Arrow sees in texts: JSON has none."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_without_times(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _without_times(field.type)) for field in kind])
    return kind
