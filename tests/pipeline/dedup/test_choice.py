"""Who goes and for whom, against slow and obvious references."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.graph.choice import (
    extremes,
    first_of_each,
    greedy,
    joined_clusters,
    one_of_each,
)

Ints = npt.NDArray[np.int64]
Edges = list[tuple[int, int]]
Sets = list[frozenset[int]]
N = 16
EDGES = st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)))


def pairs_of(edges: Edges) -> Edges:
    """Distinct pairs, the smaller first, sorted by (right, left)."""
    return sorted({(min(e), max(e)) for e in edges if e[0] != e[1]}, key=lambda pair: (pair[1], pair[0]))


def columns(pairs: Edges) -> tuple[Ints, Ints]:
    left, right = np.array(pairs, np.int64).reshape(-1, 2).T
    return left.copy(), right.copy()


def packed(sets: Sets) -> tuple[npt.NDArray[np.uint64], Ints]:
    hashes = np.array([value for own in sets for value in sorted(own)], np.uint64)
    return hashes, np.cumsum([0, *map(len, sets)]).astype(np.int64)


def jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a and b else 0.0


def naive_joined(n: int, pairs: Edges) -> list[int]:
    opened: set[int] = set()
    joined = [-1] * n
    for j in range(n):
        close = [left for left, right in pairs if right == j]
        if close:
            joined[j] = next((i for i in close if i in opened), close[0])
            opened.add(joined[j])
    return joined


def naive_extremes(
    joined: list[int], sets: Sets, threshold: float, limit: int
) -> tuple[set[int], dict[int, int]]:
    """Who stays, and for whom the others go."""
    found: set[int] = set()
    gone: dict[int, int] = {}
    for opener in sorted({c for c in joined if c >= 0}):
        own = [opener]
        for j in [j for j, c in enumerate(joined) if c == opener]:
            alike = [i for i in own[:limit] if jaccard(sets[i], sets[j]) >= threshold]
            if alike:
                gone[j] = alike[0]
            elif sets[j]:
                own.append(j)
        found.update(own[:limit])
    stay = {j for j in range(len(sets)) if j not in gone or j in found}
    return stay, {j: i for j, i in gone.items() if j not in stay}


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.sampled_from([0.6, 0.7, 0.8, 0.9]))))
@settings(deadline=None)
def test_document_is_removed_only_for_the_most_alike_that_stays(edges: list[tuple[int, int, float]]) -> None:
    similarity = {(min(a, b), max(a, b)): value for a, b, value in edges if a != b}
    pairs = pairs_of([(a, b) for a, b, _ in edges])
    owner, best = greedy(12, *columns(pairs), np.array([similarity[pair] for pair in pairs], np.float64))
    for j in range(12):
        i = int(owner[j])
        if i == j:  # it stays, so nothing alike that stands before it stays
            assert best[j] == 0
            assert not any(owner[a] == a for a, b in pairs if b == j)
        else:
            assert owner[i] == i
            staying = [(-similarity[a, b], a) for a, b in pairs if b == j and owner[a] == a]
            assert (-best[j], i) == min(staying)


def test_chain_keeps_its_ends() -> None:
    """A ~ B ~ C, but A is not like C: B goes for A, and C stays since B, which is like it, is gone."""
    owner, best = greedy(3, *columns([(0, 1), (1, 2)]), np.array([0.8, 0.9]))
    assert owner.tolist() == [0, 0, 2]
    assert best.tolist() == [0.0, 0.8, 0.0]


@given(st.lists(st.integers(0, 5), min_size=1))
@settings(deadline=None)
def test_first_of_each_group_is_found(values: list[int]) -> None:
    dense = np.unique(values, return_inverse=True)[1].astype(np.int64)
    assert first_of_each(dense).tolist() == [values.index(value) for value in values]


@given(st.lists(st.sampled_from([0, 7, 1 << 32, (5 << 32) + 3, (1 << 62) + 1])))
@settings(deadline=None)
def test_one_of_each_component_stays_whatever_its_label(roots: list[int]) -> None:
    owner = one_of_each(len(roots), np.array(roots, np.int64))
    assert owner.tolist() == [roots.index(root) for root in roots]


@given(EDGES)
@settings(deadline=None)
def test_document_joins_the_first_neighbour_that_has_a_cluster(edges: Edges) -> None:
    pairs = pairs_of(edges)
    assert joined_clusters(N, *columns(pairs)).tolist() == naive_joined(N, pairs)


def test_neighbour_of_a_member_alone_opens_a_cluster_around_it() -> None:
    """1 joins 0; 2 pairs with 1 alone, so 1 gets a cluster of its own; 3 pairs with both and joins 0's."""
    pairs = [(0, 1), (1, 2), (0, 3), (1, 3)]
    assert joined_clusters(4, *columns(pairs)).tolist() == [-1, 0, 1, 0]


