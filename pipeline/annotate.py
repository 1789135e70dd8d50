"""Annotate: run filters over splits and keep their signals, one file a filter and a split.

Metadata filters see every row, before any text is read (pass "gate"); the others see the rows that the gate
lets through (pass "annotate"). All filters that a split still needs run on one reading of it. A part holds
`row`, `doc_id` and the filter's signals, in the order of the split; its receipt is keyed by the filter (name,
version, fields) and the split. A part that covers more rows than the gate now asks for is still good.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters import Filter
from pipeline.documents import Reading, read_batches
from pipeline.sources import IDENTITY, Split
from pipeline.store import PARQUET_OPTIONS, committed, file_digest, key_of
from pipeline.units import BadInput, Product, Quarantine, Receipt, Unit

ROW_FIELDS = [pa.field("row", pa.int64(), nullable=False), pa.field("doc_id", pa.binary(16), nullable=False)]


@dataclass(frozen=True)
class Identity:
    """The pipeline's own metadata filter: what names a document, and its size as the dataset declares it."""

    name: ClassVar[str] = "identity"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = (*IDENTITY, "lang", "size", "max_stars_repo_licenses")
    default_where: ClassVar[str] = "true"
    schema: ClassVar[pa.Schema] = pa.schema(
        [pa.field(name, pa.string(), nullable=False) for name in ("repo", "path", "revision", "lang")]
        + [pa.field("declared_bytes", pa.int64(), nullable=False)]  # −1: the dataset does not say
        + [pa.field("declared_license", pa.string(), nullable=False)]
    )

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Rename and fill: an absent text is "", an absent size is −1, several licences are joined by AND."""
        texts = [docs.column(name).fill_null("").cast(pa.string()) for name in (*IDENTITY, "lang")]
        separator = pa.scalar(" AND ", pa.large_string())
        licenses = (
            pc.binary_join(docs.column("max_stars_repo_licenses"), separator).fill_null("").cast(pa.string())
        )
        return pa.table([*texts, docs.column("size").fill_null(-1), licenses], schema=self.schema)


@dataclass(frozen=True)
class AnnotateWork:
    """A split and the filters whose parts it may need, by the path of their product."""

    split: Split
    reading: Reading
    filters: Mapping[Path, Filter]
    gate: Path | None
    """The part that lists the rows to read (pass "annotate"); None reads every row."""


def filter_key(fltr: Filter) -> str:
    """The content key of a filter: its name, version and fields."""
    return key_of("filter", fltr.name, fltr.version, filter_fields(fltr))


def filter_fields(fltr: Filter) -> dict[str, Any]:
    """The fields of a filter, where a file counts by its digest and not by its path."""
    fields = dataclasses.fields(fltr)  # type: ignore[arg-type]
    return {field.name: _content(field, getattr(fltr, field.name)) for field in fields}


def _content(field: dataclasses.Field[Any], value: Any) -> Any:
    """What a field's value stands for.

    A field's metadata may have a function `digest` of the value, say that it names a `file`, or that it is a
    tuple of `files`, each NAME=PATH.
    """
    if digest := field.metadata.get("digest"):
        return digest(value)
    if field.metadata.get("files"):
        named = [text.partition("=") for text in value]
        return [(name, file_digest(Path(path))) for name, _, path in named]
    names_file = field.metadata.get("file") or (isinstance(value, str) and Path(value).is_file())
    return file_digest(Path(value)) if names_file else value


def part_product(out: Path, fltr: Filter, key: str, split: Split) -> Product:
    """Where the signals of one filter for a split stand: signals/<filter>/<key>/part-00000."""
    return Product(
        out / "signals" / fltr.name / key[:16] / f"part-{split.number:05d}.json",
        key_of("annotate", 1, key, split.digest),
    )


def annotate_units(
    out: Path,
    reading: Reading,
    splits: Sequence[Split],
    filters: Sequence[Filter],
    gates: Sequence[Path] | None,
) -> list[Unit]:
    """One unit a split. `gates` holds each split's surviving rows, and is None in the pass over metadata."""
    reading_key = key_of(
        reading.source_name, dict(reading.mapping), reading.max_document_bytes if gates else 0
    )
    keys = [key_of(filter_key(fltr), reading_key) for fltr in filters]
    units = []
    for index, split in enumerate(splits):
        products = tuple(part_product(out, f, key, split) for f, key in zip(filters, keys, strict=True))
        gate = gates[index] if gates else None
        work = AnnotateWork(split, reading, {p.path: f for p, f in zip(products, filters, strict=True)}, gate)
        covers = _Covers(gate, file_digest(gate) if gate else "")
        units.append(Unit(split.label, work, products, split.rows, covers))
    return units


