"""Select: named SQL predicates over signals, one split at a time, with no text read.

A unit joins a split's signals, evaluates every predicate once, and leaves the rows that all of them keep
together with what dedup and synthesis need to know of them. Its receipt carries the funnel: after each
predicate in order, the documents, bytes and tokens left, how many it dropped, and how many *only* it dropped.
Seconds for millions of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipeline.annotate import Identity, gate_rows, read_signals
from pipeline.histogram import new_histogram
from pipeline.recipe import order_term
from pipeline.sources import Split
from pipeline.store import file_digest, key_of, write_table
from pipeline.units import Product, Receipt, Unit, read_receipt


@dataclass(frozen=True)
class SelectWork:
    """The parts of one split, the predicates, and what to keep of the survivors."""

    parts: tuple[Path, ...]
    gate: Path | None
    """Rows to look at; None in the gate itself, which looks at all."""
    where: Mapping[str, str]
    keep: tuple[str, ...]
    """Sort terms that dedup will use, evaluated here as key_0, key_1, …"""
    limit_rows: int


def select_units(
    folder: Path,
    splits: Sequence[Split],
    parts: Sequence[tuple[Path, ...]],
    gates: Sequence[Path] | None,
    where: Mapping[str, str],
    keep: Sequence[str] = (),
) -> list[Unit]:
    """One unit a split, keyed by the predicates (in order) and the digests of the signals it reads."""
    units = []
    for index, (split, own) in enumerate(zip(splits, parts, strict=True)):
        gate = gates[index] if gates else None
        digests = [part_digest(part) for part in own] + ([file_digest(gate)] if gate else [])
        key = key_of("select", 2, list(where.items()), list(keep), digests)
        product = Product(folder / f"part-{split.number:05d}.json", key)
        units.append(
            Unit(split.label, SelectWork(own, gate, where, tuple(keep), split.rows), (product,), split.rows)
        )
    return units


def part_digest(part: Path) -> str:
    """The digest of a product as its receipt gives it; a word in its place if it could not be made."""
    receipt = read_receipt(part.with_suffix(".json"))
    return (receipt.digest or "unreadable") if receipt else "lost"


def select_split(work: SelectWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Evaluate the predicates on one split; leaves its survivors and returns the receipt with the funnel."""
    (product,) = pending
    readable = all(part.exists() for part in work.parts)
    frame = _frame(work) if readable else None
    if frame is None:
        write_table(product.path, pa.table({"row": pa.array([], pa.int64())}))
        return [
            product.commit(Receipt(product.key, 0, 0, digest=file_digest(product.path), facts={"funnel": []}))
        ]
    masks = evaluate(frame, work.where)
    kept = np.logical_and.reduce(list(masks.values()), initial=True) & np.ones(len(frame), np.bool_)
    survivors = frame.filter(pl.Series(kept)) if len(frame) else frame
    write_table(product.path, _summary(survivors, work.keep))
    steps = funnel(frame, masks)
    dropped = {name: int(step["dropped"] or 0) for name, step in zip(masks, steps[1:], strict=True)}
    receipt = Receipt(product.key, len(frame), len(survivors), dropped, digest=file_digest(product.path))
    receipt.facts["funnel"] = steps
    if work.gate:
        receipt.facts["histograms"] = histograms(frame)
    return [product.commit(receipt)]


def _frame(work: SelectWork) -> pl.DataFrame:
    rows = gate_rows(work.gate) if work.gate else None
    frame = pl.from_arrow(read_signals(work.parts, rows, without=("minhash",)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def evaluate(frame: pl.DataFrame, where: Mapping[str, str]) -> dict[str, npt.NDArray[np.bool_]]:
    """Each predicate's verdict on each row; a null verdict is a no."""
    wanted = [pl.sql_expr(text).cast(pl.Boolean).fill_null(False).alias(name) for name, text in where.items()]
    verdicts = frame.select(wanted) if wanted else pl.DataFrame()
    height = len(frame)
    return {name: np.broadcast_to(verdicts[name].to_numpy(), height) for name in where}


NOT_SIGNALS = ("row", "doc_id", *Identity.schema.names)


def histograms(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Counts of each signal's values, as receipts hold them and `pipeline.histogram` adds them up."""
    found = {}
    for name in frame.drop(NOT_SIGNALS, strict=False).columns:
        values = pa.chunked_array([frame[name].to_arrow()])
        histogram = new_histogram(values.type)
        if histogram is not None:
            histogram.add(values)
            found[name] = histogram.counts_by_bin()
    return found


def funnel(
    frame: pl.DataFrame, masks: Mapping[str, npt.NDArray[np.bool_]]
) -> list[dict[str, int | str | None]]:
    """What is left after each predicate, in order; the first step is what comes in."""
    sizes: dict[str, npt.NDArray[Any]] = {
        column: frame[column].to_numpy()
        for column in ("size_bytes", "declared_bytes", "n_tokens")
        if column in frame.columns
    }
    left = np.ones(len(frame), np.bool_)
    failures = sum((~mask).astype(np.int64) for mask in masks.values())
    steps = [_step("in", left, sizes, dropped=0, dropped_only=0)]
    for name, mask in masks.items():
        dropped = int((left & ~mask).sum())
        left = left & mask
        only = int((~mask & (failures == 1)).sum())
        steps.append(_step(name, left, sizes, dropped=dropped, dropped_only=only))
    return steps


def _step(
    name: str,
    left: npt.NDArray[np.bool_],
    sizes: Mapping[str, npt.NDArray[Any]],
    *,
    dropped: int,
    dropped_only: int,
) -> dict[str, int | str | None]:
    """`bytes` are those of the text when it has been read, else those the dataset declares, else None."""
    size = sizes.get("size_bytes", sizes.get("declared_bytes"))
    known = size is not None and not (size[left] < 0).any()
    return {
        "name": name,
        "documents": int(left.sum()),
        "bytes": int(size[left].sum()) if known and size is not None else None,
        "tokens": int(sizes["n_tokens"][left].sum()) if "n_tokens" in sizes else None,
        "dropped": dropped,
        "dropped_only": dropped_only,
    }


def merge_funnels(
    funnels: Sequence[Sequence[Mapping[str, int | str | None]]],
) -> list[dict[str, int | str | None]]:
    """Sum the steps of all splits; a number that one split does not know is not known of the whole."""
    merged: list[dict[str, int | str | None]] = []
    for steps in funnels:
        for position, step in enumerate(steps):
            if position == len(merged):
                merged.append(dict(step))
                continue
            merged[position] = {
                name: value if name == "name" else _sum(merged[position][name], value)
                for name, value in step.items()
            }
    return merged


def _sum(left: int | str | None, right: int | str | None) -> int | None:
    return left + right if isinstance(left, int) and isinstance(right, int) else None


def _summary(survivors: pl.DataFrame, keep: Sequence[str]) -> pa.Table:
    """The columns that later stages read, and the dedup order's terms as key_0, key_1, …"""
    columns = [
        "row",
        "doc_id",
        *(c for c in ("repo", "content_hash", "size_bytes", "n_tokens") if c in survivors.columns),
    ]
    license_column = "license" if "license" in survivors.columns else "declared_license"
    language_column = "language" if "language" in survivors.columns else "lang"
    extra = [pl.col(license_column).alias("license"), pl.col(language_column).alias("lang")]
    terms = [pl.sql_expr(order_term(text)[0]).alias(f"key_{i}") for i, text in enumerate(keep)]
    return survivors.select([*columns, *extra, *terms]).to_arrow()
