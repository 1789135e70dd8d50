"""Units of work, their receipts, and the stage loop: nothing is done twice, and every row is accounted for.

A unit leaves one or more *products*, each a file with a receipt beside it (`part-00000.json`) that holds the
product's content key, its counts and its digest. A product whose receipt bears the expected key is done.
`run_stage` runs what is not, and checks `rows in = rows out + dropped + quarantined` for every receipt,
cached or new.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.engine import Engine, UnitLost
from pipeline.store import read_json, write_json


class Quarantine(NamedTuple):
    """A row (or a whole file: row −1) that could not be used, and why."""

    file: str
    row: int
    reason: str
    message: str


class BadInput(Exception):  # noqa: N818 — it names what was found; whoever catches it goes on
    """Input that makes a whole split unusable; carries its quarantine record."""

    def __init__(self, record: Quarantine) -> None:
        super().__init__(record.message)
        self.record = record


@dataclass(frozen=True)
class Receipt:
    """What a finished product says of itself."""

    key: str
    rows_in: int
    rows_out: int
    dropped: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    quarantine: tuple[Quarantine, ...] = ()
    digest: str = ""
    """Of the product's content: what stands downstream of it is keyed by this."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Stage-specific counts (funnel, tokens, file digests)."""

    def check(self, where: Path) -> None:
        """Raise RuntimeError unless every row that came in is out, dropped or quarantined."""
        accounted = self.rows_out + sum(self.dropped.values()) + self.quarantined
        if self.rows_in != accounted:
            raise RuntimeError(
                f"{where}: {self.rows_in} rows in, but {self.rows_out} out + {sum(self.dropped.values())} "
                f"dropped + {self.quarantined} quarantined = {accounted}; this is a defect of infill: please "
                "report it"
            )


@dataclass(frozen=True)
class Product:
    """A file that a unit will leave: where its receipt stands, and the key that makes it valid."""

    receipt: Path
    key: str

    @property
    def path(self) -> Path:
        """The product itself, a Parquet file unless the stage says otherwise."""
        return self.receipt.with_suffix(".parquet")

    def discard(self) -> None:
        """Remove a stale receipt and its product before the work starts.

        Else a receipt of settings that come back later could vouch for a file that a killed run had begun to
        replace.
        """
        self.receipt.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def commit(self, receipt: Receipt) -> Receipt:
        """Write the receipt; the product itself is in place already."""
        write_json(self.receipt, asdict(receipt) | {"quarantine": [list(q) for q in receipt.quarantine]})
        return receipt


def read_receipt(path: Path) -> Receipt | None:
    """The receipt at `path`, or None if there is none."""
    try:
        data = read_json(path)
    except FileNotFoundError:
        return None
    return Receipt(**data | {"quarantine": tuple(Quarantine(*q) for q in data["quarantine"])})


@dataclass(frozen=True)
class Unit:
    """One call of a stage's work function: its argument, its products, and how many rows it takes in."""

    label: str
    work: Any
    products: tuple[Product, ...]
    rows: int
    is_done: Callable[[Product, Receipt], bool] = lambda product, receipt: receipt.key == product.key


@dataclass
class StageReport:
    """Counters of one stage; `receipts` has one list a unit, in unit order (empty for a lost unit)."""

    name: str
    seconds: float = 0.0
    units: int = 0
    units_cached: int = 0
    rows_in: int = 0
    rows_out: int = 0
    dropped: int = 0
    quarantined: int = 0
    peak_memory_bytes: int = 0
    receipts: list[list[Receipt]] = field(default_factory=list)
    lost: list[Quarantine] = field(default_factory=list)
    stale: dict[str, int] = field(default_factory=dict)
    """Why products had to be made: no receipt, or another key."""


class Pending(Exception):  # noqa: N818 — a planner's answer, not an error
    """Raised by `run_stage` in planning mode when a stage has work to do; carries its report."""

    def __init__(self, report: StageReport) -> None:
        super().__init__(report.name)
        self.report = report


Work = Callable[[Any, tuple[Product, ...]], list[Receipt]]


