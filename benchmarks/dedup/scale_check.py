"""Whether a dedup of a scale corpus found exactly what was planted: every row of every output is looked at.

Survivors must be the bases, row for row; evidence must name each planted duplicate once, with its reason, its
base, its similarity and the size of its cluster; clusters must list each group of two or more. Outputs are
read a part at a time, so memory is bounded by a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow.parquet as pq

from benchmarks.dedup.scale_corpus import Ints, ScaleCorpus, Words
from benchmarks.dedup.scale_tile import BASE, REPEAT

REASONS: Final = ("", "near_duplicate", "exact_duplicate", "duplicate_id")
"""By role."""
STEP: Final = 1 << 20
LEAST: Final = 1e-9


class WrongError(AssertionError):
    """An output is not what was planted."""


def check(corpus: ScaleCorpus, folder: Path) -> dict[str, int]:
    """Counts of what was planted and found. Raises WrongError at the first row that is not right."""
    counts = planted(corpus)
    for split in range(corpus.splits):
        _check_survivors(corpus, split, folder / "survivors" / f"part-{split:05d}.parquet")
    gone = sum(_check_evidence(corpus, part) for part in _parts(folder / "evidence", ["doc_id", "reason"]))
    members = sum(
        _check_clusters(corpus, part) for part in _parts(folder / "clusters", ["cluster", "doc_id"])
    )
    _require(gone == counts["removed"], f"{gone} rows of evidence, expected {counts['removed']}")
    _require(members == counts["members"], f"{members} members, expected {counts['members']}")
    return counts


def planted(corpus: ScaleCorpus) -> dict[str, int]:
    """How many of each role, how many go, and how many stand in clusters of two or more."""
    roles = np.zeros(4, np.int64)
    members = clusters = 0
    for start in range(0, corpus.documents, STEP):
        slots = np.arange(start, min(start + STEP, corpus.documents))
        facts = corpus.facts(slots)
        roles += np.bincount(facts.role, minlength=4)
        members += int((facts.size > 1).sum())
        clusters += int(((facts.size > 1) & (facts.role == BASE)).sum())
    names = ("stay", "near_duplicates", "copies", "repeated_ids")
    counts = dict(zip(names, roles.tolist(), strict=True))
    return counts | {"removed": int(roles[1:].sum()), "clusters": clusters, "members": members}


def _check_survivors(corpus: ScaleCorpus, split: int, path: Path) -> None:
    role = corpus.facts(corpus.slots_of(split)).role
    found = pq.read_table(path, columns=["row"]).column("row").to_numpy()
    _require(np.array_equal(found, np.flatnonzero(role == BASE)), f"{path}: other rows stay than planted")


def _parts(folder: Path, order: list[str]) -> Iterator[pl.DataFrame]:
    """The parts of a table, whose rows must ascend without repetition from part to part."""
    last: tuple[Any, ...] | None = None
    for path in sorted(folder.glob("part-*.parquet")):
        part = pl.read_parquet(path)
        if not len(part):
            continue
        keys = part.select(*order, pl.col("reason").alias("_reason"))
        _require(keys.equals(keys.sort(pl.all())), f"{path} is not sorted")
        _require(not keys.is_duplicated().any(), f"{path} has a row twice")
        _require(last is None or last < keys.row(0), f"{path} begins before the part before it ends")
        last = keys.row(len(keys) - 1)
        yield part


def _check_evidence(corpus: ScaleCorpus, part: pl.DataFrame) -> int:
    """How many rows the part has, all of them right."""
    target = corpus.slots_of_ids(_words(part["doc_id"]))
    reason = part["reason"].to_numpy()
    facts = corpus.facts(_require_slots(corpus, target))
    again = reason == REASONS[REPEAT]
    _require(_has_repeat(corpus, target[again]).all(), "an id was called repeated that is not")
    expected = np.array(REASONS)[facts.role]
    _require((reason == expected)[~again].all(), "a document went for another reason than planted")
    base = _bytes(corpus.ids(facts.start))
    _require(part["kept_doc_id"].equals(base), "a document went for another than its base")
    _require(part["cluster"].equals(base), "a document is in another cluster than its base's")
    _require(np.array_equal(part["cluster_size"].to_numpy(), facts.size), "a cluster has another size")
    _require((part["kept_in"] == "").all(), "a document went for one of another corpus")
    alike = _similarity(corpus, facts.target, facts.start)
    found = part["jaccard"].to_numpy()
    off = (found < alike - LEAST) | (
        found > alike + 1 / corpus.bands - LEAST
    )  # a changed entry may agree by chance
    _require(not off[~again].any(), "a similarity is not as planted")
    return len(part)


def _check_clusters(corpus: ScaleCorpus, part: pl.DataFrame) -> int:
    base = _require_slots(corpus, corpus.slots_of_ids(_words(part["cluster"])))
    slot = _require_slots(corpus, corpus.slots_of_ids(_words(part["doc_id"])))
    facts = corpus.facts(slot)
    reason = part["reason"].to_numpy()
    again = reason == REASONS[REPEAT]
    _require(np.array_equal(facts.start, base), "a member stands in another cluster than planted")
    _require((facts.size > 1).all(), "a document alone stands in a cluster")
    _require(_has_repeat(corpus, slot[again]).all(), "an id was called repeated that is not")
    _require((reason == np.array(REASONS)[facts.role])[~again].all(), "a member has another reason")
    return len(part)


def _has_repeat(corpus: ScaleCorpus, slots: Ints) -> npt.NDArray[np.bool_]:
    """Whether a slot's id comes again: repeats stand last in their group."""
    facts = corpus.facts(slots)
    found = np.zeros(len(slots), np.bool_)
    last = facts.start + facts.size - 1
    left = np.ones(len(slots), np.bool_)
    while left.any():
        behind = corpus.facts(last)
        left &= behind.role == REPEAT
        found |= left & (behind.target == slots)
        last = np.where(left, last - 1, last)
    return found


def _similarity(corpus: ScaleCorpus, members: Ints, base: Ints) -> npt.NDArray[np.float64]:
    """The share of bands in which members agree with their base."""
    changed = corpus.bands_changed(members).sum(axis=1)
    return np.where(members == base, 1.0, 1 - changed / corpus.bands)


def _require_slots(corpus: ScaleCorpus, slots: Ints) -> Ints:
    _require(((slots >= 0) & (slots < corpus.documents)).all(), "an id is no document's")
    return slots


def _words(ids: pl.Series) -> Words:
    return np.frombuffer(b"".join(ids), ">u8").astype(np.uint64).reshape(-1, 2)


def _bytes(words: Words) -> pl.Series:
    """Ids as `pl.Binary`."""
    blob = words.astype(">u8").tobytes()
    return pl.Series([blob[at : at + 16] for at in range(0, len(blob), 16)], dtype=pl.Binary)


def _require(holds: bool | np.bool_, message: str) -> None:
    if not holds:
        raise WrongError(message)
