"""Packing: laws, quality and determinism."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.shards import pack
from pipeline.shards.pack import load_pack, pack_shard, write_pack


def slow_best_fit(lengths: list[int], row_length: int) -> list[int]:
    """The row of each sample by plain search: least space left, then the row that was last to get there."""
    left: list[int] = []
    touched: list[int] = []
    row_of = []
    for clock, length in enumerate(lengths):
        fitting = [row for row in range(len(left)) if left[row] >= length]
        if fitting:
            row = min(fitting, key=lambda row: (left[row], -touched[row]))
        else:
            row = len(left)
            left.append(row_length)
            touched.append(clock)
        left[row] -= length
        touched[row] = clock
        row_of.append(row)
    return row_of


@st.composite
def packings(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    row_length = draw(st.integers(1, 300))
    lengths = draw(st.lists(st.integers(1, row_length), max_size=120))
    return np.array(lengths, np.int32), row_length


@given(packings(), st.integers(1, 130))
@settings(deadline=None)
def test_every_sample_is_in_one_row_and_no_row_overflows(
    packing: tuple[np.ndarray, int], window: int
) -> None:
    lengths, row_length = packing
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "WINDOW_SAMPLES", window)
        offsets, items = pack_shard(lengths, row_length)
    assert offsets.dtype == np.int64
    assert items.dtype == np.uint32
    assert sorted(items.tolist()) == list(range(len(lengths)))
    assert (offsets[0], offsets[-1]) == (0, len(lengths))
    for first, last in pairwise(offsets):
        row = items[first:last].tolist()
        assert row
        assert row == sorted(row)
        assert lengths[row].sum() <= row_length
        assert len({number // window for number in row}) == 1


@given(packings())
@settings(deadline=None)
def test_rows_are_those_of_the_obvious_best_fit(packing: tuple[np.ndarray, int]) -> None:
    lengths, row_length = packing
    order = np.lexsort((pack._scrambled(len(lengths)), -lengths))
    rows: dict[int, list[int]] = {}
    for sample, row in zip(order.tolist(), slow_best_fit(lengths[order].tolist(), row_length), strict=True):
        rows.setdefault(row, []).append(sample)
    offsets, items = pack_shard(lengths, row_length)
    found = [items[first:last].tolist() for first, last in pairwise(offsets)]
    assert sorted(found) == sorted(sorted(row) for row in rows.values())


def realistic_lengths(count: int) -> np.ndarray:
    rng = np.random.RandomState(0)
    short, long = rng.lognormal(5.5, 1, count), rng.lognormal(7, 0.7, count)
    return np.clip(np.where(rng.random_sample(count) < 0.7, short, long), 2, 2048).astype(np.int32)


def test_rows_are_full_and_place_does_not_tell_length() -> None:
    lengths = realistic_lengths(150_000)
    offsets, items = pack_shard(lengths, 2048)
    assert lengths.sum() / ((len(offsets) - 1) * 2048) > 0.99
    sizes = np.diff(offsets)[: int(len(offsets) * 0.43)]  # rows of the first window of 65,536 samples
    place = np.arange(len(sizes))
    assert abs(np.corrcoef(place, sizes)[0, 1]) < 0.03
    firsts = items[offsets[:-1]][np.diff(offsets) > 1]
    lasts = items[offsets[1:] - 1][np.diff(offsets) > 1]
    assert abs(lengths[firsts].mean() / lengths[lasts].mean() - 1) < 0.05


@pytest.mark.parametrize("bad", [0, 65, -1])
def test_a_sample_that_does_not_fit_is_refused(bad: int) -> None:
    with pytest.raises(ValueError, match=f"sample 2 has {bad} tokens"):
        pack_shard(np.array([1, 64, bad], np.int32), 64)


def test_a_plan_joins_its_shards_without_crossing_them(tmp_path: Path) -> None:
    shards = [np.array([30, 40, 20], np.int32), np.array([10, 64], np.int32)]
    plan = write_pack(tmp_path, "train", 64, iter(shards))
    offsets, items = load_pack(tmp_path, "train", 64)
    rows = [items[first:last].tolist() for first, last in pairwise(offsets)]
    assert sorted(rows[:2]) == [[0], [1, 2]]
    assert sorted(rows[2:]) == [[3], [4]]
    assert (plan["rows"], plan["fill"]) == (4, round(164 / 256, 6))
    assert [record["path"] for record in plan["files"]] == [
        "train.pack-64.rows.npy",
        "train.pack-64.items.npy",
    ]


def test_a_plan_of_nothing_has_no_files(tmp_path: Path) -> None:
    for lengths in ([], [np.empty(0, np.int32)]):
        assert write_pack(tmp_path, "train", 64, lengths)["files"] == []
    assert not list(tmp_path.iterdir())
