"""Runs: the survivors of a group of splits in keep order, with their signatures, for the blocks to merge.

A run is a file of int64 rows: the sort key (pipeline/dedup/order.py), the group, the place in it, whether the
document is held out, and the signature, two entries a word. A group with more rows than a unit may hold makes
several runs. The receipt holds a sample of sort keys, from which the borders of blocks are chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dedup.exchange import Ints, write_rows
from pipeline.dedup.order import TAIL_WORDS, key_words, sorted_rows
from pipeline.dedup.work import ROW_BITS
from pipeline.keyed import falls_in
from pipeline.recipe import order_term
from pipeline.units import Product, Receipt

FACTS = 3
"""Columns between the sort key and the signature: group, place, held out."""
SAMPLES_A_BLOCK = 64
READ_ROWS = 8192


@dataclass(frozen=True)
class RunsWork:
    """The survivors and signatures of a group's splits; `num_perm` 0 leaves signatures out."""

    group: int
    survivors: tuple[Path, ...]
    signatures: tuple[Path, ...]
    keep: tuple[str, ...]
    num_perm: int
    validation: float
    seed: int
    rows: int
    """The most rows of a run, which is also how many a block is meant to have."""


def signature_words(num_perm: int) -> int:
    """Words of 8 bytes that a signature takes."""
    return (num_perm + 1) // 2


def run_path(product: Product, index: int) -> Path:
    """The `index`-th run of a group."""
    return product.path.with_suffix(f".{index}.run")


def in_validation(repo: str, doc_id: bytes, *, share: float, seed: int) -> bool:
    """Whether a document is held out: by a keyed hash of its repository, so it stays put as the corpus grows.

    A document of no known repository stands for itself.
    """
    return falls_in(share, seed, repo.encode() or doc_id, "split")


def make_runs(work: RunsWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the runs of one group; facts: how many, their key's words, samples, languages."""
    (product,) = pending
    survivors = read_survivors(work.survivors)
    samples: list[list[int]] = []
    count, key_size = 0, TAIL_WORDS
    step = max(1, work.rows // SAMPLES_A_BLOCK)
    for start, signatures in _signature_runs(work, survivors):
        own = survivors.slice(start, len(signatures))
        keys = key_words(own, [order_term(text)[1] for text in work.keep])
        order = sorted_rows(keys)
        facts = np.stack(
            [
                np.full(len(own), work.group),
                own["place"].to_numpy(),
                held_out(own, work.validation, work.seed),
            ],
            axis=1,
        )
        rows = np.concatenate([keys, facts.astype(np.int64), signatures], axis=1)[order]
        write_rows(run_path(product, count), rows)
        offset = (0x9E3779B97F4A7C15 * (work.group + 1 + count) >> 20) % step
        samples += keys[order[offset::step]].tolist()
        count, key_size = count + 1, keys.shape[1]
    languages = sorted(set(survivors["lang"].fill_null(""))) if len(survivors) else []
    found = {"runs": count, "key_words": key_size, "samples": samples, "languages": languages}
    return [product.commit(Receipt(product.key, len(survivors), len(survivors), facts=found))]


def held_out(documents: pl.DataFrame, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Which documents go to the validation split, if they stay."""
    if share == 0 or not len(documents):
        return np.zeros(len(documents), np.bool_)
    rows = documents.select("repo", "doc_id").iter_rows()
    held = (in_validation(repo, doc_id, share=share, seed=seed) for repo, doc_id in rows)
    return np.fromiter(held, np.bool_, len(documents))


def read_survivors(paths: Sequence[Path]) -> pl.DataFrame:
    """The survivors of a group's splits, in order, with their `place`; no columns if there are none."""
    frames = [pl.read_parquet(path) for path in paths]
    placed = (
        frame.with_columns((pl.col("row") + (index << ROW_BITS)).alias("place"))
        for index, frame in enumerate(frames)
        if len(frame)
    )
    return pl.concat(placed) if any(map(len, frames)) else pl.DataFrame()


def _signature_runs(work: RunsWork, survivors: pl.DataFrame) -> Iterator[tuple[int, Ints]]:
    """(first row, signatures int64[m, words]) of consecutive survivors, at most `work.rows` at a time."""
    n = len(survivors)
    if not work.num_perm:
        for start in range(0, n, work.rows):
            yield start, np.empty((min(work.rows, n - start), 0), np.int64)
        return
    start = 0
    held: list[Ints] = []
    for blob in _signatures_of(work, survivors):
        held.append(blob)
        if sum(map(len, held)) >= work.rows:
            full = np.concatenate(held)
            for at in range(0, len(full) - work.rows + 1, work.rows):
                yield start, full[at : at + work.rows]
                start += work.rows
            held = [full[len(full) // work.rows * work.rows :]]
    rest = np.concatenate(held) if held else np.empty((0, 0), np.int64)
    if len(rest):
        yield start, rest
    start += len(rest)
    if start != n:
        raise RuntimeError(
            f"{work.signatures[0]} and others: signatures of {start} of {n} survivors; "
            "delete them with their receipts (.json) and run again"
        )


def _signatures_of(work: RunsWork, survivors: pl.DataFrame) -> Iterator[Ints]:
    """Signatures of the survivors as words, a batch of a file at a time."""
    places = survivors["place"].to_numpy() if len(survivors) else np.empty(0, np.int64)
    for index, part in enumerate(work.signatures):
        low, high = np.searchsorted(places, [index << ROW_BITS, (index + 1) << ROW_BITS])
        wanted = places[low:high] - (index << ROW_BITS)
        if not len(wanted):  # and a split that cannot be read has no signatures
            continue
        batches = pq.ParquetFile(part).iter_batches(READ_ROWS, columns=["row", "minhash"], use_threads=False)
        for batch in batches:
            rows = batch.column("row").to_numpy()  # ascending
            near = wanted[slice(*np.searchsorted(wanted, [rows[0], rows[-1] + 1]))]
            chosen = np.flatnonzero(np.isin(rows, near, assume_unique=True))
            blobs = batch.column("minhash").take(pa.array(chosen)).cast(pa.binary(4 * work.num_perm))
            packed = np.zeros((len(chosen), signature_words(work.num_perm) * 2), "<u4")
            entries = np.frombuffer(blobs.buffers()[1], "<u4", len(chosen) * work.num_perm)
            packed[:, : work.num_perm] = entries.reshape(-1, work.num_perm)
            yield packed.view("<i8")


def splitters(samples: Sequence[Sequence[int]], blocks: int) -> Ints:
    """Sort keys before which blocks 1, 2, … begin: int64[blocks − 1, k]."""
    keys = np.array(samples, np.int64)
    keys = keys[sorted_rows(keys)]
    return keys[[len(keys) * block // blocks for block in range(1, blocks)]]
