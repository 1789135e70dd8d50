"""Last phase: say what became of each document.

verdicts → evidence (→ index) → survivors → tables
"""

from __future__ import annotations

import shutil
from itertools import accumulate
from pathlib import Path

from pipeline.dedup.equal import Equal
from pipeline.dedup.index import IndexWork, block_stem, save_block, write_manifest
from pipeline.dedup.losses import FinishWork
from pipeline.dedup.number import Numbered
from pipeline.dedup.stages import Done, Stages, release
from pipeline.dedup.units.blocks import signatures_path
from pipeline.dedup.units.survivors import SurvivorsWork, TableWork, parts_of, write_survivors, write_tables
from pipeline.dedup.units.verdicts import EvidenceWork, VerdictsWork, give_evidence, give_verdicts
from pipeline.dedup.work import BLOCK_BITS, DedupWork


def tell(
    stages: Stages,
    work: DedupWork,
    numbered: Numbered,
    equal: Equal,
    decided: tuple[Path, ...],
    bands: tuple[int, int],
) -> FinishWork:
    """Write survivors, evidence, clusters and the index; what is left is to sum up."""
    verdicts = stages.each("verdicts", give_verdicts, (
        VerdictsWork(block, stem, equal.ids, equal.texts, decided, block not in numbered.new)
        for block, stem in enumerate(numbered.stems)
    ))  # fmt: skip
    starts = accumulate((len(index.stems) for index in stages.indexes), initial=0)
    first_numbers = tuple(start << BLOCK_BITS for start in starts)
    evidence = stages.each("evidence", give_evidence, (
        EvidenceWork(
            block=block,
            stems=numbered.stems,
            verdicts=verdicts.rows,
            groups=len(numbered.groups),
            index_starts=first_numbers,
            num_perm=numbered.num_perm,
            memory=stages.memory,
        )
        for block in numbered.new
    ))  # fmt: skip
    if work.dedup and work.dedup.index:
        _save_index(stages, work, numbered, verdicts, stages.out / "index", bands)
    release(signatures_path(numbered.stems[block]) for block in numbered.new)
    return _write(stages, work, numbered, evidence, bands)


def _save_index(
    stages: Stages, work: DedupWork, numbered: Numbered, verdicts: Done, target: Path, bands: tuple[int, int]
) -> None:
    assert work.minhash is not None
    if target.exists() and not (stages.folder / "index").exists():  # an earlier result's
        shutil.rmtree(target)
    saved = stages.each("index", save_block, (
        IndexWork(
            numbered.stems[block], verdicts.rows[block], block_stem(target, i), numbered.num_perm, *bands
        )
        for i, block in enumerate(numbered.new)
    ))  # fmt: skip
    documents = sum(receipt.rows_out for receipt in saved.receipts)
    write_manifest(target, len(numbered.new), documents, work.minhash, bands)


def _write(
    stages: Stages, work: DedupWork, numbered: Numbered, evidence: Done, bands: tuple[int, int]
) -> FinishWork:
    sources = tuple(sorted(set(work.sources)))
    codes = tuple(sources.index(source) for source in work.sources)
    parts = parts_of(sum(receipt.facts["told"] for receipt in evidence.receipts))
    if not (stages.folder / "survivors").exists():  # an earlier result's, maybe of more parts
        for name in ("survivors", "evidence", "clusters"):
            shutil.rmtree(stages.out / name, ignore_errors=True)
    written = stages.each("survivors", write_survivors, (
        SurvivorsWork(
            group=i,
            splits=tuple(own),
            survivors=work.survivors[own.start : own.stop],
            sources=codes[own.start : own.stop],
            folder=stages.out,
            evidence=evidence.rows,
            languages=numbered.languages,
            parts=parts,
            validation=work.validation,
            seed=work.seed,
        )
        for i, own in enumerate(numbered.groups)
    ))  # fmt: skip
    kept_in = ("", *(index.name for index in stages.indexes))
    tables = stages.each("tables", write_tables, (
        TableWork(i, stages.out, written.rows, numbered.languages, sources, kept_in) for i in range(parts)
    ))  # fmt: skip
    facts = [receipt.facts for receipt in written.receipts]
    return FinishWork(
        counts=tuple(zip(work.sources, (own for f in facts for own in f["counts"]), strict=True)),
        parts=tuple(digest for own in facts for digest in own["digests"]),
        tables=tuple(receipt.facts for receipt in tables.receipts),
        bands=bands,
    )
