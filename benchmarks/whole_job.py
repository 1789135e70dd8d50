"""The whole job: `infill run` of the demo's recipe on 300 MB of Parquet beside the usual chain.

MB are those of the text that the gate lets through, the only text that either side reads. *Overall* is the
time of the whole command after a first, tiny run has compiled the kernels. *Steady state* is the sum of the
seconds of its stages in its --json, from metadata to manifest, without `tokenizer sample` and `tokenizer`,
and less the start of Ray, which stands in the first stage: the seconds of the tiny run's first stage, or all
of this run's if those are fewer.

The peer does less than the job: comment shares (tokenize and ast, Python only), MinHash signatures
(datasketch) and tokens (`tokenizers`), without clustering, selection, cuts or shards. Two processes do it for
10 MB of such text, and their MB/s are taken to hold for the rest.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from benchmarks.comments import tokenize_ratio
from benchmarks.corpus import build_corpus
from benchmarks.measurement import Measurement
from benchmarks.signatures import shingles_of, sign
from benchmarks.source_text import read_texts, size_of
from filters.tokens.encoder import reference_tokenizer

WORKERS = 2
PEER_MEGABYTES = 10.0
PEER_BATCH = 50
NOT_STEADY = ("tokenizer sample", "tokenizer")


def measure(megabytes: float) -> list[Measurement]:
    with tempfile.TemporaryDirectory() as scratch:
        corpus, out = Path(scratch, "corpus"), Path(scratch, "out")
        size = build_corpus(corpus, megabytes)
        tiny, _ = _infill_run(corpus, Path(scratch, "tiny"), "--limit", "500")
        report, seconds = _infill_run(corpus, out)
        peer_rate = _peer_rate(str(out / "shards" / "tokenizer" / "tokenizer.json"))
    taken = {stage["name"]: stage["seconds"] for stage in report["stages"]}
    ray = min(taken["metadata"], tiny["stages"][0]["seconds"])
    steady = sum(own for name, own in taken.items() if name not in NOT_STEADY) - ray
    read = next(step for step in report["funnel"] if step["name"] == "readable")["bytes"] / 1e6
    stages = ", ".join(f"{name} {own:.1f}" for name, own in taken.items())
    kept = report["funnel"][-1]
    notes = {
        "overall": f"of {size:,.0f} MB in the corpus, {kept['bytes'] / 1e6:,.0f} MB kept; "
        f"{report['tokens']:,} tokens; peak memory of a process {report['peak_memory_bytes'] / 1e6:,.0f} MB",
        "steady state": f"seconds: {stages}; of those of metadata, Ray {ray:.1f}",
    }
    return [
        Measurement(
            what=f"whole job, {WORKERS} workers, {name}",
            megabytes=read,
            seconds=own,
            peer=f"the usual chain, {WORKERS} processes, from {PEER_MEGABYTES:.0f} MB",
            peer_megabytes_per_second=peer_rate,
            note=notes[name],
        )
        for name, own in (("overall", seconds), ("steady state", steady))
    ]


def _infill_run(corpus: Path, out: Path, *options: str) -> tuple[dict[str, Any], float]:
    """The report of `infill run` on the corpus, and its seconds, the start of Python included."""
    source = f"source={{ path = {json.dumps(str(corpus))} }}"
    command = [sys.executable, "-m", "pipeline", "run", "configs/demo.toml", "--set", source, "--json"]
    started = time.perf_counter()
    workers = ["--out", str(out), "--workers", str(WORKERS)]
    done = subprocess.run([*command, *workers, *options], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout), time.perf_counter() - started


def _peer_rate(tokenizer: str) -> float:
    """MB/s of the usual chain on a sample of the text that the corpus is made of."""
    texts = read_texts(PEER_MEGABYTES)
    batches = [(tokenizer, texts[at : at + PEER_BATCH]) for at in range(0, len(texts), PEER_BATCH)]
    with get_context("spawn").Pool(WORKERS) as pool:
        pool.map(_chain, batches[:WORKERS], chunksize=1)  # imports, and loads the tokenizer
        started = time.perf_counter()
        pool.map(_chain, batches, chunksize=1)
        return size_of(texts) / (time.perf_counter() - started)


def _chain(batch: tuple[str, list[str]]) -> int:
    """Comment shares, signatures and tokens of some texts; returns the number of tokens."""
    path, texts = batch
    for text in texts:
        tokenize_ratio(text)
        sign(shingles_of(text.encode()))
    encoded = _load(path).encode_batch(texts, add_special_tokens=False)
    return sum(len(one.ids) for one in encoded)


@cache
def _load(path: str) -> Tokenizer:
    return reference_tokenizer(path)
