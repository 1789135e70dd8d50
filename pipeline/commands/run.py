"""`infill run` and `infill plan`: the whole job, and what it would do."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from pipeline.commands.console import (
    StageProgress,
    error_console,
    megabytes,
    number,
    output_console,
    print_json,
)
from pipeline.commands.losses import losses_table, sound_alarms

if TYPE_CHECKING:
    from pipeline.config import Recipe

CONFIG = click.argument("config", type=click.Path(path_type=Path))
OUT = click.option(
    "--out", type=click.Path(path_type=Path), help="Output folder.  [default: out/<recipe name>]"
)
SET = click.option(
    "--set", "overrides", multiple=True, metavar="A.B=C", help="Override a key of the recipe (TOML value)."
)
LIMIT = click.option("--limit", type=click.IntRange(min=1), help="Read only the first N documents.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")


def load(config: Path, overrides: tuple[str, ...], out: Path | None) -> tuple[Recipe, Path]:
    """The recipe and its output folder."""
    from pipeline.recipe import load_recipe

    recipe = load_recipe(config, overrides)
    out = out or Path("out") / recipe.name
    if ":/" in str(out):
        message = "expected a local or shared POSIX folder; copy the shards from there"
        raise ValueError(f"--out {out}: {message}")
    return recipe, out.absolute()  # workers may stand in another folder


@click.command()
@CONFIG
@OUT
@LIMIT
@click.option("--workers", type=click.IntRange(min=0), help="CPUs to use; 0 is a plain loop.  [default: all]")
@click.option("--address", help="Join a running Ray cluster: auto, or ray://host:port.")
@SET
@JSON
def run(
    config: Path,
    out: Path | None,
    limit: int | None,
    workers: int | None,
    address: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Run a recipe: from its source to verified token shards.

    Finished work is never done twice: after a stop, a crash or a changed threshold, the same command does
    what is missing.
    """
    from pipeline.chain import run_job
    from pipeline.engine import Engine
    from pipeline.job import Job
    from pipeline.lock import locked
    from pipeline.report import summarize, write_records
    from pipeline.units import Runner

    recipe, out = load(config, overrides, out)
    started = time.monotonic()
    with (
        locked(out),
        StageProgress() as progress,
        Engine(workers=workers, address=address, retries=recipe.engine.retries) as engine,
    ):
        job = Job(recipe, out, Runner(engine, progress), limit)
        run_job(job)
        report = summarize(job) | {"seconds": round(time.monotonic() - started, 3)}
        write_records(job, report)
    if as_json:
        print_json(report)
    else:
        show_report(report)
    if recipe.select.dedup:
        evidence = from_here(str(job.dedup.path.parent / "evidence")) if job.dedup else ""
        sound_alarms(report["alarms"], recipe.select.dedup.alarm, evidence)
    return 3 if job.quarantine or report["alarms"] else 0


def show_report(report: dict[str, Any]) -> None:
    """Print the report for people."""
    say = output_console().print
    say(_funnel_table(report["funnel"]), "", _share_table(report), "", sep="\n")
    for group, test in report["agreement"].items():
        say(_agreement_line(group, test), highlight=False)
    say()
    say(_top_table("tokens by language", report["languages"]), "", sep="\n")
    for group in ("source", "language"):
        say(losses_table(report["losses"], group), "", sep="\n")
    say(_stage_table(report["stages"]), "", sep="\n")
    splits = ", ".join(f"{name} {split['tokens']:,}" for name, split in report["splits"].items())
    say(f"{report['tokens']:,} tokens ({splits})")
    say(f"{report['samples']:,} samples of {report['documents']:,} documents")
    say(
        f"peak memory of a process {megabytes(report['peak_memory_bytes'])} MB, {report['seconds']:.1f} s",
        highlight=False,
    )
    if report["quarantined"]:
        folder = from_here(str(Path(report["shards"]).parent / "quarantine"))
        count = f"[bold yellow]{report['quarantined']:,} records quarantined[/]"
        error_console().print(f"{count}: see {escape(folder)}/records.parquet", soft_wrap=True)
    say(f"[bold]shards:[/] {escape(from_here(report['shards']))}", soft_wrap=True)


