"""The truth that near-dedup is measured against, and the scores, on cases small enough to check by hand."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dedup import scores, truth

NONE = np.empty(0, np.int64)


def texts_of(*texts: str) -> list[bytes]:
    return [text.encode() for text in texts]


def ints(*values: int) -> truth.Ints:
    return np.array(values, np.int64)


def flags(text: str) -> scores.Flags:
    return np.array([letter == "x" for letter in text])


def true_pairs(*pairs: tuple[int, int]) -> truth.Pairs:
    left, right = zip(*pairs, strict=True)
    return truth.Pairs(ints(*left), ints(*right), np.ones(len(pairs)))


def test_words_keep_case_digits_and_underscores_and_lose_operators() -> None:
    assert truth.words_of("a_b1 <= Größe.x".encode()) == [b"a_b1", "Größe".encode(), b"x"]


def test_a_short_document_is_one_shingle_and_one_without_tokens_is_its_text() -> None:
    assert truth.shingles_of(b"x = y") == {b"x = y"}
    assert truth.shingles_of(b"a=b+c d e") == {b"a = b + c d e"}
    assert truth.shingles_of(b"a b c d e f g h") == {b"a b c d e f g", b"b c d e f g h"}
    assert truth.shingles_of(b" \n") == {b" \n"}


def test_a_pair_at_the_threshold_counts_and_one_below_does_not() -> None:
    # Nine words have three shingles; one more word has one more: 3 of 4 shared.
    texts = texts_of("a b c d e f g h i", "a b c d e f g h i j")
    assert truth.similar_pairs(texts, 0.75).jaccard.tolist() == [0.75]
    assert truth.similar_pairs(texts, 0.76).left.tolist() == []


def test_documents_without_tokens_are_like_equal_texts_alone() -> None:
    pairs = truth.similar_pairs(texts_of(" ", "\t", "", " ", "", "  "), 0.7)
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 3), (2, 4)]


def test_documents_that_differ_in_their_operators_are_no_pairs() -> None:
    texts = texts_of("if a < b: c += d * e", "if a > b: c -= d / e")
    assert truth.words_of(texts[0]) == truth.words_of(texts[1])
    assert truth.similar_pairs(texts, 0.7).left.tolist() == []


def test_a_threshold_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold = 0"):
        truth.similar_pairs([], 0)


word = st.sampled_from(["a", "b", "c", "dd", "é", "_"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(word, max_size=9).map(" ".join), max_size=9), st.sampled_from([0.1, 0.5, 0.7, 1.0]))
def test_pairs_are_those_of_comparing_every_two_sets(texts: list[str], threshold: float) -> None:
    encoded = texts_of(*texts)
    sets = [truth.shingles_of(text) for text in encoded]
    expected = [
        (i, j, len(sets[i] & sets[j]) / len(sets[i] | sets[j]))
        for i, j in combinations(range(len(sets)), 2)
        if sets[i] | sets[j] and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= threshold
    ]
    found = truth.similar_pairs(encoded, threshold)
    assert list(zip(found.left, found.right, found.jaccard, strict=True)) == expected


def test_blocks_of_documents_do_not_change_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_of(*(f"a b c d e f g h{number % 3}" for number in range(7)))
    whole = truth.similar_pairs(texts, 0.5)
    monkeypatch.setattr(truth, "BLOCK", 2)
    parts = truth.similar_pairs(texts, 0.5)
    assert (parts.left.tolist(), parts.right.tolist()) == (whole.left.tolist(), whole.right.tolist())


def test_kept_pairs_are_read_again_and_other_texts_get_their_own(tmp_path: Path) -> None:
    first, second = texts_of("a b c d e f", "a b c d e f"), texts_of("a b c d e f", "g")
    assert truth.cached_pairs(first, 0.7, tmp_path).left.tolist() == [0]
    assert truth.cached_pairs(first, 0.7, tmp_path).jaccard.tolist() == [1.0]
    assert truth.cached_pairs(second, 0.7, tmp_path).left.tolist() == []
    assert len(list(tmp_path.iterdir())) == 2


def test_pairs_count_once_in_either_direction() -> None:
    score = scores.score_pairs(ints(0, 1, 2), ints(1, 0, 3), true_pairs((0, 1), (1, 4)))
    assert (score.found, score.true, score.both) == (2, 2, 1)
    assert (score.recall, score.precision) == (0.5, 0.5)


def test_clusters_are_named_after_their_first_member_and_hold_all_their_pairs() -> None:
    clusters = scores.components(5, ints(1, 4), ints(4, 2))
    assert clusters.tolist() == [0, 1, 1, 3, 1]
    left, right = scores.pairs_within(clusters)
    assert sorted(zip(left.tolist(), right.tolist(), strict=True)) == [(1, 2), (1, 4), (2, 4)]
    assert scores.all_but_first(clusters).tolist() == [False, False, True, False, True]


def test_no_pairs_make_no_clusters() -> None:
    assert scores.components(3, NONE, NONE).tolist() == [0, 1, 2]
    assert scores.pairs_within(ints(0, 1, 2))[0].tolist() == []


def test_a_document_is_lost_when_only_removed_ones_are_like_it() -> None:
    chain = true_pairs((0, 1), (1, 2))  # 2 is like 1, which goes too
    assert scores.lost(flags(".xx."), chain).tolist() == [False, False, True, False]
    assert scores.lost(flags("...x"), chain).tolist() == [False, False, False, True]


def test_what_is_left_over_are_the_later_ones_of_pairs_that_stay() -> None:
    pairs = true_pairs((0, 2), (1, 2), (3, 4))
    assert scores.left_over(flags("....."), pairs) == 2
    assert scores.left_over(flags("..x.x"), pairs) == 0


def test_other_operators_are_told_from_other_white_space() -> None:
    texts = texts_of("a < b", "a > b", "a  < b\n", "a + c")
    assert scores.other_punctuation_only(flags(".xxx"), texts).tolist() == [False, True, False, False]
