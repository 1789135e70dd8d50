"""The peers: where each one's environment is, how its script is called, and what it left.

Each has a virtual environment of its own under .venv/peers, made by `make bench-dedup` from
requirements/bench-dedup. A peer that is absent, fails or takes too long is a dash with a reason, never a
number.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.dedup.processes import Run, measure
from benchmarks.dedup.scores import Flags, pairs_within
from benchmarks.dedup.truth import Ints

ENVIRONMENTS = Path(".venv/peers")
SCRIPTS = Path(__file__).parent / "peer_scripts"
LIMIT_SECONDS = 600.0
PEER_PROCESSES = 2
Bands = tuple[int, int]  # bands and rows a band


@dataclass(frozen=True)
class Tool:
    """A row of the table: a peer in one of its modes."""

    label: str
    environment: str
    mode: str = "whole"
    note: str = ""


TOOLS = (
    Tool("datasketch", "datasketch", note="pairs of `query`, components"),
    Tool("rensa", "rensa", note="pairs of `query_all`, components"),
    Tool("datatrove", "datatrove", note="components; its normaliser off"),
    Tool("datatrove, as it comes", "datatrove", "normalised", "its normaliser on: other words"),
    Tool("text-dedup", "text-dedup", note="components; lower-cases, empty words count"),
)


@dataclass(frozen=True)
class Found:
    """What a tool found and removed in a corpus."""

    removed: Flags
    left: Ints
    right: Ints
    run: Run
    version: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of its stages, as its script measured them."""


class AbsentError(RuntimeError):
    """A peer whose environment is not there."""


def run_peer(tool: Tool, corpus: Path, documents: int, bands: Bands, scratch: Path) -> Found:
    """Run it on a corpus. Raises AbsentError or processes.CommandError."""
    out = scratch / f"{tool.environment}-{tool.mode}"
    run, result = call(tool.environment, tool.mode, corpus, bands, out)
    removed = np.zeros(documents, np.bool_)
    removed[np.load(out / "removed.npy")] = True
    left, right = _pairs(out, documents)
    shutil.rmtree(out)
    return Found(removed, left, right, run, result["version"], result["seconds"])


def call(environment: str, mode: str, corpus: Path, bands: Bands, out: Path) -> tuple[Run, dict[str, Any]]:
    """Run a peer's script; returns what it took and the result that it left."""
    python = ENVIRONMENTS / environment / "bin" / "python"
    if not python.exists():
        raise AbsentError(f"{python} is not there: `make bench-dedup` makes it")
    shutil.rmtree(out, ignore_errors=True)
    script = SCRIPTS / f"run_{environment.replace('-', '_')}.py"
    command = [str(python), str(script), mode, str(corpus), str(out), *map(str, bands)]
    run = measure(command, out.with_suffix(".log"), limit=LIMIT_SECONDS)
    return run, json.loads((out / "result.json").read_text())


def _pairs(out: Path, documents: int) -> tuple[Ints, Ints]:
    """The pairs that it named, or all pairs within its clusters."""
    if (out / "pairs.npy").exists():
        left, right = np.load(out / "pairs.npy").T
        return left, right
    clusters = np.load(out / "clusters.npy")
    return pairs_within(np.where(clusters < 0, clusters.max(initial=0) + 1 + np.arange(documents), clusters))
