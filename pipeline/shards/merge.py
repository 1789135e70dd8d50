"""Runs to shards: shard i of n takes the samples with keys in the i-th of n equal ranges of 2**64.

Runs are sorted, so a shard is one slice of each: the row groups of the slice are read, ordered by
(shuffle_key, doc_id, part), and the tokens gathered run by run into a bounded buffer. The output depends on
the set of samples alone, not on how runs hold them; samples that share doc_id and part (a source that lists a
file twice) are ordered by content. Memory: the sidecar rows of one shard and 128 MB; shards are independent
of each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.shards.gather import copy_samples
from pipeline.shards.mmidx import write_index
from pipeline.shards.runs import RUN_SCHEMA, id_words, sample_order
from pipeline.shards.sidecar import SIDECAR
from pipeline.store import PARQUET_OPTIONS, committed, file_digest

MAX_BIN_BYTES: Final = 1 << 30
BUFFER_BYTES: Final = 64_000_000
SIDECAR_ROW_GROUP_ROWS: Final = 65_536


class Slice(NamedTuple):
    """The samples of one shard: `rows` in the order of the shard, and where each one's tokens lie."""

    runs: Sequence[Path]
    dtype: str
    rows: pa.Table
    run_numbers: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int32]

    def reordered(self, order: npt.NDArray[np.int64]) -> Slice:
        """The same samples in another order."""
        return self._replace(
            rows=self.rows.take(order),
            run_numbers=self.run_numbers[order],
            offsets=self.offsets[order],
            lengths=self.lengths[order],
        )


