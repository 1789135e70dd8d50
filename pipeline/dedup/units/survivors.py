"""Survivors of each split, and the tables of evidence and clusters.

A unit of `survivors` writes what stays of one split and sends the evidence on those that go to its part, by
the leading bits of the document's id; a part is sorted, so its bytes depend on the documents alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipeline.dedup.exchange import Ints, gather, rows_path, write_slices
from pipeline.dedup.units.blocks import partition_of
from pipeline.dedup.units.runs import held_out
from pipeline.dedup.units.verdicts import (
    E_CLUSTER,
    E_INSIDE,
    E_KEPT,
    E_KEPT_IN,
    E_LIKE,
    E_MEASURE,
    E_PLACE,
    E_REASON,
    E_SIZE,
    EVIDENCE_WORDS,
)
from pipeline.dedup.work import MEASURES, REASONS, ROW_BITS, ROW_MASK, STAYS
from pipeline.store import file_digest, write_table
from pipeline.units import Product, Receipt

ROWS_A_PART: Final = 1 << 20
_ID, _LANG, _SOURCE, _TABLE_WORDS = slice(11, 13), 13, 14, 15
"""Columns that a table's rows have behind those of evidence."""
_NONE: Final = pl.DataFrame(schema={
    "row": pl.Int64, "doc_id": pl.Binary, "license": pl.String, "lang": pl.String, "n_tokens": pl.Int64,
    "held_out": pl.Boolean,
})  # fmt: skip


@dataclass(frozen=True)
class SurvivorsWork:
    """A group of splits, every block's evidence, and where its tables' rows go."""

    group: int
    splits: tuple[int, ...]
    survivors: tuple[Path, ...]
    sources: tuple[int, ...]
    """Each split's, by number."""
    folder: Path
    evidence: tuple[Path, ...]
    languages: tuple[str, ...]
    parts: int
    validation: float
    seed: int


@dataclass(frozen=True)
class TableWork:
    """One part of the tables of evidence and of clusters."""

    part: int
    folder: Path
    files: tuple[Path, ...]
    """Every group's rows."""
    languages: tuple[str, ...]
    sources: tuple[str, ...]
    kept_in: tuple[str, ...]
    """Names: of this corpus (""), then of the saved indexes."""


def survivor_path(folder: Path, split: int) -> Path:
    """The surviving rows of one split: row, doc_id, license, lang, n_tokens, held_out."""
    return folder / "survivors" / f"part-{split:05d}.parquet"


