"""`infill explain`: why one document was kept or dropped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from pipeline.commands.console import output_console, print_json
from pipeline.commands.run import CONFIG, JSON, LIMIT, OUT, SET, load

if TYPE_CHECKING:
    import polars as pl

    from pipeline.job import Job


@click.command()
@CONFIG
@click.argument("document", metavar="DOC")
@OUT
@LIMIT
@SET
@JSON
def explain(
    config: Path,
    document: str,
    out: Path | None,
    limit: int | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Say why DOC was kept or dropped: every signal, every predicate, and its duplicate if it lost to one.

    DOC is a path in its repository, REPO:PATH, or a document id in hex (as `infill preview` shows it).
    """
    from pipeline.chain import run_job
    from pipeline.engine import Engine
    from pipeline.job import Job
    from pipeline.units import Pending, Runner

    recipe, folder = load(config, overrides, out)
    job = Job(recipe, folder, Runner(Engine(workers=0), planning=True), limit)
    try:
        run_job(job)
    except Pending as pending:
        raise ValueError(
            f"{folder}: stage {pending.report.name} has work to do; run `infill run {config}` first"
        ) from None
    split, row = find(job, document)
    result = explanation(job, split, row)
    if as_json:
        print_json(result)
    else:
        _show(result)
    return 0


def find(job: Job, document: str) -> tuple[int, int]:
    """(split, row) of a document, by path or else by id. Raises ValueError when none or several match."""
    import polars as pl

    named = pl.concat_str("repo", pl.lit(":"), "path")
    by_name = (pl.col("path") == document) | (named == document)
    by_id = pl.col("doc_id").bin.encode("hex").str.starts_with(document.lower())
    found = _matches(job, by_name, named) or _matches(job, by_id, named)
    if not found:
        raise ValueError(
            f"no document matches {document!r}; give a path, REPO:PATH, or the start of a document id"
        )
    if len(found) > 1:
        names = ", ".join(name for _, _, name in found[:5])
        raise ValueError(f"{len(found)} documents match {document!r}, among them {names}; give REPO:PATH")
    return found[0][:2]


def _matches(job: Job, wanted: pl.Expr, named: pl.Expr) -> list[tuple[int, int, str]]:
    """(split, row, REPO:PATH) of every document that is `wanted`."""
    import polars as pl

    found: list[tuple[int, int, str]] = []
    for split, parts in enumerate(job.parts):
        if parts[0].exists():
            rows = pl.read_parquet(parts[0], columns=["row", "doc_id", "repo", "path"]).filter(wanted)
            found += [(split, row, name) for row, name in rows.select("row", named.alias("name")).iter_rows()]
    return found


def explanation(job: Job, split: int, row: int) -> dict[str, Any]:
    """Signals, verdicts and fate of one document."""
    import numpy as np
    import polars as pl

    from pipeline.annotate import gate_rows, read_signals
    from pipeline.chain import gate_predicates
    from pipeline.select import evaluate

    where = {f"gate.{name}": text for name, text in gate_predicates(job.recipe).items()}
    frame = pl.DataFrame(read_signals(job.metadata[split], np.array([row])))
    if row in gate_rows(job.gates[split]) and all(part.exists() for part in job.parts[split]):
        frame = pl.DataFrame(read_signals(job.parts[split], np.array([row])))
        where |= {f"select.{name}": text for name, text in job.recipe.select.where.items()}
    if not len(frame):
        return {"document": f"row {row}", "signals": {}, "predicates": [], "fate": _unread(job, split, row)}
    verdicts = evaluate(frame, where)
    predicates = [{"name": n, "predicate": where[n], "passes": bool(mask[0])} for n, mask in verdicts.items()]
    signals = frame.drop("row", "minhash", strict=False).row(0, named=True)
    return {
        "document": f"{signals['repo']}:{signals['path']}",
        "signals": {name: v.hex() if isinstance(v, bytes) else v for name, v in signals.items()},
        "predicates": predicates,
        "fate": _fate(job, split, row, predicates),
    }


def _fate(job: Job, split: int, row: int, predicates: list[dict[str, Any]]) -> str:
    import polars as pl

    from pipeline.dedup import survivor_part

    failed = [p["name"] for p in predicates if not p["passes"]]
    if failed:
        return f"dropped by {', '.join(failed)}"
    assert job.dedup is not None
    if row in pl.read_parquet(survivor_part(job.dedup, split))["row"]:
        return "kept"
    ids = pl.read_parquet(job.metadata[split][0], columns=["row", "doc_id"])
    doc_id = ids.filter(pl.col("row") == row)["doc_id"][0]
    evidence = pl.read_parquet(job.dedup.path).filter(pl.col("doc_id") == doc_id)
    if not len(evidence):
        return _unread(job, split, row)
    found = evidence.row(0, named=True)
    likeness = f"estimated Jaccard {found['jaccard']:.3f}, cluster of {found['cluster_size']}"
    return f"dropped as {found['reason']} ({likeness}); {found['kept_doc_id'].hex()} stays instead"


def _unread(job: Job, split: int, row: int) -> str:
    own = [q for q in job.quarantine if q.file == job.plan.splits[split].file and q.row in (row, -1)]
    return f"quarantined: {own[0].message}" if own else "not read: its split was quarantined"


def _show(result: dict[str, Any]) -> None:
    say = output_console().print
    table = Table("signal", "value", box=None, header_style="bold", pad_edge=False)
    for name, value in result["signals"].items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else escape(str(value)))
    say(table)
    table = Table("predicate", "", "verdict", box=None, header_style="bold", pad_edge=False)
    for p in result["predicates"]:
        verdict = "[green]passes[/]" if p["passes"] else "[bold red]fails[/]"
        table.add_row(escape(p["name"]), escape(p["predicate"]), verdict)
    say(table)
    say(f"[bold]{escape(result['document'])}[/]: {escape(result['fate'])}", highlight=False, soft_wrap=True)
