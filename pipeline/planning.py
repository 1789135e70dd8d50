"""Walk a job without running it: which products are good, which must be made, and why.

Stages are keyed by what stands before them, so the walk ends at the first stage that has work to do; those
after it wait for its result. What changed is told by comparing the recipe with that of the last finished run.
"""

from __future__ import annotations

from typing import Any

from pipeline.chain import STAGES, run_job
from pipeline.job import Job
from pipeline.repository_context import stage as repository_context
from pipeline.store import key_of, read_json
from pipeline.units import Pending, StageReport


def walk(job: Job) -> dict[str, Any]:
    """`stages` (name, key, units, cached, why) and the size of the input. Reads receipts and footers; writes
    nothing. A stage that has work to do has no key yet.
    """
    stopped: StageReport | None = None
    try:
        run_job(job)
    except Pending as pending:
        stopped = pending.report
    changes = changed_keys(job)
    stages = [_describe(report, changes) for report in job.runner.reports]
    expected = [name for name in STAGES if _applies(job, name)]
    if stopped:
        seen = {stage["name"] for stage in stages}
        waiting = [name for name in expected if name not in seen]
        stages += [
            {"name": n, "key": None, "units": None, "cached": None, "why": f"waits for {stopped.name}"}
            for n in waiting
        ]
    splits = job.plan.splits
    size = {
        "splits": len(splits),
        "rows": sum(s.rows for s in splits),
        "text_bytes": sum(s.text_bytes for s in splits),
    }
    return {"stages": stages, "changed": changes, **size}


def _applies(job: Job, name: str) -> bool:
    if name == "ingest":
        return job.recipe.source.env
    if name in repository_context.STAGES:
        return job.recipe.fim.repository is not None
    return not name.startswith("tokenizer") or job.recipe.tokenizer.train is not None


def _describe(report: StageReport, changes: list[str]) -> dict[str, Any]:
    missing = report.units - report.units_cached
    if not missing:
        why = "nothing to do: every unit has a receipt for these settings and inputs"
    else:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in report.stale.items())
        changed = f"; the recipe changed: {'; '.join(changes)}" if changes else ""
        why = f"{missing:,} of {report.units:,} to do: {reasons}{changed}"
    key = None if missing else key_of([receipt.key for own in report.receipts for receipt in own])
    return {"name": report.name, "key": key, "units": report.units, "cached": report.units_cached, "why": why}


def changed_keys(job: Job) -> list[str]:
    """Keys of the recipe that differ from the last finished run's, as `a.b: old → new`."""
    try:
        old = read_json(job.out / "manifest.json")["recipe"]
    except FileNotFoundError:
        return []
    return list(_differences(old, job.recipe.model_dump(mode="json"), ""))


def _differences(old: Any, new: Any, prefix: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        names = dict.fromkeys([*old, *new])
        return [
            line for name in names for line in _differences(old.get(name), new.get(name), f"{prefix}{name}.")
        ]
    return [] if old == new else [f"{prefix.rstrip('.')}: {old!r} → {new!r}"]
