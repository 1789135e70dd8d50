"""What the near-dedup benchmark plants and gives to peers is what it says it is."""

from __future__ import annotations

import runpy
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dedup import families, ours, truth

PEERS = runpy.run_path(str(Path(families.__file__).parent / "peer_scripts" / "words.py"))
ORIGINAL = (
    "def total(first_one, n):\n    if first_one < n and n > 10:\n        return first_one + n - 1 * n / 2\n"
)


def jaccard(left: str, right: str) -> float:
    first, second = truth.shingles_of(left.encode()), truth.shingles_of(right.encode())
    return len(first & second) / len(first | second)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab_9 .<\n\x7f\x80é中😀", max_size=40))
def test_peers_get_the_shingles_of_the_truth_and_none_for_a_text_without_tokens(text: str) -> None:
    encoded = text.encode()
    expected = truth.shingles_of(encoded) if truth.TOKEN.findall(encoded) else set()
    assert {shingle.encode() for shingle in PEERS["shingles_of"](text)} == expected


def test_components_of_a_peers_pairs_keep_their_first_document() -> None:
    assert PEERS["removed_by_union"](6, [(4, 2), (2, 5), (0, 3)]) == [3, 4, 5]


@pytest.mark.parametrize("number", range(len(families.TEMPLATES)))
def test_files_of_a_template_are_as_alike_as_asked_and_below_the_threshold(number: int) -> None:
    planted = families.planted([])
    texts = [own.text for own in planted if own.family == "template" and own.name.startswith(f"{number}/")]
    assert len(texts) == families.FILES_OF_TEMPLATE
    for left, right in combinations(texts[:6], 2):
        assert jaccard(left, right) == pytest.approx(families.TEMPLATES[number], abs=0.01)
        assert jaccard(left, right) < 0.7


def test_tiny_files_are_all_different_and_no_two_are_alike() -> None:
    texts = [own.text.encode() for own in families.planted([]) if own.family == "tiny"]
    assert len(truth.similar_pairs(texts, 0.7).left) == 0
    assert max(len(truth.words_of(text)) for text in texts) < 10
    assert any(not truth.words_of(text) for text in texts)


def test_turned_operators_leave_the_words_and_recased_ones_do_not() -> None:
    assert families.has_operators(ORIGINAL)
    first, operators, second, case = families.planted([ORIGINAL, ORIGINAL])[:4]
    assert first.text == second.text == ORIGINAL
    assert (operators.family, case.family) == ("operators", "case")
    assert "first_one > n and n < 10" in operators.text
    assert "first_one - n + 1 / n * 2" in operators.text
    assert truth.words_of(ORIGINAL.encode()) == truth.words_of(operators.text.encode())
    assert jaccard(ORIGINAL, operators.text) < 0.7
    assert "First.One > N And N < 87" in case.text
    assert jaccard(ORIGINAL, case.text) < 0.1


def test_a_pair_counts_for_all_documents_of_its_texts() -> None:
    left, right = ours.expanded([(0, 2)], [b"a", b"a", b"b"])
    pairs = {(min(pair), max(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)}
    assert pairs == {(0, 1), (0, 2), (1, 2)}


def test_no_pairs_of_different_texts_are_no_pairs() -> None:
    left, right = ours.expanded([], [b"a", b"b"])
    assert (left.tolist(), right.tolist()) == ([], [])
