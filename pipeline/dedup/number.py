"""First phase: give every document its number. Splits in groups → runs → blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from pipeline.dedup.order import TAIL_WORDS
from pipeline.dedup.stages import Done, Stages, release
from pipeline.dedup.units.blocks import BlocksWork, make_block
from pipeline.dedup.units.runs import FACTS, RunsWork, make_runs, run_path, signature_words, splitters
from pipeline.dedup.work import BLOCK_BITS, DedupWork

GROUP_ROWS: Final = 8192
"""Survivors of consecutive splits that one unit handles."""
MANY_UNITS: Final = 16
"""A stage has at least so many units, if they have GROUP_ROWS documents each: work for a machine's cores."""
TERM_WORDS: Final = 4
"""The most words that a term of the keep order takes."""
LEAST_ROWS: Final = 16


@dataclass(frozen=True)
class Numbered:
    """Where documents are now: splits in groups, and blocks, of which a saved index's come first."""

    groups: tuple[range, ...]
    """Of splits."""
    stems: tuple[Path, ...]
    """Of each block's files."""
    old_blocks: int
    documents: int
    languages: tuple[str, ...]
    num_perm: int

    @property
    def new(self) -> range:
        """The blocks of this corpus."""
        return range(self.old_blocks, len(self.stems))

    @property
    def first_new(self) -> int:
        """The first number of this corpus."""
        return self.old_blocks << BLOCK_BITS


def number_documents(stages: Stages, work: DedupWork) -> Numbered:
    """Sort all documents by the keep order, in blocks of about as many as a unit may hold."""
    keep = work.dedup.keep if work.dedup else ()
    num_perm = work.minhash.num_perm if work.minhash and work.dedup else 0
    width = TAIL_WORDS + TERM_WORDS * len(keep) + FACTS + signature_words(num_perm)
    groups, documents = _groups(work.survivors)
    even = max(GROUP_ROWS, documents // MANY_UNITS)
    rows = max(LEAST_ROWS, min(stages.memory // (3 * 8 * width), even))
    signed = work.signatures if num_perm else ()
    runs = stages.each("runs", make_runs, (
        RunsWork(
            group=i,
            survivors=work.survivors[own.start : own.stop],
            signatures=signed[own.start : own.stop],
            keep=keep,
            num_perm=num_perm,
            validation=work.validation,
            seed=work.seed,
            rows=rows,
        )
        for i, own in enumerate(groups)
    ))  # fmt: skip
    old = tuple(stem for index in stages.indexes for stem in index.stems)
    stems = _merge(stages, runs, len(old), rows, num_perm)
    languages = sorted({name for receipt in runs.receipts for name in receipt.facts["languages"]})
    return Numbered(tuple(groups), (*old, *stems), len(old), documents, tuple(languages), num_perm)


def _merge(stages: Stages, runs: Done, first: int, rows: int, num_perm: int) -> list[Path]:
    """The stems of this corpus's blocks."""
    facts = [receipt.facts for receipt in runs.receipts]
    paths = tuple(
        run_path(product, i)
        for product, own in zip(runs.products, facts, strict=True)
        for i in range(own["runs"])
    )
    documents = sum(receipt.rows_in for receipt in runs.receipts)
    count = max(1, -(-documents // rows))
    samples = [key for own in facts for key in own["samples"]]
    borders = [tuple(row) for row in splitters(samples, count).tolist()] if count > 1 else []
    blocks = stages.each("blocks", make_block, (
        BlocksWork(
            block=first + i,
            runs=paths,
            key_words=next((own["key_words"] for own in facts if own["runs"]), TAIL_WORDS),
            low=low,
            high=high,
            num_perm=num_perm,
            partitions=stages.partitions(documents),
        )
        for i, (low, high) in enumerate(zip([None, *borders], [*borders, None], strict=True))
    ))  # fmt: skip
    release(paths)
    return [product.path for product in blocks.products]


def _groups(survivors: Sequence[Path]) -> tuple[list[range], int]:
    """Consecutive splits, as many as have GROUP_ROWS survivors or one that has more; and all survivors."""
    groups: list[range] = []
    rows = total = 0
    for index, path in enumerate(survivors):
        own = pq.read_metadata(path).num_rows
        if not groups or rows + own > GROUP_ROWS:
            groups.append(range(index, index))
            rows = 0
        groups[-1] = range(groups[-1].start, index + 1)
        rows += own
        total += own
    return groups, total
