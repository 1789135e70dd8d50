"""The last stages: sorted runs become shuffled shards, and shards a directory that readers accept.

`merge_one` makes one shard from all runs of a split. `finish_shards` writes the tokenizer, the packing plans
and, last of all, the manifest. A shard that is made anew removes the old manifest first, so a directory that
has one is whole and of one run. Memory: one shard's sidecar, and the sample lengths of one split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.shards.manifest import split_files, write_manifest
from pipeline.shards.merge import merge_shard, shard_count
from pipeline.shards.mmidx import read_index
from pipeline.shards.pack import write_pack
from pipeline.store import file_digest, key_of, write_json
from pipeline.synthesize.sentinels import Sentinels
from pipeline.tokenizer import copy_tokenizer
from pipeline.units import Product, Receipt, Unit

SPLITS = ("train", "validation")


class RunList(NamedTuple):
    """The runs of one split of the output: stems, their digests, and how many tokens they hold."""

    stems: tuple[Path, ...]
    digests: tuple[str, ...]
    tokens: int


@dataclass(frozen=True)
class MergeWork:
    """One shard of one split."""

    runs: tuple[Path, ...]
    stem: Path
    index: int
    count: int
    dtype: str


@dataclass(frozen=True)
class _FilesStand:
    """A shard is done if its receipt is current and its files are there, whole in size."""

    folder: Path

    def __call__(self, product: Product, receipt: Receipt) -> bool:
        paths = [(self.folder / record["path"], record["bytes"]) for record in receipt.facts["files"]]
        return receipt.key == product.key and all(
            p.is_file() and p.stat().st_size == size for p, size in paths
        )


def merge_units(out: Path, runs: Mapping[str, RunList], *, tokens_per_shard: int, dtype: str) -> list[Unit]:
    """One unit a shard, keyed by the runs' digests in no particular order."""
    units = []
    for name, own in runs.items():
        count = shard_count(own.tokens, tokens_per_shard)
        for index in range(count):
            stem = out / "shards" / f"{name}-{index:05d}"
            key = key_of("shard", 1, sorted(own.digests), index, count, dtype)
            product = Product(out / "receipts" / "shards" / f"{stem.name}.json", key)
            work = MergeWork(own.stems, stem, index, count, dtype)
            units.append(Unit(stem.name, work, (product,), 0, _FilesStand(stem.parent)))
    return units


def merge_one(work: MergeWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Make one shard; a manifest of an earlier run no longer holds, so it goes first."""
    (product,) = pending
    (work.stem.parent / "manifest.json").unlink(missing_ok=True)
    made = merge_shard(work.runs, work.stem, index=work.index, count=work.count, dtype=work.dtype)
    digest = key_of([record["xxh3_128"] for record in made["files"]])
    return [product.commit(Receipt(product.key, made["samples"], made["samples"], digest=digest, facts=made))]


@dataclass(frozen=True)
class FinishWork:
    """All that the manifest says beyond what the files themselves tell."""

    folder: Path
    tokenizer: Path
    sentinels: Sentinels
    header: Mapping[str, Any]
    row_length: int
    files: tuple[Mapping[str, Any], ...]


def finish_unit(out: Path, work: FinishWork) -> Unit:
    """The one unit that makes the directory valid."""
    digests = [record["xxh3_128"] for record in work.files]
    key = key_of(
        "finish",
        1,
        digests,
        dict(work.header),
        asdict(work.sentinels),
        work.row_length,
        file_digest(work.tokenizer),
    )
    return Unit(
        "manifest",
        work,
        (Product(out / "receipts" / "shards" / "manifest.json", key),),
        0,
        _FilesStand(work.folder),
    )


def finish_shards(work: FinishWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write tokenizer, packing plans and manifest; remove files of earlier runs that this one does not
    list.
    """
    (product,) = pending
    manifest = work.folder / "manifest.json"
    manifest.unlink(missing_ok=True)
    work.folder.mkdir(parents=True, exist_ok=True)
    copy_tokenizer(work.tokenizer, work.folder / "tokenizer" / "tokenizer.json")
    write_json(work.folder / "tokenizer" / "sentinels.json", asdict(work.sentinels))
    packs = [write_pack(work.folder, name, work.row_length, _lengths(work, name)) for name in SPLITS]
    files = [*work.files, *(record for pack in packs for record in pack["files"])]
    listed = {record["path"] for record in files}
    for path in work.folder.iterdir():
        if path.is_file() and path.name not in listed:
            path.unlink()
    write_manifest(
        work.folder, header=dict(work.header), splits=SPLITS, files=[dict(f) for f in files], packs=packs
    )
    record = {"path": manifest.name, "bytes": manifest.stat().st_size}
    return [
        product.commit(
            Receipt(product.key, 0, 0, digest=file_digest(manifest), facts={"files": [*files, record]})
        )
    ]


def _lengths(work: FinishWork, split: str) -> list[npt.NDArray[np.int32]]:
    names = split_files([dict(record) for record in work.files], split, ".idx")
    return [read_index(work.folder / name).lengths for name in names]
