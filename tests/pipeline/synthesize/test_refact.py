"""Refact's four splitters draw exactly what docs/fim.md says they do."""

from __future__ import annotations

from collections import defaultdict

from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.cuts import Cut, Limits
from pipeline.synthesize.refact import refact_cut

WHOLE = Limits((0, 0), 5, whole_end=True)
TEXT = "ab\n\ncde\n \r\nf"
ROWS = [("ab", 3), ("", 1), ("cde", 4), (" ", 3), ("f", 1)]  # bodies, and lengths with the end
STARTS = [0, 3, 4, 8, 11]

Chances = dict[Cut | None, float]


def one_row(splitter: str, row: int) -> Chances:
    """The chances of one splitter's cuts once a row is drawn, written out from the guide."""
    body, length = len(ROWS[row][0]), ROWS[row][1]
    if splitter == "inside":
        pairs = [(a, b) for a in range(body) for b in range(body)] if length >= 3 else []
        places = [(min(pair), max(pair)) for pair in pairs]
    elif splitter == "to-end":
        places = [(min(a, body), body) for a in range(length)]
    elif splitter == "over":
        blank = [later for later in range(row + 1, len(ROWS)) if not ROWS[later][0].strip()]
        ends = [STARTS[n] + len(ROWS[n][0]) for n in blank[:1] or range(row + 1, len(ROWS))]
        places = [(min(a, body), end - STARTS[row]) for end in ends for a in range(length)]
    else:
        places = [(a, a) for a in range(body)]
    chances: Chances = defaultdict(float)
    for start, end in places:
        chances[Cut(STARTS[row] + start, STARTS[row] + end)] += 1 / len(places)
    return chances or {None: 1.0}


def expected() -> Chances:
    total = sum(length for _, length in ROWS)
    chances: Chances = defaultdict(float)
    splitters = [("inside", 0.2, 3), ("to-end", 0.399, 3), ("over", 0.4, 3), ("none", 0.001, 1)]
    for splitter, share, tries in splitters:
        once: Chances = defaultdict(float)
        for row, (_, length) in enumerate(ROWS):
            for cut, chance in one_row(splitter, row).items():
                once[cut] += chance * length / total
        failing = once.pop(None, 0.0)
        for cut, chance in once.items():
            chances[cut] += share * chance * sum(failing**attempt for attempt in range(tries))
        chances[None] += share * failing**tries
    return chances


def test_every_cut_comes_as_often_as_it_should() -> None:
    draws = 40_000
    got: dict[Cut | None, int] = defaultdict(int)
    for number in range(draws):
        got[refact_cut(TEXT, Rng(keyed_hash(0, b"", number, "refact")), WHOLE)] += 1
    chances = expected()
    assert abs(sum(chances.values()) - 1) < 1e-9
    assert set(got) <= set(chances)
    common = {cut: chance * draws for cut, chance in chances.items() if chance * draws >= 5}
    assert len(common) == 32
    chi_square = sum((got[cut] - count) ** 2 / count for cut, count in common.items())
    assert chi_square < 62.5  # 32 degrees of freedom, p = 0.001


def test_a_single_row_has_no_place() -> None:
    for text in ("", "abc", "abc\n"):
        assert {refact_cut(text, Rng(seed), WHOLE) for seed in range(20)} == {None}


def test_a_row_that_the_window_breaks_off_is_left_alone() -> None:
    limits = WHOLE._replace(whole_end=False)
    cuts = [refact_cut("ab\ncd\nefghijklmnop", Rng(seed * 7919), limits) for seed in range(200)]
    assert max(cut.end for cut in cuts if cut) == 5


def test_a_blank_row_33_rows_on_ends_the_middle_and_one_beyond_does_not() -> None:
    for following, lasts in [(32, {33}), (33, set(range(1, 33)))]:
        text = "a\n" + "b\n" * following + "\n" + "c\n" * 40
        cuts = [refact_cut(text, Rng(keyed_hash(0, b"", seed, "far")), WHOLE) for seed in range(10_000)]
        ends = {text[: cut.end].count("\n") for cut in cuts if cut and cut.start < 2 <= cut.end}
        assert ends <= lasts
        assert ends
