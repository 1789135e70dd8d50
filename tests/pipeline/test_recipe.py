"""Reading recipes: overrides, and every way in which a recipe can be wrong, told before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.recipe import ALWAYS_ON, filters_of, load_recipe, order_term
from tests.pipeline.stack import write_recipe

CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.toml"))


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    return write_recipe(tmp_path, tmp_path / "corpus")


def refusal(path: Path, *overrides: str) -> str:
    """What load_recipe says of a wrong recipe."""
    with pytest.raises(ValueError, match=r".+") as raised:
        load_recipe(path, overrides)
    return str(raised.value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_recipes_that_are_shipped_load(path: Path) -> None:
    assert load_recipe(path).name


def test_at_least_two_recipes_are_shipped() -> None:
    assert len(CONFIGS) >= 2


def test_name_is_the_files_own_unless_given(recipe_file: Path, tmp_path: Path) -> None:
    text = recipe_file.read_text(encoding="utf-8").replace('name = "small"\n', "")
    (tmp_path / "other.toml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "other.toml").name == "other"
    assert load_recipe(recipe_file).name == "small"


def test_missing_recipe_is_named(tmp_path: Path) -> None:
    assert f"there is no recipe {tmp_path / 'none.toml'}" in refusal(tmp_path / "none.toml")


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[source]\npath = \n", encoding="utf-8")
    assert "line 2" in refusal(tmp_path / "broken.toml")


@pytest.mark.parametrize(
    ("override", "key", "nearest"),
    [
        ("fim.contxt=512", "fim.contxt", "context"),
        ("sorce.path=x", "sorce", "source"),
        ("tokenizer.train.vocab_sise=600", "tokenizer.train.vocab_sise", "vocab_size"),
        ("select.dedup.treshold=0.5", "select.dedup.treshold", "threshold"),
        ("fim.half_written.rat=0.1", "fim.half_written.rat", "rate"),
    ],
)
def test_unknown_key_names_the_nearest(recipe_file: Path, override: str, key: str, nearest: str) -> None:
    assert f"{key}: unknown key; did you mean {nearest!r}?" in refusal(recipe_file, override)


def test_unknown_key_like_no_other_lists_what_is_known(recipe_file: Path) -> None:
    assert "shards.xyzzy: unknown key; known are sequence_length" in refusal(recipe_file, "shards.xyzzy=1")


def test_unknown_filter_is_named_with_those_that_exist(recipe_file: Path) -> None:
    message = refusal(recipe_file, "filters.licence.policy=permissive-strict")
    assert "there is no filter 'licence'" in message
    assert "license, stars" in message


def test_unknown_field_of_a_filter_names_the_nearest(recipe_file: Path) -> None:
    message = refusal(recipe_file, "filters.minhash.ngrams=5")
    assert "filters.minhash.ngrams: unknown field; did you mean 'ngram'?" in message


def test_value_that_a_filter_refuses_is_told_with_its_filter(recipe_file: Path) -> None:
    assert "filters.minhash: num_perm = 0" in refusal(recipe_file, "filters.minhash.num_perm=0")
    message = refusal(recipe_file, "filters.minhash.num_perm='many'")
    assert "filters.minhash.num_perm: Input should be a valid integer" in message
    assert "found 'many'" in message


def test_gate_over_a_text_signal_is_sent_to_select(recipe_file: Path) -> None:
    message = refusal(recipe_file, "gate.size=size_bytes > 3")
    assert "gate.size: no filter gives the column 'size_bytes'" in message
    assert "move it to [select]" in message
    assert load_recipe(recipe_file, ["select.size=size_bytes > 3"]).select.where["size"] == "size_bytes > 3"


def test_unknown_column_names_the_nearest(recipe_file: Path) -> None:
    message = refusal(recipe_file, "select.comments=coment_ratio > 0.01")
    assert "did you mean 'comment_ratio'?" in message
    assert "[filters.NAME]" in message


def test_unknown_column_of_the_keep_order_is_refused(recipe_file: Path) -> None:
    message = refusal(recipe_file, 'select.dedup.keep=["starz desc"]')
    assert "select.dedup.keep: no filter gives the column 'starz'; did you mean 'stars'?" in message


@pytest.mark.parametrize(
    ("predicate", "problem"),
    [
        ("stars >", "is not SQL"),
        ("nosuch(stars) > 1", "is not SQL"),
        ("stars <= 500_000", "write numbers without underscores"),
        ("stars > 'many'", "cannot be evaluated"),
        ("stars", "is Int64, not a yes or no"),
        ("SUM(stars) > 10", "sums up many documents"),
        ("stars > AVG(stars)", "sums up many documents"),
    ],
)
def test_predicate_that_could_not_run_is_refused_before_any_work(
    recipe_file: Path, predicate: str, problem: str
) -> None:
    message = refusal(recipe_file, f"select.odd={predicate}")
    assert f"select.odd: {predicate!r}" in message
    assert problem in message


@pytest.mark.parametrize("predicate", ["TRUE", "stars IN (1, 2)", "license = '10_000'", "stars / 0 > 1"])
def test_odd_but_sound_predicates_are_taken(recipe_file: Path, predicate: str) -> None:
    assert load_recipe(recipe_file, [f"select.odd={predicate}"]).select.where["odd"] == predicate


def test_dedup_without_signatures_is_refused(recipe_file: Path, tmp_path: Path) -> None:
    text = recipe_file.read_text(encoding="utf-8")
    start, end = text.index("[filters.minhash]"), text.index("[gate]")
    (tmp_path / "bare.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    assert "add [filters.minhash] with num_perm, ngram and seed" in refusal(tmp_path / "bare.toml")


def test_all_problems_of_values_are_told_at_once(recipe_file: Path) -> None:
    message = refusal(
        recipe_file, "fim.rate=1.5", "shards.validation=-1", "fim.contxt=3", "tokenizer.train=7"
    )
    for key in ("fim.rate", "shards.validation", "fim.contxt", "tokenizer.train"):
        assert f"\n  {key}: " in message
    assert "(found 1.5)" in message


def test_all_problems_of_predicates_are_told_at_once(recipe_file: Path) -> None:
    message = refusal(recipe_file, "gate.a=comment_ratio > 1", "select.b=stars >", 'select.dedup.keep=["c"]')
    for key in ("gate.a", "select.b", "select.dedup.keep"):
        assert f"\n  {key}: " in message


def test_all_problems_of_filters_are_told_at_once(recipe_file: Path) -> None:
    message = refusal(recipe_file, "filters.starz={}", "filters.minhash.ngram=0", "filters.license.polcy=1")
    for part in ("'starz'", "filters.minhash: ngram = 0", "filters.license.polcy"):
        assert part in message


@pytest.mark.parametrize(
    ("override", "section"),
    [
        ("source.env=true", "source"),
        ("source.hub=bigcode/the-stack-dedup", "source"),
        ("tokenizer.file=tokenizer.json", "tokenizer"),
    ],
)
def test_two_kinds_of_a_section_are_refused(recipe_file: Path, override: str, section: str) -> None:
    assert f"\n  {section}: give exactly one of" in refusal(recipe_file, override)


def test_context_longer_than_a_row_is_refused(recipe_file: Path) -> None:
    message = refusal(recipe_file, "fim.context=1024")
    assert "fim.context = 1024 is more than shards.sequence_length = 512" in message


def test_weights_that_are_all_zero_are_refused(recipe_file: Path) -> None:
    assert "orders needs at least one positive weight" in refusal(recipe_file, "fim.orders={psm = 0}")


def test_overrides_are_read_as_toml_or_else_as_text(recipe_file: Path) -> None:
    recipe = load_recipe(
        recipe_file,
        [
            "shards.seed=9",
            "engine.split_bytes=1_000",  # a section that the file does not have
            "source.path=/data/it's here",
            'source.languages=["Python", "C"]',
            "fim.orders={psm = 1.0}",
            "gate.stars=stars >= 5",  # the second = belongs to the value
        ],
    )
    assert recipe.shards.seed == 9
    assert recipe.engine.split_bytes == 1000
    assert recipe.source.path == "/data/it's here"
    assert recipe.source.languages == ("Python", "C")
    assert recipe.fim.orders == {"psm": 1.0}
    assert recipe.gate["stars"] == "stars >= 5"
    assert recipe.gate["license"] == "license_class = 'permissive'"


def test_override_without_a_value_is_refused(recipe_file: Path) -> None:
    assert "has no '='" in refusal(recipe_file, "shards.seed")


def test_override_inside_a_value_is_refused(recipe_file: Path) -> None:
    assert "seed is a value, not a table" in refusal(recipe_file, "shards.seed.low=1")


def test_filters_of_every_run_are_always_there(recipe_file: Path) -> None:
    filters = filters_of(load_recipe(recipe_file), "my-tokenizer.json")
    assert set(ALWAYS_ON) < set(filters)
    assert getattr(filters["fertility"], "tokenizer") == "my-tokenizer.json"  # noqa: B009 — Filter does not have it
    assert getattr(filters["minhash"], "num_perm") == 128  # noqa: B009


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stars desc", ("stars", True)),
        ("stars DESC", ("stars", True)),
        ("doc_id asc", ("doc_id", False)),
        ("doc_id", ("doc_id", False)),
        (" stars + 1 ", ("stars + 1", False)),
    ],
)
def test_order_terms_tell_their_direction(text: str, expected: tuple[str, bool]) -> None:
    assert order_term(text) == expected
