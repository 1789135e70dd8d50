"""Dedup among the documents that every predicate keeps: repeated ids, equal texts, then near-duplicates.

Documents are numbered once in the order of `keep`, best first; from then on the smaller number is the better
document, whatever file it stood in. Numbers are dealt to blocks, keys (ids, texts, bands of signatures) to
partitions, and each stage is a set of units that read slices of the files of the stage before. No unit holds
more than `engine.dedup_bytes` or so, however large the corpus, and no result depends on how it was divided.

number: runs (a group of splits) → blocks
equal:  same ids (a partition) → texts (a block) → same texts (a partition)
alike:  bands (a block) → candidates (a partition) → pairs (a block) → shingles (a group) → confirm (a block)
        → components → clusters (a block) → decide (a partition)
tell:   verdicts, evidence (a block) → survivors (a group) → tables (a part of them)
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.annotate import filter_key
from pipeline.dedup.alike import find_alike
from pipeline.dedup.equal import find_equal
from pipeline.dedup.index import Index, load_indexes
from pipeline.dedup.losses import FinishWork, finish
from pipeline.dedup.number import number_documents
from pipeline.dedup.stages import Stages
from pipeline.dedup.tell import tell
from pipeline.dedup.units.bands import choose_bands
from pipeline.dedup.units.survivors import survivor_path
from pipeline.dedup.work import DedupWork, Stage
from pipeline.select import part_digest
from pipeline.store import key_of
from pipeline.units import Product, Receipt, Unit, read_receipt

VERSION: Final = 3


def survivor_part(product: Product, split: int) -> Path:
    """The surviving rows of one split: row, doc_id, license, lang, n_tokens, held_out."""
    return survivor_path(product.receipt.parent, split)


def deduplicate(
    stage: Stage, folder: Path, work: DedupWork, *, planning: bool = False
) -> tuple[Product, Receipt]:
    """Leave survivors, evidence, clusters and losses in `folder`; the receipt's facts tell of them.

    Facts: `parts` (each split's digest), `funnel`, `losses`, `tables` (digests), `bands`. Planning,
    nothing is run, and the stage raises Pending if there is work to do. Raises ValueError for a saved index
    that does not fit.
    """
    bands = _bands(work)
    indexes = load_indexes(work.dedup.against, work.minhash, bands) if work.dedup and work.minhash else []
    key = _key(work, bands, indexes)
    product = Product(folder / "losses.json", key)
    held = read_receipt(product.receipt)
    finishing: FinishWork | None = None
    inner = folder / "work"
    if not planning and not (held and held.key == key):
        product.discard()
        stages = Stages(stage, inner / key_of(key, work.memory)[:16], folder, key, work.memory, indexes)
        finishing = _run(stages, work, bands)
    ((receipt,),) = stage("dedup", finish, [Unit("all survivors", finishing, (product,), 0)])
    if inner.exists() and not planning:
        shutil.rmtree(inner)
    return product, receipt


def _run(stages: Stages, work: DedupWork, bands: tuple[int, int]) -> FinishWork:
    """All phases; what is left is to sum up."""
    numbered = number_documents(stages, work)
    equal = find_equal(stages, numbered)
    decided: tuple[Path, ...] = ()
    if work.dedup is not None and work.minhash is not None:
        decided = find_alike(stages, work, numbered, equal, bands)
    return tell(stages, work, numbered, equal, decided, bands)


def _bands(work: DedupWork) -> tuple[int, int]:
    """(bands, entries a band). Raises ValueError if a signature has not as many entries."""
    if work.dedup is None or work.minhash is None:
        return 0, 0
    num_perm = work.minhash.num_perm
    bands, rows = work.dedup.bands or choose_bands(work.dedup.threshold, num_perm)
    if bands * rows > num_perm:
        raise ValueError(
            f"select.dedup.bands: {bands} bands of {rows} need {bands * rows} entries, but a signature has "
            f"{num_perm}; raise filters.minhash.num_perm or take fewer"
        )
    return bands, rows


def _key(work: DedupWork, bands: tuple[int, int], indexes: Sequence[Index]) -> str:
    """What the result follows from; how the work is divided is no part of it."""
    reports = ("alarm", "alarm_documents", "preset")  # these change what is said, not what is done
    asked = work.dedup.model_dump(mode="json", exclude=set(reports)) if work.dedup else None
    signatures = [part_digest(part) for part in work.signatures]
    minhash = filter_key(work.minhash) if work.minhash else None
    known = [(index.name, index.digest) for index in indexes]
    chance = work.validation, work.seed
    return key_of(
        "dedup", VERSION, asked, bands, minhash, known, chance, work.sources, work.digests, signatures
    )
