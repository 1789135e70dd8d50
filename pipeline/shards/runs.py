"""Sorted runs: what one unit of synthesis leaves for one split, ready to be merged into shuffled shards.

A run is `STEM.bin` (tokens, samples back to back) and `STEM.parquet` (the sidecar, with `shuffle_key` and
`token_offset`), both in the order of (shuffle_key, doc_id, part). The Parquet file is committed last, so a
run that has one is whole. The key is a keyed hash of (doc_id, part): sorting by it is the global shuffle,
whoever holds the samples. About 2 µs a sample, most of it the hash.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.keyed import keyed_hash
from pipeline.shards.gather import copy_samples
from pipeline.shards.sidecar import SIDECAR
from pipeline.store import PARQUET_OPTIONS, committed, file_digest, key_of

ROW_GROUP_ROWS: Final = 4096
"""Small, so that a merge of one shard of many reads little more of a run than it needs."""

RUN_SCHEMA: Final = SIDECAR.append(pa.field("shuffle_key", pa.uint64(), nullable=False)).append(
    pa.field("token_offset", pa.int64(), nullable=False)
)


def shuffle_keys(sidecar: pa.Table, seed: int) -> npt.NDArray[np.uint64]:
    """The shuffle key of each row, u64[rows]: a keyed hash of its `doc_id` and `part`."""
    ids = sidecar["doc_id"].to_pylist()
    parts = sidecar["part"].to_pylist()
    keys = (keyed_hash(seed, doc_id, part, "shuffle") for doc_id, part in zip(ids, parts, strict=True))
    return np.fromiter(keys, np.uint64, len(ids))


def sample_order(keys: npt.NDArray[np.uint64], table: pa.Table) -> npt.NDArray[np.int64]:
    """The permutation that sorts rows by (shuffle key, doc_id, part), stable."""
    high, low = id_words(table)
    return np.lexsort((table["part"].to_numpy(), low, high, keys))


def id_words(table: pa.Table) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The first and last eight bytes of `doc_id`, big-endian: their order is the order of the bytes."""
    words = np.frombuffer(b"".join(table["doc_id"].to_pylist()), ">u8").astype(np.uint64).reshape(-1, 2)
    return words[:, 0], words[:, 1]


def write_run(
    stem: Path, tokens: npt.NDArray[np.int32], sidecar: pa.Table, *, seed: int, dtype: str
) -> dict[str, Any]:
    """Sort samples and commit them as a run; returns {"samples", "tokens", "digest"}.

    `tokens` holds the samples back to back in the sidecar's order. Raises ValueError when the two disagree or
    when an id does not fit `dtype`.
    """
    lengths = sidecar["n_tokens"].to_numpy()
    _check_samples(stem, tokens, sidecar, dtype)
    keys = shuffle_keys(sidecar, seed)
    order = sample_order(keys, sidecar)
    offsets = _offsets(lengths[order])
    ordered = np.empty(len(tokens), dtype)
    copy_samples(tokens.astype(dtype), _offsets(lengths)[order], ordered, offsets, lengths[order])
    with committed(stem.with_name(stem.name + ".bin")) as temporary:
        ordered.astype(np.dtype(dtype).newbyteorder("<")).tofile(temporary)
    columns = [*sidecar.take(order).columns, pa.array(keys[order]), pa.array(offsets)]
    with committed(stem.with_name(stem.name + ".parquet")) as temporary:
        table = pa.Table.from_arrays(columns, schema=RUN_SCHEMA).combine_chunks()
        pq.write_table(table, temporary, row_group_size=ROW_GROUP_ROWS, **PARQUET_OPTIONS)
    digest = key_of(*(file_digest(stem.with_name(stem.name + suffix)) for suffix in (".bin", ".parquet")))
    return {"samples": len(lengths), "tokens": len(tokens), "digest": digest}


def _check_samples(stem: Path, tokens: npt.NDArray[np.int32], sidecar: pa.Table, dtype: str) -> None:
    if not sidecar.schema.equals(SIDECAR):
        raise ValueError(f"the sidecar of run {stem} has schema {sidecar.schema}, expected {SIDECAR}")
    lengths = sidecar["n_tokens"].to_numpy()
    if (lengths < 1).any() or int(lengths.sum(dtype=np.int64)) != len(tokens):
        raise ValueError(
            f"run {stem} has {len(tokens)} tokens and n_tokens that sum to {lengths.sum(dtype=np.int64)} "
            f"(smallest {lengths.min(initial=0)}): they must agree, and every sample has at least one token"
        )
    limits = np.iinfo(dtype)
    if len(tokens) and (tokens.min() < 0 or tokens.max() > limits.max):
        raise ValueError(
            f"run {stem} has token ids from {tokens.min()} to {tokens.max()}, but {dtype} holds 0 to "
            f"{limits.max}: choose the dtype with token_dtype(vocab_size)"
        )


def _offsets(lengths: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Where each sample starts, in tokens."""
    return np.cumsum(lengths, dtype=np.int64) - lengths
