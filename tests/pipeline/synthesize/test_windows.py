"""The windows of a document, in order, are the document; their borders are line ends; each fits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import pack_texts
from filters.tokens.encoder import Encoder
from pipeline.synthesize.windows import Window, plan_windows

from .material import CODE, TEXTS


def count_tokens(texts: list[str], encoder: Encoder) -> list[int]:
    return np.diff(encoder.encode(pack_texts([text.encode() for text in texts])).offsets).tolist()


def windows_of(texts: list[str], context: int, encoder: Encoder, *, at_blocks: bool = False) -> list[Window]:
    rooms = [context] * len(texts)
    return plan_windows(
        texts, count_tokens(texts, encoder), rooms=rooms, encoder=encoder, at_blocks=at_blocks
    )


@settings(deadline=None)
@given(texts=st.lists(TEXTS, max_size=4), repeat=st.integers(1, 5), at_blocks=st.booleans())
def test_windows_cover_each_document_in_order(
    encoder: Encoder, texts: list[str], repeat: int, at_blocks: bool
) -> None:
    texts = [text * repeat for text in texts]
    windows = windows_of(texts, 64, encoder, at_blocks=at_blocks)
    assert [(w.document, w.part) for w in windows] == sorted({(w.document, w.part) for w in windows})
    for document, text in enumerate(texts):
        own = [window for window in windows if window.document == document]
        assert "".join(text[window.start : window.end] for window in own) == text
        assert [window.part for window in own] == list(range(len(own)))
        assert all(window.start < window.end for window in own)


@settings(deadline=None)
@given(text=TEXTS, repeat=st.integers(1, 5), at_blocks=st.booleans())
def test_windows_fit_and_never_split_a_line_end(
    encoder: Encoder, text: str, repeat: int, at_blocks: bool
) -> None:
    text *= repeat
    windows = windows_of([text], 64, encoder, at_blocks=at_blocks)
    tokens = count_tokens([text[window.start : window.end] for window in windows], encoder)
    # Atoms are counted apart; joined they can differ by what merges across borders, well within the slack.
    assert all(count <= 64 - 4 for count in tokens)
    assert all(text[one.end - 1 : one.end + 1] != "\r\n" for one, _ in pairwise(windows))


def test_borders_are_line_ends_where_lines_are_short(encoder: Encoder) -> None:
    text = "x = 1\n" * 300
    windows = windows_of([text], 128, encoder)
    assert len(windows) > 5
    assert all(text[window.end - 1] == "\n" for window in windows)


def test_a_window_takes_as_many_lines_as_fit(encoder: Encoder) -> None:
    text = CODE * 20
    budget = 512 - 20
    windows = windows_of([text], 512, encoder)
    assert len(windows) > 3
    for one, other in pairwise(windows):
        next_line = text[other.start : text.index("\n", other.start) + 1]
        lines = [*text[one.start : one.end].splitlines(keepends=True), next_line]
        assert sum(count_tokens(lines, encoder)) > budget


def test_a_document_that_fits_is_one_window(encoder: Encoder) -> None:
    assert windows_of([CODE], 4096, encoder) == [Window(0, 0, 0, len(CODE))]


def test_an_empty_document_has_no_window(encoder: Encoder) -> None:
    assert windows_of(["", "x"], 64, encoder) == [Window(1, 0, 0, 1)]


def test_a_long_line_is_divided_between_code_points(encoder: Encoder) -> None:
    text = "漢😀é" * 4000
    windows = windows_of([text], 64, encoder)
    assert "".join(text[window.start : window.end] for window in windows) == text
    assert max(count_tokens([text[window.start : window.end] for window in windows], encoder)) <= 60


PYTHON_BLOCKS = "".join(
    f"@cached\ndef function_{n}(x):\n" + "    x += 1\n" * (n % 5) + "    return x\n\n" for n in range(40)
)
BRACE_BLOCKS = "".join(
    f"int function_{n}(int x)\r\n{{\r\n" + "\tx += 1;\r\n" * (n % 5) + "}\r\n" for n in range(40)
)


@pytest.mark.parametrize(("text", "start"), [(PYTHON_BLOCKS, "@cached\n"), (BRACE_BLOCKS, "int function_")])
def test_windows_begin_with_blocks_if_asked(encoder: Encoder, text: str, start: str) -> None:
    windows = windows_of([text], 128, encoder, at_blocks=True)
    assert len(windows) > 5
    assert all(text.startswith(start, window.start) for window in windows)
    anywhere = windows_of([text], 128, encoder)
    assert not all(text.startswith(start, window.start) for window in anywhere)
    assert len(windows) <= 2 * len(anywhere)


def test_a_window_is_more_than_half_full_where_blocks_are_short_or_none(encoder: Encoder) -> None:
    for text in ("x = 1\n\n" * 300, "def f():\n" + "    x = 1\n" * 300):
        windows = windows_of([text], 128, encoder, at_blocks=True)
        tokens = count_tokens([text[window.start : window.end] for window in windows[:-1]], encoder)
        assert min(tokens) > (128 - 20) // 2
