"""Every kind keeps its rule on any text, and finds a place wherever there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.cuts import (
    Cut,
    Limits,
    empty_cut,
    line_cut,
    line_places,
    lines_cut,
    random_cut,
)
from pipeline.synthesize.half_written import deleted_chars
from pipeline.synthesize.kinds import KINDS

from .material import CODE, TEXTS
from .rules import CHECKS, check_deleted, line_table

WHOLE = Limits((0, 0), 5, whole_end=True)
SEEDS = st.integers(0, 2**64 - 1)
NONEMPTY = TEXTS.filter(bool)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"block"}))
@settings(deadline=None, max_examples=150)
@given(text=NONEMPTY, seed=SEEDS)
def test_a_cut_keeps_the_rule_of_its_kind(kind: str, text: str, seed: int) -> None:
    cut = KINDS[kind](text, Rng(seed), WHOLE)
    if cut is not None:
        CHECKS[kind](text, *cut, WHOLE.max_lines)


@settings(deadline=None)
@given(text=NONEMPTY, seed=SEEDS)
def test_a_line_cut_exists_unless_every_line_is_blank(text: str, seed: int) -> None:
    assert (line_cut(text, Rng(seed), WHOLE) is None) == (not text.strip())


@settings(deadline=None)
@given(text=NONEMPTY, seed=SEEDS)
def test_empty_always_has_a_place_in_a_whole_text(text: str, seed: int) -> None:
    assert KINDS["empty"](text, Rng(seed), WHOLE) is not None


@pytest.mark.parametrize("kind", ["line", "lines", "empty"])
@settings(deadline=None)
@given(text=NONEMPTY.filter(lambda text: text[-1] not in "\r\n"), seed=SEEDS)
def test_a_broken_last_line_is_left_alone(kind: str, text: str, seed: int) -> None:
    cut = KINDS[kind](text, Rng(seed), WHOLE._replace(whole_end=False))
    if cut is None:
        return
    broken = line_table(text)[-1][0]
    if kind == "empty":  # a blank tail may hold the cursor, as any blank line may
        assert cut.end < broken or not text[broken:].strip()
    else:
        assert cut.end <= broken


@settings(deadline=None)
@given(text=st.text(max_size=6), seed=SEEDS)
def test_random_cuts_keep_clear_of_the_margins(text: str, seed: int) -> None:
    cut = random_cut(text, Rng(seed), Limits((1, 2), 5, whole_end=True))
    if len(text) < 3:
        assert cut is None
    else:
        assert cut is not None
        assert 1 <= cut.start <= cut.end <= len(text) - 2


def test_random_cuts_reach_every_pair_of_places() -> None:
    pairs = {random_cut("abc", Rng(seed), WHOLE) for seed in range(500)}
    assert pairs == {Cut(a, b) for a in range(4) for b in range(a, 4)}


def test_lines_are_drawn_uniformly() -> None:
    text = "aaaaaaaaaaaaaaaaaaaaaaaaa\n\nb\n   \ncc\n"
    lines = Counter(text[: cut.end].count("\n") for cut in _cuts(line_cut, text, 3000))
    assert set(lines) == {0, 2, 4}
    assert all(abs(count - 1000) < 4 * (3000 * 2 / 9) ** 0.5 for count in lines.values())


def test_a_line_cursor_uses_each_of_three_ways_a_third_of_the_time() -> None:
    # Places 2..9 of "  ab = cde": borders at 2, 4, 5, 6 and 7, and none after 8 and 9.
    borders = [2, 4, 4, 5, 6, 7, 2, 2]
    expected = [(column == 2) / 3 + borders.count(column) / 24 + 1 / 24 for column in range(2, 10)]
    got = Counter(cut.start for cut in _cuts(line_cut, "  ab = cde\n", 6000))
    chi_square = sum(
        (got[column] - 6000 * share) ** 2 / (6000 * share)
        for column, share in zip(range(2, 10), expected, strict=True)
    )
    assert sum(got[column] for column in range(2, 10)) == 6000
    assert chi_square < 24.3  # 7 degrees of freedom, p = 0.001


def test_a_block_ends_before_the_smaller_indent() -> None:
    text = "if a:\n    b = 1\n\n    c = 2\n\nd = 3\n"
    middles = {text[cut.start : cut.end] for cut in _cuts(lines_cut, text, 800)}
    assert {middle for middle in middles if middle.startswith("b")} == {"b = 1\n\n    c = 2\n\n"}
    assert {middle for middle in middles if middle.startswith("c")} == {"c = 2\n\n"}


def test_a_block_of_exactly_max_lines_is_closed() -> None:
    text = "if a:\n" + "    b\n" * 5 + "c\n"
    middles = {text[cut.start : cut.end] for cut in _cuts(lines_cut, text, 800) if text[cut.start] == "b"}
    assert middles == {"b\n" + "    b\n" * more for more in range(1, 5)}


def test_the_length_of_an_open_block_varies_from_two_to_the_most() -> None:
    text = "".join(f"x{n}\n" for n in range(40))
    lengths = {text[c.start : c.end].count("\n") for c in _cuts(lines_cut, text, 400)}
    assert lengths == {2, 3, 4, 5}


def test_a_single_line_has_no_place_for_lines() -> None:
    assert all(lines_cut("    return x\n", Rng(seed), WHOLE) is None for seed in range(20))


@pytest.mark.parametrize(
    ("text", "cut_end", "lines", "deleted"),
    [
        ("a\nb\nc\nd\n", 2, 2, "b\nc\n"),  # at a line's start: whole lines
        ("a\nb\nc\nd\n", 1, 2, "\nb\nc"),  # before a newline: the last deleted line's newline stays
        ("ab cd\nb\nc\n", 2, 1, " cd\nb"),  # inside a line: its rest goes too
        ("a\r\nb\r\nc", 1, 1, "\r\nb"),
        ("a\rb\rc\r", 2, 1, "b\r"),
        ("a\nb\n", 1, 9, "\nb"),
        ("a\nb", 1, 9, "\nb"),
        ("a\nb", 2, 9, "b"),
        ("a\n", 1, 3, ""),
        ("a\n", 2, 3, ""),
        ("a", 1, 3, ""),
        ("ab", 1, 3, ""),
        ("a\u2028b\nc\n", 3, 1, "\nc"),
    ],
)
def test_deleting_lines_after_the_middle(text: str, cut_end: int, lines: int, deleted: str) -> None:
    assert text[cut_end : cut_end + deleted_chars(text, cut_end, lines)] == deleted


@settings(deadline=None, max_examples=300)
@given(text=NONEMPTY, place=st.floats(0, 1), lines=st.integers(1, 4))
def test_deleting_keeps_its_rule_anywhere(text: str, place: float, lines: int) -> None:
    end = round(place * len(text))
    check_deleted(text, end, deleted_chars(text, end, lines), lines)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"block"}))
def test_code_has_a_place_for_every_kind(kind: str) -> None:
    cuts = [KINDS[kind](CODE, Rng(seed), WHOLE) for seed in range(200)]
    # Three rows in turn may be too short for one of Refact's splitters.
    assert cuts.count(None) <= (20 if kind == "refact-v2" else 0)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("whole_end", [True, False])
@pytest.mark.parametrize(
    "text", ["", "x", "\n", "\r\n", "\u2028", "\x85", "\x00", "\U0001f600", " "], ids=ascii
)
def test_the_shortest_texts_are_cut_inside_or_not_at_all(kind: str, whole_end: bool, text: str) -> None:
    for seed in range(20):
        cut = KINDS[kind](text, Rng(keyed_hash(0, b"", seed, kind)), WHOLE._replace(whole_end=whole_end))
        assert cut is None or 0 <= cut.start <= cut.end <= len(text)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"block"}))
def test_a_line_of_ten_megabytes_is_cut(kind: str) -> None:
    text = "x = 1\n" + "ab, " * 2_500_000 + "\ny = 2\n"
    cut = KINDS[kind](text, Rng(keyed_hash(0, b"", 0, kind)), WHOLE)
    assert cut is not None
    assert 0 <= cut.start <= cut.end <= len(text)


@settings(deadline=None)
@given(text=NONEMPTY, seed=SEEDS)
def test_random_cuts_between_lines_fall_where_lines_begin(text: str, seed: int) -> None:
    borders = {line[0] for line in line_table(text)} | {len(text)}
    cut = random_cut(text, Rng(seed), WHOLE._replace(places=line_places))
    assert cut is not None
    assert set(cut) <= borders


def test_random_cuts_between_lines_reach_every_pair_and_keep_the_margins() -> None:
    text = "a\nb\r\nc"
    limits = WHOLE._replace(places=line_places)
    pairs = {random_cut(text, Rng(keyed_hash(0, b"", seed, "line")), limits) for seed in range(500)}
    assert pairs == {Cut(a, b) for a in (0, 2, 5, 6) for b in (0, 2, 5, 6) if a <= b}
    limits = limits._replace(margins=(1, 2))
    assert random_cut("abcdef", Rng(0), limits) is None
    kept = {random_cut(text, Rng(keyed_hash(0, b"", seed, "line")), limits) for seed in range(50)}
    assert kept == {Cut(2, 2)}


def test_random_cuts_between_lines_leave_a_broken_end_alone() -> None:
    limits = WHOLE._replace(places=line_places, whole_end=False)
    places = {place for seed in range(200) for place in random_cut("a\nb\ncd", Rng(seed), limits) or ()}
    assert places <= {0, 2, 4}


@pytest.mark.parametrize(("weights", "columns"), [((1, 0, 0), {2}), ((0, 1, 0), {2, 4, 5, 6, 7})])
def test_cursor_weights_choose_the_way(weights: tuple[float, float, float], columns: set[int]) -> None:
    limits = WHOLE._replace(cursor=weights)
    starts = {cut.start for cut in _cuts(line_cut, "  ab = cde\n", 300, limits)}
    assert starts == columns
    assert {cut.start for cut in _cuts(lines_cut, "  ab = cde\n  x\n", 300, limits)} == columns


def test_a_cursor_may_stand_anywhere_in_the_visible_part() -> None:
    limits = WHOLE._replace(cursor=(0, 0, 1))
    assert {cut.start for cut in _cuts(line_cut, "  ab = cde \n", 300, limits)} == set(range(2, 10))


@pytest.mark.parametrize(
    ("text", "middle"), [("ab\n", "ab\n"), ("ab\r\n", "ab\r\n"), ("ab\r", "ab\r"), ("ab", "ab")]
)
def test_a_line_may_take_its_newline(text: str, middle: str) -> None:
    limits = WHOLE._replace(cursor=(1, 0, 0), line_newline=True)
    assert {text[cut.start : cut.end] for cut in _cuts(line_cut, text, 5, limits)} == {middle}
    assert {cut.end for cut in _cuts(line_cut, text, 5)} == {2}


def test_empty_cursors_stand_at_line_ends_in_blank_lines_and_at_the_end() -> None:
    text = "def f():\n    return x  \n  \nlast"
    assert {cut.start for cut in _cuts(empty_cut, text, 500)} == {8, 23, 24, 25, 26, 31}


def _cuts(
    kind: Callable[[str, Rng, Limits], Cut | None], text: str, draws: int, limits: Limits = WHOLE
) -> list[Cut]:
    cuts = [kind(text, Rng(keyed_hash(0, b"", seed, "test")), limits) for seed in range(draws)]
    assert None not in cuts
    return [cut for cut in cuts if cut is not None]
