"""What a finished run says of itself: the funnel, kinds and orders asked for and got, languages, licences,
stages.

`summarize` gives the object that `infill run --json` prints and OUT/report.json holds; `write_records`
commits it with OUT/manifest.json and the quarantine. Numbers come from receipts and sidecars, so a resumed
run reports the whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.agreement import agreement, asked_kinds, asked_orders
from pipeline.dedup.outcome import dedup_record, receipt_of
from pipeline.dedup.work import INNER_STAGE
from pipeline.engine import peak_memory_bytes
from pipeline.histogram import Histogram, restored
from pipeline.job import Job
from pipeline.select import merge_funnels
from pipeline.shards.manifest import read_manifest
from pipeline.sources import Plan
from pipeline.store import write_json, write_table
from pipeline.units import Product, Quarantine, StageReport

Step = dict[str, int | str | None]


class Selected(Protocol):
    """A run that has gated, selected and deduplicated: of a recipe, or of `infill dedup`."""

    plan: Plan
    reports: dict[str, StageReport]
    dedup: Product | None


def summarize(job: Job) -> dict[str, Any]:
    """The report of a job whose every stage is done."""
    shards = job.out / "shards"
    manifest = read_manifest(shards)
    splits = manifest["splits"]
    fim = job.recipe.fim
    assert job.dedup is not None
    synthesis = [receipt for own in job.reports["synthesize"].receipts for receipt in own]
    counts = _total([receipt.facts["counts"] for receipt in synthesis])
    languages = _samples(splits, "by_lang")
    kinds, orders = asked_kinds(fim, languages), asked_orders(fim, languages)
    return {
        "shards": str(shards),
        "tokens": sum(split["tokens"] for split in splits.values()),
        "samples": sum(split["samples"] for split in splits.values()),
        "documents": sum(receipt.rows_out for receipt in synthesis),
        "splits": {name: {"samples": s["samples"], "tokens": s["tokens"]} for name, s in splits.items()},
        "funnel": funnel_of(job),
        **dedup_record(job.dedup, job.recipe.select.dedup),
        "kinds": _shares(kinds, _samples(splits, "by_kind")),
        "orders": _shares(orders, _samples(splits, "by_order")),
        "agreement": {
            "kinds": agreement(kinds, _drawn(counts, "kind")),
            "orders": agreement(orders, _drawn(counts, "order")),
        },
        "synthesis": counts,
        "languages": _tokens(splits, "by_lang"),
        "licenses": _tokens_by_license(shards, manifest),
        "histograms": _histograms(job),
        "stages": stages_of(job.reports),
        "quarantined": len(job.quarantine),
        "peak_memory_bytes": peak_of(job.reports),
    }


def stages_of(reports: Mapping[str, StageReport]) -> list[dict[str, Any]]:
    """Counters and seconds of each stage."""
    names = ("name", "units", "units_cached", "rows_in", "rows_out", "dropped", "quarantined")
    return [
        {name: getattr(report, name) for name in names} | {"seconds": round(report.seconds, 3)}
        for report in reports.values()
    ]


def peak_of(reports: Mapping[str, StageReport]) -> int:
    """The most memory that a process of the run has held, in bytes."""
    return max([peak_memory_bytes(), *(report.peak_memory_bytes for report in reports.values())])


def funnel_of(job: Selected) -> list[Step]:
    """All steps from the source to what is in the shards. Bytes before `readable` are as the dataset declares
    them.
    """
    gate = _steps(job, "gate")
    rows = sum(split.rows for split in job.plan.splits)
    source = {**gate[0], "name": "source", "documents": rows}
    selected = _steps(job, "select")
    before = gate[-1]["documents"]
    lost = (before if isinstance(before, int) else 0) - _count(selected[0])
    lost += rows - _count(gate[0])  # splits whose metadata could not be read
    readable = {**selected[0], "name": "readable", "dropped": lost, "dropped_only": lost}
    assert job.dedup is not None
    return [source, *gate[1:], readable, *selected[1:], *receipt_of(job.dedup).facts["funnel"]]


def _histograms(job: Job) -> dict[str, list[tuple[str, int]]]:
    """Labelled counts of every signal over the readable documents."""
    merged: dict[str, Histogram] = {}
    for own in job.reports["select"].receipts:
        for name, counted in own[0].facts.get("histograms", {}).items() if own else ():
            merged.setdefault(name, restored(counted)).absorb(counted)
    return {name: histogram.labelled() for name, histogram in merged.items()}


def _steps(job: Selected, stage: str) -> list[Step]:
    funnels = [own[0].facts["funnel"] for own in job.reports[stage].receipts if own]
    none: Step = {"name": "in", "documents": 0, "bytes": 0, "tokens": 0, "dropped": 0, "dropped_only": 0}
    return merge_funnels([steps for steps in funnels if steps]) or [none]


def _count(step: Step) -> int:
    documents = step["documents"]
    assert isinstance(documents, int)
    return documents


def _samples(splits: Mapping[str, Any], group: str) -> dict[str, int]:
    """Samples by kind, order or language."""
    return _total(
        [{name: count["samples"] for name, count in split[group].items()} for split in splits.values()]
    )


def _drawn(counts: Mapping[str, int], what: str) -> dict[str, int]:
    """How many samples were drawn of each kind, or in each order."""
    start = f"drawn_{what}_"
    return {name.removeprefix(start): count for name, count in counts.items() if name.startswith(start)}


def _shares(asked: Mapping[str, float], got: Mapping[str, int]) -> dict[str, dict[str, float]]:
    samples = sum(got.values())
    return {
        name: {
            "asked": asked.get(name, 0.0),
            "got": got.get(name, 0) / samples if samples else 0.0,
            "samples": got.get(name, 0),
        }
        for name in dict.fromkeys([*asked, *got])
    }


def _total(counts: list[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for own in counts:
        for name, count in own.items():
            total[name] = total.get(name, 0) + count
    return total


def _tokens(splits: Mapping[str, Any], group: str) -> dict[str, int]:
    tokens = _total(
        [{name: count["tokens"] for name, count in split[group].items()} for split in splits.values()]
    )
    return dict(sorted(tokens.items(), key=lambda item: (-item[1], item[0])))


def _tokens_by_license(shards: Path, manifest: Mapping[str, Any]) -> dict[str, int]:
    tokens = []
    for record in manifest["files"]:
        if record["path"].endswith(".parquet"):
            table = pq.read_table(shards / record["path"], columns=["license", "n_tokens"])
            groups = table.group_by("license").aggregate([("n_tokens", "sum")])
            tokens.append(
                dict(
                    zip(
                        groups["license"].to_pylist(),
                        pc.cast(groups["n_tokens_sum"], pa.int64()).to_pylist(),
                        strict=True,
                    )
                )
            )
    return dict(sorted(_total(tokens).items(), key=lambda item: (-item[1], item[0])))


def write_quarantine(out: Path, records: Sequence[Quarantine]) -> None:
    """Commit the rows and files that could not be used."""
    columns = list(zip(*records, strict=True)) or [(), (), (), ()]
    types = (pa.string(), pa.int64(), pa.string(), pa.string())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    table = pa.table(arrays, names=["file", "row", "reason", "message"])
    write_table(out / "quarantine" / "records.parquet", table)


def write_records(job: Job, report: Mapping[str, Any]) -> None:
    """Commit the quarantine, the report and, last, the run's manifest; remove samples of settings that are no
    longer ours.
    """
    write_quarantine(job.out, job.quarantine)
    write_json(job.out / "report.json", report)
    write_json(job.out / "manifest.json", {
        "recipe": job.recipe.model_dump(mode="json"),
        "inputs": [asdict(split) for split in job.plan.splits],
        "stages": {
            name: [receipt.key for own in stage.receipts for receipt in own]
            for name, stage in job.reports.items()
            if not name.startswith(INNER_STAGE)  # they run only when the result is not there
        },
        "funnel": report["funnel"],
        "totals": {name: report[name] for name in ("documents", "samples", "tokens", "quarantined")},
    })  # fmt: skip
    for old in (job.out / "samples").glob("*"):
        if old != job.samples:
            shutil.rmtree(old)
