"""Fertility counts tokens and code points as the tokenizer's own library and Python do."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import annotate, filter_class
from filters.fertility import Fertility
from filters.size import count_code_points
from filters.text import pack_texts
from filters.tokens.encoder import reference_tokenizer
from filters.tokens.vocabulary import byte_alphabet
from pipeline.recipe import check_predicate

DOCUMENTS = ["", "def", "é中🙂", "x = 1\n" * 20, "<eot> def"]


@pytest.fixture(scope="module")
def tokenizer_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A byte-level tokenizer with two merges and a special token."""
    vocab = {character: byte for byte, character in enumerate(byte_alphabet())} | {"de": 256, "def": 257}
    special = {"id": 258, "content": "<eot>", "special": True, "normalized": False}
    flags = {"single_word": False, "lstrip": False, "rstrip": False}
    config = {
        "added_tokens": [special | flags],
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {"type": "BPE", "vocab": vocab, "merges": [["d", "e"], ["de", "f"]]},
    }
    path = tmp_path_factory.mktemp("fertility") / "tokenizer.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return str(path)


def test_signals_of_known_documents(tokenizer_path: str) -> None:
    signals = Fertility(tokenizer=tokenizer_path)(pa.table({"content": DOCUMENTS}))
    assert signals.schema == Fertility.schema
    assert signals["n_tokens"].to_pylist() == [0, 1, 9, 120, 7]
    assert signals["chars_per_token"].to_pylist() == [0.0, 3.0, 3 / 9, 1.0, 9 / 7]


@settings(deadline=None)
@given(texts=st.lists(st.text(max_size=30), max_size=5))
def test_tokens_and_characters_are_those_of_the_library_and_of_python(
    texts: list[str], tokenizer_path: str
) -> None:
    reference = reference_tokenizer(tokenizer_path)
    signals = Fertility(tokenizer=tokenizer_path)(pa.table({"content": pa.array(texts, pa.string())}))
    counts = [len(reference.encode(text, add_special_tokens=False).ids) for text in texts]
    assert signals["n_tokens"].to_pylist() == counts
    packed = pack_texts([text.encode() for text in texts])
    assert count_code_points(packed.data, packed.offsets).tolist() == [*map(len, texts)]


def test_chunks_and_slices_do_not_change_signals(tokenizer_path: str) -> None:
    fertility = Fertility(tokenizer=tokenizer_path)
    whole = fertility(pa.table({"content": DOCUMENTS}))
    chunked = pa.table({"content": pa.chunked_array([DOCUMENTS[:2], DOCUMENTS[2:]])})
    assert fertility(chunked).equals(whole)
    assert fertility(chunked.slice(1, 3)).equals(whole.slice(1, 3))


def test_filter_is_registered_and_annotates(tokenizer_path: str) -> None:
    assert filter_class("fertility") is Fertility
    table = annotate(Fertility(tokenizer=tokenizer_path))(pa.table({"content": DOCUMENTS, "lang": ["x"] * 5}))
    assert table.column_names == ["content", "lang", "n_tokens", "chars_per_token"]


def test_null_content_is_an_error(tokenizer_path: str) -> None:
    with pytest.raises(ValueError, match="1 nulls"):
        Fertility(tokenizer=tokenizer_path)(pa.table({"content": ["a", None]}))


def test_missing_tokenizer_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = str(tmp_path / "absent.json")
    with pytest.raises(ValueError, match=r"absent\.json"):
        Fertility(tokenizer=path)(pa.table({"content": ["a"]}))


BY_LANGUAGE = (
    "chars_per_token >= case lang when 'Python' then 2.5 when 'Java' then 2.9 when 'JavaScript' then 2.6 "
    "else 0 end"
)
"""SantaCoder's thresholds, as docs/filters/fertility.md writes them."""


def test_thresholds_by_language_are_one_predicate() -> None:
    languages, ratios = ["Python", "Java", "JavaScript", "C"], [2.5, 2.6, 2.9]
    rows = [(language, ratio) for language in languages for ratio in ratios]
    signals = pl.DataFrame(rows, schema=["lang", "chars_per_token"], orient="row")
    check_predicate("select.fertility", BY_LANGUAGE, signals.clear(), "")
    least = {"Python": 2.5, "Java": 2.9, "JavaScript": 2.6, "C": 0}
    kept = [(language, ratio) for language, ratio in rows if ratio >= least[language]]
    assert signals.filter(pl.sql_expr(BY_LANGUAGE)).rows() == kept


def test_thresholds_by_language_stand_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs/filters/fertility.md").read_text(encoding="utf-8")
    assert " ".join(BY_LANGUAGE.split()) in " ".join(page.split())
