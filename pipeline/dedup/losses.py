"""What dedup took: the funnel, a table by source and by language, and alarms for those that lose much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipeline.config import Dedup
from pipeline.dedup.work import REASONS
from pipeline.store import file_digest, write_table
from pipeline.units import Product, Receipt

Counts = Mapping[str, Sequence[Sequence[int]]]
"""By language: documents, bytes and tokens of each verdict, in the order of REASONS."""
Step = dict[str, int | str]
Loss = dict[str, Any]


@dataclass(frozen=True)
class FinishWork:
    """What the other stages found: each split's source and counts, and digests of their files."""

    counts: tuple[tuple[str, Counts], ...]
    parts: tuple[str, ...]
    tables: tuple[Mapping[str, Any], ...]
    bands: tuple[int, int]


def finish(work: FinishWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write losses.parquet; facts: `parts`, `tables`, `funnel`, `losses`, and `bands` (bands, entries a band)
    if there are any.
    """
    (product,) = pending
    total = _sum(own for _, counts in work.counts for own in counts.values())
    losses = _losses(work.counts)
    write_table(product.path, pl.DataFrame(losses, schema=_SCHEMA, infer_schema_length=None).to_arrow())
    steps = funnel(total)
    facts = {"parts": list(work.parts), "tables": list(work.tables), "funnel": steps, "losses": losses}
    if any(work.bands):
        facts["bands"] = list(work.bands)
    dropped = {name: int(total[code][0]) for code, name in enumerate(REASONS) if name}
    came, stay = int(total[:, 0].sum()), int(total[0][0])
    digest = file_digest(product.path)
    return [product.commit(Receipt(product.key, came, stay, dropped, digest=digest, facts=facts))]


def _sum(counts: Iterable[Sequence[Sequence[int]]]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    total = np.zeros((len(REASONS), 3), np.int64)
    for own in counts:
        total += np.array(own, np.int64)
    return total


def funnel(total: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> list[Step]:
    """One step a reason, in the order in which they apply; only its one reason drops a document."""
    steps: list[Step] = []
    left = total.sum(axis=0)
    for code, name in enumerate(REASONS):
        if name:
            left = left - total[code]
            gone = int(total[code][0])
            sizes = dict(zip(("documents", "bytes", "tokens"), left.tolist(), strict=True))
            steps.append({"name": name, **sizes, "dropped": gone, "dropped_only": gone})
    return steps


_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "group": pl.String,
    "name": pl.String,
    "documents": pl.Int64,
    **dict.fromkeys(REASONS[1:], pl.Int64),
    "kept": pl.Int64,
    "bytes": pl.Int64,
    "bytes_kept": pl.Int64,
}


def _losses(counts: Sequence[tuple[str, Counts]]) -> list[Loss]:
    """Rows of the table, those that lose most first."""
    groups: dict[tuple[str, str], list[Sequence[Sequence[int]]]] = {}
    for source, languages in counts:
        for language, own in languages.items():
            groups.setdefault(("source", source), []).append(own)
            groups.setdefault(("language", language), []).append(own)
    rows: list[Loss] = []
    for (group, name), parts in groups.items():
        total = _sum(parts)
        documents, size = (int(total[:, column].sum()) for column in (0, 1))
        removed = {reason: int(total[code][0]) for code, reason in enumerate(REASONS) if reason}
        kept = {"kept": int(total[0][0]), "bytes": size, "bytes_kept": int(total[0][1])}
        rows.append({"group": group, "name": name, "documents": documents, **removed, **kept})
    return sorted(rows, key=lambda row: (row["group"], row["kept"] - row["documents"], row["name"]))


def alarms(losses: Sequence[Loss], dedup: Dedup) -> list[dict[str, Any]]:
    """Groups of `alarm_documents` or more that lost more than the share `alarm`."""
    raised = []
    for row in losses:
        removed = row["documents"] - row["kept"]
        if row["documents"] >= dedup.alarm_documents and removed > dedup.alarm * row["documents"]:
            share = removed / row["documents"]
            facts = {name: row[name] for name in ("group", "name", "documents")}
            raised.append({**facts, "removed": removed, "share": share})
    return raised
