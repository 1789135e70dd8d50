"""Samples are their documents, hold the planned control ids, and depend on nothing else."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import pack_texts
from filters.tokens.encoder import Encoder
from pipeline.keyed import keyed_hash
from pipeline.shards.sidecar import SIDECAR
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.samples import Samples, synthesize
from pipeline.synthesize.sentinels import Sentinels, resolve_sentinels

from .laws import check_batch
from .material import (
    CODE,
    DIALECTS,
    KINDS,
    LITERALS,
    SHAPES,
    TEXTS,
    Sample,
    documents,
    fim,
    make,
    split_samples,
)

HALF = {"rate": 0.5, "max_lines": 3}
EDGES = (
    "x",
    "no newline at the end",
    "a\rb\rc\r",
    "a\r\n\r\n  b\r\nc\r\n",
    "a = 1\u2028b = 2\u2029\x85\x0c\nc\n",
    "e\u0301\U0001f469\u200d\U0001f4bb = 'e\u0301'\n" * 9,
    " \n\t\n\n   \n",
    "\n",
    "\x00\x00\n",
    CODE,
    CODE * 4,
    "".join(LITERALS),
    "\n".join(LITERALS) * 20,
)


@pytest.mark.parametrize("dialect", SHAPES)
@settings(deadline=None, max_examples=40)
@given(texts=st.lists(TEXTS, max_size=4), seed=st.integers(0, 2**63 - 1), context=st.sampled_from([64, 200]))
def test_samples_are_their_windows(
    encoder: Encoder, dialect: str, texts: list[str], seed: int, context: int
) -> None:
    config = fim(dialect, context=context, half_written=HALF)
    samples = make(documents(texts, encoder), config, encoder, seed)
    check_batch(split_samples(samples), texts, config, encoder)
    assert samples.counts["empty_documents"] == texts.count("")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_edge_documents_keep_every_law(encoder: Encoder, dialect: str, kind: str) -> None:
    config = fim(dialect, kinds={kind: 1.0}, rate=1.0, half_written=HALF, context=300)
    samples = split_samples(make(documents(EDGES, encoder), config, encoder))
    check_batch(samples, EDGES, config, encoder)


def test_samples_do_not_depend_on_batches_or_order(encoder: Encoder) -> None:
    texts = [*EDGES, *(CODE[shift:] * 3 for shift in range(0, 200, 17))]
    config = fim(half_written=HALF)
    docs = documents(texts, encoder)
    whole = by_key(make(docs, config, encoder))
    shuffled = list(range(len(texts)))
    random.Random(3).shuffle(shuffled)
    assert by_key(make(docs.take(shuffled), config, encoder)) == whole
    one_by_one = [by_key(make(docs.slice(index, 1), config, encoder)) for index in shuffled]
    assert {key: sample for part in one_by_one for key, sample in part.items()} == whole


def by_key(samples: Samples) -> dict[tuple[bytes, int], Sample]:
    return {(sample.row["doc_id"], sample.row["part"]): sample for sample in split_samples(samples)}


def test_the_order_of_keys_in_the_recipe_changes_nothing(encoder: Encoder) -> None:
    docs = documents([CODE[shift:] for shift in range(60)], encoder)
    config = fim(half_written=HALF)
    turned = fim(
        half_written=HALF,
        orders=dict(reversed(config.orders.items())),
        kinds=dict(reversed(config.kinds.items())),
    )
    assert np.array_equal(make(docs, config, encoder).tokens, make(docs, turned, encoder).tokens)


def test_the_seed_is_the_key_of_the_cut_and_another_seed_cuts_elsewhere(encoder: Encoder) -> None:
    docs = documents([CODE * 4], encoder)
    one, other = make(docs, fim(), encoder, 1), make(docs, fim(), encoder, 2)
    for row in one.sidecar.to_pylist():
        assert row["seed"] == keyed_hash(1, row["doc_id"], row["part"], "cut")
    assert not np.array_equal(one.tokens, other.tokens)


def test_the_sidecar_has_its_schema_and_the_documents_columns(encoder: Encoder) -> None:
    docs = documents(["a\n", "", "b\n"], encoder)
    docs = docs.set_column(docs.schema.get_field_index("lang"), "lang", docs["lang"].dictionary_encode())
    sidecar = make(docs, fim(), encoder).sidecar
    assert sidecar.schema.equals(SIDECAR)
    assert sidecar["repo"].to_pylist() == ["repo-0", "repo-2"]
    assert sidecar["path"].to_pylist() == ["path-0", "path-2"]
    assert sidecar["lang"].to_pylist() == ["Python", "Python"]


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_nothing_in_gives_nothing_out(encoder: Encoder, texts: list[str]) -> None:
    samples = make(documents(texts, encoder), fim(), encoder)
    assert len(samples.tokens) == samples.sidecar.num_rows == 0
    assert samples.tokens.dtype == np.int32
    assert samples.sidecar.schema.equals(SIDECAR)
    assert samples.counts["empty_documents"] == len(texts)


@pytest.mark.parametrize("kind", ["line", "lines"])
def test_no_middle_stops_where_a_window_breaks_off_inside_a_line(encoder: Encoder, kind: str) -> None:
    text = ("a = 1\n" + "value " * 40 + "\n") * 20
    config = fim(context=128, rate=1.0, kinds={kind: 1.0})
    rows = make(documents([text], encoder), config, encoder).sidecar.to_pylist()
    cut = [row for row in rows if row["kind"] == kind]
    assert len(cut) > 5
    assert any(text[row["window_end"] - 1] != "\n" for row in cut)
    assert all("\n" in text[row["cut_end"] - 1 : row["cut_end"] + 1] for row in cut)


def test_kinds_without_a_place_become_random_and_are_counted(encoder: Encoder) -> None:
    samples = make(documents(["x"] * 3, encoder), fim(rate=1.0, kinds={"lines": 1.0}), encoder)
    assert samples.sidecar["kind"].to_pylist() == ["random"] * 3
    assert samples.counts["lines_fell_back"] == 3
    assert samples.counts["fell_back_to_plain"] == 0


def test_fim_neox_leaves_windows_of_two_characters_plain(encoder: Encoder) -> None:
    samples = make(
        documents(["ab", "abc"], encoder), fim("fim-neox", rate=1.0, kinds={"random": 1.0}), encoder
    )
    assert samples.sidecar["kind"].to_pylist() == ["plain", "random"]
    assert samples.counts["random_fell_back"] == samples.counts["fell_back_to_plain"] == 1


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "é" * 300_000, " " * 300_000, "\n" * 100_000, "\r" * 50_000]
)
def test_a_huge_hostile_document_is_covered(encoder: Encoder, text: str) -> None:
    rows = make(documents([text], encoder), fim(context=2048, half_written=HALF), encoder).sidecar.to_pylist()
    assert rows[0]["window_start"] == 0
    assert rows[-1]["window_end"] == len(text)
    assert all(one["window_end"] == two["window_start"] for one, two in pairwise(rows))
    assert max(row["n_tokens"] for row in rows) <= 2048


def test_a_tokenizer_that_makes_control_ids_of_text_is_refused(encoder: Encoder) -> None:
    dialect = load_dialect("starcoder")
    letter = int(encoder.encode(pack_texts([b"e"])).ids[0])
    sentinels = resolve_sentinels(dialect, fim(), encoder)
    with pytest.raises(ValueError, match="control id"):
        synthesize(
            documents(["e"], encoder),
            fim=fim(),
            dialect=dialect,
            sentinels=Sentinels(letter, sentinels.suffix, sentinels.middle, sentinels.pad, sentinels.eot),
            encoder=encoder,
            seed=0,
        )
