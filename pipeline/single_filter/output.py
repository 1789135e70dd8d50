"""What `infill filter --out` writes: one Parquet file, committed whole, in the order of the input.

Its columns are those of all inputs together, in types that hold them all without loss; with `annotated` the
signals follow, in place of columns of their names. A signal of a document that cannot be used is null. A row
group has about 32 MB, which is also the memory that writing takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.single_filter.tally import Judged
from pipeline.store import PARQUET_OPTIONS, committed

ROW_GROUP_BYTES: Final = 32_000_000


def output_target(out: Path | None, files: Sequence[str]) -> Path | None:
    """The file to write. Raises ValueError where there cannot be one, or where it is an input."""
    if out is None:
        return None
    if out.parts and out.parts[0].endswith(":"):
        raise ValueError(
            f"--out {out}: found a URL, expected a local path; write here and copy the file there"
        )
    target = out if out.suffix == ".parquet" else out / "part-00000.parquet"
    if target.is_dir() or (target != out and out.exists() and not out.is_dir()):
        raise ValueError(
            f"--out {out}: expected a folder, or a file of which the name ends in .parquet; give another"
        )
    if target.resolve() in {Path(file).resolve() for file in files if "://" not in file}:
        raise ValueError(
            f"--out {out} would replace {target}, which is one of the inputs; write to another place"
        )
    return target


@contextmanager
def writing(
    target: Path | None, schemas: Mapping[str, pa.Schema], signals: pa.Schema | None
) -> Iterator[Callable[[Judged], None]]:
    """A function that takes judged documents into `target`, which appears when all is done.

    With `signals` every document is taken, with its own; without, those that pass. Raises ValueError for
    files, given with their schemas, that do not fit into one.
    """
    if target is None:
        yield lambda judged: None
        return
    schema = _output_schema(schemas, signals)
    pending: list[pa.Table] = []
    with committed(target) as temporary, pq.ParquetWriter(temporary, schema, **PARQUET_OPTIONS) as writer:

        def write(judged: Judged) -> None:
            pending.append(_output_rows(judged, schema, annotated=signals is not None))
            if sum(table.nbytes for table in pending) >= ROW_GROUP_BYTES:
                writer.write_table(pa.concat_tables(pending))
                pending.clear()

        yield write
        if pending:
            writer.write_table(pa.concat_tables(pending))


def _output_schema(schemas: Mapping[str, pa.Schema], signals: pa.Schema | None) -> pa.Schema:
    """The columns of all files, then the signals. Raises ValueError where types do not go together."""
    first = next(iter(schemas.values()))
    merged = first
    for file, schema in schemas.items():
        try:
            merged = pa.unify_schemas([merged, schema], promote_options="permissive")
        except pa.ArrowException as error:
            problem = f"{file} does not fit in one file with those before it ({error})"
            raise ValueError(f"{problem}; filter it by itself") from error
    if signals is None and all(schema.equals(first) for schema in schemas.values()):
        return first
    own = [] if signals is None else list(signals)
    fields = [field for field in merged if signals is None or field.name not in signals.names]
    return pa.schema([field.with_nullable(True) for field in (*fields, *own)])


def _output_rows(judged: Judged, schema: pa.Schema, *, annotated: bool) -> pa.Table:
    rows = pa.Table.from_batches([judged.rows.batch])
    signals = judged.signals.select([])
    if annotated:
        signals = judged.signals
    else:
        rows = rows.filter(pa.array(judged.passes))
    columns = []
    for field in schema:
        if field.name in signals.column_names:
            columns.append(_blanked(signals[field.name], judged))
        elif field.name in rows.column_names:
            columns.append(_fitted(rows[field.name], field, judged))
        else:
            columns.append(pa.nulls(len(rows), field.type))
    return pa.table(columns, schema=schema)


def _blanked(signal: pa.ChunkedArray, judged: Judged) -> pa.ChunkedArray:
    return pc.if_else(pa.array(judged.usable), signal, None) if judged.problems else signal


def _fitted(column: pa.ChunkedArray, field: pa.Field, judged: Judged) -> pa.ChunkedArray:
    if column.type == field.type:
        return column
    try:
        return column.cast(field.type)
    except pa.ArrowException as error:
        place = f"{judged.rows.file}, rows from {judged.rows.first_row}: column {field.name!r}"
        raise ValueError(
            f"{place} does not fit the type {field.type} of all inputs ({error}); filter it by itself"
        ) from error
