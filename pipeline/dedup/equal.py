"""Second phase: of the documents with one id, and then of those with one text, the best stays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.dedup.number import Numbered
from pipeline.dedup.stages import Stages, release
from pipeline.dedup.units.blocks import ids_path
from pipeline.dedup.units.same import SameWork, TextsWork, same_keys, write_texts


class Equal(NamedTuple):
    """Files, a slice a block, of (number, who stays): by id, and by text."""

    ids: tuple[Path, ...]
    texts: tuple[Path, ...]


def find_equal(stages: Stages, numbered: Numbered) -> Equal:
    """Group documents by id, and those that are left by the hash of their text."""
    partitions = stages.partitions(numbered.documents)
    by_id = [ids_path(numbered.stems[block]) for block in numbered.new]
    ids = _same(stages, numbered, "ids", by_id, partitions)
    texts = stages.each("texts", write_texts, (
        TextsWork(block, numbered.stems[block], ids, partitions) for block in numbered.new
    ))  # fmt: skip
    found = Equal(ids, _same(stages, numbered, "texts", texts.rows, partitions))
    release([*by_id, *texts.rows])
    return found


def _same(
    stages: Stages, numbered: Numbered, kind: str, files: Sequence[Path], partitions: int
) -> tuple[Path, ...]:
    return stages.each(f"same {kind}", same_keys, (
        SameWork(stages.keyed(kind, files, i, partitions), len(numbered.stems), numbered.first_new)
        for i in range(partitions)
    )).rows  # fmt: skip
