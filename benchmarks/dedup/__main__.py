"""`python -m benchmarks.dedup`: near-dedup of ours beside its peers, on the same text, shingles and bands.

Quality on thousands of real files and planted families against the exact truth, at the bands of our preset
and at datasketch's choice; then speed on hundreds of MB at the first. Results: out/bench-dedup.json.
The text comes from pinned wheels, downloaded once into out/bench-dedup. About ten minutes on two cores.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.dedup import corpora, quality, speed
from benchmarks.dedup.peers import Bands
from benchmarks.dedup.truth import cached_pairs
from pipeline.store import write_json

PAGE_COLUMNS = 190
SCRATCH = Path("out/bench-dedup")
RESULTS = Path("out/bench-dedup.json")
THRESHOLD = 0.7
SIGNED_MEGABYTES = 8.0


def _bands(text: str) -> Bands:
    bands, rows = map(int, text.split("x"))
    return bands, rows


@click.command()
@click.option("--bands", multiple=True, default=("36x7", "25x10"), show_default=True, metavar="BxR",
              help="Bands and rows for quality; speed takes the first.")  # fmt: skip
@click.option(
    "--documents", default=corpora.REAL_DOCUMENTS, show_default=True, help="Real files for quality."
)
@click.option("--megabytes", default=450.0, show_default=True, help="Text for the speed of near-dedup.")
@click.option("--only", type=click.Choice(["quality", "speed"]), help="One of the two parts.")
def main(bands: tuple[str, ...], documents: int, megabytes: float, only: str | None) -> None:
    """Measure the quality and the speed of near-dedup beside its peers."""
    os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
    console = Console() if sys.stdout.isatty() else Console(width=PAGE_COLUMNS)
    real = corpora.real_files(SCRATCH)
    runs = SCRATCH / "runs"
    result: dict[str, Any] = {
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    }
    asked = [_bands(text) for text in bands]
    if only != "speed":
        result["quality"] = _quality(console, real, documents, asked, runs)
    if only != "quality":
        result["speed"] = _speed(console, real, megabytes, asked[0], runs)
    shutil.rmtree(runs, ignore_errors=True)
    write_json(RESULTS, result)
    console.print(f"results: {RESULTS}")


def _quality(console: Console, real: Path, documents: int, asked: list[Bands], runs: Path) -> Any:
    corpus = corpora.read_corpus(corpora.quality_corpus(real, SCRATCH / "quality", documents))
    truth = cached_pairs(corpus.texts, THRESHOLD, SCRATCH)
    families = {name: corpus.families.count(name) for name in (*quality.FAMILIES,)}
    told = ", ".join(f"{count:,} {name}" for name, count in families.items())
    console.print(
        f"[bold]quality[/]: {corpus.megabytes:.1f} MB, documents: {told}; {len(truth.left):,} true pairs"
    )
    result: dict[str, Any] = {
        "megabytes": corpus.megabytes,
        "documents": families,
        "threshold": THRESHOLD,
        "true_pairs": len(truth.left),
    }
    for bands in asked:
        label, allowed = f"{bands[0]}x{bands[1]}", quality.bands_allow(truth, bands)
        rows = quality.rows(corpus, truth, bands, runs, lambda text: console.print(f"  {text}", style="dim"))
        title = f"{bands[0]} bands of {bands[1]}: {allowed:.3f} of the pairs are to be expected"
        console.print(quality.table(rows, title))
        result[label] = {"expected_recall": allowed, "tools": quality.plain(rows)}
    return result


def _speed(console: Console, real: Path, megabytes: float, bands: Bands, runs: Path) -> Any:
    small = corpora.speed_corpus(real, SCRATCH / "signed", SIGNED_MEGABYTES)
    large = corpora.speed_corpus(real, SCRATCH / "speed", megabytes)
    signed = speed.signatures(small, bands, runs)
    console.print(speed.table(signed, "signatures, one core"))
    whole = speed.near_dedup(large, small, bands, runs)
    label = f"{bands[0]}x{bands[1]}"
    console.print(speed.table(whole, f"near-dedup from Parquet to survivors, two cores, {label}"))
    return {"bands": label, "signatures": speed.plain(signed), "near_dedup": speed.plain(whole)}


if __name__ == "__main__":
    main()
