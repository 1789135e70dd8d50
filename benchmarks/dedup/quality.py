"""How right each tool is: one row a tool, on the quality corpus, from what it found and removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.dedup import ours, peers, scores
from benchmarks.dedup.corpora import Corpus
from benchmarks.dedup.peers import Bands, Found
from benchmarks.dedup.processes import CommandError
from benchmarks.dedup.truth import Pairs

FAMILIES = ("case", "operators", "template", "tiny", "real")
EXAMPLES = 10
Say = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """What the table says of a tool; `failure` says why it says nothing."""

    tool: str
    note: str
    version: str = ""
    failure: str = ""
    recall: float = 0.0
    precision: float = 0.0
    pairs: int = 0
    removed: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    """Removed although nothing that stays is a true near-duplicate, by family."""
    lost_files: tuple[str, ...] = ()
    """Some of the real ones."""
    other_punctuation: dict[str, int] = field(default_factory=dict)
    """Removed for one of the same words in the same order, but other operators or punctuation, by family."""
    left_over: int = 0
    seconds: float = 0.0
    megabytes_per_second: float = 0.0
    peak_megabytes: float = 0.0
    largest_megabytes: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)


def rows(corpus: Corpus, truth: Pairs, bands: Bands, scratch: Path, say: Say) -> list[Row]:
    """A row for each mode of ours and each peer."""
    calls: list[tuple[str, str, Callable[[], Found]]] = []
    for mode in ours.MODES:
        calls.append((mode.label, mode.note, partial(ours.run_ours, corpus, mode, bands, scratch)))
    for tool in peers.TOOLS:
        run = partial(peers.run_peer, tool, corpus.folder, len(corpus.texts), bands, scratch)
        calls.append((tool.label, tool.note, run))
    found = []
    for label, note, call in calls:
        found.append(_row(label, note, call, corpus, truth))
        say(_told(found[-1]))
    return found


def _told(row: Row) -> str:
    return f"{row.tool}: {row.failure or f'{row.seconds:.1f} s'}"


def _row(tool: str, note: str, run: Callable[[], Found], corpus: Corpus, truth: Pairs) -> Row:
    try:
        return scored(tool, note, run(), corpus, truth)
    except (CommandError, peers.AbsentError) as error:
        return Row(tool, note, failure=str(error))


def scored(tool: str, note: str, found: Found, corpus: Corpus, truth: Pairs) -> Row:
    """The scores of what was found."""
    pairs = scores.score_pairs(found.left, found.right, truth)
    lost = scores.lost(found.removed, truth)
    punctuation = scores.other_punctuation_only(found.removed, corpus.texts) & ~lost
    families = np.array(corpus.families)
    return Row(
        tool=tool,
        note=note,
        version=found.version,
        recall=pairs.recall,
        precision=pairs.precision,
        pairs=pairs.found,
        removed=int(found.removed.sum()),
        lost=dict(Counter(families[lost].tolist())),
        lost_files=_some_real(lost, corpus),
        other_punctuation=dict(Counter(families[punctuation].tolist())),
        left_over=scores.left_over(found.removed, truth),
        seconds=found.run.seconds,
        megabytes_per_second=corpus.megabytes / found.run.seconds,
        peak_megabytes=found.run.peak_bytes / 1e6,
        largest_megabytes=found.run.largest_bytes / 1e6,
        stages=found.seconds,
    )


def _some_real(lost: scores.Flags, corpus: Corpus) -> tuple[str, ...]:
    real = [number for number in np.flatnonzero(lost).tolist() if corpus.families[number] == "real"]
    return tuple(
        "/".join(corpus.names[number][:2]) for number in real[:: max(1, len(real) // EXAMPLES)][:EXAMPLES]
    )


def bands_allow(truth: Pairs, bands: Bands) -> float:
    """The recall that is to be expected of perfect signatures with these bands."""
    return float(np.mean(1 - (1 - truth.jaccard ** bands[1]) ** bands[0])) if len(truth.jaccard) else 1.0


def table(found: list[Row], title: str) -> Table:
    """For people."""
    shown = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    shown.add_column("tool", no_wrap=True)
    headings = (
        "recall",
        "precision",
        "removed",
        "lost",
        *FAMILIES,
        "same words",
        "left over",
        "MB/s",
        "peak MB",
    )
    for heading in headings:
        shown.add_column(heading, justify="right")
    shown.add_column("note")
    for row in found:
        shown.add_row(*_cells(row, len(headings)))
    return shown


def _cells(row: Row, width: int) -> list[str]:
    label = f"{row.tool} {row.version}".strip()
    if row.failure:
        return [label, *["–"] * width, row.failure.splitlines()[0][:60]]
    lost = [f"{row.lost.get(family, 0):,}" for family in FAMILIES]
    return [
        label,
        f"{row.recall:.3f}",
        f"{row.precision:.3f}",
        f"{row.removed:,}",
        f"{sum(row.lost.values()):,}",
        *lost,
        f"{sum(row.other_punctuation.values()):,}",
        f"{row.left_over:,}",
        f"{row.megabytes_per_second:,.1f}",
        f"{row.peak_megabytes:,.0f}",
        row.note,
    ]


def plain(found: list[Row]) -> list[dict[str, Any]]:
    """For the JSON file."""
    return [asdict(row) for row in found]
