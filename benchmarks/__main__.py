"""`python -m benchmarks [NAME…]`: measure ours beside its peers on real source text, and print a table.

Each benchmark is a file of this package with a function `measure`. Results also go to out/bench.json. All
of them take about five minutes on two cores.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from benchmarks.measurement import Measurement, table_of
from pipeline.store import write_json

NAMES = (
    "lines",
    "signals",
    "comments",
    "secrets",
    "licenses",
    "signatures",
    "encoder",
    "decontaminate",
    "one_pass",
    "synthesis",
    "whole_job",
)
PAGE_COLUMNS = 150
RESULTS = Path("out/bench.json")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
@click.option("--megabytes", default=8.0, show_default=True, help="Text for each part's benchmark.")
@click.option("--job-megabytes", default=300.0, show_default=True, help="Text for the whole job.")
def main(names: tuple[str, ...], megabytes: float, job_megabytes: float) -> None:
    """Measure the named parts, or all of them: lines, signals, comments, secrets, licenses, signatures,
    encoder, decontaminate, one_pass, synthesis, whole_job.
    """
    os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
    console = Console() if sys.stdout.isatty() else Console(width=PAGE_COLUMNS)
    measured: dict[str, list[Measurement]] = {}
    for name in names or NAMES:
        console.print(f"[bold]{name}[/] (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs)")
        size = job_megabytes if name == "whole_job" else megabytes
        measured[name] = importlib.import_module(f"benchmarks.{name}").measure(size)
        console.print(table_of(measured[name]))
    rows = {name: [_plain(m) for m in own] for name, own in measured.items()}
    machine = {"platform": platform.platform(), "cpus": os.cpu_count(), "python": platform.python_version()}
    write_json(RESULTS, {"machine": machine, "measurements": rows})
    console.print(f"results: {RESULTS}")


def _plain(measurement: Measurement) -> dict[str, object]:
    rates = {"megabytes_per_second": measurement.megabytes_per_second, "ratio": measurement.ratio}
    return asdict(measurement) | rates


if __name__ == "__main__":
    main()
