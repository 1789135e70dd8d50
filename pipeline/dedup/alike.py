"""Third phase: find near-duplicates, and decide who goes.

bands → candidates → pairs (→ shingles → confirm) → components → clusters → decide
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import NamedTuple

from pipeline.config import Dedup
from pipeline.dedup.equal import Equal
from pipeline.dedup.graph.components import ROW_BYTES, connect
from pipeline.dedup.number import Numbered
from pipeline.dedup.stages import Done, Stages, release
from pipeline.dedup.units.bands import BandsWork, write_bands
from pipeline.dedup.units.candidates import CandidatesWork, find_candidates, pairs_path
from pipeline.dedup.units.decide import ClustersWork, DecideWork, decide, nodes_path, send_clusters
from pipeline.dedup.units.pairs import PairsWork, estimate_pairs, lowest_estimate, wanted_path
from pipeline.dedup.units.shingles import ConfirmWork, ShinglesWork, confirm_pairs, hashes_path, make_shingles
from pipeline.dedup.work import DedupWork

PAIR_BYTES = 64
"""A candidate pair while a file of them is written."""


class Alike(NamedTuple):
    """Each new block's files of pairs that count, and each group's shingle sets if they are still wanted."""

    pairs: dict[int, tuple[Path, ...]]
    sets: tuple[Path, ...] = ()


def find_alike(
    stages: Stages, work: DedupWork, numbered: Numbered, equal: Equal, bands: tuple[int, int]
) -> tuple[Path, ...]:
    """Files, a slice a block, of verdicts on all documents that are in a pair."""
    dedup = work.dedup
    assert dedup is not None
    candidates = _candidates(stages, numbered, equal, bands)
    alike = _compare(stages, work, numbered, candidates, dedup)
    edges = list(chain.from_iterable(alike.pairs.values()))
    rows = max(2, stages.memory // ROW_BYTES)
    folder = stages.folder / "components"
    labels = tuple(connect(stages.named, folder, stages.key, edges, len(numbered.stems), rows))
    sent = stages.each("clusters", send_clusters, (
        ClustersWork(
            block=block,
            stem=stem,
            pairs=alike.pairs.get(block, ()),
            labels=labels,
            same_ids=equal.ids,
            same_texts=equal.texts,
            partitions=stages.partitions(2 * numbered.documents),
            old=block not in numbered.new,
        )
        for block, stem in enumerate(numbered.stems)
    ))  # fmt: skip
    decided = _decide(stages, numbered, dedup, sent, alike.sets)
    release(chain.from_iterable((path, nodes_path(path)) for path in sent.rows))
    return decided.rows


def _candidates(stages: Stages, numbered: Numbered, equal: Equal, bands: tuple[int, int]) -> list[Path]:
    count, rows = bands
    partitions = stages.partitions(numbered.documents * count)
    hashed = stages.each("bands", write_bands, (
        BandsWork(
            block=block,
            stem=numbered.stems[block],
            removed=(*equal.ids, *equal.texts),
            num_perm=numbered.num_perm,
            bands=count,
            rows=rows,
            partitions=partitions,
        )
        for block in numbered.new
    ))  # fmt: skip
    found = stages.each("candidates", find_candidates, (
        CandidatesWork(
            files=stages.keyed("bands", hashed.rows, i, partitions),
            blocks=len(numbered.stems),
            first_new=numbered.first_new,
            pairs_at_a_time=max(1, stages.memory // PAIR_BYTES),
        )
        for i in range(partitions)
    ))  # fmt: skip
    release(hashed.rows)
    return list(chain.from_iterable(found.files(pairs_path)))


def _compare(
    stages: Stages, work: DedupWork, numbered: Numbered, candidates: list[Path], dedup: Dedup
) -> Alike:
    """Pairs that signatures do not rule out, confirmed on shingles if asked for."""
    exact, extremes = dedup.verify == "exact", dedup.cluster == "extremes"
    lowest = lowest_estimate(dedup.threshold, numbered.num_perm) if exact else dedup.threshold
    compared = stages.each("pairs", estimate_pairs, (
        PairsWork(
            block=block,
            stems=numbered.stems,
            candidates=tuple(candidates),
            num_perm=numbered.num_perm,
            threshold=0.0 if extremes or dedup.verify == "none" else lowest,
            first_new=numbered.first_new,
            wanted_groups=len(numbered.groups) if exact else 0,
            memory=stages.memory,
        )
        for block in numbered.new
    ))  # fmt: skip
    release(candidates)
    pairs = dict(zip(numbered.new, compared.files(pairs_path), strict=True))
    if not exact:
        return Alike(pairs)
    sets = _shingles(stages, work, numbered, compared)
    return Alike(pairs, sets) if extremes else _confirm(stages, numbered, Alike(pairs, sets), dedup)


def _shingles(stages: Stages, work: DedupWork, numbered: Numbered, compared: Done) -> tuple[Path, ...]:
    minhash = work.minhash
    assert minhash is not None
    wanted = tuple(chain.from_iterable(compared.files(wanted_path)))
    made = stages.each("shingles", make_shingles, (
        ShinglesWork(i, work.splits[own.start : own.stop], work.reading, minhash, wanted)
        for i, own in enumerate(numbered.groups)
    ))  # fmt: skip
    release(wanted)
    return made.rows


def _confirm(stages: Stages, numbered: Numbered, alike: Alike, dedup: Dedup) -> Alike:
    confirmed = stages.each("confirm", confirm_pairs, (
        ConfirmWork(
            stems=numbered.stems,
            pairs=alike.pairs[block],
            sets=alike.sets,
            threshold=dedup.threshold,
            first_new=numbered.first_new,
            memory=stages.memory,
        )
        for block in numbered.new
    ))  # fmt: skip
    release(chain.from_iterable(alike.pairs.values()))
    release(chain.from_iterable((path, hashes_path(path)) for path in alike.sets))
    return Alike(dict(zip(numbered.new, confirmed.files(pairs_path), strict=True)))


def _decide(stages: Stages, numbered: Numbered, dedup: Dedup, sent: Done, sets: tuple[Path, ...]) -> Done:
    return stages.each("decide", decide, (
        DecideWork(
            partition=i,
            files=sent.rows,
            blocks=len(numbered.stems),
            first_new=numbered.first_new,
            exact=dedup.verify == "exact",
            cluster=dedup.cluster,
            threshold=dedup.threshold,
            stems=numbered.stems,
            sets=sets,
            memory=stages.memory,
        )
        for i in range(stages.partitions(2 * numbered.documents))
    ))  # fmt: skip
