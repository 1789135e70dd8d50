"""Exact shingle sets and their overlaps against Python's own sets."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.minhash import MinHash
from filters.shingles import TOKENS, ShingleSets, jaccard_and_containment
from tests.filters.minhash_reference import TEXTS, column, hash64, shingles

SETS = st.lists(st.sets(st.integers(0, 12) | st.integers(0, 2**64 - 1), max_size=12), min_size=1, max_size=6)


def packed(sets: list[set[int]]) -> ShingleSets:
    ordered = [np.array(sorted(own), np.uint64) for own in sets]
    ends = np.cumsum([0, *map(len, ordered)], dtype=np.int64)
    return ShingleSets(np.concatenate(ordered), ends)


def as_lists(sets: ShingleSets) -> list[list[int]]:
    hashes = sets.hashes.tolist()
    return [hashes[at:end] for at, end in zip(sets.offsets[:-1], sets.offsets[1:], strict=True)]


@settings(deadline=None, max_examples=200)
@given(
    TEXTS,
    st.sampled_from(TOKENS),
    st.sampled_from(["fast", "sha1"]),
    st.sampled_from(["one-shingle", "none"]),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_sets_are_pythons(
    texts: list[str], tokens: str, shingle_hash: str, short: str, ngram: int, min_words: int
) -> None:
    hashed = "fast" if tokens == "code" else shingle_hash
    fltr = MinHash(tokens=tokens, shingle_hash=hashed, short=short, ngram=ngram, min_words=min_words)
    expected = [sorted({hash64(shingle) for shingle in shingles(text, fltr)}) for text in texts]
    assert as_lists(fltr.shingle_sets(column(texts))) == expected


def test_sets_do_not_depend_on_the_batch() -> None:
    texts = ["a b a b a b a b", "", "x", "a b " * 3000]
    fltr = MinHash(ngram=2)
    together = as_lists(fltr.shingle_sets(column(texts)))
    assert together == [as_lists(fltr.shingle_sets(column([text])))[0] for text in texts]
    assert [len(own) for own in together] == [2, 0, 1, 2]


def test_a_slice_of_a_column_gives_its_own_sets() -> None:
    whole = column(["a b c", "d e f", "g h i"])
    fltr = MinHash(ngram=1)
    assert as_lists(fltr.shingle_sets(whole.slice(1, 1))) == as_lists(fltr.shingle_sets(whole))[1:2]


@settings(deadline=None)
@given(SETS, st.data())
def test_overlaps_are_pythons(sets: list[set[int]], data: Any) -> None:
    pairs = data.draw(st.lists(st.tuples(*[st.integers(0, len(sets) - 1)] * 2), max_size=9))
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    jaccard, containment = jaccard_and_containment(packed(sets), left, right)
    both = [(len(sets[i] & sets[j]), len(sets[i] | sets[j]), len(sets[j])) for i, j in pairs]
    assert jaccard.tolist() == [shared / union if union else 0.0 for shared, union, _ in both]
    assert containment.tolist() == [shared / size if size else 0.0 for shared, _, size in both]


def test_containment_is_the_share_of_the_right_set() -> None:
    jaccard, containment = jaccard_and_containment(
        packed([{1, 2, 3, 4}, {1, 2}]), np.array([0, 1]), np.array([1, 0])
    )
    assert (jaccard.tolist(), containment.tolist()) == ([0.5, 0.5], [1.0, 0.5])


@pytest.mark.parametrize(("left", "right"), [([0], [2]), ([-1], [0]), ([0, 1], [0])])
def test_pairs_outside_the_sets_are_refused(left: list[int], right: list[int]) -> None:
    with pytest.raises(ValueError, match=r"within 2|make pairs"):
        jaccard_and_containment(packed([{1}, {2}]), np.array(left), np.array(right))