def shard_count(total_tokens: int, tokens_per_shard: int) -> int:
    """How many shards of about `tokens_per_shard` hold `total_tokens`; none for no tokens."""
    return -(-total_tokens // tokens_per_shard)


def merge_shard(
    runs: Sequence[Path],
    out_stem: Path,
    *,
    index: int,
    count: int,
    dtype: str,
    max_bytes: int = MAX_BIN_BYTES,
) -> dict[str, Any]:
    """Commit shard `index` of `count` from the runs of one split, given by their stems.

    Returns {"samples", "tokens", "bytes", "files": [{"path", "bytes", "samples", "tokens", "xxh3_128"}]},
    with paths relative to the shard's folder. A shard that gets no sample writes no file. Raises ValueError
    for a `.bin` of more than `max_bytes`, and for a run whose files do not belong together.
    """
    lowest, limit = (index << 64) // count, ((index + 1) << 64) // count
    samples = _load_slice(runs, dtype, lowest, limit)
    tokens = int(samples.lengths.sum(dtype=np.int64))
    size = tokens * np.dtype(dtype).itemsize
    if size > max_bytes:
        raise ValueError(
            f"shard {out_stem.name} would have {size} bytes of tokens, more than {max_bytes}: lower "
            "shards.tokens_per_shard"
        )
    if tokens == 0:
        return {"samples": 0, "tokens": 0, "bytes": 0, "files": []}
    paths = [out_stem.with_name(out_stem.name + suffix) for suffix in (".bin", ".idx", ".parquet")]
    _write_tokens(paths[0], samples)
    write_index(paths[1], samples.lengths, dtype=dtype)
    _write_sidecar(paths[2], samples.rows)
    files = [file_record(path, samples=len(samples.lengths), tokens=tokens) for path in paths]
    return {
        "samples": len(samples.lengths),
        "tokens": tokens,
        "bytes": sum(record["bytes"] for record in files),
        "files": files,
    }


def file_record(path: Path, *, samples: int, tokens: int) -> dict[str, Any]:
    """What the manifest says about a file that speaks of so many samples and tokens."""
    size = path.stat().st_size
    return {
        "path": path.name,
        "bytes": size,
        "samples": samples,
        "tokens": tokens,
        "xxh3_128": file_digest(path),
    }


def _load_slice(runs: Sequence[Path], dtype: str, lowest: int, limit: int) -> Slice:
    tables = [_read_range(run, lowest, limit) for run in runs]
    rows = pa.concat_tables(tables) if tables else RUN_SCHEMA.empty_table()
    run_numbers = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    offsets, lengths = rows["token_offset"].to_numpy(), rows["n_tokens"].to_numpy()
    samples = Slice(runs, dtype, rows.combine_chunks(), run_numbers, offsets, lengths)
    return _settle_ties(samples.reordered(sample_order(rows["shuffle_key"].to_numpy(), samples.rows)))


def _read_range(run: Path, lowest: int, limit: int) -> pa.Table:
    """The rows of a run whose keys lie in [lowest, limit)."""
    with pq.ParquetFile(run.with_name(run.name + ".parquet")) as file:
        if not file.schema_arrow.equals(RUN_SCHEMA):
            raise ValueError(
                f"run {run} has schema {file.schema_arrow}, expected {RUN_SCHEMA}: delete it and run again"
            )
        column = file.schema_arrow.get_field_index("shuffle_key")
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        ranges = [group.column(column).statistics if group.num_rows else None for group in groups]
        wanted = [
            number for number, keys in enumerate(ranges) if keys and keys.max >= lowest and keys.min < limit
        ]
        rows = file.read_row_groups(wanted)
    keys = rows["shuffle_key"].to_numpy()
    first = int(np.searchsorted(keys, np.uint64(lowest), side="left"))
    last = int(np.searchsorted(keys, np.uint64(limit - 1), side="right"))
    return rows.slice(first, last - first)


def _settle_ties(samples: Slice) -> Slice:
    """Order samples that share key, doc_id and part by content, which no run can influence."""
    high, low = id_words(samples.rows)
    parts = samples.rows["part"].to_numpy()
    same = (high[1:] == high[:-1]) & (low[1:] == low[:-1]) & (parts[1:] == parts[:-1])
    if not same.any():
        return samples
    order = np.arange(len(parts))
    groups = np.split(order, np.flatnonzero(~same) + 1)
    settled = [sorted(group, key=lambda row: _content(samples, row)) for group in groups if len(group) > 1]
    tied = np.concatenate([group for group in groups if len(group) > 1])
    order[tied] = np.concatenate(settled)
    return samples.reordered(order)


def _content(samples: Slice, row: int) -> tuple[bytes, str]:
    run, offset = samples.runs[samples.run_numbers[row]], int(samples.offsets[row])
    tokens = _read_tokens(run, samples.dtype, offset, int(samples.lengths[row]))
    return tokens.tobytes(), repr(samples.rows.select(SIDECAR.names).slice(row, 1).to_pylist())


def _read_tokens(run: Path, dtype: str, offset: int, count: int) -> npt.NDArray[Any]:
    path = run.with_name(run.name + ".bin")
    little_endian = np.dtype(dtype).newbyteorder("<")
    tokens = np.fromfile(path, little_endian, count, offset=offset * little_endian.itemsize)
    if len(tokens) != count:
        raise ValueError(
            f"run {path} ends {count - len(tokens)} tokens before its sidecar does: delete it and run again"
        )
    return tokens


def _write_tokens(path: Path, samples: Slice) -> None:
    with committed(path) as temporary, temporary.open("wb") as stream:
        for first, last in _buffers(samples.lengths, BUFFER_BYTES // np.dtype(samples.dtype).itemsize):
            stream.write(_gather(samples, slice(first, last)).data)


def _buffers(lengths: npt.NDArray[np.int32], most_tokens: int) -> Iterator[tuple[int, int]]:
    """Ranges of samples that have at most `most_tokens` tokens together, or are one sample."""
    ends = np.cumsum(lengths, dtype=np.int64)
    first = 0
    while first < len(ends):
        filled = int(ends[first]) - int(lengths[first])
        last = max(first + 1, int(np.searchsorted(ends, filled + most_tokens, side="right")))
        yield first, last
        first = last


def _gather(samples: Slice, wanted: slice) -> npt.NDArray[Any]:
    """The tokens of consecutive samples. Sorted runs make each run's part one contiguous read."""
    lengths, offsets = samples.lengths[wanted], samples.offsets[wanted]
    target_offsets = np.cumsum(lengths, dtype=np.int64) - lengths
    tokens = np.empty(int(lengths.sum(dtype=np.int64)), np.dtype(samples.dtype).newbyteorder("<"))
    by_run = np.argsort(samples.run_numbers[wanted], kind="stable")
    run_numbers, starts = np.unique(samples.run_numbers[wanted][by_run], return_index=True)
    for run_number, rows in zip(run_numbers, np.split(by_run, starts[1:]), strict=True):
        begin = int(offsets[rows].min())
        end = int((offsets[rows] + lengths[rows]).max())
        source = _read_tokens(samples.runs[run_number], samples.dtype, begin, end - begin)
        copy_samples(source, offsets[rows] - begin, tokens, target_offsets[rows], lengths[rows])
    return tokens


def _write_sidecar(path: Path, rows: pa.Table) -> None:
    """Commit the sidecar, each row group from contiguous columns: Arrow's chunks must not reach the file."""
    columns = rows.select(SIDECAR.names)
    with committed(path) as temporary, pq.ParquetWriter(temporary, SIDECAR, **PARQUET_OPTIONS) as writer:
        for first in range(0, len(columns), SIDECAR_ROW_GROUP_ROWS):
            part = pa.concat_tables([columns.slice(first, SIDECAR_ROW_GROUP_ROWS)]).combine_chunks()
            writer.write_table(pa.Table.from_arrays(part.columns, schema=SIDECAR), SIDECAR_ROW_GROUP_ROWS)
