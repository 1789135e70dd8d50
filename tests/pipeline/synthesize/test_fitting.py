"""Samples that turn out too long are narrowed at their far ends; middles and ends of text never suffer."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.tokens.encoder import Encoder

from .laws import check_sample
from .material import CODE, DIALECTS, TEXTS, documents, fim, make, split_samples

HALF = {"rate": 0.5, "max_lines": 3}


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None, max_examples=40)
@given(texts=st.lists(TEXTS.filter(bool), min_size=1, max_size=3), repeat=st.integers(1, 20))
def test_windows_that_turn_out_too_long_are_narrowed(
    encoder: Encoder, dialect: str, texts: list[str], repeat: int
) -> None:
    """The token counts lie, so that every document is one window, whatever its length."""
    texts = [text * repeat for text in texts]
    config = fim(dialect, context=64, half_written=HALF)
    samples = make(documents(texts, encoder, n_tokens=[1] * len(texts)), config, encoder)
    found = split_samples(samples)
    assert [sample.row["part"] for sample in found] == [0] * len(texts)
    for sample, text in zip(found, texts, strict=True):
        check_sample(sample, text, config, encoder)
        assert sample.row["window_start"] < sample.row["window_end"]
    narrower = [
        (sample.row["window_start"], sample.row["window_end"]) != (0, len(text))
        for sample, text in zip(found, texts, strict=True)
    ]
    assert samples.counts["shrunk"] == sum(narrower)


def test_a_narrowed_window_is_nearly_full_and_prefers_whole_lines(encoder: Encoder) -> None:
    text = CODE * 30
    config = fim(context=256, rate=1.0, kinds={"line": 1.0})
    sample = split_samples(make(documents([text], encoder, n_tokens=[1]), config, encoder))[0]
    assert sample.row["n_tokens"] > 200
    assert text[sample.row["window_start"] - 1] == text[sample.row["window_end"] - 1] == "\n"


def test_only_what_exceeds_the_context_is_narrowed(encoder: Encoder) -> None:
    """A digit is a token, so 63 digits and end-of-text fill a context of 64."""
    docs = documents(["1" * 63, "1" * 64], encoder, n_tokens=[1, 1])
    samples = make(docs, fim(context=64, rate=0.0), encoder)
    assert samples.sidecar["n_tokens"].to_pylist() == [64, 64]
    assert samples.sidecar["window_start"].to_pylist() == [0, 1]
    assert samples.counts["shrunk"] == 1


def test_narrowing_keeps_as_much_before_the_cursor_as_after_it(encoder: Encoder) -> None:
    config = fim(context=64, rate=1.0, kinds={"line": 1.0})
    docs = documents(["1\n" * 600], encoder, n_tokens=[1])
    for seed in range(20):
        (row,) = make(docs, config, encoder, seed).sidecar.to_pylist()
        before, after = row["cut_start"] - row["window_start"], row["window_end"] - row["cut_end"]
        if 60 < row["cut_start"] < 1140:
            assert abs(before - after) <= 2


def test_a_middle_that_cannot_fit_makes_the_sample_plain(encoder: Encoder) -> None:
    text = "漢字" * 200 + "\n"
    config = fim(context=64, rate=1.0, kinds={"line": 1.0})
    docs = documents([text + "x = 1"], encoder, n_tokens=[1])
    found = [make(docs, config, encoder, seed) for seed in range(40)]
    kinds = Counter(samples.sidecar["kind"][0].as_py() for samples in found)
    assert set(kinds) == {"plain", "line"}
    assert sum(samples.counts["fell_back_to_plain"] for samples in found) == kinds["plain"]
