"""Presets of dedup: each is whole, an explicit key wins, and a recipe records what was resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from filters.minhash import MinHash
from pipeline.config import Dedup
from pipeline.dedup.presets import apply_preset, load_preset, preset_names, with_preset
from pipeline.recipe import build_filter, check_predicate, load_recipe, no_signals
from tests.pipeline.stack import RECIPE, write_recipe

OWN_DEDUP = '[select.dedup]\nthreshold = 0.7\nkeep = ["stars desc", "doc_id"]\n'
OWN_MINHASH = "[filters.minhash]\nnum_perm = 128\nngram = 5\nseed = 1\n"


def with_preset_of(folder: Path, name: str, minhash: str = "") -> Path:
    """The small recipe with a preset in place of its own settings."""
    text = RECIPE.replace(OWN_DEDUP, f'[select.dedup]\npreset = "{name}"\n').replace(OWN_MINHASH, minhash)
    assert OWN_DEDUP not in text
    return write_recipe(folder, folder / "corpus", text)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_whole(name: str) -> None:
    preset = load_preset(name)
    minhash = build_filter("minhash", preset.minhash, "")
    assert isinstance(minhash, MinHash)
    dedup = Dedup.model_validate(preset.dedup)
    assert dedup.bands is not None
    assert dedup.bands[0] * dedup.bands[1] <= minhash.num_perm
    signals = no_signals([minhash])
    for key, text in preset.where.items():
        check_predicate(key, text, signals, "")


def test_the_published_recipes_are_there() -> None:
    assert set(preset_names()) >= {"code", "the-stack", "santacoder-alt", "starcoder", "the-stack-v2"}
    assert load_preset("code").dedup["verify"] == "exact"


def test_an_unknown_preset_is_refused_and_the_known_are_named(tmp_path: Path) -> None:
    recipe = with_preset_of(tmp_path, "the-stak")
    with pytest.raises(
        ValueError, match="there is no dedup preset 'the-stak'; the presets are code, the-stack"
    ):
        load_recipe(recipe)


def test_a_recipe_takes_everything_from_a_preset_and_records_it(tmp_path: Path) -> None:
    recipe = load_recipe(with_preset_of(tmp_path, "santacoder-alt"))
    preset = load_preset("santacoder-alt")
    assert recipe.filters["minhash"] == preset.minhash
    assert recipe.select.dedup == Dedup(preset="santacoder-alt", **preset.dedup)
    own = ["line_length", "comments"]
    assert list(recipe.select.where) == [*own, *preset.where]
    recorded = recipe.model_dump(mode="json")["select"]["dedup"]
    assert recorded["bands"] == [25, 10]
    assert recorded["preset"] == "santacoder-alt"


def test_explicit_keys_of_a_recipe_win(tmp_path: Path) -> None:
    path = with_preset_of(tmp_path, "santacoder-alt", "[filters.minhash]\nngram = 7\n")
    short = "select.short=n_words >= 99"
    recipe = load_recipe(path, [short, 'select.dedup.keep=["stars"]', 'select.dedup.verify="estimate"'])
    assert recipe.filters["minhash"]["ngram"] == 7
    assert recipe.filters["minhash"]["tokens"] == load_preset("santacoder-alt").minhash["tokens"]
    assert recipe.select.where["short"] == "n_words >= 99"
    assert recipe.select.dedup is not None
    assert (recipe.select.dedup.keep, recipe.select.dedup.verify) == (("stars",), "estimate")


@pytest.mark.parametrize(
    ("minhash", "dedup", "bands"),
    [
        ({}, {}, [13, 19]),
        ({}, {"threshold": 0.85}, [13, 19]),
        ({}, {"threshold": 0.6}, None),
        ({"num_perm": 64}, {}, None),
        ({"num_perm": 256}, {}, [13, 19]),
        ({}, {"threshold": 0.6, "bands": [8, 8]}, [8, 8]),
    ],
)
def test_bands_of_a_preset_hold_for_its_own_threshold_and_permutations(
    minhash: dict[str, Any], dedup: dict[str, Any], bands: list[int] | None
) -> None:
    _, resolved = with_preset(load_preset("the-stack"), minhash, dedup)
    assert resolved.get("bands") == bands


def test_a_recipe_without_preset_is_left_as_it_is() -> None:
    for recipe in ({}, {"select": {"dedup": {"threshold": 0.7}}}, {"select": 3}, {"select": {"dedup": "x"}}):
        before = repr(recipe)
        apply_preset(recipe)
        assert repr(recipe) == before


def test_predicates_gathered_under_where_get_the_presets_too() -> None:
    recipe: dict[str, Any] = {"select": {"where": {"a": "true"}, "dedup": {"preset": "santacoder-alt"}}}
    apply_preset(recipe)
    assert list(recipe["select"]["where"]) == ["a", "short"]
    assert set(recipe["select"]) == {"where", "dedup"}
