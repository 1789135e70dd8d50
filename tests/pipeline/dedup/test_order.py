"""Sort keys compare as the terms of the keep order do: against polars' own sort."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.order import first_at_least, key_words, sorted_rows

INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
FLOATS = st.floats(allow_nan=False)
TERMS: dict[str, tuple[pl.DataType, st.SearchStrategy[Any]]] = {
    "integer": (pl.Int64(), INTEGERS),
    "small": (pl.Int8(), st.integers(-3, 3)),
    "unsigned": (pl.UInt64(), st.integers(0, (1 << 64) - 1)),
    "float": (pl.Float64(), FLOATS),
    "yes or no": (pl.Boolean(), st.booleans()),
    "text": (pl.String(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)),
}


def frame(columns: dict[str, pl.Series], count: int) -> pl.DataFrame:
    ids = [number.to_bytes(16, "big") for number in range(count)]
    return pl.DataFrame({
        **columns,
        "doc_id": pl.Series(ids, dtype=pl.Binary),
        "content_hash": pl.Series(ids, dtype=pl.Binary),
        "lang": ["C"] * count,
        "license": ["MIT"] * count,
    })  # fmt: skip


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_order_is_that_of_the_terms(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(TERMS)), min_size=1, max_size=3))
    count = data.draw(st.integers(0, 12))
    descending = [data.draw(st.booleans()) for _ in kinds]
    columns = {
        f"key_{i}": pl.Series(
            data.draw(st.lists(st.none() | TERMS[kind][1], min_size=count, max_size=count)),
            dtype=TERMS[kind][0],
        )
        for i, kind in enumerate(kinds)
    }
    docs = frame(columns, count)
    expected = docs.with_row_index().sort(
        [*columns, "doc_id"], descending=[*descending, False], nulls_last=True
    )["index"]
    assert sorted_rows(key_words(docs, descending)).tolist() == expected.to_list()


def test_negative_zero_equals_zero_and_nan_is_above_all() -> None:
    values = pl.Series("key_0", [math.nan, 0.0, -0.0, -1.0, math.inf])
    assert sorted_rows(key_words(frame({"key_0": values}, 5), [False])).tolist() == [3, 1, 2, 4, 0]


def test_texts_count_up_to_their_first_24_bytes() -> None:
    values = pl.Series("key_0", ["a" * 24 + "z", "a" * 24 + "b", "a" * 23])
    assert sorted_rows(key_words(frame({"key_0": values}, 3), [False])).tolist() == [2, 0, 1]


def test_term_without_an_order_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot sort by a term of type List"):
        key_words(frame({"key_0": pl.Series([[1], [2]])}, 2), [False])


@given(st.lists(st.integers(-5, 5), max_size=9), st.integers(-6, 6))
@settings(deadline=None)
def test_bisection_finds_the_first_that_is_not_before(values: list[int], bound: int) -> None:
    words = np.array(sorted(values, key=lambda value: value % (1 << 64)), np.int64).reshape(-1, 1)
    before = [value for value in values if value % (1 << 64) < bound % (1 << 64)]
    assert first_at_least(words, np.array([bound], np.int64)) == len(before)
