"""`python -m benchmarks.dedup.scale --documents 1000000`: near-dedup of a large synthetic corpus, checked.

Writes survivors and signatures with planted duplicates (scale_corpus.py), runs all stages of dedup on them,
and checks that exactly what was planted went (scale_check.py). Tells of each stage its seconds, units, bytes
written and memory. Results go to out/dedup-scale.json, by number of documents. `--case empty` and `--case
huge` run `infill dedup` on a million empty files and on one of 100 MB. 50 million documents take 40 GB of
disk for a while; everything made is removed at the end.
"""

from __future__ import annotations

import os
import platform
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click

from benchmarks.dedup.scale_cases import CASES
from benchmarks.dedup.scale_check import check
from benchmarks.dedup.scale_corpus import SOURCES, THRESHOLD, ScaleCorpus, minhash_path, survivors_path
from benchmarks.dedup.scale_stages import MB, Stages, Watch
from filters.minhash import MinHash
from pipeline.config import Dedup
from pipeline.dedup.stage import deduplicate
from pipeline.dedup.work import DedupWork
from pipeline.documents import Reading
from pipeline.engine import Engine, peak_memory_bytes
from pipeline.sources import Split
from pipeline.store import file_digest, read_json, write_json
from pipeline.units import Runner

RESULTS = Path("out/dedup-scale.json")


def make(corpus: ScaleCorpus, folder: Path, workers: int) -> int:
    """Write all splits; how many bytes they have."""
    if workers:
        with ProcessPoolExecutor(workers) as pool:
            made = list(pool.map(corpus.write, [folder] * corpus.splits, range(corpus.splits)))
    else:
        made = [corpus.write(folder, split) for split in range(corpus.splits)]
    return sum(path.stat().st_size for paths in made for path in paths)


def work_of(corpus: ScaleCorpus, folder: Path, memory: int) -> DedupWork:
    """The corpus as dedup takes it."""
    splits = range(corpus.splits)
    return DedupWork(
        survivors=tuple(survivors_path(folder, split) for split in splits),
        digests=tuple(file_digest(survivors_path(folder, split)) for split in splits),
        signatures=tuple(minhash_path(folder, split) for split in splits),
        sources=tuple(f"source {split % SOURCES}" for split in splits),
        splits=tuple(Split("none", (0,), corpus.per_split, 1, f"split {i}", i) for i in splits),
        reading=Reading("made", {}, 1, 1),
        minhash=MinHash(num_perm=corpus.num_perm),
        dedup=Dedup(
            threshold=THRESHOLD, keep=("stars desc",), bands=(corpus.bands, corpus.rows), verify="estimate"
        ),
        validation=0.0,
        seed=1,
        memory=memory,
    )


def deduplicated(corpus: ScaleCorpus, scratch: Path, memory: int) -> None:
    """Make a corpus and leave its dedup in `scratch`/dedup, in this process."""
    make(corpus, scratch / "input", 0)
    with Engine(workers=0) as engine:
        runner = Runner(engine)
        work = work_of(corpus, scratch / "input", memory)
        deduplicate(lambda *asked: runner.run_stage(*asked).receipts, scratch / "dedup", work)


def measure(corpus: ScaleCorpus, scratch: Path, memory: int, workers: int) -> dict[str, Any]:
    """Make, deduplicate and check a corpus; what it took."""
    print(f"{corpus.documents:,} documents, {corpus.splits} splits, {memory / MB:,.0f} MB a unit", flush=True)
    started = time.monotonic()
    made = make(corpus, scratch / "input", workers)
    print(f"  made {made / MB:,.0f} MB in {time.monotonic() - started:.0f} s", flush=True)
    work = work_of(corpus, scratch / "input", memory)
    watch = Watch()
    load = os.getloadavg()
    with Engine(workers=workers) as engine:
        stages = Stages(Runner(engine), scratch, watch)
        list(engine.map_units(os.getpid, [(0, ())]))  # the start of Ray is no part of what is measured
        started = time.monotonic()
        deduplicate(stages, scratch / "dedup", work)
        seconds = time.monotonic() - started
    watch.stop()
    driver = peak_memory_bytes()
    peak = max(
        driver,
        *(MB * row[name] for row in stages.rows for name in ("peak_mb", "process_peak_mb")),
    )
    shutil.rmtree(scratch / "input")
    started = time.monotonic()
    counts = check(corpus, scratch / "dedup")
    print(f"  checked in {time.monotonic() - started:.0f} s: as planted: {counts}", flush=True)
    result = {
        "documents": corpus.documents,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(sum(row["cpu_seconds"] for row in stages.rows), 1),
        "documents_a_second": round(corpus.documents / seconds),
        "peak_mb": round(peak / MB),
        "driver_peak_mb": round(driver / MB),
        "input_mb": round(made / MB),
        "disk_peak_mb": round(stages.disk_peak / MB),
        "memory_mb": round(memory / MB),
        "workers": workers,
        "load_before": round(load[0], 2),
        "load_after": round(os.getloadavg()[0], 2),
        "planted": counts,
        "stages": stages.rows,
        "platform": platform.platform(),
    }
    shutil.rmtree(scratch / "dedup")
    return result


def note(name: str, result: dict[str, Any]) -> None:
    """Put a result beside those of other sizes."""
    known = read_json(RESULTS) if RESULTS.exists() else {}
    write_json(RESULTS, known | {name: result})
    print({key: value for key, value in result.items() if key != "stages"}, flush=True)
    print(f"results: {RESULTS}")


@click.command()
@click.option("--documents", default=1_000_000, show_default=True)
@click.option("--bands", default=(20, 2), nargs=2, show_default=True, help="Bands, and entries a band.")
@click.option(
    "--memory", default=500, show_default=True, help="MB that a unit may hold (engine.dedup_bytes)."
)
@click.option("--workers", default=2, show_default=True)
@click.option(
    "--scratch", type=click.Path(path_type=Path), default=Path("out/dedup-scale"), show_default=True
)
@click.option("--case", type=click.Choice(sorted(CASES)), help="Run `infill dedup` on this instead.")
def main(
    documents: int, bands: tuple[int, int], memory: int, workers: int, scratch: Path, case: str | None
) -> None:
    """Measure near-dedup at scale, or in an extreme case."""
    scratch = scratch.absolute() / "run"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        if case:
            note(case, CASES[case](scratch, workers))
        else:
            corpus = ScaleCorpus(documents, bands=bands[0], rows=bands[1])
            name = f"{documents} documents, {bands[0]} bands of {bands[1]}"
            note(name, measure(corpus, scratch, memory * MB, workers))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
