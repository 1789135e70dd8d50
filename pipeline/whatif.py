"""What other thresholds would keep: the recipe's predicates with other numbers, over the signals of a run.

Counts documents, bytes and tokens for every combination of values; documents are those that pass all
predicates, gate and select alike, before dedup. No text is read. Memory is the signals of one split.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from pipeline.annotate import gate_rows, read_signals
from pipeline.chain import gate_predicates, run_job
from pipeline.comparisons import replaced
from pipeline.dedup.outcome import receipt_of
from pipeline.job import Job
from pipeline.select import evaluate
from pipeline.units import Pending, read_receipt
from pipeline.vary import Axis, parse_vary

MAX_COMBINATIONS: Final = 2_000
GATE: Final = "gate."
NEEDED: Final = ("ingest", "metadata", "gate", "tokenizer sample", "tokenizer", "annotate")
"""Stages that make signals; what stands after them need not be done."""
Mask = npt.NDArray[np.bool_]
Values = tuple[float, ...]


def what_if(job: Job, vary: Sequence[str]) -> dict[str, Any]:
    """The result that `infill whatif --json` prints (docs/commands/whatif.md), from a job that is planning.

    Raises ValueError for a wrong `--vary`, and Pending if signals are missing.
    """
    predicates = predicates_of(job)
    axes = [parse_vary(text, predicates) for text in vary]
    combinations = list(itertools.product(*(axis.values for axis in axes)))
    _check(axes, len(combinations))
    _walk(job)
    counts = np.zeros((len(combinations), 4), np.int64)
    annotated = 0
    for split in _splits(job, predicates, gate_varies=any(axis.key.startswith(GATE) for axis in axes)):
        annotated += int(split.passes({k: v for k, v in predicates.items() if k.startswith(GATE)}).sum())
        counts += _count(split, predicates, axes, combinations)
    own = tuple(axis.comparison.number for axis in axes)
    names = ("documents", "bytes", "tokens", "unread")
    return {
        "vary": [_described(axis, predicates) for axis in axes],
        "source": sum(split.rows for split in job.plan.splits),
        "annotated": annotated,
        "rows": [
            {"values": list(values), "recipe": values == own, **dict(zip(names, row, strict=True))}
            for values, row in zip(combinations, counts.tolist(), strict=True)
        ],
        "dedup": _dedup(job),
    }


def predicates_of(job: Job) -> dict[str, str]:
    """All predicates of a recipe by their keys, in order."""
    gate = {f"{GATE}{name}": text for name, text in gate_predicates(job.recipe).items()}
    return gate | {f"select.{name}": text for name, text in job.recipe.select.where.items()}


def _check(axes: Sequence[Axis], combinations: int) -> None:
    if len({(axis.key, axis.comparison) for axis in axes}) < len(axes):
        raise ValueError("--vary: found one comparison twice, expected each once; leave one out")
    if combinations > MAX_COMBINATIONS:
        found = f"found {combinations:,} combinations, expected at most {MAX_COMBINATIONS:,}"
        raise ValueError(f"--vary: {found}; take fewer values")


def _walk(job: Job) -> None:
    """Find the job's signals. Raises Pending if they are not all made."""
    assert job.runner.planning
    try:
        run_job(job)
    except Pending as pending:
        if pending.report.name in NEEDED:
            raise


def _described(axis: Axis, predicates: Mapping[str, str]) -> dict[str, Any]:
    comparison = axis.comparison
    found = {"predicate": axis.key, "where": predicates[axis.key], "signal": comparison.signal}
    return found | {"operator": comparison.operator, "recipe": comparison.number, "values": list(axis.values)}


@dataclass(frozen=True)
class _Split:
    """The signals of one split: of its annotated documents, and of all that the gate has seen."""

    frame: pl.DataFrame
    metadata: pl.DataFrame
    """Without rows unless the gate varies."""
    quarantined: npt.NDArray[np.int64]

    def passes(self, where: Mapping[str, str]) -> Mask:
        """Which annotated documents pass all of these predicates."""
        return _passes(self.frame, where)


