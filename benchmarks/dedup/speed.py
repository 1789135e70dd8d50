"""How fast: signatures on one core, and near-dedup from Parquet to survivors on two.

Signatures: the minhash filter beside datasketch's `update_batch` and rensa, each of Python's shingles, which
are counted in one row and given in the other. Near-dedup: the command with its default verification beside
datatrove's four stages. Ours leaves lists of what stays, as datatrove's first three stages do; with `--copy`
it writes the kept rows, as all four do. So there are two comparisons, each with and without the start of Ray,
which is measured in a process that does nothing else. rensa and datasketch verify nothing, and hold all
signatures in memory. A first run on a few MB compiles the kernels.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.table import Table

from benchmarks.dedup import ours, peers
from benchmarks.dedup.peers import Bands
from benchmarks.dedup.processes import CommandError, Run
from benchmarks.dedup.truth import NGRAM
from benchmarks.measurement import median_seconds
from filters.minhash import MinHash

NUM_PERM = 256
LISTS = "verified, lists of what stays"
COPIES = "verified, kept rows (--copy)"
START_RAY = """
import time
from pipeline.engine import Engine
started = time.perf_counter()
with Engine(workers=2) as engine:
    list(engine.map_units(abs, [(0, (1,)), (1, (2,))]))
    taken = time.perf_counter() - started
print(taken)
"""


@dataclass(frozen=True)
class Compared:
    """Ours and a peer on the same text; `failure` says why there is no peer."""

    what: str
    peer: str
    megabytes: float
    seconds: float
    peer_seconds: float = 0.0
    failure: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """How many times as fast ours is."""
        return self.peer_seconds / self.seconds


def text_megabytes(corpus: Path) -> float:
    """Text in a corpus."""
    columns = [pq.read_table(path, columns=["size"])["size"] for path in corpus.glob("*.parquet")]
    return float(sum(pc.sum(column).as_py() for column in columns)) / 1e6


def signatures(corpus: Path, bands: Bands, scratch: Path) -> list[Compared]:
    """The filter beside each library, on one core."""
    tables = [pq.read_table(path, columns=["content"]) for path in sorted(corpus.glob("*.parquet"))]
    documents, fltr = pa.concat_tables(tables), MinHash(num_perm=NUM_PERM, ngram=NGRAM, tokens="code", seed=1)
    fltr(documents.slice(0, 2))  # compiles the kernel
    seconds, size = median_seconds(lambda: fltr(documents)), text_megabytes(corpus)
    rows = []
    for name, given in (("datasketch", "datasketch update_batch"), ("rensa", "rensa")):
        try:
            _, result = peers.call(name, "signatures", corpus, bands, scratch / "signing")
        except (CommandError, peers.AbsentError) as error:
            rows.append(Compared("signatures", given, size, seconds, failure=str(error)))
            continue
        for key, how in (("with_shingles", "with Python shingles"), ("shingles_given", "shingles given")):
            label = f"{given} {result['version']}, {how}"
            rows.append(Compared(f"signatures, {NUM_PERM} permutations", label, size, seconds, result[key]))
    return rows


def ray_start() -> float:
    """Seconds from the import of the engine to the end of its first two tasks."""
    done = subprocess.run([sys.executable, "-c", START_RAY], check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def near_dedup(corpus: Path, small: Path, bands: Bands, scratch: Path) -> list[Compared]:
    """The whole of it, on two cores: a row for each peer, and for each with the start of Ray left out."""
    size, code, out = text_megabytes(corpus), ours.MODES[0], scratch / "infill"
    ours.run_command(small, out, code, bands)  # compiles the kernels
    lists, report = ours.run_command(corpus, out, code, bands)
    copied, _ = ours.run_command(corpus, out, code, bands, "--copy")
    start = ray_start()
    details = _details(lists) | {"ray_start_seconds": start, "stages": ours.stage_seconds(report)}
    rows = []
    for name in ("datatrove", "rensa", "datasketch"):
        try:
            run, result = peers.call(name, "whole", corpus, bands, scratch / name)
        except (CommandError, peers.AbsentError) as error:
            rows.append(Compared(LISTS, name, size, lists.seconds, failure=str(error), details=details))
            continue
        peer, writing = f"{name} {result['version']}", result["seconds"].get("survivors", 0.0)
        both = {"ours": details, "peer": _details(run) | {"stages": result["seconds"]}}
        sides = [(LISTS, lists.seconds, peer, run.seconds - writing)]
        if writing:
            sides = [(LISTS, lists.seconds, f"{peer}, stages 1–3", run.seconds - writing)]
            sides += [(COPIES, copied.seconds, f"{peer}, all four stages", run.seconds)]
        for what, own, label, theirs in sides:
            rows.append(Compared(what, label, size, own, theirs, details=both))
            rows.append(Compared(f"{what}, less Ray's {start:.1f} s", label, size, own - start, theirs))
    return rows


def _details(run: Run) -> dict[str, Any]:
    return {"peak_megabytes": run.peak_bytes / 1e6, "largest_process_megabytes": run.largest_bytes / 1e6}


def table(found: list[Compared], title: str) -> Table:
    """For people."""
    shown = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    shown.add_column("what")
    for heading in ("MB", "seconds", "MB/s"):
        shown.add_column(heading, justify="right")
    shown.add_column("peer")
    for heading in ("peer MB/s", "ratio"):
        shown.add_column(heading, justify="right")
    for row in found:
        peer = (
            [f"{row.megabytes / row.peer_seconds:,.1f}", f"{row.ratio:,.1f}×"]
            if not row.failure
            else ["–", "–"]
        )
        own = [f"{row.megabytes:,.1f}", f"{row.seconds:,.2f}", f"{row.megabytes / row.seconds:,.1f}"]
        shown.add_row(row.what, *own, row.peer, *peer)
    return shown


def plain(found: list[Compared]) -> list[dict[str, Any]]:
    """For the JSON file."""
    return [asdict(row) | {"ratio": None if row.failure else row.ratio} for row in found]
