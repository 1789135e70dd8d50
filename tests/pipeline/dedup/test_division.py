"""However the work is divided, the result is the same: memory, files, order, workers, a crash on the way."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from filters.minhash import MinHash
from filters.shingles import ShingleSets
from pipeline.units import Product, Receipt
from tests.pipeline.dedup import made
from tests.pipeline.dedup.made import SHARE, Doc, Result, corpus, dedup, words

TINY = 4_000
"""Bytes: blocks of 16 documents and partitions of a few hundred records."""
MODES: list[dict[str, Any]] = [
    {},
    {"verify": "estimate"},
    {"verify": "none", "cluster": "components"},
    {"cluster": "components"},
    {"cluster": "extremes", "bands": (40, 6)},
]


@pytest.mark.parametrize("asked", MODES, ids=str)
def test_memory_changes_nothing(tmp_path: Path, asked: dict[str, Any]) -> None:
    docs = corpus(5, 150)
    one = dedup(tmp_path / "one", docs, validation=SHARE, **asked)
    many = dedup(tmp_path / "many", docs[:60], docs[60:], validation=SHARE, memory=TINY, **asked)
    units = {report.name: report.units for report in many.runner.reports}
    assert min(units[f"dedup: {name}"] for name in ("blocks", "same ids", "candidates", "decide")) > 1
    assert many.stay == one.stay
    assert many.tables() == one.tables()
    assert many.clusters() == one.clusters()


@pytest.mark.parametrize("asked", MODES, ids=str)
def test_order_of_input_changes_nothing(tmp_path: Path, asked: dict[str, Any]) -> None:
    docs = corpus(6, 90)
    one = dedup(tmp_path / "one", docs, **asked)
    shuffled = random.Random(1).sample(docs, len(docs))
    other = dedup(tmp_path / "other", shuffled[:7], [], shuffled[7:], memory=TINY, **asked)
    assert (other.stay, other.tables()) == (one.stay, one.tables())


def test_two_workers_change_nothing(tmp_path: Path) -> None:
    docs = corpus(7, 90)
    one = dedup(tmp_path / "one", docs[:40], docs[40:], memory=TINY)
    assert dedup(tmp_path / "two", docs[:40], docs[40:], memory=TINY, workers=2).tables() == one.tables()


def shingles(result_of: str, minhash: MinHash) -> set[int]:
    import pyarrow as pa

    sets: ShingleSets = minhash.shingle_sets(pa.chunked_array([pa.array([result_of], pa.large_string())]))
    return set(sets.hashes.tolist())


def reference(docs: list[Doc], threshold: float) -> dict[str, str]:
    """Who goes for whom, by comparing each document with every better one that stays."""
    order = sorted(docs, key=lambda doc: (-doc.stars, doc.doc_id))
    gone: dict[str, str] = {}
    staying: list[tuple[Doc, set[int]]] = []
    texts: dict[str, str] = {}
    for doc in order:
        if doc.text in texts:
            gone[doc.name] = texts[doc.text]
            continue
        texts[doc.text] = doc.name
        own = shingles(doc.text, made.MINHASH)
        alike = [(len(own & other) / len(own | other), kept.name) for kept, other in staying]
        best = max((share for share, _ in alike), default=0.0)
        if best >= threshold:
            gone[doc.name] = next(kept for share, kept in alike if share == best)
        else:
            staying.append((doc, own))
    while any(kept in gone for kept in gone.values()):
        gone = {doc: gone.get(kept, kept) for doc, kept in gone.items()}
    return gone


@pytest.mark.parametrize("seed", range(4))
def test_exact_greedy_equals_comparing_everything(tmp_path: Path, seed: int) -> None:
    """With bands that miss nothing at this likeness, out-of-core dedup is the plain quadratic one."""
    docs = corpus(100 + seed, 120)
    result = dedup(tmp_path, docs[:50], docs[50:], bands=(64, 4), memory=TINY)
    assert {doc: kept for doc, (_, kept, _, _) in result.gone.items()} == reference(docs, 0.6)


def test_pairs_are_measured_on_their_shingles(tmp_path: Path) -> None:
    docs = corpus(8, 80)
    texts = {doc.name: shingles(doc.text, made.MINHASH) for doc in docs}
    near = [row for row in dedup(tmp_path, docs).evidence() if row["reason"] == "near_duplicate"]
    assert near
    for row in near:
        gone, kept = (texts[made.name(row[which])] for which in ("doc_id", "kept_doc_id"))
        assert row["measure"] == "exact"
        assert row["jaccard"] == len(gone & kept) / len(gone | kept)
        assert row["containment"] == len(gone & kept) / len(gone)


def test_estimates_say_that_they_are(tmp_path: Path) -> None:
    docs = [Doc("a", words(1), 2), Doc("b", words(1, changed=20), 1)]
    (row,) = dedup(tmp_path, docs, verify="estimate").evidence()
    assert row["measure"] == "estimate"
    assert row["jaccard"] == pytest.approx(180 / 220, abs=0.12)
    assert row["containment"] == pytest.approx(0.9, abs=0.12)


def chain(count: int) -> list[Doc]:
    """Each like the next alone."""
    return [Doc(f"c{i:03d}", made.window(1, 32 * i), count - i) for i in range(count)]


def test_components_keep_one_of_a_chain_and_greedy_every_other(tmp_path: Path) -> None:
    docs = chain(30)
    bands = {"bands": (64, 4)}
    one = dedup(tmp_path / "one", docs, cluster="components", verify="estimate", memory=TINY, **bands)
    assert one.stay == ["c000"]
    assert {size for *_, size in one.gone.values()} == {30}
    assert one.evidence()[-1]["measure"] == "estimate", "who stays was never a candidate of the last"
    every_other = dedup(tmp_path / "greedy", docs, **bands)
    assert every_other.stay == [f"c{i:03d}" for i in range(0, 30, 2)]


def test_unverified_components_join_what_shares_a_band(tmp_path: Path) -> None:
    """Half alike, 25 bands of one entry: candidates for sure, and no near-duplicates."""
    docs = [Doc("a", words(1), 2), Doc("b", words(1, changed=100), 1)]
    asked: dict[str, Any] = {"threshold": 0.9, "bands": (25, 1)}
    assert dedup(tmp_path / "none", docs, verify="none", cluster="components", **asked).stay == ["a"]
    assert dedup(tmp_path / "exact", docs, cluster="components", **asked).stay == ["a", "b"]


def brute_extremes(docs: list[Doc], threshold: float) -> set[str]:
    """Who stays in one cluster: in order, who is not like a document that stays."""
    staying: list[Doc] = []
    for doc in sorted(docs, key=lambda doc: (-doc.stars, doc.doc_id)):
        own = shingles(doc.text, made.MINHASH)
        others = (shingles(kept.text, made.MINHASH) for kept in staying)
        if all(len(own & other) / len(own | other) < threshold for other in others):
            staying.append(doc)
    return {doc.name for doc in staying}


def test_extremes_check_texts_within_a_cluster_of_unverified_candidates(tmp_path: Path) -> None:
    docs = [Doc(f"e{i}", words(1, changed=8 * i), 9 - i) for i in range(9)]
    result = dedup(tmp_path, docs, cluster="extremes", threshold=0.85, bands=(128, 1), memory=TINY)
    assert set(result.stay) == brute_extremes(docs, 0.85)
    assert 1 < len(result.stay) < 9
    assert {row["measure"] for row in result.evidence()} == {"exact"}


class Crash(Exception):  # noqa: N818
    """What kills a run in these tests."""


@pytest.mark.parametrize("tenth", range(10))
def test_killed_run_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tenth: int
) -> None:
    docs = corpus(9, 100)
    calm = dedup(tmp_path / "calm", docs[:50], docs[50:], memory=TINY, index=True)
    fatal = tenth * sum(report.units for report in calm.runner.reports) // 10
    steps = itertools.count()
    commit = Product.commit

    def die(product: Product, receipt: Receipt) -> Receipt:
        if next(steps) == fatal:
            raise Crash
        return commit(product, receipt)

    monkeypatch.setattr(Product, "commit", die)
    with pytest.raises(Crash):
        dedup(tmp_path / "killed", docs[:50], docs[50:], memory=TINY, index=True)
    monkeypatch.undo()
    again = dedup(tmp_path / "killed", docs[:50], docs[50:], memory=TINY, index=True)
    assert (again.stay, again.tables()) == (calm.stay, calm.tables())
    assert sum(report.units_cached for report in again.runner.reports) == fatal
    assert index_files(again) == index_files(calm)
    assert not (again.folder / "work").exists()


def index_files(result: Result) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((result.folder / "index").glob("*.*"))}


def test_finished_run_does_nothing_again(tmp_path: Path) -> None:
    docs = corpus(10)
    dedup(tmp_path, docs)
    (report,) = dedup(tmp_path, docs).runner.reports
    assert (report.name, report.units_cached) == ("dedup", 1)
