"""Near-duplicate pairs and what follows from them, against slow and obvious references."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.candidates import (
    BUCKET_LIMIT,
    band_hashes,
    bands_of,
    bucket_pairs,
    components,
    first_of_each,
    greedy,
    near_duplicates,
)

Signatures = npt.NDArray[np.uint32]
NUM_PERM = 32
THRESHOLD = 0.6
WORDLESS = np.full(NUM_PERM, 0xFFFFFFFF, np.uint32)


def random_signatures(seed: int, count: int) -> Signatures:
    """Rows that are noisy copies of a few originals, so that similarities spread over 0..1."""
    rng = np.random.RandomState(seed)
    originals = rng.randint(0, 1 << 31, (3, NUM_PERM)).astype(np.uint32)
    rows = originals[rng.randint(0, 3, count)]
    noise = rng.randint(0, 1 << 31, rows.shape).astype(np.uint32)
    return np.where(rng.rand(*rows.shape) < rng.rand(count, 1) * 0.5, noise, rows)


def brute_pairs(signatures: Signatures, threshold: float) -> dict[tuple[int, int], float]:
    """Pairs that share a whole band and are alike enough."""
    bands, rows = bands_of(threshold, signatures.shape[1])
    found = {}
    for left, right in itertools.combinations(range(len(signatures)), 2):
        equal = signatures[left] == signatures[right]
        if equal.mean() >= threshold and any(equal[b * rows : (b + 1) * rows].all() for b in range(bands)):
            found[left, right] = float(equal.mean())
    return found


def arrays(
    pairs: dict[tuple[int, int], float],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    ordered = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    left, right = np.array(ordered, np.int64).reshape(-1, 2).T
    return left.copy(), right.copy(), np.array([pairs[pair] for pair in ordered], np.float64)


def naive_components(n: int, pairs: dict[tuple[int, int], float]) -> list[int]:
    label = list(range(n))
    for _ in range(n):
        for left, right in pairs:
            label[left] = label[right] = min(label[left], label[right])
    return label


@given(st.integers(0, 10**6), st.integers(1, 14))
@settings(deadline=None, max_examples=60)
def test_verdicts_are_those_of_brute_force(seed: int, count: int) -> None:
    signatures = random_signatures(seed, count)
    pairs = brute_pairs(signatures, THRESHOLD)
    owner, jaccard = list(range(count)), [0.0] * count
    for j in range(count):
        staying = [(pairs[i, j], -i) for i in range(j) if owner[i] == i and (i, j) in pairs]
        if staying:
            jaccard[j], owner[j] = max(staying)[0], -max(staying)[1]
    found = near_duplicates(signatures, THRESHOLD)
    assert found.owner.tolist() == owner
    assert found.jaccard.tolist() == pytest.approx(jaccard)
    assert found.cluster.tolist() == naive_components(count, pairs)


def test_the_brute_force_has_pairs_to_find() -> None:
    """Lest the law above be kept by empty answers."""
    counts = [len(brute_pairs(random_signatures(seed, 14), THRESHOLD)) for seed in range(20)]
    assert sum(counts) > 100
    assert any(0 < count < 14 for count in counts)


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.sampled_from([0.6, 0.7, 0.8, 0.9]))))
@settings(deadline=None)
def test_document_is_removed_only_for_one_that_stays_and_is_alike(
    edges: list[tuple[int, int, float]],
) -> None:
    pairs = {(min(a, b), max(a, b)): similarity for a, b, similarity in edges if a != b}
    owner, jaccard = greedy(12, *arrays(pairs))
    for j in range(12):
        i = int(owner[j])
        if i == j:  # it stays, so nothing alike that stands before it stays
            assert not any(owner[a] == a for a, b in pairs if b == j)
        else:
            assert owner[i] == i
            assert jaccard[j] == pairs[i, j]
            assert jaccard[j] == max(s for (a, b), s in pairs.items() if b == j and owner[a] == a)


def test_chain_keeps_its_ends() -> None:
    """A ~ B ~ C, but A is not like C: B goes for A, and C stays since B, which is like it, is gone."""
    owner, _ = greedy(3, *arrays({(0, 1): 0.8, (1, 2): 0.8}))
    assert owner.tolist() == [0, 0, 2]


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15))))
@settings(deadline=None)
def test_clusters_are_connected_components(edges: list[tuple[int, int]]) -> None:
    pairs = {(min(a, b), max(a, b)): 1.0 for a, b in edges if a != b}
    left, right, _ = arrays(pairs)
    assert components(16, left, right).tolist() == naive_components(16, pairs)


def test_documents_without_words_are_nobodys_duplicates() -> None:
    found = near_duplicates(np.stack([WORDLESS] * 5), THRESHOLD)
    assert found.owner.tolist() == found.cluster.tolist() == list(range(5))


def test_equal_documents_are_one_cluster_led_by_the_first() -> None:
    signatures = np.stack([random_signatures(1, 1)[0]] * 4)
    found = near_duplicates(signatures, THRESHOLD)
    assert found.owner.tolist() == found.cluster.tolist() == [0, 0, 0, 0]
    assert found.jaccard.tolist() == [0, 1, 1, 1]


def test_bucket_of_thousands_of_equal_documents_stays_linear() -> None:
    count = 5_000
    signatures = np.repeat(random_signatures(2, 1), count, axis=0)
    hashes = band_hashes(signatures, 0, 4)
    order = np.argsort(hashes, kind="stable")
    pairs = bucket_pairs(hashes[order], order, BUCKET_LIMIT)
    assert count <= len(pairs) <= count * BUCKET_LIMIT
    found = near_duplicates(signatures[: 3 * BUCKET_LIMIT], THRESHOLD)
    assert (found.owner == 0).all()
    assert (found.cluster == 0).all()


def test_bucket_pairs_are_each_document_with_the_first_of_its_run() -> None:
    hashes = np.array([5, 5, 5, 5, 8, 9, 9], np.uint64)
    order = np.array([0, 2, 3, 6, 1, 4, 5], np.int64)
    packed = bucket_pairs(hashes, order, 2)
    found = {(int(pair) & 0xFFFFFFFF, int(pair) >> 32) for pair in packed}
    assert found == {(0, 2), (0, 3), (2, 3), (0, 6), (2, 6), (4, 5)}
    assert len(packed) == 6


def test_bands_fit_the_signature_and_catch_what_is_alike() -> None:
    for threshold in (0.5, 0.7, 0.85):
        bands, rows = bands_of(threshold, 256)
        assert bands * rows <= 256
        assert 1 - (1 - (threshold + 0.15) ** rows) ** bands > 0.95


@given(st.lists(st.integers(0, 5), min_size=1))
@settings(deadline=None)
def test_first_of_each_group_is_found(values: list[int]) -> None:
    dense = np.unique(values, return_inverse=True)[1].astype(np.int64)
    assert first_of_each(dense).tolist() == [values.index(value) for value in values]
