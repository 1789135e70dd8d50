"""Dedup of selected documents: who goes, who stays instead, and that it hangs on the documents alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pipeline.dedup.units.runs import in_validation
from tests.pipeline.dedup.made import HELD, SHARE, TRAINING, Doc, corpus, dedup, window, words


def test_documents_that_are_unlike_all_stay(tmp_path: Path) -> None:
    result = dedup(tmp_path, [Doc("a", words(1)), Doc("b", words(2))], [Doc("c", words(3))])
    assert (result.stay, result.gone) == (["a", "b", "c"], {})


def test_best_of_equal_texts_stays_whatever_its_file(tmp_path: Path) -> None:
    result = dedup(tmp_path, [Doc("a", words(1), 3)], [Doc("b", words(1), 9)], [Doc("c", words(1), 5)])
    assert result.stay == ["b"]
    assert result.gone == {"a": ("exact_duplicate", "b", 1, 3), "c": ("exact_duplicate", "b", 1, 3)}


def test_ties_are_broken_by_document_id(tmp_path: Path) -> None:
    assert dedup(tmp_path, [Doc("b", words(1)), Doc("a", words(1))]).stay == ["a"]


def test_near_duplicate_goes_for_the_better_one(tmp_path: Path) -> None:
    result = dedup(
        tmp_path, [Doc("a", words(1), 1), Doc("b", words(1, changed=10), 2), Doc("c", words(2), 0)]
    )
    assert result.stay == ["b", "c"]
    reason, kept, jaccard, size = result.gone["a"]
    assert (reason, kept, size) == ("near_duplicate", "b", 2)
    assert jaccard == pytest.approx(190 / 210, abs=0.1)


def test_near_duplicates_stay_when_only_equal_texts_are_asked_for(tmp_path: Path) -> None:
    docs = [Doc("a", words(1)), Doc("b", words(1, changed=1)), Doc("c", words(1))]
    result = dedup(tmp_path, docs, near=False)
    assert result.stay == ["a", "b"]
    assert result.gone["c"][0] == "exact_duplicate"
    assert "bands" not in result.receipt.facts


def test_repeated_document_id_is_removed_first(tmp_path: Path) -> None:
    result = dedup(tmp_path, [Doc("a", words(1), 1)], [Doc("a", words(2), 2), Doc("b", words(1))])
    assert result.stay == ["a", "b"], "b's text is that of a row that went for its id"
    assert result.gone["a"][:2] == ("duplicate_id", "a")
    assert result.receipt.dropped == {
        "duplicate_id": 1,
        "exact_duplicate": 0,
        "near_duplicate": 0,
        "split_leak": 0,
    }


def test_evidence_names_a_document_that_stays(tmp_path: Path) -> None:
    """C equals B word for word, and B goes for A: C's evidence names A, with the likeness of B."""
    docs = [Doc("a", words(1), 9), Doc("b", words(1, changed=20), 5), Doc("c", words(1, changed=20), 1)]
    result = dedup(tmp_path, docs)
    assert result.stay == ["a"]
    assert result.gone["b"][:2] == ("near_duplicate", "a")
    assert result.gone["c"] == ("exact_duplicate", "a", result.gone["b"][2], 3)


def test_documents_without_words_are_never_near_duplicates(tmp_path: Path) -> None:
    result = dedup(tmp_path, [Doc("a", "{ }"), Doc("b", "( )"), Doc("c", "[ ]")])
    assert result.stay == ["a", "b", "c"]


def chain(*repos: str) -> list[Doc]:
    """A ~ B ~ C, best first, while A and C are less alike than the threshold."""
    texts = [window(1, start) for start in (0, 32, 64)]
    return [Doc(*doc) for doc in zip("abc", texts, (9, 8, 7), repos, strict=True)]


def test_end_of_a_chain_stays_on_the_same_side(tmp_path: Path) -> None:
    result = dedup(tmp_path, chain(TRAINING, TRAINING, TRAINING), validation=SHARE)
    assert result.stay == ["a", "c"]
    assert result.gone["b"][:2] == ("near_duplicate", "a")


