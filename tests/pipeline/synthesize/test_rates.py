"""`fim.languages` changes what it names for its languages, and nothing for the others."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from pydantic import ValidationError

from filters.tokens.encoder import Encoder
from pipeline.synthesize.rates import Rates, cuts_blocks, rates_by_language

from .material import CODE, documents, fim, make

LANGUAGES = {
    "c-sharp": {"rate": 0.25},
    "go": {"kinds": {"line": 1.0}, "orders": {"spm-v2": 1.0}},
}


def test_a_key_that_is_not_given_is_as_for_all() -> None:
    settings = fim(rate=0.5, languages=LANGUAGES)
    rates = rates_by_language(settings)
    assert rates == {
        "": Rates(0.5, settings.orders, settings.kinds),
        "C#": Rates(0.25, settings.orders, settings.kinds),
        "Go": Rates(0.5, {"spm-v2": 1.0}, {"line": 1.0}),
    }


def test_a_language_alone_may_need_the_parser() -> None:
    kinds = {"line": 1.0, "block": 0.0}
    assert not cuts_blocks(fim(kinds=kinds))
    assert cuts_blocks(fim(kinds=kinds, languages={"Go": {"kinds": {"block": 1.0}}}))


def test_two_spellings_of_a_language_are_refused() -> None:
    with pytest.raises(ValueError, match="names C# twice"):
        rates_by_language(fim(languages={"c-sharp": {"rate": 0.1}, "C#": {"rate": 0.2}}))


def test_weights_that_are_all_zero_are_refused() -> None:
    with pytest.raises(ValidationError, match="positive"):
        fim(languages={"Go": {"kinds": {"line": 0.0}}})


def test_samples_follow_their_documents_language(encoder: Encoder) -> None:
    texts = [f"x{number} = 1\n{CODE}" for number in range(900)]
    labels = ["Go", "csharp", "Python"] * 300
    docs = documents(texts, encoder)
    docs = docs.set_column(docs.column_names.index("lang"), "lang", pa.array(labels, pa.string()))
    rows = make(docs, fim(rate=1.0, context=512, languages=LANGUAGES), encoder).sidecar.to_pylist()
    go, csharp, python = (
        [row for row in rows if row["lang"] == label] for label in ("Go", "csharp", "Python")
    )
    assert {(row["kind"], row["order"]) for row in go} == {("line", "spm-v2")}
    plain = Counter(row["kind"] for row in csharp)["plain"]
    assert abs(plain - 225) < 4 * (300 * 0.25 * 0.75) ** 0.5
    assert {row["kind"] for row in python} == {"random", "empty", "line", "lines"}
    assert {row["order"] for row in python} == {"psm", "spm-v2"}


def test_naming_other_languages_changes_no_sample(encoder: Encoder) -> None:
    docs = documents([f"y{number} = 2\n{CODE}" for number in range(50)], encoder)
    plain, named = (make(docs, fim(context=512, languages=own), encoder) for own in ({}, LANGUAGES))
    assert plain.tokens.tobytes() == named.tokens.tobytes()
