"""`infill whatif`: what other thresholds would keep, from the signals of a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.commands.console import megabytes, number, output_console, print_json
from pipeline.commands.run import CONFIG, JSON, LIMIT, OUT, SET, load


@click.command()
@CONFIG
@click.option(
    "--vary",
    multiple=True,
    required=True,
    metavar="NAME=LOW..HIGH[:COUNT]",
    help="Which number to vary, by its signal or predicate; or NAME=NUMBER,NUMBER,…; may be repeated.",
)
@OUT
@LIMIT
@SET
@JSON
def whatif(
    config: Path,
    vary: tuple[str, ...],
    out: Path | None,
    limit: int | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Count the documents, bytes and tokens that other thresholds would keep. Reads no text.

    The signals are those of the recipe's run, or of one that was stopped after annotating.
    """
    from pipeline.engine import Engine
    from pipeline.job import Job
    from pipeline.units import Pending, Runner
    from pipeline.whatif import what_if

    recipe, folder = load(config, overrides, out)
    job = Job(recipe, folder, Runner(Engine(workers=0), planning=True), limit)
    try:
        result = what_if(job, vary)
    except Pending as pending:
        flags = [*(["--out", str(out)] if out else []), *(["--limit", str(limit)] if limit else [])]
        flags += [word for override in overrides for word in ("--set", override)]
        command = shlex.join(["infill", "run", str(config), *flags])
        found = f"stage {pending.report.name} has not been done with these settings"
        raise ValueError(f"{folder} lacks signals: {found}; run `{command}` first") from None
    if as_json:
        print_json(result)
    else:
        output_console().print(*whatif_lines(result), sep="\n", soft_wrap=True)
    return 0


def whatif_lines(result: dict[str, Any]) -> Iterator[RenderableType]:
    """The table of thresholds, and what it counts."""
    for axis in result["vary"]:
        yield Text.assemble(f"{axis['predicate']}  ", (axis["where"], "bold"))
    yield ""
    yield _table(result)
    yield ""
    known = f"of {number(result['source'])} documents, {number(result['annotated'])} passed the gate"
    yield f"{known} and could be read: shares are of these"
    unread = max(row["unread"] for row in result["rows"])
    if unread:
        yield Text(
            f"+: up to {number(unread)} documents more pass this gate, but no text filter has seen them; "
            "run the recipe with it to know",
            "yellow",
        )
    yield from _dedup_lines(result["dedup"])


def _table(result: dict[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for axis in result["vary"]:
        heading = f"{axis['signal']} {axis['operator']}"
        if len(result["vary"]) > 1:
            heading = heading.replace("_", "_\n")
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for heading in ("documents", "share", "MB", "tokens", "change"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    (own,) = (row["tokens"] for row in result["rows"] if row["recipe"])
    for row in result["rows"]:
        mark = "+" if row["unread"] else ""
        change = f"{row['tokens'] / own - 1:+.2%}" if own else "–"
        table.add_row(
            *(f"{value:.12g}" for value in row["values"]),
            number(row["documents"]) + mark,
            f"{row['documents'] / result['annotated']:.2%}" if result["annotated"] else "–",
            megabytes(row["bytes"]) + mark,
            number(row["tokens"]) + mark,
            "" if row["recipe"] else change,
            "◂ the recipe" if row["recipe"] else "",
            style="bold" if row["recipe"] else "",
        )
    return table


def _dedup_lines(dedup: dict[str, int] | None) -> Iterator[str]:
    """Counts are from before dedup, which a threshold changes in its own way."""
    yield "counted before dedup, which is not done again here"
    if dedup and dedup["documents_in"]:
        kept, before = dedup["documents"], dedup["documents_in"]
        yield f"in the recipe's run it kept {number(kept)} of {number(before)} documents, {kept / before:.1%}"
