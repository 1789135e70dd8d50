"""Dedup among the documents that every predicate keeps: repeated ids, equal texts, then near-duplicates.

Documents are put in the order of `keep` (ties by doc_id), so the best of a group stays, whatever file it
stood in. What is removed has a row of evidence that names who stays instead. Held-out documents whose cluster
also keeps a training document go too, so no cluster stands on both sides. Memory: about 200 bytes a document;
signatures go through a memory-mapped scratch file of 4 · num_perm bytes a document.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.candidates import Ints, bands_of, first_of_each, near_duplicates
from pipeline.config import Dedup
from pipeline.keyed import falls_in
from pipeline.recipe import order_term
from pipeline.select import part_digest
from pipeline.store import file_digest, key_of, write_table
from pipeline.units import Product, Receipt, Unit

REASONS = ("", "duplicate_id", "exact_duplicate", "near_duplicate", "split_leak")
STAYS = 0


@dataclass(frozen=True)
class DedupWork:
    """Survivors of every split and their signatures; with `dedup` None, near-duplicates stay."""

    survivors: tuple[Path, ...]
    signatures: tuple[Path, ...]
    dedup: Dedup | None
    num_perm: int
    validation: float
    seed: int


@dataclass
class Verdict:
    """For each document, in keep order: a reason (index into REASONS), who stays, how alike, its cluster."""

    reason: npt.NDArray[np.int8]
    kept: Ints
    jaccard: npt.NDArray[np.float64]
    cluster: Ints

    def drop(self, which: Ints, reason: str, kept: Ints, jaccard: npt.NDArray[np.float64] | float) -> None:
        """Mark documents as removed in favour of `kept`."""
        self.reason[which], self.kept[which], self.jaccard[which] = REASONS.index(reason), kept, jaccard


def dedup_unit(folder: Path, digests: Sequence[str], work: DedupWork) -> Unit:
    """One unit over all splits, keyed by the settings and the digests of survivors and of signatures."""
    settings = work.dedup.model_dump(mode="json") if work.dedup else None
    signatures = [part_digest(part) for part in work.signatures]
    key = key_of("dedup", 2, settings, work.num_perm, work.validation, work.seed, list(digests), signatures)
    return Unit("all survivors", work, (Product(folder / "evidence.json", key),), 0)


def in_validation(repo: str, doc_id: bytes, *, share: float, seed: int) -> bool:
    """Whether a document is held out: by a keyed hash of its repository, so it stays put as the corpus grows.

    A document of no known repository stands for itself.
    """
    return falls_in(share, seed, repo.encode() or doc_id, "split")


def remove_duplicates(work: DedupWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Leave evidence.parquet and each split's survivors/part-00000.parquet; the receipt has digests."""
    (product,) = pending
    documents = _ordered(work)
    held = _held_out(documents, work)
    verdict = judge(documents, held, work)
    reasons = np.array(REASONS)[verdict.reason]
    documents = documents.with_columns(
        pl.Series("reason", reasons.tolist(), pl.String),
        pl.Series("kept", verdict.kept),
        pl.Series("jaccard", verdict.jaccard),
        pl.Series("cluster", verdict.cluster),
        pl.Series("held_out", held),
    )
    write_table(product.path, _evidence(documents))
    stay = documents.filter(pl.col("reason") == "")
    parts = [_write_part(product, stay, split) for split in range(len(work.survivors))]
    steps = _funnel(documents)
    dropped = {str(step["name"]): int(step["dropped"]) for step in steps}
    facts = {"parts": parts, "funnel": steps}
    if work.dedup:
        facts["bands"] = bands_of(work.dedup.threshold, work.num_perm)
    digest = file_digest(product.path)
    return [
        product.commit(Receipt(product.key, len(documents), len(stay), dropped, digest=digest, facts=facts))
    ]


def survivor_part(product: Product, split: int) -> Path:
    """The surviving rows of one split: row, doc_id, license, lang, n_tokens, held_out."""
    return product.path.parent / "survivors" / f"part-{split:05d}.parquet"


def _ordered(work: DedupWork) -> pl.DataFrame:
    """All survivors, best first, unknown last; the order is total but for rows that no output tells apart."""
    frames = [
        pl.read_parquet(path).with_columns(pl.lit(split, pl.Int64).alias("split"))
        for split, path in enumerate(work.survivors)
    ]
    documents = pl.concat([frame for frame in frames if len(frame)] or [_no_documents()])
    descending = [order_term(text)[1] for text in work.dedup.keep] if work.dedup else []
    keys = [f"key_{i}" for i in range(len(descending))] if len(documents) else []
    by = [*keys, "doc_id", "content_hash", "lang", "license", "split", "row"]
    return documents.sort(by, descending=[*descending[: len(keys)], *[False] * 6], nulls_last=True)


def _no_documents() -> pl.DataFrame:
    kinds: dict[str, pl.DataType] = dict.fromkeys(("doc_id", "content_hash"), pl.Binary())
    kinds |= dict.fromkeys(("repo", "lang", "license"), pl.String())
    kinds |= dict.fromkeys(("row", "split", "size_bytes", "n_tokens"), pl.Int64())
    return pl.DataFrame(schema=kinds)


