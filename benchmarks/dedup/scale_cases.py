"""Two extreme corpora through `infill dedup` itself: a million empty files, and one file of 100 MB.

A million empty files are equal texts with distinct ids: one stays. The large file has random words, so its
shingles are as many as they can be, and goes as a near-duplicate of a second one, a word shorter.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.dedup.processes import measure

EMPTY: Final = 1_000_000
SMALL: Final = 2000
HUGE_BYTES: Final = 100_000_000
LIMIT_SECONDS: Final = 3600
INFILL: Final = Path(sys.executable).with_name("infill")


def empty(scratch: Path, workers: int) -> dict[str, Any]:
    """A million files without a byte."""
    paths = [f"src/empty_{number:07d}/__init__.py" for number in range(EMPTY)]
    table = pa.table({"content": pa.array([""] * EMPTY, pa.large_string()), "path": paths})
    report = _run(table, scratch, workers, row_group=50_000, options=())
    return _told(report, stay=1)


def huge(scratch: Path, workers: int) -> dict[str, Any]:
    """A document of 100 MB, another that lacks its last word, and 2,000 small ones."""
    generator = np.random.default_rng(1)
    letters = generator.integers(97, 123, (HUGE_BYTES // 8, 8), np.uint8)
    letters[:, 7] = ord(" ")
    large = letters.tobytes().decode()
    own = letters[: 200 * SMALL].reshape(SMALL, -1)
    texts = [large, large[: -8 * 1000], *(row.tobytes().decode()[::-1] for row in own)]
    table = pa.table({
        "content": pa.array(texts, pa.large_string()),
        "path": [f"src/file_{number}.txt" for number in range(len(texts))],
    })  # fmt: skip
    report = _run(table, scratch, workers, row_group=1000, options=("--max-document-bytes", "200000000"))
    return _told(report, stay=SMALL + 1)


def _run(
    table: pa.Table, scratch: Path, workers: int, *, row_group: int, options: tuple[str, ...]
) -> dict[str, Any]:
    scratch.mkdir(parents=True)
    pq.write_table(table, scratch / "input.parquet", row_group_size=row_group)
    columns = ("--columns", "content=content,max_stars_repo_path=path")
    command = [str(INFILL), "dedup", str(scratch / "input.parquet"), "--out", str(scratch / "out")]
    command += [*columns, "--alarm", "1", "--workers", str(workers), "--json", *options]
    run = measure(command, scratch / "log", limit=LIMIT_SECONDS)
    report: dict[str, Any] = json.loads(run.output)
    return report | {"wall_seconds": round(run.seconds, 1), "largest_bytes": run.largest_bytes}


def _told(report: dict[str, Any], *, stay: int) -> dict[str, Any]:
    if report["kept"] != stay:
        raise AssertionError(f"{report['kept']} documents stay, expected {stay}")
    names = ("documents", "kept", "seconds", "wall_seconds", "peak_memory_bytes", "largest_bytes", "funnel")
    return {name: report[name] for name in names} | {"stages": report.get("stages", [])}


CASES: Final[dict[str, Callable[[Path, int], dict[str, Any]]]] = {"empty": empty, "huge": huge}
