"""Token borders from the encoder's ids are those that `tokenizers` tells, on any text."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from tokenizers import Tokenizer

from filters.text import pack_texts
from filters.tokens.encoder import Encoder, reference_tokenizer
from pipeline.keyed import Rng
from pipeline.synthesize.cuts import Cut, Limits, random_cut
from pipeline.synthesize.token_places import token_places

from .material import CODE, TEXTS


@pytest.fixture(scope="module")
def reference(encoder: Encoder) -> Tokenizer:
    return reference_tokenizer(encoder.path)


@settings(deadline=None, max_examples=200)
@given(text=TEXTS)
def test_places_are_those_of_the_reference(encoder: Encoder, reference: Tokenizer, text: str) -> None:
    assert encoder.engine == "kernel"
    offsets = reference.encode(text, add_special_tokens=False).offsets
    assert token_places(encoder, text) == sorted({0, *(end for _, end in offsets)})


def test_pieces_between_places_are_tokens(encoder: Encoder) -> None:
    ids = encoder.encode(pack_texts([CODE.encode()])).ids
    places = token_places(encoder, CODE)
    pieces = [CODE[a:b] for a, b in pairwise(places)]
    tokens = [encoder.decode(np.array([token], np.int32)) for token in ids]
    assert [piece for piece in pieces if piece.isascii()] == [token for token in tokens if token.isascii()]


@pytest.mark.parametrize(
    "text", ["", "é", "\U0001f469\u200d\U0001f4bb", "e\u0301", "\u212b", "\x00"], ids=ascii
)
def test_places_never_lie_inside_a_character_and_reach_the_end(encoder: Encoder, text: str) -> None:
    places = token_places(encoder, text)
    assert places[0] == 0
    assert places[-1] == len(text)
    assert set(places) <= set(range(len(text) + 1))


def test_text_that_is_not_normal_is_served_too(encoder: Encoder) -> None:
    text = "e\u0301 = 1"
    assert not unicodedata.is_normalized("NFC", text)
    assert token_places(encoder, text)[-1] == len(text)


def test_random_cuts_between_tokens_fall_on_borders(encoder: Encoder) -> None:
    limits = Limits((0, 0), 5, whole_end=True, places=lambda text, _: token_places(encoder, text))
    cuts = [random_cut(CODE, Rng(seed * 104_729), limits) for seed in range(2000)]
    places = {place for cut in cuts if cut for place in cut}
    assert places == set(token_places(encoder, CODE))
    assert Cut(0, 0) != cuts[0]
