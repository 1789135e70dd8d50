"""A saved index: what stayed of an earlier delivery, against which a later one is deduplicated.

INDEX/manifest.json, and for each block the files of a block (documents with their ids and text hashes, and
signatures) and keyed rows of ids, texts and bands, in SLICES slices each. Texts are not kept: a new document
is compared with an old one by their signatures. Documents of an index always stay, and come before new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from filters.minhash import MinHash
from filters.minhash_schemes import permutation_digest
from pipeline.annotate import filter_fields
from pipeline.dedup.exchange import read_slice, write_rows
from pipeline.dedup.units.bands import band_hashes
from pipeline.dedup.units.blocks import (
    ID,
    PLACE,
    TEXT,
    SliceOf,
    docs_path,
    numbers_of,
    read_signatures,
    write_keyed,
    write_signatures,
)
from pipeline.dedup.units.decide import REASON
from pipeline.dedup.work import BLOCK_BITS, STAYS
from pipeline.store import file_digest, read_json, write_json
from pipeline.units import Product, Receipt

FORMAT: Final = "infill-dedup-index/1"
DIGEST_SHOWN: Final = 8
SLICES: Final = 4096
"""Of the keyed rows: the most partitions of a run against an index."""


@dataclass(frozen=True)
class IndexWork:
    """A block of this corpus and its verdicts, to be saved."""

    stem: Path
    verdicts: Path
    target: Path
    num_perm: int
    bands: int
    rows: int


@dataclass(frozen=True)
class Index:
    """A saved index: its folder's name with the start of its manifest's digest, its blocks, that digest."""

    name: str
    stems: tuple[Path, ...]
    digest: str

    def files(self, kind: str, partition: int, partitions: int, first_block: int) -> list[SliceOf]:
        """Where a partition of its `ids`, `texts` or `bands` lies, given the number of its first block."""
        count = SLICES // partitions
        shift = first_block << BLOCK_BITS
        return [SliceOf(s.with_suffix(f".{kind}"), partition * count, count, shift) for s in self.stems]


def block_stem(folder: Path, block: int) -> Path:
    """What the names of a block's files begin with."""
    return folder / f"block-{block:05d}.parquet"


def save_block(work: IndexWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the files of those documents of a block that stay."""
    (product,) = pending
    stay = read_slice(work.verdicts, 0)[:, REASON] == STAYS
    docs = read_slice(docs_path(work.stem), 0)[stay]
    signatures = read_signatures(work.stem, work.num_perm)[stay]
    block = int(work.target.stem.split("-")[1])
    numbers, weights = numbers_of(block, len(docs)), np.zeros(len(docs), np.int64)
    for kind, columns in (("ids", ID), ("texts", TEXT)):
        rows = np.column_stack([docs[:, columns], numbers, weights])
        write_keyed(work.target.with_suffix(f".{kind}"), rows, SLICES)
    comparable = (signatures != np.uint32(0xFFFFFFFF)).any(axis=1)
    hashes = band_hashes(signatures[comparable], work.bands, work.rows)
    records = np.column_stack([hashes.ravel(), np.repeat(numbers[comparable], work.bands)])
    write_keyed(work.target.with_suffix(".bands"), records, SLICES)
    docs[:, PLACE] = -1  # its text is not here
    write_rows(docs_path(work.target), docs)
    write_signatures(work.target, signatures)
    dropped = {"removed": int((~stay).sum())}
    return [product.commit(Receipt(product.key, len(stay), len(docs), dropped))]


def write_manifest(
    folder: Path, blocks: int, documents: int, minhash: MinHash, bands: tuple[int, int]
) -> None:
    """Commit an index's manifest, last of its files."""
    files = sorted(path for path in folder.glob("block-*") if path.suffix != ".json")
    write_json(folder / "manifest.json", {
        "format": FORMAT,
        "blocks": blocks,
        "documents": documents,
        "bands": list(bands),
        "minhash": signature_facts(minhash),
        "files": {path.name: file_digest(path) for path in files},
    })  # fmt: skip


def signature_facts(minhash: MinHash) -> dict[str, Any]:
    """What two signatures must have in common to be compared."""
    drawn = permutation_digest(minhash.num_perm, minhash.seed, minhash.scheme)
    return {"version": minhash.version, **filter_fields(minhash), "permutations": drawn}


def load_indexes(names: Sequence[str], minhash: MinHash, bands: tuple[int, int]) -> list[Index]:
    """The saved indexes. Raises ValueError if one is not there, or if its signatures or bands are others."""
    return [_load(name, minhash, bands) for name in names]


def _load(name: str, minhash: MinHash, bands: tuple[int, int]) -> Index:
    folder = Path(name)
    manifest = next(
        (p for p in (folder / "manifest.json", folder / "index" / "manifest.json") if _is_index(p)), None
    )
    if manifest is None:
        raise ValueError(f"{name}: no saved index there; `infill dedup … --out DIR` leaves one in DIR/index")
    found = read_json(manifest)
    expected = {"minhash": signature_facts(minhash), "bands": list(bands)}
    for what, ours in expected.items():
        if found[what] != ours:
            raise ValueError(
                f"{manifest}: {what} is {found[what]}, but this run has {ours}; signatures and bands "
                "must be the same: give this run the settings of the index"
            )
    stems = tuple(block_stem(manifest.parent, block) for block in range(found["blocks"]))
    digest = file_digest(manifest)
    place = manifest.parent.parent if manifest.parent.name == "index" else manifest.parent
    return Index(f"{place.resolve().name}@{digest[:DIGEST_SHOWN]}", stems, digest)


def _is_index(manifest: Path) -> bool:
    return manifest.is_file() and read_json(manifest).get("format") == FORMAT
