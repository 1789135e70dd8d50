"""A run's state: what its stages have said so far, and where what they made stands.

The driver holds paths, keys and counts, never text. A stage that has nothing to do costs the reading of its
receipts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filters import Filter
from pipeline.config import Recipe
from pipeline.sources import Plan
from pipeline.synthesize.stage import Synthesis
from pipeline.units import Product, Quarantine, Runner, Staged, StageReport


@dataclass
class Job(Staged):
    """A recipe, where its results go, and what its stages have said so far."""

    recipe: Recipe
    out: Path
    runner: Runner
    limit: int | None = None
    plan: Plan = field(default_factory=lambda: Plan((), ()))
    reports: dict[str, StageReport] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    tokenizer: Path = Path()
    samples: Path = Path()
    """The folder of sorted runs, by the settings of synthesis."""
    metadata: Sequence[tuple[Path, ...]] = ()
    """Each split's signals of metadata filters, identity first."""
    parts: Sequence[tuple[Path, ...]] = ()
    """Those, and the signals of text filters."""
    gates: Sequence[Path] = ()
    """Each split's rows that the gate lets through."""
    dedup: Product | None = None
    synthesis: Synthesis | None = None

    @property
    def quarantine(self) -> list[Quarantine]:
        """All records, of files, rows and lost units, sorted and each once."""
        return self.quarantined(self.plan.quarantine)