@dataclass
class Runner:
    """Runs stages on an engine and collects their reports; `planning` stops at the first with work to do."""

    engine: Engine
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None
    planning: bool = False
    reports: list[StageReport] = field(default_factory=list)

    def run_stage(self, name: str, work: Work, units: Sequence[Unit], *, cpus: int = 1) -> StageReport:
        """Run what is not done of `units`; returns the report. Planning, raises Pending if work is left."""
        started = time.monotonic()
        report = StageReport(name, units=sum(len(unit.products) for unit in units))
        self.reports.append(report)
        held, pending = _examine(units, report)
        if pending and self.planning:
            raise Pending(report)
        for _, products in pending:
            for product in products:
                product.discard()
        self.progress(name, report.units_cached, report.units)
        done = report.units_cached
        asked = dict(pending)
        jobs = [(index, (units[index].work, products)) for index, products in pending]
        for index, outcome in self.engine.map_units(work, jobs, cpus=cpus):
            if isinstance(outcome, UnitLost):
                report.lost.append(Quarantine(units[index].label, -1, "worker_died", outcome.message))
                report.quarantined += units[index].rows
                held[index] = []
            else:
                held[index] += outcome.result
                report.peak_memory_bytes = max(report.peak_memory_bytes, outcome.peak_memory_bytes)
            done += len(asked[index])
            self.progress(name, done, report.units)
        report.receipts = held
        _account(report, units)
        report.seconds = time.monotonic() - started
        return report


Examined = tuple[list[list[Receipt]], list[tuple[int, tuple[Product, ...]]]]


def _examine(units: Sequence[Unit], report: StageReport) -> Examined:
    """Receipts of what is done, and the products of each unit that are not."""
    held: list[list[Receipt]] = []
    pending: list[tuple[int, tuple[Product, ...]]] = []
    for index, unit in enumerate(units):
        receipts = [read_receipt(product.receipt) for product in unit.products]
        done = [r is not None and unit.is_done(p, r) for p, r in zip(unit.products, receipts, strict=True)]
        for receipt, good in zip(receipts, done, strict=True):
            if not good:
                why = "no receipt yet" if receipt is None else "settings or inputs changed"
                report.stale[why] = report.stale.get(why, 0) + 1
        held.append([r for r, good in zip(receipts, done, strict=True) if good and r is not None])
        report.units_cached += sum(done)
        if not all(done):
            pending.append((index, tuple(p for p, good in zip(unit.products, done, strict=True) if not good)))
    return held, pending


def _account(report: StageReport, units: Iterable[Unit]) -> None:
    for unit, receipts in zip(units, report.receipts, strict=True):
        for receipt in receipts:
            receipt.check(unit.products[0].receipt)
        if receipts:  # every product of a unit sees the same rows: count them once
            first = receipts[0]
            report.rows_in += first.rows_in
            report.rows_out += first.rows_out
            report.dropped += sum(first.dropped.values())
            report.quarantined += first.quarantined


SPLIT_STAGES = ("ingest", "metadata", "annotate", "repository files", "synthesize")
"""Stages that read the corpus: a split that kills its workers there is quarantined, and the rest goes on."""


class Staged:
    """What jobs share: stages by name, and the quarantine that they leave."""

    runner: Runner
    reports: dict[str, StageReport]

    def stage(self, name: str, work: Work, units: Sequence[Unit], *, cpus: int = 1) -> list[list[Receipt]]:
        """Run one stage; returns each unit's receipts.

        Raises RuntimeError if a unit is lost on which others depend; a lost split is quarantined instead.
        """
        report = self.reports[name] = self.runner.run_stage(name, work, units, cpus=cpus)
        if report.lost and name not in SPLIT_STAGES:
            lost = report.lost[0]
            raise RuntimeError(f"stage {name} cannot go on without {lost.file}: {lost.message}")
        return report.receipts

    def quarantined(self, planned: Iterable[Quarantine]) -> list[Quarantine]:
        """All records, of files (`planned`), rows and lost units, sorted and each once."""
        records = set(planned)
        for report in self.reports.values():
            records.update(report.lost)
            records.update(q for own in report.receipts for receipt in own for q in receipt.quarantine)
        return sorted(records)
