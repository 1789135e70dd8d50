"""Synthetic survivors and signatures whose duplicates are known: any document's facts follow from its slot.

Slots 0, 1, … lie in groups: one family of near-identical documents, documents that share one band and nothing
else, documents without words, and then a tile of small groups, repeated. A group has a base, members that
differ from it in one to three whole bands (so any two of them agree in 14 of 20 or more), copies of members'
texts, and other texts under members' ids. The base has the most stars, so it alone stays of its group. Slots
are dealt to rows by a multiplication, so that a group stands in many splits. A split of 250,000 rows takes
about a second and 100 MB to make, and nothing grows with the corpus.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.dedup.scale_hashes import mixed, unmixed
from benchmarks.dedup.scale_tile import BASE, COPY, NEAR, REPEAT, Tile, make_tile

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

THRESHOLD: Final = 0.6
MOST_BANDS_CHANGED: Final = 3
LANGUAGES: Final = ("C", "Go", "Python", "Rust")
SOURCES: Final = 4
_ID, _ID_TAIL, _TEXT, _TEXT_TAIL, _ENTRIES, _CHANGE, _NEW, _STARS, _SIZE = range(1, 10)
"""What a hash is for."""


class Facts(NamedTuple):
    """Of some slots: where their group begins, how large it is, their roles, and whose text or id it is."""

    start: Ints
    size: Ints
    role: Ints
    target: Ints
    """The member that a copy or a repeat goes back to; others are their own."""


@dataclass(frozen=True)
class ScaleCorpus:
    """How many documents, how many a split, how signatures are banded, and the seed: all else follows."""

    documents: int
    per_split: int = 250_000
    bands: int = 20
    rows: int = 2
    """Entries a band."""
    seed: int = 1

    @property
    def num_perm(self) -> int:
        """Entries of a signature."""
        return self.bands * self.rows

    @property
    def splits(self) -> int:
        return -(-self.documents // self.per_split)

    @property
    def family(self) -> int:
        """Documents of the one large family."""
        return min(100_000, self.documents // 100)

    @property
    def hot(self) -> int:
        """Documents that share one band."""
        return min(1_000_000, self.documents // 20)

    @property
    def wordless(self) -> int:
        return self.documents // 1000

    @cached_property
    def tile(self) -> Tile:
        return make_tile(self.seed)

    def facts(self, slots: Ints) -> Facts:
        """Of each slot."""
        first = self.family + self.hot + self.wordless
        tile = self.tile
        at = np.where(slots >= first, (slots - first) % len(tile.place), 0)
        start = slots - tile.place[at]
        size = np.minimum(tile.size[at], self.documents - start)  # the last group may be cut short
        role, target = tile.role[at].copy(), start + tile.target[at]
        big, alone = slots < self.family, (slots >= self.family) & (slots < first)
        start[big], size[big], role[big] = 0, self.family, np.where(slots[big] > 0, NEAR, BASE)
        start[alone], size[alone], role[alone] = slots[alone], 1, BASE
        target[slots < first] = slots[slots < first]
        return Facts(start, size, role, target)

    def slots_of(self, split: int) -> Ints:
        """The slot of each row of a split."""
        rows = np.arange(split * self.per_split, min(self.documents, (split + 1) * self.per_split))
        return rows * self._factor % self.documents

    @cached_property
    def _factor(self) -> int:
        """A factor prime to the number of documents; neighbours in slots are far apart in rows."""
        factor = max(1, int(self.documents * 0.6180339887))
        while math.gcd(factor, self.documents) > 1:
            factor += 1
        return factor

    def ids(self, slots: Ints) -> Words:
        """Two words of each document's id: u64[n, 2]; the first alone tells the slot."""
        return np.stack([mixed(slots, self._key(_ID)), mixed(slots, self._key(_ID_TAIL))], axis=1)

    def slots_of_ids(self, words: Words) -> Ints:
        """The slots of ids; other words give other numbers than slots."""
        return unmixed(words[:, 0], self._key(_ID))

    def signatures(self, slots: Ints, facts: Facts) -> npt.NDArray[np.uint32]:
        """u32[n, num_perm]."""
        member = np.where(facts.role == COPY, facts.target, slots)
        source = np.where(facts.role == REPEAT, slots, facts.start)
        near = (facts.role != REPEAT) & (member != facts.start)
        entries = self._entries(source, _ENTRIES)
        bands = entries.reshape(-1, self.bands, self.rows)
        changed = self.bands_changed(member[near])
        new = self._entries(member[near], _NEW).reshape(-1, self.bands, self.rows)
        bands[near] = np.where(changed[:, :, None], new, bands[near])
        hot = (slots >= self.family) & (slots < self.family + self.hot)
        bands[hot, 0] = 0x01020304
        entries[self._is_wordless(slots)] = 0xFFFFFFFF
        return entries

    def _is_wordless(self, slots: Ints) -> npt.NDArray[np.bool_]:
        first = self.family + self.hot
        return (slots >= first) & (slots < first + self.wordless)

    def bands_changed(self, members: Ints) -> npt.NDArray[np.bool_]:
        """Which bands of a near-duplicate are not its base's: one to three of each row of bool[n, bands]."""
        drawn = mixed(members, self._key(_CHANGE))
        count = 1 + (drawn >> np.uint64(8)) % np.uint64(MOST_BANDS_CHANGED)
        step = np.array([1, 3, 7, 9], np.uint64)[(drawn >> np.uint64(16)) % np.uint64(4)]
        changed = np.zeros((len(members), self.bands), np.bool_)
        for k in range(MOST_BANDS_CHANGED):
            band = ((drawn >> np.uint64(32)) + np.uint64(k) * step) % np.uint64(self.bands)
            changed[np.arange(len(members)), band.astype(np.int64)] |= k < count
        return changed

    def _entries(self, slots: Ints, purpose: int) -> npt.NDArray[np.uint32]:
        keys = mixed(slots, self._key(purpose))[:, None] + np.arange(self.num_perm // 2, dtype=np.uint64)
        return mixed(keys.view(np.int64), self._key(purpose)).view(np.uint32)

    def _key(self, purpose: int) -> int:
        return int(mixed(np.array([self.seed * 64 + purpose]), 0)[0])

    def survivors(self, split: int) -> pa.Table:
        """What `select` would leave of a split."""
        slots = self.slots_of(split)
        facts = self.facts(slots)
        texts = np.where(facts.role == COPY, facts.target, slots)
        text = np.stack([mixed(texts, self._key(_TEXT)), mixed(texts, self._key(_TEXT_TAIL))], axis=1)
        drawn = mixed(slots, self._key(_STARS))
        low = np.choose(facts.role, [1000, 500, 0, 0]).astype(np.uint64)
        high = np.choose(facts.role, [9000, 100, 100, 100]).astype(np.uint64)
        size = 100 + (mixed(texts, self._key(_SIZE)) % np.uint64(10_000)).astype(np.int64)
        language = pa.DictionaryArray.from_arrays((drawn >> np.uint64(32)) % np.uint64(4), list(LANGUAGES))
        columns: dict[str, Any] = {
            **self._names(slots, facts),
            "repo": _same("owner/name", len(slots)),
            "content_hash": _binary(text),
            "size_bytes": pa.array(size),
            "n_tokens": pa.array(size // 4),
            "license": _same("MIT", len(slots)),
            "lang": language.cast(pa.string()),
            "key_0": pa.array((low + drawn % high).astype(np.int64)),
        }
        return pa.table(columns)

    def minhash(self, split: int) -> pa.Table:
        """What the minhash filter would leave of a split."""
        slots = self.slots_of(split)
        facts = self.facts(slots)
        entries = np.ascontiguousarray(self.signatures(slots, facts), "<u4")
        width = 4 * self.num_perm
        offsets = np.arange(0, width * (len(slots) + 1), width, dtype=np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(entries)]
        signed = pa.Array.from_buffers(pa.binary(), len(slots), buffers)
        return pa.table({**self._names(slots, facts), "minhash": signed})

    def _names(self, slots: Ints, facts: Facts) -> dict[str, pa.Array]:
        own = np.where(facts.role == REPEAT, facts.target, slots)
        return {"row": pa.array(np.arange(len(slots))), "doc_id": _binary(self.ids(own))}

    def write(self, folder: Path, split: int) -> tuple[Path, Path]:
        """Write a split's survivors and signatures."""
        paths = survivors_path(folder, split), minhash_path(folder, split)
        folder.mkdir(parents=True, exist_ok=True)
        for path, table in zip(paths, (self.survivors(split), self.minhash(split)), strict=True):
            pq.write_table(table, path, compression="none", use_dictionary=["repo", "license", "lang"])
        return paths


def survivors_path(folder: Path, split: int) -> Path:
    return folder / f"survivors-{split:05d}.parquet"


def minhash_path(folder: Path, split: int) -> Path:
    return folder / f"minhash-{split:05d}.parquet"


def _binary(words: Words) -> pa.Array:
    blob = words.astype(">u8").tobytes()
    return pa.Array.from_buffers(pa.binary(16), len(words), [None, pa.py_buffer(blob)])


def _same(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), [text]).cast(pa.string())
