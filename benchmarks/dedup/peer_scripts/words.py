"""What every peer is given: the corpus's texts, the shingles of the truth, and the bands.

Runs in a peer's own environment, beside the script that imports it, so it imports nothing of the project. The
tokens and shingles are those of benchmarks/dedup/truth.py; a test holds the two together.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

TOKEN = re.compile("[A-Za-z0-9_\x80-\U0010ffff]+|[!-~]")
NGRAM = 7
PROCESSES = 2


def bands() -> tuple[int, int]:
    """(bands, rows a band): the last two arguments of the script."""
    return int(sys.argv[-2]), int(sys.argv[-1])


def num_perm() -> int:
    """Permutations: those that the bands need."""
    return bands()[0] * bands()[1]


def shingles_of(text: str) -> list[str]:
    """Each distinct run of seven tokens; all of a shorter text; nothing of one without tokens."""
    tokens = TOKEN.findall(text)
    if not tokens:
        return []
    return list({" ".join(tokens[at : at + NGRAM]) for at in range(max(1, len(tokens) - NGRAM + 1))})


def files_of(corpus: Path) -> list[Path]:
    """The corpus's Parquet files, in order."""
    return sorted(corpus.glob("*.parquet"))


def texts_of(path: Path) -> list[str]:
    """The texts of one Parquet file."""
    import pyarrow.parquet as pq  # noqa: PLC0415 — the script's start-up is measured

    texts: list[str] = pq.read_table(path, columns=["content"])["content"].to_pylist()
    return texts


def removed_by_union(documents: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """What goes when the first document of each connected component stays."""
    parent = list(range(documents))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for left, right in pairs:
        first, second = sorted((root(left), root(right)))
        parent[second] = first
    return [number for number in range(documents) if root(number) != number]


def seconds_of(texts: list[str], sign: Callable[[list[list[str]]], Any], calls: int = 3) -> dict[str, float]:
    """Median seconds of making shingles and signing them, and of signing alone; one thread."""
    shingles = [shingles_of(text) for text in texts]
    whole, alone = [], []
    for _ in range(calls):
        started = time.perf_counter()
        sign([shingles_of(text) for text in texts])
        whole.append(time.perf_counter() - started)
        started = time.perf_counter()
        sign(shingles)
        alone.append(time.perf_counter() - started)
    return {"with_shingles": sorted(whole)[calls // 2], "shingles_given": sorted(alone)[calls // 2]}


def tell(result: dict[str, Any], out: Path) -> None:
    """Leave the result where the benchmark looks for it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "result.json").write_text(json.dumps(result))


def one_thread() -> None:
    """Before a library with threads of its own is imported."""
    os.environ.update(RAYON_NUM_THREADS="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
