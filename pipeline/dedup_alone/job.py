"""Dedup by itself, on any Parquet files: `infill dedup`.

inputs → splits → metadata → gate (all rows) → annotate → select → dedup → (copies of the kept rows). It is
the middle of a recipe's run, without tokenizer and samples; each input is a source of its own. Signals are
kept, so another threshold reads no text but that of candidates.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from filters import Filter
from pipeline.annotate import Identity, annotate_split, annotate_units
from pipeline.config import Engine
from pipeline.dedup.stage import deduplicate, survivor_part
from pipeline.dedup.work import DedupWork
from pipeline.dedup_alone.kept_copy import copy_kept, copy_units, remove_stale
from pipeline.dedup_alone.request import Input, Request
from pipeline.documents import Reading
from pipeline.numbering import number_splits
from pipeline.recipe import is_gate_filter
from pipeline.select import select_split, select_units
from pipeline.sources import Plan, Split, plan_splits
from pipeline.store import key_of
from pipeline.units import Product, Quarantine, Receipt, Runner, Staged, StageReport, Unit


@dataclass
class Alone(Staged):
    """A request, where its results go, and what its stages have said so far."""

    request: Request
    out: Path
    runner: Runner
    engine: Engine = field(default_factory=Engine)
    plan: Plan = field(default_factory=lambda: Plan((), ()))
    owners: Sequence[Input] = ()
    """Of each split."""
    readings: Sequence[Reading] = ()
    """How each split is read."""
    reports: dict[str, StageReport] = field(default_factory=dict)
    metadata: Sequence[tuple[Path, ...]] = ()
    parts: Sequence[tuple[Path, ...]] = ()
    gates: Sequence[Path] = ()
    dedup: Product | None = None
    receipt: Receipt | None = None
    """That of dedup."""
    copies: Sequence[Product] = ()

    @property
    def quarantine(self) -> list[Quarantine]:
        """All records, of files, rows and lost units, sorted and each once."""
        return self.quarantined(self.plan.quarantine)


def run_alone(job: Alone, *, copy: bool = False) -> None:
    """Run every stage that is not done. Raises ValueError for bad input, Pending if planning and not done."""
    _keep_clear(job)
    _plan(job)
    filters = job.request.made_filters()
    survivors, digests, signatures = _select(job, filters)
    work = DedupWork(
        survivors=tuple(survivors),
        digests=tuple(digests),
        signatures=tuple(signatures),
        sources=tuple(owner.name for owner in job.owners),
        splits=job.plan.splits,
        reading=_reading(job, ""),  # text is read by row here: names of sources do not matter
        minhash=job.request.minhash(),
        dedup=job.request.dedup,
        validation=0.0,
        seed=0,
        memory=job.engine.dedup_bytes,
    )
    job.dedup, job.receipt = deduplicate(job.stage, job.out, work, planning=job.runner.planning)
    stays = [survivor_part(job.dedup, index) for index in range(len(job.plan.splits))]
    roots = [owner.path for owner in job.owners]
    units = copy_units(job.out / "kept", job.plan.splits, roots, stays, job.receipt.facts["parts"])
    if copy:
        job.stage("copy", copy_kept, units)
        job.copies = [unit.products[0] for unit in units]
    if not job.runner.planning:
        remove_stale(job.out / "kept", units)
        _remove_stale_lists(job, stays)


def _remove_stale_lists(job: Alone, stays: Sequence[Path]) -> None:
    """Lists of splits that are no more, and an index that was saved with other settings."""
    for path in set((job.out / "survivors").glob("part-*.parquet")) - set(stays):
        path.unlink()
    if not job.request.dedup.index:
        shutil.rmtree(job.out / "index", ignore_errors=True)


def _keep_clear(job: Alone) -> None:
    """An index of the output folder is replaced, so nothing can be compared with it."""
    index = (job.out / "index").resolve()
    for path in job.request.dedup.against:
        if Path(path).resolve() == index:
            raise ValueError(
                f"--against {path} is the index that --out {job.out} replaces; give another --out"
            )


def _reading(job: Alone, name: str) -> Reading:
    request = job.request
    return Reading(name, request.columns, request.max_document_bytes, job.engine.batch_bytes)


def _plan(job: Alone) -> None:
    """Splits of all inputs, and how each is read."""
    request = job.request
    splits: list[Split] = []
    owners: list[Input] = []
    quarantine: list[Quarantine] = []
    seen: dict[str, Input] = {}
    for own in request.inputs:
        plan = _planned(own, request, job.engine)
        for file in dict.fromkeys(split.file for split in plan.splits):
            if seen.setdefault(file, own) is not own:
                raise ValueError(f"{file} is in the input {seen[file].name} and in {own.name}; give it once")
        splits += plan.splits
        owners += [own] * len(plan.splits)
        quarantine += plan.quarantine
    numbered = number_splits(splits, job.out / "splits.json", remember=not job.runner.planning)
    job.plan, job.owners = Plan(numbered, tuple(quarantine)), owners
    job.readings = [_reading(job, owner.name) for owner in owners]


def _planned(own: Input, request: Request, engine: Engine) -> Plan:
    try:
        source = own.source(request.columns, request.max_document_bytes)
        return plan_splits(source, request.needed, split_bytes=engine.split_bytes)
    except ValueError as error:
        told = (
            str(error).replace("source.columns", "--columns").replace("in [source] columns", "in --columns")
        )
        raise ValueError(
            told.replace("remove the filters that read it", "give a --keep without it")
        ) from error


def _select(job: Alone, filters: Sequence[Filter]) -> tuple[list[Path], list[str], list[Path]]:
    """Annotate all rows and select; returns each split's survivors, their digests, and its signatures."""
    gate_filters = [Identity(), *(f for f in filters if is_gate_filter(f))]
    text_filters = [f for f in filters if not is_gate_filter(f)]
    units = _annotate(job, gate_filters, None)
    job.stage("metadata", annotate_split, units)
    job.metadata = [tuple(product.path for product in unit.products) for unit in units]
    gates = select_units(job.out / "select" / "all", job.plan.splits, job.metadata, None, {})
    job.stage("gate", select_split, gates)
    job.gates = [unit.products[0].path for unit in gates]
    units = _annotate(job, text_filters, job.gates)
    job.stage("annotate", annotate_split, units)
    job.parts = [
        own + tuple(p.path for p in unit.products) for own, unit in zip(job.metadata, units, strict=True)
    ]
    where, keep = job.request.where, job.request.dedup.keep
    folder = job.out / "select" / key_of(list(where.items()), list(keep))[:16]
    selected = select_units(folder, job.plan.splits, job.parts, job.gates, where, keep)
    receipts = job.stage("select", select_split, selected)
    place = [f.name for f in text_filters].index("minhash")
    return (
        [unit.products[0].path for unit in selected],
        [receipt.digest for own in receipts for receipt in own],
        [unit.products[place].path for unit in units],
    )


def _annotate(job: Alone, filters: Sequence[Filter], gates: Sequence[Path] | None) -> list[Unit]:
    """The units of all inputs: the name of the input is part of its documents' ids."""
    units: list[Unit] = []
    for first, end in _runs(job.owners):
        own = gates[first:end] if gates is not None else None
        units += annotate_units(job.out, job.readings[first], job.plan.splits[first:end], filters, own)
    return units


def _runs(owners: Sequence[Input]) -> Iterator[tuple[int, int]]:
    """Where the splits of each input begin and end."""
    borders = [i for i in range(len(owners)) if i == 0 or owners[i] != owners[i - 1]] + [len(owners)]
    return pairwise(borders)
