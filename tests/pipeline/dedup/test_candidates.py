"""Candidate pairs of buckets, against a slow and obvious reference; what large buckets cost."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.exchange import gather
from pipeline.dedup.units.bands import band_hashes, choose_bands
from pipeline.dedup.units.blocks import SliceOf, write_keyed
from pipeline.dedup.units.candidates import (
    BUCKET_LIMIT,
    LEAST_ANCHORS,
    CandidatesWork,
    bucket_pairs,
    find_candidates,
    pairs_path,
)
from pipeline.units import Product

Pairs = set[tuple[int, int]]


def found(records: list[tuple[int, int]], *, first_new: int = 0, at_a_time: int = 1 << 20) -> Pairs:
    ordered = np.array(sorted(records), np.int64).reshape(-1, 2)
    parts = list(bucket_pairs(ordered[:, 0].copy(), ordered[:, 1].copy(), first_new, at_a_time))
    assert all(len(part) <= max(at_a_time, BUCKET_LIMIT) for part in parts)
    pairs = [tuple(pair) for part in parts for pair in part.tolist()]
    return {(int(left), int(right)) for left, right in pairs}


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 30))), st.integers(0, 12), st.integers(1, 9))
@settings(deadline=None)
def test_all_of_a_small_bucket_are_paired(
    records: set[tuple[int, int]], first_new: int, at_a_time: int
) -> None:
    expected = {
        (min(a, b), max(a, b))
        for (one, a), (other, b) in combinations(records, 2)
        if one == other and max(a, b) >= first_new
    }
    assert found(list(records), first_new=first_new, at_a_time=at_a_time) == expected


@pytest.mark.parametrize("size", [BUCKET_LIMIT, BUCKET_LIMIT + 1, 1000, 100_000])
def test_large_bucket_costs_a_few_pairs_a_document(size: int) -> None:
    pairs = found([(7, number) for number in range(size)])
    anchors = size if size <= BUCKET_LIMIT else max(LEAST_ANCHORS, BUCKET_LIMIT**2 // size)
    assert pairs == {(left, right) for right in range(size) for left in range(min(right, anchors))}


def test_pairs_do_not_depend_on_the_files_of_records(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 400, 900) * 0x1234567890ABCDE
    records = np.column_stack([hashes, np.arange(900)])
    results = []
    for cuts in ([0, 900], [0, 11, 500, 900]):
        files = []
        for low, high in pairwise(cuts):
            path = tmp_path / f"{low}-{high}"
            write_keyed(path, records[low:high], 1)
            files.append(SliceOf(path, 0, 1, 0))
        product = Product(tmp_path / f"{len(cuts)}.json", "key")
        (receipt,) = find_candidates(CandidatesWork(tuple(files), 1, 0, 100), (product,))
        parts = [pairs_path(product, i) for i in range(receipt.facts["files"])]
        assert len(parts) > 1
        results.append({tuple(pair) for pair in gather(parts, 0).tolist()})
    assert results[0] == results[1] != set()


def test_bands_hash_their_own_entries_and_place() -> None:
    signatures = np.array([[1, 2, 3, 4, 9], [1, 2, 5, 6, 9], [3, 4, 1, 2, 9]], np.uint32)
    hashes = band_hashes(signatures, 2, 2)
    assert hashes[0, 0] == hashes[1, 0]
    assert len(set(hashes.ravel().tolist())) == 5, "equal entries in another band do not meet"


def test_bands_are_datasketchs_choice() -> None:
    assert [choose_bands(*asked) for asked in ((0.7, 256), (0.85, 256), (0.7, 128))] == [
        (25, 10),
        (13, 19),
        (14, 9),
    ]