def parts_of(rows: int) -> int:
    """In how many parts a table of so many rows is written: a power of two."""
    return 1 << max(0, -(-rows // ROWS_A_PART) - 1).bit_length()


def members_path(rows: Path) -> Path:
    """Rows of the table of clusters, beside those of evidence."""
    return rows.with_suffix(".members")


def write_survivors(work: SurvivorsWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write a group's survivors and its tables' rows; facts: each split's digest, and counts by language."""
    (product,) = pending
    told = gather(work.evidence, work.group)
    told = told[np.argsort(told[:, E_PLACE])]
    rows, digests, counts = [np.empty((0, _TABLE_WORDS), np.int64)], [], []
    total = np.zeros(len(REASONS), np.int64)
    for index, (split, survivors) in enumerate(zip(work.splits, work.survivors, strict=True)):
        documents = pl.read_parquet(survivors)
        own = told[told[:, E_PLACE] >> ROW_BITS == index]
        at = np.searchsorted(documents["row"].to_numpy(), own[:, E_PLACE] & ROW_MASK)
        reason = np.zeros(len(documents), np.int64)
        reason[at] = own[:, E_REASON]
        path = survivor_path(work.folder, split)
        write_table(path, _stay(documents.filter(pl.Series(reason == STAYS)), work))
        rows.append(_table_rows(documents, own, at, work.languages, work.sources[index]))
        digests.append(file_digest(path))
        counts.append(_counts(documents, reason))
        total += np.bincount(reason, minlength=len(REASONS))
    _send(np.concatenate(rows), work.parts, rows_path(product))
    dropped = {name: int(total[code]) for code, name in enumerate(REASONS) if name}
    facts = {"digests": digests, "counts": counts}
    return [product.commit(Receipt(product.key, int(total.sum()), int(total[STAYS]), dropped, facts=facts))]


def _stay(documents: pl.DataFrame, work: SurvivorsWork) -> pa.Table:
    if not len(documents):
        return _NONE.to_arrow()
    held = pl.Series("held_out", held_out(documents, work.validation, work.seed))
    return documents.select(name for name in _NONE.columns if name in documents).with_columns(held).to_arrow()


def _counts(documents: pl.DataFrame, reason: Ints) -> dict[str, list[list[int]]]:
    """By language: documents, bytes and tokens of each verdict, in the order of REASONS."""
    if not len(documents):
        return {}
    zero = pl.lit(0, pl.Int64)
    tokens = pl.col("n_tokens") if "n_tokens" in documents else zero
    frame = documents.select(
        pl.col("lang").fill_null(""),
        pl.col("size_bytes").cast(pl.Int64),
        tokens.cast(pl.Int64).alias("tokens"),
    ).with_columns(pl.Series("reason", reason))
    grouped = frame.group_by("lang", "reason").agg(
        pl.len().alias("n"), pl.col("size_bytes").sum(), pl.col("tokens").sum()
    )
    counts: dict[str, list[list[int]]] = {}
    for lang, code, *numbers in grouped.sort("lang", "reason").iter_rows():
        counts.setdefault(lang, [[0, 0, 0] for _ in REASONS])[code] = numbers
    return counts


def _table_rows(documents: pl.DataFrame, told: Ints, at: Ints, languages: Sequence[str], source: int) -> Ints:
    """Evidence with ids, languages and source; `at` says which document each row of `told` is about."""
    rows = np.zeros((len(told), _TABLE_WORDS), np.int64)
    rows[:, :EVIDENCE_WORDS] = told
    if len(told):
        ids = b"".join(documents["doc_id"].gather(at))
        rows[:, _ID] = np.frombuffer(ids, ">u8").astype(np.uint64).view(np.int64).reshape(-1, 2)
        codes = {name: code for code, name in enumerate(languages)}
        rows[:, _LANG] = [codes[name] for name in documents["lang"].fill_null("").gather(at)]
        rows[:, _SOURCE] = source
    return rows


def _send(rows: Ints, parts: int, path: Path) -> None:
    gone = rows[rows[:, E_REASON] != STAYS]
    write_slices(path, gone, partition_of(gone[:, _ID.start], parts), parts)
    members = rows[rows[:, E_SIZE] > 1]
    write_slices(members_path(path), members, partition_of(members[:, E_CLUSTER.start], parts), parts)


def write_tables(work: TableWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write one part of evidence and one of clusters; facts: their digests."""
    (product,) = pending
    gone = gather(work.files, work.part)
    evidence = _evidence(gone, work).sort("doc_id", "kept_doc_id", "reason", "source")
    members = _clusters(gather([members_path(path) for path in work.files], work.part))
    digests = {}
    for name, table in (("evidence", evidence), ("clusters", members)):
        path = work.folder / name / f"part-{work.part:05d}.parquet"
        write_table(path, table.to_arrow())
        digests[name] = file_digest(path)
    count = len(evidence) + len(members)
    facts = {"digests": digests, "evidence": len(evidence), "members": len(members)}
    return [product.commit(Receipt(product.key, count, count, facts=facts))]


def _evidence(rows: Ints, work: TableWork) -> pl.DataFrame:
    rows = rows.reshape(-1, _TABLE_WORDS)
    return pl.DataFrame({
        "doc_id": _binary(rows[:, _ID]),
        "kept_doc_id": _binary(rows[:, E_KEPT]),
        "kept_in": _named(rows[:, E_KEPT_IN], work.kept_in),
        "reason": _named(rows[:, E_REASON], REASONS),
        "jaccard": _floats(rows[:, E_LIKE]),
        "containment": _floats(rows[:, E_INSIDE]),
        "measure": _named(rows[:, E_MEASURE], MEASURES),
        "cluster": _binary(rows[:, E_CLUSTER]),
        "cluster_size": np.ascontiguousarray(rows[:, E_SIZE]),
        "lang": _named(rows[:, _LANG], work.languages),
        "source": _named(rows[:, _SOURCE], work.sources),
    })  # fmt: skip


def _clusters(rows: Ints) -> pl.DataFrame:
    rows = rows.reshape(-1, _TABLE_WORDS)
    columns: dict[str, Any] = {
        "cluster": _binary(rows[:, E_CLUSTER]),
        "doc_id": _binary(rows[:, _ID]),
        "reason": _named(rows[:, E_REASON], REASONS),
    }
    return pl.DataFrame(columns).sort("cluster", "doc_id", "reason")


def _binary(words: Ints) -> pl.Series:
    """16-byte ids of two words each."""
    blob = np.ascontiguousarray(words).view(np.uint64).astype(">u8").tobytes()
    array = pa.Array.from_buffers(pa.binary(16), len(words), [None, pa.py_buffer(blob)])
    return pl.Series(pl.from_arrow(array))


def _floats(words: Ints) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(words).view(np.float64)


def _named(codes: Ints, names: Sequence[str]) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(codes)