def test_no_cluster_stands_on_both_sides(tmp_path: Path) -> None:
    result = dedup(tmp_path / "last", chain(TRAINING, TRAINING, HELD), validation=SHARE)
    assert result.stay == ["a"]
    assert result.gone["c"] == ("split_leak", "a", 0, 3)
    result = dedup(tmp_path / "first", chain(HELD, TRAINING, TRAINING), validation=SHARE)
    assert result.stay == ["c"]
    assert result.gone["a"] == ("split_leak", "c", 0, 3)
    assert dedup(tmp_path / "both", chain(HELD, TRAINING, HELD), validation=SHARE).stay == ["a", "c"]


def test_leak_names_the_best_training_document_of_its_cluster(tmp_path: Path) -> None:
    """A, C and E stay of a chain of five, and only E is held out: it is like neither of the others."""
    repos = (TRAINING, TRAINING, TRAINING, TRAINING, HELD)
    docs = [Doc("abcde"[i], window(1, 32 * i), 9 - i, repo) for i, repo in enumerate(repos)]
    result = dedup(tmp_path, docs, validation=SHARE)
    assert result.stay == ["a", "c"]
    assert result.gone["e"] == ("split_leak", "a", 0, 5)


def test_evidence_names_a_document_that_stays_after_a_leak_too(tmp_path: Path) -> None:
    """B goes for A, and then A, which is held out, leaks into C's side: B's evidence must not name A."""
    result = dedup(tmp_path, chain(HELD, TRAINING, TRAINING), validation=SHARE)
    assert {kept for _, kept, _, _ in result.gone.values()} <= set(result.stay)
    assert result.gone["b"][:2] == ("near_duplicate", "c")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_result_does_not_depend_on_files_or_order(tmp_path: Path, seed: int) -> None:
    docs = corpus(seed)
    shuffled = random.Random(seed).sample(docs, len(docs))
    one = dedup(tmp_path / "one", docs, validation=SHARE)
    three = dedup(tmp_path / "three", shuffled[:5], [], shuffled[5:23], shuffled[23:], validation=SHARE)
    assert three.stay == one.stay
    assert three.gone == one.gone
    assert three.tables() == one.tables()
    reasons = {reason for reason, *_ in one.gone.values()}
    assert {"exact_duplicate", "near_duplicate", "split_leak"} <= reasons


def test_every_document_is_accounted_for_in_the_funnel(tmp_path: Path) -> None:
    docs = corpus(4)
    result = dedup(tmp_path, docs[:20], docs[20:], validation=SHARE)
    assert sorted([*result.stay, *result.gone]) == sorted(doc.name for doc in docs)
    left = len(docs)
    for step in result.receipt.facts["funnel"]:
        left -= step["dropped"]
        assert step["documents"] == left
    assert left == len(result.stay) == result.receipt.rows_out
    texts = {doc.name: doc.text for doc in docs}
    assert result.receipt.facts["funnel"][-1]["bytes"] == sum(len(texts[name]) for name in result.stay)


def test_no_documents_are_no_trouble(tmp_path: Path) -> None:
    result = dedup(tmp_path, [], [])
    assert (result.stay, result.gone, result.receipt.rows_in) == ([], {}, 0)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 2000)])
def test_whole_corpus_goes_to_one_side_at_the_ends(share: float, expected: int) -> None:
    assert sum(in_validation(f"r{number}", b"", share=share, seed=1) for number in range(2000)) == expected


def test_held_out_repositories_are_about_the_share_and_only_grow_with_it() -> None:
    repos = [f"owner/{number}" for number in range(4000)]
    small, large = (
        {repo for repo in repos if in_validation(repo, b"", share=share, seed=3)} for share in (0.05, 0.1)
    )
    assert small < large
    assert 0.04 < len(small) / len(repos) < 0.06
    assert small != {repo for repo in repos if in_validation(repo, b"", share=0.05, seed=4)}