def _passes(frame: pl.DataFrame, where: Mapping[str, str]) -> Mask:
    masks = evaluate(frame, where).values()
    return np.logical_and.reduce(list(masks), initial=True) & np.ones(len(frame), np.bool_)


def _splits(job: Job, predicates: Mapping[str, str], *, gate_varies: bool) -> Iterator[_Split]:
    """Every split whose text could be read; the others are in the run's quarantine."""
    names = {name for text in predicates.values() for name in pl.sql_expr(text).meta.root_names()}
    for metadata, parts, gate in zip(job.metadata, job.parts, job.gates, strict=True):
        if not all(part.exists() for part in parts):
            continue
        text = [part for part in parts if part not in metadata]
        receipts = [receipt for part in text if (receipt := read_receipt(part.with_suffix(".json")))]
        lost = {record.row for receipt in receipts for record in receipt.quarantine}
        seen, gate_sees = (None, None) if gate_varies else (gate_rows(gate), np.empty(0, np.int64))
        yield _Split(
            _frame(_holding(parts, {*names, "size_bytes", "n_tokens"}), seen),
            _frame(_holding(metadata, names) or metadata[:1], gate_sees),
            np.array(sorted(lost), np.int64),
        )


def _holding(parts: Sequence[Path], names: set[str]) -> list[Path]:
    """The parts that hold any of these columns: reading signatures would be most of the work."""
    return [part for part in parts if names & set(pq.read_schema(part).names)]


def _frame(parts: Sequence[Path], rows: npt.NDArray[np.int64] | None) -> pl.DataFrame:
    frame = pl.from_arrow(read_signals(parts, rows))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _count(
    split: _Split, predicates: Mapping[str, str], axes: Sequence[Axis], combinations: Sequence[Values]
) -> npt.NDArray[np.int64]:
    """Documents, bytes, tokens, and documents whose text was never read: i64[combinations, 4]."""
    variants = [_variant(predicates, axes, values) for values in combinations]
    fixed = split.passes({key: text for key, text in predicates.items() if key not in variants[0]})
    verdicts = evaluate(split.frame, {text: text for where in variants for text in where.values()})
    sizes, tokens = (split.frame[name].to_numpy() for name in ("size_bytes", "n_tokens"))
    counts = np.zeros((len(combinations), 4), np.int64)
    for row, where in enumerate(variants):
        kept = np.logical_and.reduce([verdicts[text] for text in where.values()], initial=True) & fixed
        unread = _unread(split, predicates, where) if len(split.metadata) else 0
        counts[row] = kept.sum(), sizes[kept].sum(), tokens[kept].sum(), unread
    return counts


def _variant(predicates: Mapping[str, str], axes: Sequence[Axis], values: Values) -> dict[str, str]:
    """The predicates that vary, with these values."""
    changed: dict[str, dict[Any, float]] = {}
    for axis, value in zip(axes, values, strict=True):
        changed.setdefault(axis.key, {})[axis.comparison] = value
    return {key: replaced(predicates[key], numbers) for key, numbers in changed.items()}


def _unread(split: _Split, predicates: Mapping[str, str], where: Mapping[str, str]) -> int:
    """How many documents the changed gate lets through that have no signals of their text."""
    gate = {key: where.get(key, text) for key, text in predicates.items() if key.startswith(GATE)}
    rows = split.metadata["row"].to_numpy()[_passes(split.metadata, gate)]
    known = np.union1d(split.frame["row"].to_numpy(), split.quarantined)
    return int((~np.isin(rows, known)).sum())


def _dedup(job: Job) -> dict[str, int] | None:
    """What dedup kept of the documents that the recipe's own thresholds keep; None if it is not done."""
    if job.dedup is None:
        return None
    receipt = receipt_of(job.dedup)
    return {"documents_in": receipt.rows_in, "documents": receipt.rows_out}
