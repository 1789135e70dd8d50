"""Sliced files give back what was written, slice by slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.exchange import gather, read_slice, slice_sizes, write_slices


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_slices_keep_the_order_of_rows(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], columns: int
) -> None:
    path = tmp_path_factory.mktemp("sliced") / "rows"
    rows = np.arange(len(places) * columns, dtype=np.int64).reshape(-1, columns)
    write_slices(path, rows, np.array(places, np.int64), 5)
    for index in range(5):
        own = [row for row, place in zip(rows.tolist(), places, strict=True) if place == index]
        assert read_slice(path, index).tolist() == own
    assert slice_sizes(path).tolist() == [places.count(index) for index in range(5)]
    middle = read_slice(path, 1, 3).tolist()
    assert middle == [row for index in (1, 2, 3) for row in read_slice(path, index).tolist()]


def test_one_slice_of_several_files_comes_in_their_order(tmp_path: Path) -> None:
    for name, values in (("a", [1, 2]), ("b", [3]), ("c", [])):
        rows = np.array(values, np.int64).reshape(-1, 1)
        write_slices(tmp_path / name, rows, np.zeros(len(rows), np.int64), 1)
    assert gather([tmp_path / "b", tmp_path / "c", tmp_path / "a"], 0).tolist() == [[3], [1], [2]]
    assert gather([], 0, 2).shape == (0, 2)


def test_slice_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"slices 0\.\.3 are not all within 0\.\.2"):
        write_slices(tmp_path / "rows", np.zeros((2, 1), np.int64), np.array([0, 3]), 3)
    assert not (tmp_path / "rows").exists()