def judge(documents: pl.DataFrame, held_out: npt.NDArray[np.bool_], work: DedupWork) -> Verdict:
    """Decide on each document, in keep order."""
    n = len(documents)
    verdict = Verdict(np.zeros(n, np.int8), np.arange(n), np.zeros(n), np.arange(n))
    if n == 0:
        return verdict
    _equal(documents, "doc_id", "duplicate_id", verdict)
    _equal(documents, "content_hash", "exact_duplicate", verdict)
    if work.dedup:
        _near(documents, work, work.dedup, verdict)
    _resolve(verdict)
    _drop_leaks(held_out, verdict)
    _resolve(verdict)  # what a leak stood for is now stood for by the leak's witness
    return verdict


def _equal(documents: pl.DataFrame, column: str, reason: str, verdict: Verdict) -> None:
    """Of documents that still stand and agree in `column`, only the first stays."""
    alive = np.flatnonzero(verdict.reason == STAYS)
    groups = documents[column].gather(alive).rank("dense").to_numpy().astype(np.int64) - 1
    owner = alive[first_of_each(groups)]
    gone = owner != alive
    verdict.drop(alive[gone], reason, owner[gone], 1.0)


def _near(documents: pl.DataFrame, work: DedupWork, dedup: Dedup, verdict: Verdict) -> None:
    alive = np.flatnonzero(verdict.reason == STAYS)
    with tempfile.TemporaryFile() as scratch:
        signatures = _signatures(documents.select(pl.col("split", "row").gather(alive)), work, scratch)
        near = near_duplicates(signatures, dedup.threshold)
    gone = near.owner != np.arange(len(alive))
    verdict.drop(alive[gone], "near_duplicate", alive[near.owner[gone]], near.jaccard[gone])
    verdict.cluster[alive] = alive[near.cluster]


def _signatures(places: pl.DataFrame, work: DedupWork, scratch: IO[bytes]) -> npt.NDArray[np.uint32]:
    """u32[n, num_perm] of the documents at `places` (split, row), in a memory-mapped scratch file."""
    shape = (len(places), work.num_perm)
    matrix: npt.NDArray[np.uint32] = np.memmap(scratch, np.uint32, "w+", shape=shape)
    splits, rows = places["split"].to_numpy(), places["row"].to_numpy()
    for split in np.unique(splits):
        part = pq.read_table(work.signatures[split], columns=["row", "minhash"])
        where = np.flatnonzero(splits == split)
        positions = np.searchsorted(part.column("row").to_numpy(), rows[where])
        blob = b"".join(part.column("minhash").take(pa.array(positions)).to_pylist())
        matrix[where] = np.frombuffer(blob, "<u4").reshape(-1, work.num_perm)
    return matrix


def _resolve(verdict: Verdict) -> None:
    """Follow `kept` to a document that stays: who stands for an equal text may be a near-duplicate itself."""
    while (verdict.kept[verdict.kept] != verdict.kept).any():
        verdict.jaccard = np.where(
            verdict.kept[verdict.kept] != verdict.kept,
            np.minimum(verdict.jaccard, verdict.jaccard[verdict.kept]),
            verdict.jaccard,
        )
        verdict.kept = verdict.kept[verdict.kept]
    gone = verdict.reason != STAYS
    verdict.cluster[gone] = verdict.cluster[verdict.kept[gone]]


def _drop_leaks(held_out: npt.NDArray[np.bool_], verdict: Verdict) -> None:
    """Drop held-out documents whose cluster also keeps a training document."""
    stays = verdict.reason == STAYS
    training = np.flatnonzero(stays & ~held_out)[::-1]
    witness = np.full(len(held_out), -1)
    witness[verdict.cluster[training]] = training  # reversed: the best training document of a cluster wins
    leaks = np.flatnonzero(stays & held_out & (witness[verdict.cluster] >= 0))
    verdict.drop(leaks, "split_leak", witness[verdict.cluster[leaks]], 0.0)


def _held_out(documents: pl.DataFrame, work: DedupWork) -> npt.NDArray[np.bool_]:
    held = (
        in_validation(repo, doc_id, share=work.validation, seed=work.seed)
        for repo, doc_id in documents.select("repo", "doc_id").iter_rows()
    )
    return np.fromiter(held, np.bool_, len(documents))


def _evidence(documents: pl.DataFrame) -> pa.Table:
    """One row a removed document: its id, who stays, why, how alike (0: not measured), its cluster's size."""
    sizes = documents.group_by("cluster").len("cluster_size")
    gone = documents.join(sizes, on="cluster", how="left").filter(pl.col("reason") != "")
    kept = documents["doc_id"].gather(gone["kept"]).alias("kept_doc_id")
    columns = gone.select("doc_id", kept, "reason", "jaccard", "cluster_size")
    return columns.sort("doc_id", "kept_doc_id", "reason").to_arrow()


def _write_part(product: Product, stay: pl.DataFrame, split: int) -> str:
    path = survivor_part(product, split)
    own = stay.filter(pl.col("split") == split).sort("row")
    write_table(path, own.select("row", "doc_id", "license", "lang", "n_tokens", "held_out").to_arrow())
    return file_digest(path)


def _funnel(documents: pl.DataFrame) -> list[dict[str, int | str]]:
    """One step a reason, in the order in which they apply; only its one reason drops a document."""
    steps: list[dict[str, int | str]] = []
    left = documents
    for name in REASONS[1:]:
        before = len(left)
        left = left.filter(pl.col("reason") != name)
        totals = {
            "documents": len(left),
            "bytes": int(left["size_bytes"].sum()),
            "tokens": int(left["n_tokens"].sum()),
        }
        steps.append(
            {"name": name, **totals, "dropped": before - len(left), "dropped_only": before - len(left)}
        )
    return steps
