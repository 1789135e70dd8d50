"""Dialects are data; a wrong name, order or tokenizer is refused before any work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from filters.tokens.encoder import Encoder
from pipeline.synthesize.dialects import check_fim, load_dialect
from pipeline.synthesize.layout import ORDERS
from pipeline.synthesize.sentinels import resolve_sentinels, special_tokens

from .material import DIALECTS, fim


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_loads_and_has_known_orders(name: str) -> None:
    dialect = load_dialect(name)
    assert dialect.name == name
    assert dialect.orders
    assert set(dialect.orders) <= set(ORDERS)


def test_an_unknown_dialect_names_the_nearest_and_all() -> None:
    with pytest.raises(
        ValueError, match=r"'starcodr'.*'starcoder'.*refact, santacoder, seed-coder, starcoder"
    ):
        load_dialect("starcodr")


def test_an_order_that_the_dialect_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"psm.*'fim-neox'.*spm-v1"):
        check_fim(fim("fim-neox", orders={"psm": 0.5, "spm-v1": 0.5}), load_dialect("fim-neox"))


@pytest.mark.parametrize("name", DIALECTS)
def test_orders_of_the_dialect_pass(name: str) -> None:
    check_fim(fim(name), load_dialect(name))


def test_starcoder_special_tokens_stand_in_the_order_of_its_ids() -> None:
    assert special_tokens(load_dialect("starcoder"), fim()) == [
        "<|endoftext|>",
        "<fim_prefix>",
        "<fim_middle>",
        "<fim_suffix>",
        "<fim_pad>",
    ]


def test_special_tokens_name_a_shared_token_once() -> None:
    tokens = special_tokens(load_dialect("fim-neox"), fim("fim-neox"))
    assert tokens == ["<|endoftext|>", "<|PRE|>", "<|MID|>", "<|SUF|>"]


@pytest.mark.parametrize("name", DIALECTS)
def test_sentinels_are_the_ids_of_their_texts(name: str, encoder: Encoder) -> None:
    dialect = load_dialect(name)
    sentinels = resolve_sentinels(dialect, fim(name), encoder)
    for role in ("prefix", "suffix", "pad", "eot"):
        assert getattr(sentinels, role) == encoder.token_id(getattr(dialect, role))
    for role in ("middle", "bos"):
        text = getattr(dialect, role)
        assert getattr(sentinels, role) == (encoder.token_id(text) if text else None)


def test_missing_sentinels_are_each_named(bare_encoder: Encoder) -> None:
    with pytest.raises(
        ValueError, match=r"prefix '<fim_prefix>', suffix.*middle.*pad '<fim_pad>'; set fim.add_sentinels"
    ) as error:
        resolve_sentinels(load_dialect("starcoder"), fim(), bare_encoder)
    assert "eot" not in str(error.value)


def test_fim_neox_uses_its_unused_rows_where_the_tokenizer_lacks_the_sentinels(bare_encoder: Encoder) -> None:
    sentinels = resolve_sentinels(load_dialect("fim-neox"), fim("fim-neox"), bare_encoder)
    assert (sentinels.suffix, sentinels.prefix, sentinels.middle) == (50277, 50278, 50279)
    assert sentinels.pad == sentinels.eot == bare_encoder.token_id("<|endoftext|>")


class _LargeVocabulary:
    """A tokenizer in which the fixed ids of FIM-NeoX are ordinary tokens."""

    vocab_size = 65_000

    def token_id(self, token: str) -> int | None:
        return 0 if token == "<|endoftext|>" else None


def test_a_fixed_id_that_the_tokenizer_uses_is_refused() -> None:
    with pytest.raises(ValueError, match=r"65000 entries.*<\|PRE\|>"):
        resolve_sentinels(load_dialect("fim-neox"), fim("fim-neox"), _LargeVocabulary())


class _OneIdForAll:
    """A tokenizer that knows every sentinel by the same id."""

    vocab_size = 10

    def token_id(self, token: str) -> int | None:
        return 3


def test_sentinels_that_share_an_id_are_refused() -> None:
    with pytest.raises(ValueError, match="share an id"):
        resolve_sentinels(load_dialect("starcoder"), fim(), _OneIdForAll())


OWN = {
    "prefix": "<P>",
    "suffix": "<S>",
    "middle": "<M>",
    "pad": "<E>",
    "eot": "<E>",
    "orders": ["psm"],
    "controls": ["<F>"],
    "metadata": {"front": {"path": ["<F>", "{path}\n"]}},
    "context": {"front": {"file": ["<F>", "{path}\n{text}"]}},
}


def write_dialect(folder: Path, changes: dict[str, Any]) -> str:
    """A TOML file of the dialect with changes (None: without the key); returns its path."""
    content = {key: value for key, value in (OWN | changes).items() if value is not None}
    lines = [f"{key} = {json.dumps(value)}" for key, value in content.items() if not isinstance(value, dict)]
    for table in ("metadata", "context"):
        for place, forms in content.get(table, {}).items():
            lines += [f"[{table}.{place}]", *(f"{part} = {json.dumps(form)}" for part, form in forms.items())]
    path = folder / "mine.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_a_dialect_of_ones_own_is_a_toml_file(tmp_path: Path) -> None:
    dialect = load_dialect(write_dialect(tmp_path, {}))
    assert dialect.name == "mine"
    assert (dialect.prefix, dialect.orders, dialect.controls) == ("<P>", ("psm",), ("<F>",))
    assert load_dialect(write_dialect(tmp_path, {"eot": "<X>"})) != dialect


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"middle": None}, "middle: Field required"),
        ({"midle": "<M>"}, "midle: Extra inputs"),
        ({"orders": []}, "orders"),
        ({"orders": ["spm"]}, "orders.0"),
        ({"middle": ""}, "without a middle sentinel only spm-v1"),
        (
            {"metadata": {"front": {"path": ["<F>{path}"]}}},
            r"metadata\.front\.path: make '<F>' in '<F>\{path\}' an item",
        ),
        (
            {"metadata": {"front": {"path": ["{text}"]}}},
            r"'\{text\}' has \['text'\]; it may have \{path\}",
        ),
        ({"metadata": {"front": {"path": ["{path.__class__}"]}}}, "it may have"),
        ({"context": {"front": {"end": ["<F>"]}}}, "give `file` at exactly one place"),
        ({"context": {place: {"file": ["{text}"]} for place in ("front", "header")}}, "exactly one place"),
    ],
)
def test_a_wrong_dialect_file_is_refused_with_its_key(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = write_dialect(tmp_path, changes)
    with pytest.raises(ValueError, match=message) as error:
        load_dialect(path)
    assert path in str(error.value)


def test_a_dialect_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_bytes(b"prefix = \xff")
    with pytest.raises(ValueError, match="not valid TOML"):
        load_dialect(str(tmp_path / "odd.toml"))


METADATA = {"repository": 0.1, "path": 0.2, "stars": 0.0}
CONTEXT = {"rate": 0.5, "max_tokens": 16, "order": "imports"}


@pytest.mark.parametrize(
    ("dialect", "changes", "message"),
    [
        (
            "granite",
            {"metadata": METADATA},
            r"fim\.metadata\.repository = 0\.1, but dialect 'granite' has no",
        ),
        ("starcoder2", {"metadata": METADATA | {"stars": 0.2}}, r"fim\.metadata\.stars = 0\.2"),
        ("starcoder", {"repository": CONTEXT}, r"fim\.repository is set, but dialect 'starcoder' has no"),
        ("mellum", {"repository": CONTEXT | {"max_tokens": 49}}, r"max_tokens = 49 leaves .*at most 48"),
        (
            "mellum",
            {"languages": {"Go": {"orders": {"psm": 1.0}}}},
            r"fim\.languages\.Go\.orders asks for psm",
        ),
    ],
)
def test_what_a_dialect_has_no_form_for_is_refused(
    dialect: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_fim(fim(dialect, **changes), load_dialect(dialect))


def test_metadata_of_no_share_and_a_context_that_fits_pass() -> None:
    nothing = dict.fromkeys(METADATA, 0.0)
    check_fim(fim("granite", metadata=nothing), load_dialect("granite"))
    check_fim(fim("mellum", repository=CONTEXT | {"max_tokens": 48}), load_dialect("mellum"))


def test_only_control_tokens_that_the_recipe_uses_are_needed(bare_encoder: Encoder) -> None:
    dialect = load_dialect("starcoder")
    assert dialect.lead_tokens(fim()) == ()
    wanted = fim(metadata={"repository": 0.0, "path": 0.2, "stars": 0.2})
    assert dialect.lead_tokens(wanted) == ("<filename>", "<gh_stars>")
    assert special_tokens(dialect, wanted)[-2:] == ["<filename>", "<gh_stars>"]
    with pytest.raises(ValueError, match=r"lead '<filename>', lead '<gh_stars>'; set"):
        resolve_sentinels(dialect, wanted, bare_encoder)


def test_end_of_text_may_stand_between_the_files_of_a_context(encoder: Encoder) -> None:
    config = fim("codegemma", context=512, repository=CONTEXT)
    sentinels = resolve_sentinels(load_dialect("codegemma"), config, encoder)
    assert sentinels.lead == {"<|file_separator|>": sentinels.eot}


class _FiveTokens:
    """A tokenizer that knows every token of the dialect below, each by an id of its own."""

    vocab_size = 10

    def token_id(self, token: str) -> int | None:
        return ["<P>", "<S>", "<M>", "<E>", "<F>"].index(token)


@pytest.mark.parametrize(
    "changes", [{"pad": "<P>"}, {"pad": "<F>"}, {"eot": "<S>"}, {"bos": "<E>"}, {"controls": ["<F>", "<M>"]}]
)
def test_only_pad_may_share_an_id_and_only_that_of_end_of_text(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = fim("mellum", context=512, repository=CONTEXT)
    assert resolve_sentinels(load_dialect(write_dialect(tmp_path, {})), config, _FiveTokens()).pad == 3
    forms = {"front": {"file": ["<F>", "{text}", "<M>"]}} if "controls" in changes else OWN["context"]
    dialect = load_dialect(write_dialect(tmp_path, changes | {"context": forms}))
    with pytest.raises(ValueError, match="share an id"):
        resolve_sentinels(dialect, config, _FiveTokens())
