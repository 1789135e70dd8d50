"""`block`, `refact-v2` and the units of `random` in whole samples: every law, every rule, what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.tokens.encoder import Encoder
from pipeline.shards.rules import KINDS
from pipeline.synthesize import kinds
from pipeline.synthesize.token_places import token_places

from .laws import check_batch
from .material import CODE, TEXTS, documents, fim, make, split_samples
from .rules import line_table
from .test_samples import EDGES, HALF

VARIANTS: dict[str, dict[str, Any]] = {
    "block": {"kinds": {"block": 1.0}},
    "refact-v2": {"kinds": {"refact-v2": 1.0}},
    "tokens": {"kinds": {"random": 1.0}, "unit": "token"},
    "lines": {"kinds": {"random": 1.0}, "unit": "line"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("context", [64, 300])
def test_edge_documents_keep_every_law(encoder: Encoder, variant: str, context: int) -> None:
    config = fim(rate=1.0, half_written=HALF, context=context, **VARIANTS[variant])
    check_batch(split_samples(make(documents(EDGES, encoder), config, encoder)), EDGES, config, encoder)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(deadline=None, max_examples=25)
@given(texts=st.lists(TEXTS, max_size=4), seed=st.integers(0, 2**63 - 1))
def test_samples_are_their_windows(encoder: Encoder, variant: str, texts: list[str], seed: int) -> None:
    config = fim("fim-neox", rate=1.0, half_written=HALF, context=100, **VARIANTS[variant])
    samples = make(documents(texts, encoder), config, encoder, seed)
    check_batch(split_samples(samples), texts, config, encoder)


@pytest.mark.parametrize("variant", VARIANTS)
def test_samples_do_not_depend_on_batches(encoder: Encoder, variant: str) -> None:
    docs = documents([*EDGES, *(CODE[shift:] * 3 for shift in range(0, 200, 17))], encoder)
    config = fim(rate=1.0, context=128, **VARIANTS[variant])
    whole = make(docs, config, encoder).tokens.tolist()
    alone = [make(docs.slice(index, 1), config, encoder).tokens.tolist() for index in range(len(docs))]
    assert [token for tokens in alone for token in tokens] == whole


def test_a_block_without_a_tree_is_lines_and_counted(encoder: Encoder) -> None:
    texts = [f"n{number} = 1\n{CODE}" for number in range(40)]
    docs = documents(texts, encoder)
    language = docs.column_names.index("lang")
    config = fim(rate=1.0, kinds={"block": 1.0}, context=512)
    for label, kind, fallen in [("Befunge", "lines", 40), ("python", "block", 0)]:
        labelled = docs.set_column(language, "lang", pa.array([label] * 40, pa.string()))
        samples = make(labelled, config, encoder)
        assert set(samples.sidecar["kind"].to_pylist()) == {kind}
        assert samples.counts["block_fell_back"] == fallen
        assert samples.counts["block_parser_died"] == 0


def test_a_window_without_blocks_and_lines_is_cut_at_random(encoder: Encoder) -> None:
    samples = make(documents(["x"], encoder), fim(rate=1.0, kinds={"block": 1.0}), encoder)
    assert samples.sidecar["kind"].to_pylist() == ["random"]


def test_random_cuts_fall_between_lines_or_tokens_if_asked(encoder: Encoder) -> None:
    texts = [f"n{number} = 1\n{CODE}" for number in range(60)]
    places: dict[str, Callable[[str], list[int]]] = {
        "line": lambda text: [*(line[0] for line in line_table(text)), len(text)],
        "token": lambda text: token_places(encoder, text),
    }
    for unit, own in places.items():
        config = fim(rate=1.0, kinds={"random": 1.0}, context=512, unit=unit)
        rows = make(documents(texts, encoder), config, encoder).sidecar.to_pylist()
        for text, row in zip(texts, rows, strict=True):
            assert {row["cut_start"], row["cut_end"]} <= set(own(text))


def test_a_line_keeps_its_newline_if_asked(encoder: Encoder) -> None:
    texts = [f"n{number} = 1\r\n{CODE}" for number in range(30)]
    config = fim(rate=1.0, kinds={"line": 1.0}, context=512, line_newline=True)
    rows = make(documents(texts, encoder), config, encoder).sidecar.to_pylist()
    middles = [text[row["cut_start"] : row["cut_end"]] for text, row in zip(texts, rows, strict=True)]
    assert all(middle[-1] == "\n" and middle.count("\n") == 1 for middle in middles)


def test_blocks_may_be_half_written_to_their_end(encoder: Encoder) -> None:
    texts = [f"n{number} = 1\n{CODE}" for number in range(60)]
    half = {"rate": 1.0, "max_lines": 1, "to_block_end": 1.0}
    config = fim(rate=1.0, kinds={"line": 1.0}, context=512, half_written=half)
    rows = make(documents(texts, encoder), config, encoder).sidecar.to_pylist()
    gone = Counter(
        text[row["cut_end"] : row["cut_end"] + row["deleted"]].count("\n")
        for text, row in zip(texts, rows, strict=True)
    )
    assert max(gone) > 3


def test_the_sidecar_knows_every_kind() -> None:
    assert sorted(KINDS) == sorted([*kinds.KINDS, "plain"])
