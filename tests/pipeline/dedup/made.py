"""Small corpora made of words, and their dedup as a run would do it, divided in any way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from filters.minhash import MinHash
from pipeline.config import Dedup
from pipeline.dedup.stage import deduplicate, survivor_part
from pipeline.dedup.units.runs import in_validation
from pipeline.dedup.work import DedupWork, Stage
from pipeline.documents import Reading
from pipeline.engine import Engine
from pipeline.sources import Split
from pipeline.store import file_digest
from pipeline.units import Product, Receipt, Runner

SEED = 7
SHARE = 0.5
HELD, TRAINING = (
    next(
        f"r{number}"
        for number in range(100)
        if in_validation(f"r{number}", b"", share=SHARE, seed=SEED) == held
    )
    for held in (True, False)
)
MINHASH = MinHash(num_perm=256, ngram=1)
MEMORY = 500_000_000


@dataclass(frozen=True)
class Doc:
    """A document by a short name, its words and its stars."""

    name: str
    text: str
    stars: int = 0
    repo: str = TRAINING
    lang: str = "C"

    @property
    def doc_id(self) -> bytes:
        return self.name.encode().ljust(16, b".")


@dataclass(frozen=True)
class Result:
    """Names of the documents that stay; for those that go, why, for whom, how alike and among how many."""

    stay: list[str]
    gone: dict[str, tuple[str, str, float, int]]
    product: Product
    receipt: Receipt
    runner: Runner = field(compare=False)

    @property
    def folder(self) -> Path:
        return self.product.receipt.parent

    def evidence(self) -> list[dict[str, Any]]:
        return rows_of(self.folder, "evidence")

    def clusters(self) -> list[dict[str, Any]]:
        return rows_of(self.folder, "clusters")

    def tables(self) -> list[str]:
        """Digests of the files that must not depend on how the work was divided."""
        files = sorted([*self.folder.glob("evidence/*.parquet"), *self.folder.glob("clusters/*.parquet")])
        return [file_digest(path) for path in [*files, self.product.path]]


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table of parts."""
    return [
        row for path in sorted((folder / table).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def words(seed: int, *, changed: int = 0) -> str:
    """Two hundred words, of which the last `changed` are another document's."""
    return " ".join(
        [f"w{seed}_{i}" for i in range(200 - changed)] + [f"v{seed}_{changed}_{i}" for i in range(changed)]
    )


def window(seed: int, start: int) -> str:
    """Two hundred words of a longer text: windows that begin far apart are less alike."""
    return " ".join(f"w{seed}_{i}" for i in range(start, start + 200))


def corpus(seed: int, count: int = 40) -> list[Doc]:
    """Documents of four families, some of them equal."""
    draw = random.Random(seed)
    return [
        Doc(
            f"d{number:04d}",
            window(draw.randrange(4), 16 * draw.randrange(8)),
            draw.randrange(3),
            draw.choice([HELD, TRAINING]),
            draw.choice(["C", "Go"]),
        )
        for number in range(count)
    ]


def dedup(
    folder: Path,
    *splits: Sequence[Doc],
    validation: float = 0.0,
    memory: int = MEMORY,
    workers: int = 0,
    near: bool = True,
    minhash: MinHash = MINHASH,
    **asked: Any,
) -> Result:
    """Write texts, survivors and signatures as the stages before would, and deduplicate them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [_write_split(folder, number, docs, minhash) for number, docs in enumerate(splits)]
    settings = Dedup(**{"threshold": 0.6, "keep": ("stars desc",), **asked}) if near else None
    work = DedupWork(
        survivors=tuple(selected for _, selected, _ in files),
        digests=tuple(file_digest(selected) for _, selected, _ in files),
        signatures=tuple(signed for _, _, signed in files) if near else (),
        sources=("made",) * len(files),
        splits=tuple(split for split, _, _ in files),
        reading=Reading("made", {"content": "content"}, 10_000_000, 1_000_000),
        minhash=minhash if near else None,
        dedup=settings,
        validation=validation,
        seed=SEED,
        memory=memory,
    )
    with Engine(workers=workers) as engine:
        runner = Runner(engine)
        product, receipt = deduplicate(stage_of(runner), folder / "dedup", work)
    stay = [
        name(doc_id)
        for split in range(len(splits))
        for doc_id in pq.read_table(survivor_part(product, split))["doc_id"].to_pylist()
    ]
    evidence = rows_of(folder / "dedup", "evidence")
    gone = {
        name(row["doc_id"]): (row["reason"], name(row["kept_doc_id"]), row["jaccard"], row["cluster_size"])
        for row in evidence
    }
    return Result(sorted(stay), gone, product, receipt, runner)


def stage_of(runner: Runner) -> Stage:
    """A runner as dedup calls it."""
    return lambda label, work, units: runner.run_stage(label, work, units).receipts


def _write_split(
    folder: Path, number: int, docs: Sequence[Doc], minhash: MinHash
) -> tuple[Split, Path, Path]:
    """A split in which two of three rows were dropped before dedup."""
    texts = [doc.text for doc in docs]
    every = [text for own in texts for text in (own, "dropped", "dropped")]
    source, selected, signed = (
        folder / f"{what}-{number}.parquet" for what in ("text", "selected", "minhash")
    )
    pq.write_table(pa.table({"content": pa.array(every, pa.large_string())}), source)
    split = Split(str(source), (0,), len(every), sum(map(len, every)), f"split {number}", number)
    rows = pa.array([3 * row for row in range(len(docs))], pa.int64())
    own: dict[str, Any] = {"row": rows, "doc_id": pa.array([doc.doc_id for doc in docs], pa.binary(16))}
    hashes = [xxhash.xxh3_128_digest(text) for text in map(str.encode, texts)]
    survivors = {
        **own,
        "repo": pa.array([doc.repo for doc in docs], pa.string()),
        "content_hash": pa.array(hashes, pa.binary(16)),
        "size_bytes": pa.array([len(text) for text in texts], pa.int64()),
        "n_tokens": pa.array([len(text.split()) for text in texts], pa.int64()),
        "license": pa.array(["MIT"] * len(docs), pa.string()),
        "lang": pa.array([doc.lang for doc in docs], pa.string()),
        "key_0": pa.array([doc.stars for doc in docs], pa.int64()),
    }
    signatures = minhash(pa.table({"content": pa.array(texts, pa.large_string())}))
    pq.write_table(pa.table(survivors), selected)
    pq.write_table(pa.table({**own, "minhash": signatures["minhash"]}), signed)
    return split, selected, signed


def name(doc_id: bytes) -> str:
    """A document's name from its id."""
    return doc_id.decode().rstrip(".")
