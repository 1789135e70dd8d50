"""A saved index stands for an earlier delivery: a later one is deduplicated as if both came together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from filters.minhash import MinHash
from tests.pipeline.dedup.made import HELD, SHARE, TRAINING, Doc, corpus, dedup, window, words

TINY = 40_000


def two_deliveries(seed: int) -> tuple[list[Doc], list[Doc]]:
    """Documents of which all of the first are better than all of the second."""
    docs = corpus(seed, 120)
    first = [replace(doc, stars=doc.stars + 10) for doc in docs[:60]]
    return first, docs[60:]


@pytest.mark.parametrize("memory", [TINY, 500_000_000])
@pytest.mark.parametrize("seed", range(3))
def test_two_deliveries_end_as_one_would(tmp_path: Path, seed: int, memory: int) -> None:
    asked: dict[str, Any] = {"verify": "estimate", "bands": (64, 4), "memory": memory}
    first, second = two_deliveries(seed)
    whole = dedup(tmp_path / "whole", first, second, **asked)
    dedup(tmp_path / "first", first, index=True, **asked)
    index = str(tmp_path / "first" / "dedup" / "index")
    later = dedup(tmp_path / "later", second, against=(index,), **asked)
    assert later.stay == [name for name in whole.stay if name in {doc.name for doc in second}]
    assert {kept for _, kept, _, _ in later.gone.values()} <= set(whole.stay)


def test_three_deliveries_against_two_indexes(tmp_path: Path) -> None:
    a, b, c = (
        [Doc(f"{name}{i}", words(i, changed=step), 5) for i in range(4)]
        for name, step in zip("abc", (0, 4, 8), strict=True)
    )
    dedup(tmp_path / "a", a[:2], index=True)
    one = (str(tmp_path / "a" / "dedup"),)  # its folder does as well
    kept = dedup(tmp_path / "b", b, index=True, against=one)
    assert kept.stay == ["b2", "b3"]
    both = dedup(tmp_path / "c", c, against=(*one, str(tmp_path / "b" / "dedup" / "index")))
    assert both.stay == []
    assert {name: by for name, (_, by, _, _) in both.gone.items()} == {
        "c0": "a0",
        "c1": "a1",
        "c2": "b2",
        "c3": "b3",
    }
    where = {row["doc_id"][:2]: row["kept_in"] for row in both.evidence()}
    assert where[b"c0"] != where[b"c3"]
    assert {kept_in.partition("@")[0] for kept_in in where.values()} == {"dedup"}, "the folder's name"
    assert {row["measure"] for row in both.evidence()} == {"estimate"}, "an index has no texts"


def test_same_delivery_again_leaves_nothing(tmp_path: Path) -> None:
    docs = corpus(3)
    dedup(tmp_path / "first", docs, index=True)
    again = dedup(tmp_path / "again", docs, against=(str(tmp_path / "first" / "dedup" / "index"),))
    assert again.stay == []


def test_index_documents_do_not_count_in_cluster_sizes(tmp_path: Path) -> None:
    dedup(tmp_path / "first", [Doc("a", words(1))], index=True)
    against = (str(tmp_path / "first" / "dedup" / "index"),)
    later = dedup(
        tmp_path / "later",
        [Doc("b", words(1)), Doc("c", words(1)), Doc("d", words(1, changed=4))],
        against=against,
    )
    assert later.gone["b"] == ("exact_duplicate", "a", 1, 3)
    assert later.gone["d"][:2] == ("near_duplicate", "a")


def test_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no saved index there; .*infill dedup"):
        dedup(tmp_path / "later", corpus(1), against=(str(tmp_path / "nothing"),))


def test_index_of_other_signatures_or_bands_is_refused(tmp_path: Path) -> None:
    dedup(tmp_path / "first", corpus(1), index=True)
    against = (str(tmp_path / "first" / "dedup" / "index"),)
    with pytest.raises(ValueError, match=r"minhash is .*must be the same"):
        dedup(tmp_path / "a", corpus(2), against=against, minhash=MinHash(num_perm=256, ngram=1, seed=2))
    with pytest.raises(ValueError, match=r"bands is .*must be the same"):
        dedup(tmp_path / "b", corpus(2), against=against, bands=(10, 10))


def delivered(folder: Path, side: str, *repos: str) -> dict[str, tuple[str, str, float, int]]:
    """What goes of a chain whose best document an earlier delivery kept on a side; each is like the next
    alone.
    """
    dedup(folder / "first", [Doc("a", window(1, 0), repo=side)], index=True, validation=SHARE)
    against = (str(folder / "first" / "dedup" / "index"),)
    docs = [Doc("bc"[i], window(1, 32 * (i + 1)), 9 - i, repo) for i, repo in enumerate(repos)]
    return dedup(folder / "later", docs, against=against, validation=SHARE).gone


def test_cluster_stays_on_the_side_of_an_earlier_delivery(tmp_path: Path) -> None:
    gone = delivered(tmp_path / "held", HELD, TRAINING, TRAINING)
    assert {name: (reason, kept) for name, (reason, kept, _, _) in gone.items()} == {
        "b": ("near_duplicate", "a"),
        "c": ("split_leak", "a"),
    }
    gone = delivered(tmp_path / "training", TRAINING, TRAINING, HELD)
    assert gone["c"][:2] == ("split_leak", "a")
    assert "c" not in delivered(tmp_path / "same", HELD, TRAINING, HELD)


def test_new_documents_count_in_a_cluster_whatever_they_share_with_an_old_one(tmp_path: Path) -> None:
    dedup(tmp_path / "first", [Doc("a", words(1))], index=True)
    against = (str(tmp_path / "first" / "dedup" / "index"),)
    docs = [Doc("a", words(2)), Doc("b", words(1)), Doc("c", words(1, changed=4)), Doc("d", words(3))]
    later = dedup(tmp_path / "later", docs, against=against)
    assert later.stay == ["d"]
    assert {name: (reason, size) for name, (reason, _, _, size) in later.gone.items()} == {
        "a": ("duplicate_id", 3),
        "b": ("exact_duplicate", 3),
        "c": ("near_duplicate", 3),
    }
