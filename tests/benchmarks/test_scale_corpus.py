"""The scale benchmark plants what it says, near-dedup finds it, and the check sees what is not right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dedup.scale import deduplicated
from benchmarks.dedup.scale_check import WrongError, check, planted
from benchmarks.dedup.scale_corpus import THRESHOLD, ScaleCorpus
from benchmarks.dedup.scale_hashes import mixed, unmixed
from benchmarks.dedup.scale_tile import BASE, COPY, NEAR, REPEAT

CORPUS = ScaleCorpus(documents=20_000, per_split=6000, seed=3)
SLOTS = np.arange(CORPUS.documents)
FACTS = CORPUS.facts(SLOTS)
SIGNATURES = CORPUS.signatures(SLOTS, FACTS)


def similarity(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (SIGNATURES[left] == SIGNATURES[right]).mean(axis=1)


def test_every_slot_is_a_row_of_one_split() -> None:
    rows = np.concatenate([CORPUS.slots_of(split) for split in range(CORPUS.splits)])
    assert np.array_equal(np.sort(rows), SLOTS)


def test_groups_stand_in_many_splits() -> None:
    split_of = np.empty(CORPUS.documents, np.int64)
    for split in range(CORPUS.splits):
        split_of[CORPUS.slots_of(split)] = split
    large = np.flatnonzero((FACTS.role == BASE) & (FACTS.size >= 8))
    assert all(len(set(split_of[slot : slot + FACTS.size[slot]])) > 1 for slot in large)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1 << 40), st.integers(0, (1 << 64) - 1))
def test_an_id_tells_its_slot(slot: int, key: int) -> None:
    assert unmixed(mixed(np.array([slot]), key), key).tolist() == [slot]


def test_a_group_begins_with_its_base_and_is_as_large_as_it_says() -> None:
    bases = np.flatnonzero(FACTS.role == BASE)
    assert np.array_equal(np.diff(np.append(bases, CORPUS.documents)), FACTS.size[bases])
    assert np.array_equal(FACTS.start, np.repeat(bases, FACTS.size[bases]))


def test_near_duplicates_reach_the_threshold_with_all_of_their_group() -> None:
    near = np.flatnonzero(FACTS.role == NEAR)
    changed = CORPUS.bands_changed(near).sum(axis=1)
    assert set(changed) == {1, 2, 3}
    assert np.allclose(similarity(near, FACTS.start[near]), 1 - changed / CORPUS.bands)
    siblings = near[:-1][FACTS.start[near[:-1]] == FACTS.start[near[1:]]]
    assert similarity(siblings, siblings + 1).min() >= 0.7 - 1e-9 > THRESHOLD


def test_copies_have_the_text_of_their_target_and_repeats_only_its_id() -> None:
    rows = pl.DataFrame(pa.concat_tables([CORPUS.survivors(split) for split in range(CORPUS.splits)]))
    order = np.argsort(np.concatenate([CORPUS.slots_of(split) for split in range(CORPUS.splits)]))
    rows = rows[order]
    same_text = (rows["content_hash"] == rows["content_hash"].gather(FACTS.target)).to_numpy()
    same_id = (rows["doc_id"] == rows["doc_id"].gather(FACTS.target)).to_numpy()
    assert np.array_equal(same_text, FACTS.role != REPEAT)
    assert np.array_equal(same_id, FACTS.role != COPY)
    assert rows["content_hash"].n_unique() == (FACTS.role != COPY).sum()
    assert rows["doc_id"].n_unique() == (FACTS.role != REPEAT).sum()
    assert (similarity(SLOTS, FACTS.target)[FACTS.role == COPY] == 1).all()


def test_bases_have_more_stars_than_all_others() -> None:
    for split in range(CORPUS.splits):
        role = CORPUS.facts(CORPUS.slots_of(split)).role
        stars = CORPUS.survivors(split)["key_0"].to_numpy()
        assert stars[role == BASE].min() > stars[role != BASE].max()
        assert stars[role == NEAR].min() > stars[role > NEAR].max()


def test_hot_documents_share_one_band_and_wordless_ones_have_none() -> None:
    hot = SLOTS[CORPUS.family : CORPUS.family + CORPUS.hot]
    wordless = SLOTS[CORPUS.family + CORPUS.hot :][: CORPUS.wordless]
    assert np.allclose(similarity(hot[:-1], hot[1:]), 1 / CORPUS.bands)
    assert (SIGNATURES[wordless] == 0xFFFFFFFF).all()
    assert (SIGNATURES == 0xFFFFFFFF).all(axis=1).sum() == CORPUS.wordless
    assert (FACTS.size[np.concatenate([hot, wordless])] == 1).all()


def test_about_a_fifth_of_documents_are_near_duplicates_or_their_bases() -> None:
    large = ScaleCorpus(documents=300_000)
    facts = large.facts(np.arange(large.documents))
    bases = np.zeros(large.documents, np.bool_)
    bases[facts.start[facts.role == NEAR]] = True
    share = (bases.sum() + (facts.role == NEAR).sum()) / large.documents
    assert 0.18 < share < 0.22
    assert 0.04 < (facts.role == COPY).mean() < 0.06


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scale")
    deduplicated(CORPUS, folder, 10_000_000)
    return folder / "dedup"


def test_dedup_finds_what_is_planted(found: Path) -> None:
    counts = check(CORPUS, found)
    assert counts == planted(CORPUS)
    assert counts["stay"] + counts["removed"] == CORPUS.documents
    assert min(counts.values()) > 10


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        ("survivors", "row", "other rows stay"),
        ("evidence", "kept_doc_id", "another than its base"),
        ("evidence", "cluster_size", "another size"),
        ("evidence", "jaccard", "similarity"),
        ("clusters", "reason", "another reason"),
    ],
)
def test_the_check_sees_a_wrong_value(found: Path, table: str, column: str, message: str) -> None:
    path = found / table / "part-00000.parquet"
    good = path.read_bytes()
    rows = pl.read_parquet(path)
    values = rows[column].to_list()
    other = next(i for i in range(len(values)) if values[i] != values[-1])
    values[-1] = values[other]
    rows.with_columns(pl.Series(column, values, rows[column].dtype)).write_parquet(path)
    with pytest.raises(WrongError, match=message):
        check(CORPUS, found)
    path.write_bytes(good)


@pytest.mark.parametrize(("table", "message"), [("evidence", "rows of evidence"), ("clusters", "members")])
def test_the_check_misses_a_row_that_is_not_there(found: Path, table: str, message: str) -> None:
    path = found / table / "part-00000.parquet"
    good = path.read_bytes()
    pl.read_parquet(path)[:-1].write_parquet(path)
    with pytest.raises(WrongError, match=message):
        check(CORPUS, found)
    path.write_bytes(good)