@dataclass(frozen=True)
class _Covers:
    """Whether a part is good for the rows that the gate lets through now."""

    gate: Path | None
    digest: str

    def __call__(self, product: Product, receipt: Receipt) -> bool:
        if receipt.key != product.key:
            return False
        if self.gate is None or receipt.facts.get("failed"):
            return True
        if receipt.facts["gate_digest"] == self.digest:
            return True
        covered = pq.read_table(product.path, columns=["row"]).column("row").to_numpy()
        covered = np.union1d(covered, np.array([q.row for q in receipt.quarantine], np.int64))
        return bool(np.isin(gate_rows(self.gate), covered).all())


def gate_rows(gate: Path) -> npt.NDArray[np.int64]:
    """The rows of a split that its gate lets through, ascending."""
    return pq.read_table(gate, columns=["row"]).column("row").to_numpy()


def annotate_split(work: AnnotateWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Compute the pending parts of one split on one reading; returns their receipts."""
    rows = gate_rows(work.gate) if work.gate else None
    facts = {"gate_digest": file_digest(work.gate)} if work.gate else {}
    try:
        n_rows, quarantine = _write_parts(work, pending, rows)
    except BadInput as error:
        failed = facts | {"failed": True}
        count = work.split.rows if rows is None else len(rows)
        receipt = Receipt("", count, 0, quarantined=count, quarantine=(error.record,), facts=failed)
        return [p.commit(dataclasses.replace(receipt, key=p.key)) for p in pending]
    asked = work.split.rows if rows is None else len(rows)
    base = Receipt("", asked, n_rows, quarantined=len(quarantine), quarantine=quarantine, facts=facts)
    return [p.commit(dataclasses.replace(base, key=p.key, digest=file_digest(p.path))) for p in pending]


def _write_parts(
    work: AnnotateWork, pending: Sequence[Product], rows: npt.NDArray[np.int64] | None
) -> tuple[int, tuple[Quarantine, ...]]:
    filters = {product.path: work.filters[product.path] for product in pending}
    columns = sorted({column for fltr in filters.values() for column in fltr.columns})
    n_rows = 0
    quarantine: list[Quarantine] = []
    with ExitStack() as stack:
        writers = {}
        for path, fltr in filters.items():
            temporary = stack.enter_context(committed(path))
            schema = pa.schema([*ROW_FIELDS, *fltr.schema])
            writers[path] = stack.enter_context(pq.ParquetWriter(temporary, schema, **PARQUET_OPTIONS))
        for batch in read_batches(work.split, work.reading, columns, rows=rows):
            n_rows += len(batch.documents)
            quarantine += batch.quarantine
            for path, fltr in filters.items():
                writers[path].write_table(signal_table(fltr, batch.documents))
    return n_rows, tuple(quarantine)


def signal_table(fltr: Filter, docs: pa.Table) -> pa.Table:
    """`row`, `doc_id` and the filter's signals for `docs`; asserts the filter's contract."""
    signals = fltr(docs)
    assert len(signals) == len(docs), f"filter {fltr.name} gave {len(signals)} rows for {len(docs)}"
    assert signals.schema.equals(fltr.schema), f"filter {fltr.name} gave {signals.schema}, not its schema"
    assert not any(column.null_count for column in signals.columns), f"filter {fltr.name} gave nulls"
    schema = pa.schema([*ROW_FIELDS, *fltr.schema])
    return pa.table([docs.column("row"), docs.column("doc_id"), *signals.columns], schema=schema)


def read_signals(
    parts: Sequence[Path], rows: npt.NDArray[np.int64] | None, *, without: Sequence[str] = ()
) -> pa.Table:
    """The parts of one split side by side: `row`, `doc_id` and the signals, for `rows` (None: all).

    Signals named in `without` are not read: a signature has hundreds of bytes.

    Rows that some part lacks, because their text was quarantined, are left out. Raises RuntimeError if two
    parts disagree about a row's document.
    """
    tables = [_read_part(part, without) for part in parts]
    own_rows = [table.column("row").to_numpy() for table in tables]
    shared = reduce(
        partial(np.intersect1d, assume_unique=True), own_rows if rows is None else [*own_rows, rows]
    )
    tables = [
        table.filter(pa.array(np.isin(own, shared))) for table, own in zip(tables, own_rows, strict=True)
    ]
    joined = tables[0]
    for part, table in zip(parts[1:], tables[1:], strict=True):
        if not joined.column("doc_id").equals(table.column("doc_id")):
            raise RuntimeError(
                f"{part}: its documents are not those of {parts[0]}; delete both, with their receipts "
                "(.json), and run again"
            )
        for field in table.schema.names[2:]:
            joined = joined.append_column(table.schema.field(field), table.column(field))
    return joined


def _read_part(part: Path, without: Sequence[str]) -> pa.Table:
    names = [name for name in pq.read_schema(part).names if name not in without]
    return pq.read_table(part, columns=names)
