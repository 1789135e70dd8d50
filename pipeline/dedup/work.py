"""What dedup is asked to do, and where a document's facts lie.

A document's *number* is block << 32 | index: blocks hold documents in keep order, so numbers compare as
documents do. Blocks of saved indexes come before those of this corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filters.minhash import MinHash
from pipeline.config import Dedup
from pipeline.documents import Reading
from pipeline.sources import Split
from pipeline.units import Receipt, Unit

REASONS: Final = ("", "duplicate_id", "exact_duplicate", "near_duplicate", "split_leak")
STAYS, DUPLICATE_ID, EXACT, NEAR, LEAK = range(len(REASONS))
MEASURES: Final = ("none", "estimate", "exact")
UNMEASURED, ESTIMATE, MEASURED = range(len(MEASURES))

INNER_STAGE: Final = "dedup: "
"""What the names of stages begin with that only dedup itself has use for."""

ROW_BITS: Final = 32
"""A document's *place* in a group of splits: its split there << 32 | its row in the split."""
BLOCK_BITS: Final = 32
ROW_MASK: Final = (1 << ROW_BITS) - 1
INDEX_MASK: Final = (1 << BLOCK_BITS) - 1

Stage = Callable[[str, Callable[..., list[Receipt]], Sequence[Unit]], list[list[Receipt]]]
"""Runs the units of a named stage, those that are not done, and gives each unit's receipts."""


@dataclass(frozen=True)
class DedupWork:
    """Survivors of every split, their signatures and texts; with `dedup` None, near-duplicates stay."""

    survivors: tuple[Path, ...]
    digests: tuple[str, ...]
    """Of the survivors' files."""
    signatures: tuple[Path, ...]
    """Each split's part of the minhash filter; empty if near-duplicates stay."""
    sources: tuple[str, ...]
    """What each split's source is called in tables."""
    splits: tuple[Split, ...]
    reading: Reading
    minhash: MinHash | None
    dedup: Dedup | None
    validation: float
    seed: int
    memory: int
    """About how many bytes a unit may hold."""