def from_here(path: str) -> str:
    """A path under the current folder, as one would type it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _funnel_table(funnel: list[dict[str, Any]]) -> Table:
    table = Table("funnel", title_justify="left", box=None, header_style="bold", pad_edge=False)
    for heading in ("documents", "MB", "tokens", "dropped", "dropped only here"):
        table.add_column(heading, justify="right")
    for step in funnel:
        counts = [number(step[name]) for name in ("dropped", "dropped_only")]
        table.add_row(
            escape(step["name"]),
            number(step["documents"]),
            megabytes(step["bytes"]),
            number(step["tokens"]),
            *counts,
        )
    return table


def _share_table(report: dict[str, Any]) -> Table:
    table = Table("kind / order", box=None, header_style="bold", pad_edge=False)
    for heading in ("asked", "got", "samples"):
        table.add_column(heading, justify="right")
    for group in ("kinds", "orders"):
        for name, share in report[group].items():
            table.add_row(name, f"{share['asked']:.1%}", f"{share['got']:.1%}", number(share["samples"]))
    return table


def _agreement_line(group: str, test: dict[str, float]) -> str:
    """Whether what was drawn agrees with what was asked. One right run in a thousand is blamed."""
    verdict = "drawn as asked" if test["p"] >= 0.001 else "[bold red]not drawn as asked[/]"
    freedom = f"{test['degrees_of_freedom']} degrees of freedom"
    return f"{group} {verdict}: chi² {test['chi_square']:.2f}, {freedom}, p = {test['p']:.3g}"


def _top_table(title: str, tokens: dict[str, int], rows: int = 12) -> Table:
    table = Table(title, box=None, header_style="bold", pad_edge=False)
    table.add_column("tokens", justify="right")
    names = list(tokens)
    for name in names[:rows]:
        table.add_row(escape(name) or "(none)", number(tokens[name]))
    if names[rows:]:
        table.add_row(f"{len(names) - rows} others", number(sum(tokens[name] for name in names[rows:])))
    return table


def _stage_table(stages: list[dict[str, Any]]) -> Table:
    table = Table("stage", box=None, header_style="bold", pad_edge=False)
    for heading in ("seconds", "units", "cached"):
        table.add_column(heading, justify="right")
    rows: dict[str, Counter[str]] = {}
    for stage in stages:  # those within another, such as `dedup: pairs`, count there
        own = {what: stage[what] for what in ("seconds", "units", "units_cached")}
        rows.setdefault(stage["name"].partition(": ")[0], Counter()).update(own)
    for name, total in rows.items():
        table.add_row(name, f"{total['seconds']:.1f}", number(total["units"]), number(total["units_cached"]))
    return table


@click.command()
@CONFIG
@OUT
@LIMIT
@SET
@JSON
def plan(config: Path, out: Path | None, limit: int | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Say what `infill run` would do: what is cached, what is stale, and why. Changes nothing."""
    from pipeline.engine import Engine
    from pipeline.job import Job
    from pipeline.planning import walk
    from pipeline.units import Runner

    recipe, out = load(config, overrides, out)
    job = Job(recipe, out, Runner(Engine(workers=0), planning=True), limit)
    result = {"out": str(out), **walk(job)}
    if as_json:
        print_json(result)
    else:
        show_plan(result)
    return 0


def show_plan(result: dict[str, Any]) -> None:
    """Print a plan for people."""
    table = Table("stage", box=None, header_style="bold", pad_edge=False)
    for heading in ("units", "cached"):
        table.add_column(heading, justify="right")
    table.add_column("why")
    for stage in result["stages"]:
        table.add_row(stage["name"], number(stage["units"]), number(stage["cached"]), escape(stage["why"]))
    output_console().print(table)
    if result["splits"]:
        size = f"{result['rows']:,} documents, {megabytes(result['text_bytes'])} MB of text"
        output_console().print(f"{result['splits']:,} splits, {size}")
