"""A run's state: what its stages have said so far, and where what they made stands.

The driver holds paths, keys and counts, never text. A stage that has nothing to do costs the reading of its
receipts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filters import Filter
from pipeline.config import Recipe
from pipeline.sources import Plan
from pipeline.synthesize.stage import Synthesis
from pipeline.units import Product, Quarantine, Receipt, Runner, StageReport

SPLIT_STAGES = ("ingest", "metadata", "annotate", "repository files", "synthesize")
"""Stages that read the corpus: a split that kills its workers there is quarantined, and the rest goes on."""


@dataclass
class Job:
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

    def stage(self, name: str, work: Any, units: Any, *, cpus: int = 1) -> list[list[Receipt]]:
        """Run one stage; returns each unit's receipts.

        Raises RuntimeError if a unit is lost on which others depend; a lost split is quarantined instead.
        """
        report = self.reports[name] = self.runner.run_stage(name, work, units, cpus=cpus)
        if report.lost and name not in SPLIT_STAGES:
            lost = report.lost[0]
            raise RuntimeError(f"stage {name} cannot go on without {lost.file}: {lost.message}")
        return report.receipts

    @property
    def quarantine(self) -> list[Quarantine]:
        """All records, of files, rows and lost units, sorted and each once."""
        records = set(self.plan.quarantine)
        for report in self.reports.values():
            records.update(report.lost)
            records.update(
                q for receipts in report.receipts for receipt in receipts for q in receipt.quarantine
            )
        return sorted(records)
