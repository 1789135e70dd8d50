import pytest

from pipeline.vary import MAX_VALUES, Axis, parse_vary

PREDICATES = {
    "gate.stars": "stars >= 5",
    "select.comments": "comment_ratio > 0.01 AND comment_ratio < 0.8",
    "select.line_length": "max_line_length <= 1000 AND avg_line_length <= 100",
    "select.code": "language = 'C' OR n_tokens / 4 > 5",
}


def axis(text: str) -> Axis:
    return parse_vary(text, PREDICATES)


@pytest.mark.parametrize(
    ("text", "key", "number"),
    [
        ("stars=1,2", "gate.stars", 5),
        ("gate.stars=1,2", "gate.stars", 5),
        ("comment_ratio>=0.5,0.9", "select.comments", 0.01),
        ("comments<=0.005..0.05", "select.comments", 0.8),
        ("comments.comment_ratio < = 0.1,0.2", "select.comments", 0.8),
        ("select.line_length.avg_line_length=1..9", "select.line_length", 100),
        ("avg_line_length=1..9", "select.line_length", 100),
    ],
)
def test_a_comparison_is_named_by_its_signal_or_predicate_and_side(
    text: str, key: str, number: float
) -> None:
    found = axis(text)
    assert (found.key, found.comparison.number) == (key, number)


def test_of_two_comparisons_the_one_whose_number_lies_in_the_range_is_meant() -> None:
    assert axis("comment_ratio=0.005..0.05").comparison.operator == ">"
    assert axis("comment_ratio=0.7..0.9").comparison.operator == "<"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("comment_ratio=0.001..0.9", r"2 comparisons.*'select.comments.comment_ratio>' \(now 0.01\)"),
        ("comment_ratio=0.3..0.4", "2 comparisons"),
        ("line_length=1..2", r"2 comparisons.*max_line_length<.*avg_line_length<"),
        ("n_tokens=1..2", r"no comparison of that name.*choose from 'gate.stars.stars>' \(now 5\)"),
        ("stars<=1..2", "no comparison"),
        ("stars", r"no name and values; expected NAME=LOW\.\.HIGH"),
        ("stars=many", "could not convert.*expected NAME"),
        ("stars=1..inf", "expected a finite number"),
        ("stars=5..1", "expected LOW < HIGH"),
        ("stars=1..5:1", "1 steps, expected"),
        (f"stars=1..5:{MAX_VALUES + 1}", "steps, expected"),
        ("stars=", "no name and values"),
    ],
)  # fmt: skip
def test_what_is_not_one_comparison_or_no_values_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"--vary .*{message}"):
        axis(text)


def test_predicates_without_numbers_are_told() -> None:
    with pytest.raises(ValueError, match="no predicate compares a signal with a number"):
        parse_vary("a=1,2", {"select.a": "a > b"})


def test_values_are_evenly_spaced_with_the_recipes_own_among_them() -> None:
    assert axis("comment_ratio=0.005..0.05").values == (
        0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.045, 0.05,
    )  # fmt: skip
    assert axis("comments>=0.1..0.3:3").values == (0.01, 0.1, 0.2, 0.3)
    assert axis("max_line_length=3e2, 200").values == (200, 300, 1000)


def test_steps_between_whole_numbers_are_whole() -> None:
    assert axis("stars=1..10:4").values == (1, 4, 5, 7, 10)
    assert axis("stars=1..4:7").values == (1, 2, 3, 4, 5)
    assert axis("stars=1.5..4.5:3").values == (1.5, 3, 4.5, 5)
