"""Ours: `infill dedup` as a command, and what its files say.

The timed run is the command, with its own Ray. The pairs that it found lie in files that it removes as it
goes on, so they come from a second run of the same stages, in this process and not timed, that is looked at
before clusters are made. Documents of equal text stand for each other there: a pair counts for all texts
equal to its two, and equal texts are pairs.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.dedup.corpora import Corpus
from benchmarks.dedup.peers import LIMIT_SECONDS, PEER_PROCESSES, Bands, Found
from benchmarks.dedup.processes import Run, measure
from benchmarks.dedup.truth import Ints
from pipeline.dedup.exchange import read_slice
from pipeline.dedup.units.blocks import ID, docs_path
from pipeline.dedup.units.pairs import LEFT, RIGHT, read_pairs
from pipeline.dedup.work import BLOCK_BITS, INDEX_MASK
from pipeline.dedup_alone.job import Alone, run_alone
from pipeline.dedup_alone.request import Options, make_request
from pipeline.engine import Engine
from pipeline.units import Receipt, Runner, Unit

LOOKED_AT = "dedup: clusters"  # the stage that is given the pairs
ALARM_EXIT = 3  # done, and a source or language lost much


@dataclass(frozen=True)
class Mode:
    """A row of the table."""

    label: str
    dedup: dict[str, str]
    note: str


MODES = (
    Mode("infill, code", {"verify": "exact", "cluster": "greedy"}, "pairs verified on shingles, greedy"),
    Mode("infill, estimates", {"verify": "estimate", "cluster": "greedy"}, "verified on signatures, greedy"),
    Mode("infill, components", {"verify": "exact", "cluster": "components"}, "verified, components"),
    Mode("infill, not verified", {"verify": "none", "cluster": "components"}, "like the peers: components"),
)


def command(corpus: Path, out: Path, mode: Mode, bands: Bands, *more: str) -> list[str]:
    """The command line of a mode, with `more` options."""
    options = {**mode.dedup, "bands": f"{bands[0]}x{bands[1]}", "num-perm": bands[0] * bands[1]}
    options |= {"workers": PEER_PROCESSES, "out": out, "alarm": 1}
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", "pipeline", "dedup", str(corpus), *flags, *more, "--no-index", "--json"]


def run_command(corpus: Path, out: Path, mode: Mode, bands: Bands, *more: str) -> tuple[Run, dict[str, Any]]:
    """Run it; returns what it took and its report. Raises processes.CommandError."""
    shutil.rmtree(out, ignore_errors=True)
    run = measure(
        command(corpus, out, mode, bands, *more),
        out.with_suffix(".log"),
        limit=LIMIT_SECONDS,
    )
    return run, json.loads(run.output)


def stage_seconds(report: dict[str, Any]) -> dict[str, float]:
    """Seconds of each stage of a report."""
    return {stage["name"]: stage["seconds"] for stage in report["stages"]}


def run_ours(corpus: Corpus, mode: Mode, bands: Bands, scratch: Path) -> Found:
    """The timed run of a mode on a corpus, and its pairs."""
    out = scratch / "infill"
    run, report = run_command(corpus.folder, out, mode, bands)
    place = _places(corpus)
    removed = np.ones(len(place), np.bool_)
    for path in sorted(out.rglob("survivors/*.parquet")):
        removed[[place[own] for own in pq.read_table(path, columns=["doc_id"])["doc_id"].to_pylist()]] = False
    shutil.rmtree(out)
    left, right = pairs_of(corpus, mode, bands, scratch)
    return Found(removed, left, right, run, "", stage_seconds(report))


def document_id(source: str, *names: str) -> bytes:
    """The id of a document: as pipeline/documents.py makes it."""
    parts = [text.encode() for text in (source, *names)]
    return blake2b(b"".join(b"%d:%b" % (len(part), part) for part in parts), digest_size=16).digest()


@dataclass
class Watched(Alone):
    """A run whose pairs are kept as pairs of ids."""

    found: list[tuple[bytes, bytes]] = field(default_factory=list)

    def stage(self, name: str, work: Any, units: Sequence[Unit]) -> list[list[Receipt]]:
        """Run one stage, after a look at what it is given."""
        if name == LOOKED_AT:
            ids = [_ids(read_slice(docs_path(unit.work.stem), 0)[:, ID]) for unit in units]
            for unit in units:
                for left, right in read_pairs(unit.work.pairs)[:, [LEFT, RIGHT]].tolist():
                    self.found.append((_of(ids, left), _of(ids, right)))
        return super().stage(name, work, units)


def _ids(words: Ints) -> list[bytes]:
    """Ids of 16 bytes from their two words."""
    blob = words.astype(">i8").tobytes()
    return [blob[at : at + 16] for at in range(0, len(blob), 16)]


def _of(ids: Sequence[Sequence[bytes]], number: int) -> bytes:
    return ids[number >> BLOCK_BITS][number & INDEX_MASK]


def pairs_of(corpus: Corpus, mode: Mode, bands: Bands, scratch: Path) -> tuple[Ints, Ints]:
    """The pairs that count for a mode."""
    out = scratch / "pairs"
    shutil.rmtree(out, ignore_errors=True)
    options = Options(
        inputs=(str(corpus.folder),),
        minhash={"num_perm": bands[0] * bands[1]},
        dedup={**mode.dedup, "bands": bands, "alarm": 1.0, "index": False},
    )
    with Engine(workers=0) as engine:
        job = Watched(make_request(options), out, Runner(engine))
        run_alone(job)
    shutil.rmtree(out)
    place = _places(corpus)
    return expanded([(place[left], place[right]) for left, right in job.found], corpus.texts)


def _places(corpus: Corpus) -> dict[bytes, int]:
    """The number of each document by its id; an input's name is the path that was given."""
    return {document_id(str(corpus.folder), *names): i for i, names in enumerate(corpus.names)}


def expanded(edges: Sequence[tuple[int, int]], texts: Sequence[bytes]) -> tuple[Ints, Ints]:
    """Each pair for all documents of its two texts, and all pairs of equal texts."""
    equal: dict[bytes, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        equal[text].append(number)
    pairs = [pair for own in equal.values() for pair in combinations(own, 2)]
    for left, right in edges:
        pairs += product(equal[texts[left]], equal[texts[right]])
    found = np.array(pairs, np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
