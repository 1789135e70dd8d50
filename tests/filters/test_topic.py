"""The topic score is the logistic of a mean weight, and tables are checked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.topic import Topic, words_of
from pipeline.annotate import filter_key

TABLE = "bias = -1\nslope = 4.0\n[weights]\nKernel = 2\npoem = -3.5\n"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("topic") / "made.toml"
    path.write_text(TABLE, encoding="utf-8")
    return str(path)


def scores(texts: list[str], **fields: Any) -> list[float]:
    found: list[float] = Topic(**fields)(pa.table({"content": pa.array(texts, pa.large_string())}))[
        "topic_score"
    ].to_pylist()
    return found


@given(words=st.lists(st.sampled_from(["kernel", "KERNEL", "Poem", "é", "x1"]), min_size=1, max_size=9))
def test_score_is_the_logistic_of_the_mean_weight(words: list[str], table: str) -> None:
    weights = {"kernel": 2.0, "poem": -3.5}
    mean = sum(weights.get(word.lower(), 0.0) for word in words) / len(words)
    expected = 1 / (1 + math.exp(1 - 4 * mean))
    assert (
        scores([" ".join(words), "\n--".join(words)], table=table) == [pytest.approx(expected, abs=1e-6)] * 2
    )


def test_shipped_table_tells_computing_from_other_things() -> None:
    about = [
        "The linker resolves symbols of all object files and writes the addresses into the program.",
        "A hash table stores each key in an array of buckets; a lookup compares only keys of one bucket.",
    ]
    other = [
        "He walked along the river with his dog until the evening, and then they went home to eat.",
        "The government of the country lost its majority after the people had voted against war.",
    ]
    found = scores([*about, *other])
    assert min(found[:2]) > 0.5 > max(found[2:])


def test_text_without_words_scores_nothing() -> None:
    assert scores(["", "\0", "+-*/", "🙂\u2028"]) == [0.0] * 4


def test_only_the_first_characters_count(table: str) -> None:
    text = "kernel " + "poem " * 1000
    assert scores([text], table=table, max_chars=6) > [0.99] > [0.01] > scores([text], table=table)


def test_large_and_deep_texts_are_only_texts(table: str) -> None:
    texts = ["kernel" * 9_000_000, "(" * 100_000 + "kernel", "'''kernel", "kernel\r\rkernel\r\n\ufeffkernel"]
    assert all(0 <= score <= 1 for score in scores(texts, table=table))


def test_extreme_tables_do_not_overflow(tmp_path: Path) -> None:
    path = tmp_path / "steep.toml"
    path.write_text("bias = 0\nslope = 1e300\n[weights]\na = 1e5\nb = -1e5\n", encoding="utf-8")
    assert scores(["a", "b", "c"], table=str(path)) == [1.0, 0.0, 0.5]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bias = 1",
        "bias = 'x'\nslope = 1\n[weights]\n",
        "bias = 1\nslope = 1\nweights = 3",
        "[",
        "bias = nan\nslope = 1\n[weights]",
    ],
)
def test_broken_table_is_an_error_that_names_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.toml"):
        scores(["a"], table=str(path))


def test_changed_table_is_read_anew_and_changes_the_key(tmp_path: Path) -> None:
    path = tmp_path / "made.toml"
    path.write_text(TABLE, encoding="utf-8")
    fltr = Topic(table=str(path))
    before, key = scores(["kernel"], table=str(path)), filter_key(fltr)
    path.write_text(TABLE.replace("Kernel = 2", "Kernel = -2.25"), encoding="utf-8")
    assert scores(["kernel"], table=str(path)) < before
    assert filter_key(fltr) != key


def test_missing_table_wrong_field_and_null_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no table of word weights"):
        scores(["a"], table=str(tmp_path / "absent.toml"))
    with pytest.raises(ValueError, match="max_chars = 0; it must be at least 1"):
        Topic(max_chars=0)
    with pytest.raises(ValueError, match="1 nulls"):
        Topic()(pa.table({"content": ["a", None]}))


def test_words_are_lower_case_runs() -> None:
    assert words_of("Über C++, foo_bar 2x") == ["über", "c", "foo_bar", "2x"]
