import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.histogram import MAX_TEXTS, NumberHistogram, TextHistogram, new_histogram


def histogram_of(*batches: list, kind: pa.DataType) -> NumberHistogram | TextHistogram:
    histogram = new_histogram(kind)
    assert histogram is not None
    for batch in batches:
        histogram.add(pa.chunked_array([pa.array(batch, kind)]))
    return histogram


def labelled(*batches: list, kind: pa.DataType) -> list[tuple[str, int]]:
    return histogram_of(*batches, kind=kind).labelled()


def test_shares_are_in_twentieths_and_one_is_in_the_last() -> None:
    assert labelled([0.0, 0.049, 0.05, 0.15], kind=pa.float64()) == [
        ("0.00–0.05", 2), ("0.05–0.10", 1), ("0.10–0.15", 0), ("0.15–0.20", 1),
    ]  # fmt: skip
    assert labelled([0.95, 1.0], kind=pa.float64()) == [("0.95–1.00", 2)]


@pytest.mark.parametrize("twentieth", range(20))
def test_a_share_on_an_edge_is_in_the_bin_that_begins_there(twentieth: int) -> None:
    ((label, _),) = labelled([twentieth / 20], kind=pa.float64())
    assert label.startswith(f"{twentieth / 20:.2f}–")


def test_whole_numbers_stand_in_powers_of_two() -> None:
    values = [0, 1, 2, 3, 4, 7, 8, 2000]
    got = labelled(values, kind=pa.int64())
    assert got[:5] == [("0", 1), ("1", 1), ("2–3", 2), ("4–7", 2), ("8–15", 1)]
    assert got[-1] == ("1,024–2,047", 1)
    assert [count for _, count in got[5:-1]] == [0] * 6


def test_fractions_above_one_stand_in_quarters_of_a_power_of_two() -> None:
    assert labelled([0.9, 2.49, 2.5, 2.99, 3.0], kind=pa.float64()) == [
        ("0.75–1", 1), ("1–1.25", 0), ("1.25–1.5", 0), ("1.5–1.75", 0), ("1.75–2", 0),
        ("2–2.5", 1), ("2.5–3", 2), ("3–3.5", 1),
    ]  # fmt: skip


def test_fractions_too_wide_for_quarters_stand_in_powers_of_two() -> None:
    got = labelled([0.3, 2.4, 3.9, 1e6], kind=pa.float64())
    assert got[:3] == [("0–1", 1), ("1–2", 0), ("2–4", 2)]
    assert got[-1] == ("524,288–1,048,576", 1)


def test_one_value_above_one_makes_no_shares_whatever_came_before() -> None:
    assert labelled([0.5], [1.5], kind=pa.float64())[0] == ("0.5–0.75", 1)


def test_what_is_no_amount_is_apart() -> None:
    got = labelled([-1.0, -1.0, -0.5, float("nan"), 0.5], kind=pa.float64())
    assert got == [("0.50–0.55", 1), ("unknown", 2), ("below 0", 1), ("NaN", 1)]
    assert labelled([-1, 5], kind=pa.int32()) == [("4–7", 1), ("unknown", 1)]


def test_largest_values_have_a_bin() -> None:
    assert labelled([(1 << 63) - 1], kind=pa.int64())[0][1] == 1
    assert labelled([float("inf"), 1e300], kind=pa.float64())[-1][1] == 2


def test_nothing_gives_no_bins() -> None:
    for kind in (pa.float64(), pa.int64(), pa.string()):
        assert labelled([], kind=kind) == []


def test_texts_stand_by_frequency_and_then_by_name() -> None:
    assert labelled(["b", "a", "c"], ["c"], kind=pa.string()) == [("c", 2), ("a", 1), ("b", 1)]
    got = labelled([f"{number:02}" for number in range(25)], kind=pa.string())
    assert got[-1] == ("other values", 5)
    assert len(got) == 21


def test_texts_beyond_the_memory_bound_are_among_the_others() -> None:
    histogram = histogram_of([str(number) for number in range(MAX_TEXTS)], kind=pa.string())
    assert isinstance(histogram, TextHistogram)
    histogram.add(pa.chunked_array([["new", "new", "0"]]))
    assert len(histogram.counts) == MAX_TEXTS
    assert histogram.labelled()[0] == ("0", 2)
    assert sum(count for _, count in histogram.labelled()) == MAX_TEXTS + 3


def test_bytes_have_no_histogram() -> None:
    assert new_histogram(pa.binary()) is None
    assert new_histogram(pa.binary(16)) is None


FRACTIONS = st.floats(min_value=-2, max_value=1e9) | st.just(float("nan"))


@settings(deadline=None)
@given(st.lists(FRACTIONS), st.integers(min_value=0, max_value=20))
def test_batches_and_order_do_not_matter(values: list[float], cut: int) -> None:
    whole = labelled(values, kind=pa.float64())
    assert labelled(values[cut:][::-1], values[:cut], kind=pa.float64()) == whole
    assert sum(count for _, count in whole) == len(values)


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=1 << 62))
def test_a_whole_number_is_within_its_label(value: int) -> None:
    ((label, _),) = labelled([value], kind=pa.int64())
    bounds = [int(text.replace(",", "")) for text in label.split("–")]
    assert bounds[0] <= value <= bounds[-1]


@settings(deadline=None)
@given(st.floats(min_value=1.0, max_value=1e9, exclude_min=True))
def test_a_fraction_is_within_its_label(value: float) -> None:
    ((label, _),) = labelled([value], kind=pa.float64())
    low, high = (float(text.replace(",", "")) for text in label.split("–"))
    assert low <= value < high
    assert np.isclose(high, low + low / 4) or low < high <= low * 1.25