@given(
    EDGES,
    st.lists(st.frozensets(st.integers(0, 6)), min_size=N, max_size=N),
    st.sampled_from([0.3, 0.5, 0.85, 1.0]),
    st.integers(1, 4),
)
@settings(deadline=None, max_examples=200)
def test_extremes_are_those_of_the_reference(edges: Edges, sets: Sets, threshold: float, limit: int) -> None:
    joined = naive_joined(N, pairs_of(edges))
    owner, found = extremes(np.array(joined, np.int64), *packed(sets), threshold, limit)
    stay, gone = naive_extremes(joined, sets, threshold, limit)
    assert {j for j in range(N) if owner[j] == j} == stay
    assert {j: int(owner[j]) for j in range(N) if owner[j] != j} == gone
    assert found.tolist() == [jaccard(sets[gone[j]], sets[j]) if j in gone else 0.0 for j in range(N)]


def test_like_documents_of_two_clusters_stay() -> None:
    sets = [frozenset({1, 2, 3}), frozenset({7}), frozenset({4, 5}), frozenset({4, 5})]
    owner, found = extremes(np.array([-1, -1, 0, 1]), *packed(sets), 0.85, 10)
    assert owner.tolist() == [0, 1, 2, 3]
    assert found.tolist() == [0, 0, 0, 0]


def test_document_goes_for_one_that_stays_and_not_for_one_that_went() -> None:
    """0 ~ 1 ~ 2 but 0 is not like 2, in one cluster: 1 goes, so nothing is left for which 2 would go."""
    sets = [frozenset(range(10)), frozenset(range(2, 12)), frozenset(range(4, 14))]
    owner, _ = extremes(np.array([-1, 0, 0]), *packed(sets), 8 / 12, 10)
    assert owner.tolist() == [0, 0, 2]


def test_opener_of_a_cluster_stays_though_it_is_like_another() -> None:
    sets = [frozenset(range(9)), frozenset(range(9)), frozenset(range(9))]
    assert extremes(np.array([-1, 0, 1]), *packed(sets), 0.85, 10)[0].tolist() == [0, 1, 1]


def test_threshold_itself_is_reached() -> None:
    sets = [frozenset(range(20)), frozenset(range(17))]  # 17 / 20
    owner, found = extremes(np.array([-1, 0]), *packed(sets), 0.85, 10)
    assert owner.tolist() == [0, 0]
    assert found[1] == pytest.approx(0.85)


def test_only_the_first_extremes_of_a_cluster_are_compared_with() -> None:
    sets = [frozenset({10 * i}) for i in range(5)]
    sets.append(sets[4])
    joined = np.array([-1, 0, 0, 0, 0, 0])
    assert extremes(joined, *packed(sets), 0.85, 5)[0].tolist() == [0, 1, 2, 3, 4, 4]
    assert extremes(joined, *packed(sets), 0.85, 4)[0].tolist() == [0, 1, 2, 3, 4, 5]
