"""Every kind keeps its rule on any text, and finds a place wherever there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.cuts import KINDS, Cut, Limits, deleted_chars, line_cut, lines_cut, random_cut

from .material import CODE, TEXTS
from .rules import CHECKS, check_deleted, line_table

WHOLE = Limits((0, 0), 5, whole_end=True)
SEEDS = st.integers(0, 2**64 - 1)
NONEMPTY = TEXTS.filter(bool)


@pytest.mark.parametrize("kind", KINDS)
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


def test_code_has_a_place_for_every_kind() -> None:
    assert all(cut(CODE, Rng(seed), WHOLE) is not None for cut in KINDS.values() for seed in range(200))


def _cuts(kind: Callable[[str, Rng, Limits], Cut | None], text: str, draws: int) -> list[Cut]:
    cuts = [kind(text, Rng(keyed_hash(0, b"", seed, "test")), WHOLE) for seed in range(draws)]
    assert None not in cuts
    return [cut for cut in cuts if cut is not None]
