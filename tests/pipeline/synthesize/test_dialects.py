"""Dialects are data; a wrong name, order or tokenizer is refused before any work."""

from __future__ import annotations

import pytest

from filters.tokens.encoder import Encoder
from pipeline.synthesize.dialects import check_fim, load_dialect, resolve_sentinels, special_tokens
from pipeline.synthesize.layout import ORDERS

from .material import DIALECTS, fim


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_loads_and_has_known_orders(name: str) -> None:
    dialect = load_dialect(name)
    assert dialect.name == name
    assert dialect.orders
    assert set(dialect.orders) <= set(ORDERS)


def test_an_unknown_dialect_names_the_nearest_and_all() -> None:
    with pytest.raises(ValueError, match=r"'starcodr'.*'starcoder'.*fim-neox, refact, santacoder, starcoder"):
        load_dialect("starcodr")


def test_an_order_that_the_dialect_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"psm.*'fim-neox'.*spm-v1"):
        check_fim(fim("fim-neox", orders={"psm": 0.5, "spm-v1": 0.5}), load_dialect("fim-neox"))


@pytest.mark.parametrize("name", DIALECTS)
def test_orders_of_the_dialect_pass(name: str) -> None:
    check_fim(fim(name), load_dialect(name))


def test_starcoder_special_tokens_stand_in_the_order_of_its_ids() -> None:
    assert special_tokens(load_dialect("starcoder")) == [
        "<|endoftext|>",
        "<fim_prefix>",
        "<fim_middle>",
        "<fim_suffix>",
        "<fim_pad>",
    ]


def test_special_tokens_name_a_shared_token_once() -> None:
    assert special_tokens(load_dialect("fim-neox")) == ["<|endoftext|>", "<|PRE|>", "<|MID|>", "<|SUF|>"]


@pytest.mark.parametrize("name", DIALECTS)
def test_sentinels_are_the_ids_of_their_texts(name: str, encoder: Encoder) -> None:
    dialect = load_dialect(name)
    sentinels = resolve_sentinels(dialect, encoder)
    for role in ("prefix", "suffix", "middle", "pad", "eot"):
        assert getattr(sentinels, role) == encoder.token_id(getattr(dialect, role))


def test_missing_sentinels_are_each_named(bare_encoder: Encoder) -> None:
    with pytest.raises(
        ValueError, match=r"prefix '<fim_prefix>', suffix.*middle.*pad '<fim_pad>'; add"
    ) as error:
        resolve_sentinels(load_dialect("starcoder"), bare_encoder)
    assert "eot" not in str(error.value)


def test_fim_neox_uses_its_unused_rows_where_the_tokenizer_lacks_the_sentinels(bare_encoder: Encoder) -> None:
    sentinels = resolve_sentinels(load_dialect("fim-neox"), bare_encoder)
    assert (sentinels.suffix, sentinels.prefix, sentinels.middle) == (50277, 50278, 50279)
    assert sentinels.pad == sentinels.eot == bare_encoder.token_id("<|endoftext|>")


class _LargeVocabulary:
    """A tokenizer in which the fixed ids of FIM-NeoX are ordinary tokens."""

    vocab_size = 65_000

    def token_id(self, token: str) -> int | None:
        return 0 if token == "<|endoftext|>" else None


def test_a_fixed_id_that_the_tokenizer_uses_is_refused() -> None:
    with pytest.raises(ValueError, match=r"65000 entries.*<\|PRE\|>"):
        resolve_sentinels(load_dialect("fim-neox"), _LargeVocabulary())


class _OneIdForAll:
    """A tokenizer that knows every sentinel by the same id."""

    vocab_size = 10

    def token_id(self, token: str) -> int | None:
        return 3


def test_sentinels_that_share_an_id_are_refused() -> None:
    with pytest.raises(ValueError, match="share an id"):
        resolve_sentinels(load_dialect("starcoder"), _OneIdForAll())
