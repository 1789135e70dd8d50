"""Asked against drawn: the test statistic, and mixes over languages."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from scipy.stats import chisquare

from pipeline.agreement import agreement, asked_kinds, asked_orders
from pipeline.config import Fim, LanguageFim

FIM = Fim(
    dialect="starcoder",
    rate=0.5,
    orders={"psm": 1.0, "spm-v2": 3.0},
    kinds={"random": 1.0, "line": 1.0},
    context=512,
    languages={"python": LanguageFim(rate=1.0, kinds={"empty": 1.0})},
)


def test_statistic_and_p_are_those_of_pearson() -> None:
    asked, drawn = {"a": 0.2, "b": 0.3, "c": 0.5}, {"a": 260, "b": 290, "c": 450}
    result = agreement(asked, drawn)
    statistic, p = chisquare([260, 290, 450], [200, 300, 500])
    assert result["chi_square"] == pytest.approx(statistic)
    assert result["p"] == pytest.approx(p)
    assert result["degrees_of_freedom"] == 2


def test_right_draws_agree_and_wrong_ones_do_not() -> None:
    draw = random.Random(1)
    right = Counter(draw.choices("abc", [0.2, 0.3, 0.5], k=20_000))
    assert agreement({"a": 0.2, "b": 0.3, "c": 0.5}, right)["p"] > 0.01
    assert agreement({"a": 0.25, "b": 0.25, "c": 0.5}, right)["p"] < 1e-6


def test_drawing_what_was_never_asked_for_does_not_agree() -> None:
    assert agreement({"a": 1.0, "b": 0.0}, {"a": 10**6, "b": 1})["p"] == 0.0
    assert agreement({"a": 1.0, "b": 0.0}, {"a": 10**6, "b": 0})["p"] == 1.0
    assert agreement({"a": 1.0}, {})["p"] == 1.0


def test_asked_shares_follow_the_languages_of_the_samples() -> None:
    assert asked_kinds(FIM, {"Java": 30, "C": 10}) == {
        "empty": 0.0,
        "plain": 0.5,
        "random": 0.25,
        "line": 0.25,
    }
    mixed = asked_kinds(FIM, {"Java": 75, "Python": 25})
    assert mixed == pytest.approx({"plain": 0.375, "random": 0.1875, "line": 0.1875, "empty": 0.25})
    assert asked_orders(FIM, {"Python": 1})["spm-v2"] == pytest.approx(0.75)


def test_a_run_without_samples_asks_what_the_recipe_says_of_any_language() -> None:
    assert asked_orders(FIM, {}) == pytest.approx({"none": 0.5, "psm": 0.125, "spm-v2": 0.375})
