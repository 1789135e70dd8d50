"""Read a shard directory: token ids of any sample as a view of a memory map, sidecars, and packed rows.

Opening reads the manifest and the indices (20 bytes a sample, of which 8 stay in memory); tokens are never
copied. A sample's number counts through the shards of its split in file order. `tokens` costs about 2 µs;
`split_sample` takes one apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.shards.manifest import read_manifest, split_files
from pipeline.shards.mmidx import read_index
from pipeline.shards.pack import load_pack
from pipeline.shards.sidecar import SIDECAR

Tokens = npt.NDArray[Any]


class Parts(NamedTuple):
    """The ids of one sample without its sentinels; any may be empty. A plain sample is all prefix."""

    lead: Tokens
    header: Tokens
    prefix: Tokens
    middle: Tokens
    suffix: Tokens


def split_sample(tokens: Tokens, row: Mapping[str, Any], sentinels: Mapping[str, Any]) -> Parts:
    """Take a sound sample apart; `row` is its sidecar row, `sentinels` those of the manifest."""
    order, lead, header_len = row["order"], row["lead_len"], row["header_len"]
    middle = row["middle_start"], row["middle_start"] + row["middle_len"]
    marked = sentinels["middle"] is not None

    def place(name: str) -> int:
        return lead + int(np.flatnonzero(tokens[lead:] == sentinels[name])[0])

    if order == "none":
        middle = suffix = (0, 0)
        prefix = (lead, len(tokens) - 1)
    elif order == "psm":
        prefix, suffix = (lead + 1, place("suffix")), (place("suffix") + 1, place("middle"))
    elif order == "spm-v1":
        prefix, suffix = (place("prefix") + 1, middle[0] - marked), (lead + 1, place("prefix"))
    else:
        prefix, suffix = (place("middle") + 1, middle[0]), (lead + 2, place("middle"))
    opened = prefix[0] + header_len
    spans = ((0, lead), (prefix[0], opened), (opened, prefix[1]), middle, suffix)
    return Parts(*(tokens[start:stop] for start, stop in spans))


class _Shard(NamedTuple):
    tokens: Tokens
    bounds: npt.NDArray[np.int64]  # [samples + 1], in tokens


class _Split(NamedTuple):
    stems: tuple[str, ...]
    shards: tuple[_Shard, ...]
    firsts: tuple[int, ...]  # the number of each shard's first sample, then the number of samples


@dataclass(frozen=True)
class Shards:
    """An open shard directory. It holds one memory map per shard."""

    path: Path
    manifest: dict[str, Any]
    _splits: dict[str, _Split]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the directory. Raises ValueError when it has no manifest or its files do not fit."""
        manifest = read_manifest(path)
        splits = {split: _open_split(path, manifest, split) for split in sorted(manifest["splits"])}
        return cls(path, manifest, splits)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, also of those without samples."""
        return tuple(self._splits)

    def len(self, split: str) -> int:
        """The number of samples of a split."""
        return self._split(split).firsts[-1]

    def tokens(self, split: str, sample: int) -> Tokens:
        """The token ids of a sample: a read-only view of the file. Raises IndexError past the split's end."""
        opened = self._split(split)
        if not 0 <= sample < opened.firsts[-1]:
            raise IndexError(f"split {split} has samples 0 to {opened.firsts[-1] - 1}, asked for {sample}")
        number = bisect_right(opened.firsts, sample) - 1
        shard, index = opened.shards[number], sample - opened.firsts[number]
        return shard.tokens[shard.bounds[index] : shard.bounds[index + 1]]

    def sidecar(self, split: str, columns: list[str] | None = None) -> pa.Table:
        """The sidecar of a split, or some of its columns: row i describes sample i."""
        paths = [self.path / f"{stem}.parquet" for stem in self._split(split).stems]
        empty = SIDECAR.empty_table()
        tables = [pq.read_table(path, columns=columns) for path in paths]
        return pa.concat_tables(tables) if tables else empty.select(columns or empty.column_names)

    def rows(self, split: str, row_length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """The packing plan: row r holds samples items[offsets[r]:offsets[r + 1]]. Returns (offsets, items).

        Raises ValueError, with the plans there are, when the split was not packed for that length.
        """
        self._split(split)
        plans = {pack["row_length"]: pack for pack in self.manifest["packs"] if pack["split"] == split}
        if row_length not in plans:
            raise ValueError(f"split {split} is packed for rows of {sorted(plans)} tokens, not {row_length}")
        if plans[row_length]["rows"] == 0:
            return np.zeros(1, np.int64), np.empty(0, np.uint32)
        return load_pack(self.path, split, row_length)

    def _split(self, split: str) -> _Split:
        if split not in self._splits:
            raise ValueError(f"{self.path} has no split {split!r}; its splits are {', '.join(self._splits)}")
        return self._splits[split]


def _open_split(path: Path, manifest: dict[str, Any], split: str) -> _Split:
    stems = tuple(name.removesuffix(".bin") for name in split_files(manifest["files"], split, ".bin"))
    shards = tuple(_open_shard(path, stem, manifest["dtype"]) for stem in stems)
    firsts = np.cumsum([0, *(len(shard.bounds) - 1 for shard in shards)]).tolist()
    return _Split(stems, shards, tuple(firsts))


def _open_shard(path: Path, stem: str, dtype: str) -> _Shard:
    index = read_index(path / f"{stem}.idx")
    little_endian = np.dtype(dtype).newbyteorder("<")
    size = (path / f"{stem}.bin").stat().st_size
    if index.dtype != dtype or size != index.token_count * little_endian.itemsize:
        raise ValueError(
            f"{stem}.bin has {size} bytes; {stem}.idx has {index.token_count} tokens of {index.dtype}, the "
            f"manifest says {dtype}: run `infill verify {path}`"
        )
    bounds = np.zeros(len(index.lengths) + 1, np.int64)
    np.cumsum(index.lengths, out=bounds[1:])
    # A plain array over the map: slices of np.memmap itself cost five times as much.
    return _Shard(np.memmap(path / f"{stem}.bin", little_endian, mode="r").view(np.ndarray), bounds)
