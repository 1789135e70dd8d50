import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.comparisons import comparisons, number_text, replaced


def found(predicate: str) -> list[tuple[str, str, float]]:
    return [(c.signal, c.operator, c.number) for c in comparisons(predicate)]


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("ratio > 0.01 AND ratio < .8", [("ratio", ">", 0.01), ("ratio", "<", 0.8)]),
        ("5 < n and -1e3 >= x", [("n", ">", 5), ("x", "<=", -1000)]),
        ("not (a <= +5 or b = 1)", [("a", "<=", 5), ("b", "=", 1)]),
        ("a BETWEEN -1 AND 5 and b > 2", [("a", ">=", -1), ("a", "<=", 5), ("b", ">", 2)]),
        ('"odd name" != 3 or s = \'"a" > 5 and b > 6\'', [("odd name", "<>", 3)]),
        ("case when a > 1 then b < 2 else c < 3 end", [("a", ">", 1), ("b", "<", 2), ("c", "<", 3)]),
        ("s = 'it''s' and a>1", [("a", ">", 1)]),
    ],
)
def test_comparisons_of_a_signal_with_a_number_are_found(predicate: str, expected: list) -> None:
    assert found(predicate) == expected


def test_bounds_have_a_side_and_equality_has_none() -> None:
    found = comparisons("a < 1 and a <= 1 and a > 1 and 1 > a and a = 1 and a == 1 and a <> 1 and a != 1")
    assert [comparison.side for comparison in found] == ["<", "<", ">", "<", "=", "=", "<>", "<>"]


@pytest.mark.parametrize(
    "predicate",
    [
        "2 * a > 5", "a > 5 * 2", "abs(a) > 5", "a / b > 5", "a > b", "a - 5 > b", "a > 5 - b", "b - a > 5",
        "a between 1 and b", "true", "", "a = 'x'", "a is null", "a in (1, 2)",
    ],
)  # fmt: skip
def test_a_number_that_is_no_threshold_of_a_signal_is_left_alone(predicate: str) -> None:
    assert found(predicate) == []


def test_replacing_changes_the_numbers_and_nothing_else() -> None:
    predicate = "'a > 1' <> s AND a > 1 AND  a<.8 OR b BETWEEN -1 AND 5"
    low, high, _, last = comparisons(predicate)
    assert replaced(predicate, {low: 0.25, high: 900, last: -7}) == (
        "'a > 1' <> s AND a > 0.25 AND  a<900 OR b BETWEEN -1 AND -7"
    )
    assert replaced(predicate, {}) == predicate


NUMBERS = st.integers(-(10**15), 10**15) | st.floats(-1e9, 1e9)


@given(NUMBERS, st.sampled_from(["a < {}", "{} > a", "b > 3 and a < {}", "a<{} or a<{}"]))
def test_a_replaced_number_is_found_again_and_read_by_polars(value: float, shape: str) -> None:
    predicate = shape.replace("{}", "1")
    wanted = {c: value for c in comparisons(predicate) if c.signal == "a"}
    changed = replaced(predicate, wanted)
    assert {c.number for c in comparisons(changed) if c.signal == "a"} == {float(value)}
    frame = pl.DataFrame({"a": [value - 1e6, value + 1e6], "b": [4, 4]})
    assert frame.select(pl.sql_expr(changed)).to_series().to_list() == [True, False]


def test_whole_numbers_have_no_point() -> None:
    assert [number_text(v) for v in (1000.0, 0.1, -3, 1e300)] == ["1000", "0.1", "-3", "1e+300"]
