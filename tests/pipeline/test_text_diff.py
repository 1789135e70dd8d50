"""Comparing two texts: the hunks lead from one to the other, and the work is bounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.text_diff import CONTEXT, MAX_BYTES, MAX_LINES, Comparison, compare_texts, unified

LINES = st.lists(st.sampled_from(["a", "b", "", "c d"]), max_size=30).map("\n".join)


def patched(left: str, comparison: Comparison) -> str:
    """The right text, made of the left one and the hunks."""
    lines: list[str] = []
    at = 0
    own = left.split("\n")
    for hunk in comparison.hunks:
        first = next((line.left_number - 1 for line in hunk if line.left_number is not None), at)
        lines += own[at:first]
        at = first + sum(line.left_number is not None for line in hunk)
        lines += [line.right for line in hunk if line.right_number is not None]
    return "\n".join([*lines, *own[at:]])


@settings(max_examples=200, deadline=None)
@given(LINES, LINES)
def test_hunks_lead_from_one_text_to_the_other(left: str, right: str) -> None:
    comparison = compare_texts(left, right)
    assert comparison.equal == (left == right)
    assert patched(left, comparison) == right
    assert not comparison.notes
    for hunk in comparison.hunks:
        assert hunk[0].changed or hunk[-1].changed or any(line.changed for line in hunk)


def test_a_changed_line_stands_beside_the_new_one_with_its_context() -> None:
    left = [f"line {i}" for i in range(20)]
    right = [*left[:9], "other", *left[10:]]
    (hunk,) = compare_texts("\n".join(left), "\n".join(right)).hunks
    assert [line.left_number for line in hunk] == [8, 9, 10, 11, 12]
    assert [(line.left, line.right) for line in hunk if line.changed] == [("line 9", "other")]
    assert len(hunk) == 2 * CONTEXT + 1


def test_unified_is_what_patch_reads() -> None:
    comparison = compare_texts("a\nb\nc\nd\ne\nf", "a\nb\nc\nX\ne\nf\ng")
    assert unified(comparison, "old", "new").splitlines() == [
        "--- old", "+++ new", "@@ -2,5 +2,6 @@", " b", " c", "-d", "+X", " e", " f", "+g",
    ]  # fmt: skip
    assert unified(compare_texts("a", "a"), "old", "new") == ""


def test_a_difference_far_down_is_found() -> None:
    text = "\n".join(f"line {i}" for i in range(50_000))
    (hunk,) = compare_texts(text, text.replace("line 49000", "changed")).hunks
    assert [line.right for line in hunk if line.changed] == ["changed"]
    assert hunk[CONTEXT].left_number == 49_001


def test_what_is_not_compared_is_told_and_shows_no_false_difference() -> None:
    rest = [f"line {i}" for i in range(3 * MAX_LINES)]
    comparison = compare_texts("\n".join(["a", *rest]), "\n".join(["b", "c", *rest]))
    (hunk,) = comparison.hunks
    assert [(line.left, line.right) for line in hunk if line.changed] == [("a", "b"), ("", "c")]
    assert len(comparison.notes) == 2
    assert f"of the {3 * MAX_LINES + 1:,} lines of the left text, {MAX_LINES} lines" in comparison.notes[0]


def test_one_long_line_is_cut() -> None:
    comparison = compare_texts("x" * (2 * MAX_BYTES), "y")
    (line,) = comparison.hunks[0]
    assert len(line.left) == MAX_BYTES
    assert len(comparison.notes) == 1
