"""`infill ingest`: source files from disk into Parquet in The Stack v1's schema."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.console import StageProgress, number, output_console, print_json


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the Parquet files.")
@click.option("--workers", type=click.IntRange(min=0), help="CPUs to use; 0 is a plain loop.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def ingest(sources: tuple[str, ...], out: Path, workers: int | None, as_json: bool) -> int:
    """Write SOURCEs as Parquet, one file a repository.

    A SOURCE is a folder (one repository), or `env`: the packages installed here and Python's standard
    library.
    """
    from pipeline.engine import Engine
    from pipeline.ingest import ingest_repository, ingest_units
    from pipeline.lock import locked
    from pipeline.units import Runner

    with locked(out), StageProgress() as progress, Engine(workers=workers) as engine:
        report = Runner(engine, progress).run_stage("ingest", ingest_repository, ingest_units(sources, out))
    dropped: dict[str, int] = {}
    for receipt in (receipt for own in report.receipts for receipt in own):
        for reason, count in receipt.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    result = {
        "out": str(out),
        "repositories": report.units,
        "files": report.rows_in,
        "documents": report.rows_out,
        "dropped": dropped,
    }
    if as_json:
        print_json(result)
    else:
        reasons = ", ".join(f"{number(count)} {reason}" for reason, count in dropped.items())
        found = f"{number(report.rows_out)} documents of {number(report.units)} repositories"
        output_console().print(f"{found} in {out}; dropped: {reasons}", soft_wrap=True)
    return 0
