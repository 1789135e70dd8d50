"""The encoded filter against the three regular expressions of the StarCoder2 paper."""

import re
import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.encoded import Encoded
from tests.filters.hostile_texts import HOSTILE, rows

PATTERNS = [
    re.compile(r"[a-zA-Z0-9+/\n=]{64,}"),
    re.compile(r"(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}"),
    re.compile(r"(?:\\u[0-9a-fA-F]{4}){8,}"),
]
PIECES = [
    *["41", "ab,", "ff ", "0x4f", "0x4f,", "0XAB ", "\\x41", "\\x4g", "0x4", "4", "41, ", ",", " ", "\n"],
    *["\r\n", "\t", "\x1c", "\x85", "\u3000", "\u2003", "\u00a0", "_", "é", "漢", "\U0001f600", "²", "x"],
    *["\\", ".", "\\u00e9", "\\u00E", "\\U00e9", "\\\\u00e9", "QUJD", "A" * 62, "+/=", "\0", "-"],
]


def reference(text: str) -> dict[str, float]:
    covered: set[int] = set()
    longest, shares = 0, []
    for pattern in PATTERNS:
        spans = [match.span() for match in pattern.finditer(text)]
        covered.update(place for span in spans for place in range(*span))
        longest = max([longest, *(end - start for start, end in spans)])
        shares.append(sum(end - start for start, end in spans) / max(len(text), 1))
    return dict(zip(Encoded.schema.names, [len(covered) / max(len(text), 1), longest, *shares], strict=True))


mixtures = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).flatmap(
    lambda some: st.lists(st.sampled_from(some), max_size=60).map("".join)
)


@settings(deadline=None, max_examples=400)
@given(st.lists(st.one_of(mixtures, st.text()), min_size=1, max_size=8))
@example(["41," * 8, "41," * 7 + "41", "41," * 7, "g41 " + "41," * 8, "41, " * 9, "0x41," * 8 + ","])
@example(["\\x41" * 8, "a\\x41" * 8, "41\\x41" * 4, "z" + "\\x41" * 8, "41\u3000" * 8 + "é", "é" + "41 " * 9])
@example(["41," * 7 + "4141," + "41," * 8, "41 41,," + "41," * 8, "41\n" * 30, "\\u00e9" * 8 + "\\u00e"])
@example(
    ["41," * 7 + "41" + after for after in ["é", "²", "漢", "_", "-", "\u3000", "\u00a0", "", "\\", "g"]]
)
@example(["A" * 63, "A" * 64, "A" * 63 + "\n", "é" + "A" * 70 + "-" + "A" * 64, "A" * 63 + "é" + "A" * 63])
def test_any_text_measures_as_the_regular_expressions_do(texts: list[str]) -> None:
    assert rows(Encoded(), texts) == [reference(text) for text in texts]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_measure_as_the_regular_expressions_do(text: str) -> None:
    assert rows(Encoded(), [text]) == [reference(text)]


def test_standard_library_measures_as_the_regular_expressions_do() -> None:
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-e]*.py"))[:50]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in paths]
    assert len(texts) > 20
    assert rows(Encoded(), texts) == [reference(text) for text in texts]


def test_a_row_ends_where_the_document_ends() -> None:
    halves = rows(Encoded(), ["A" * 40, "A" * 40, "41," * 4, "41," * 4])
    assert [row["encoded_fraction"] for row in halves] == [0.0] * 4


def test_characters_and_not_bytes_are_counted() -> None:
    row = rows(Encoded(), ["é" * 10 + "-" + "41\u3000" * 8 + "." + "é" * 10])[0]
    assert (row["longest_encoded_chars"], row["hex_fraction"]) == (24, 24 / 46)


def test_overlapping_matches_count_once_in_the_union() -> None:
    row = rows(Encoded(), ["ab\n" * 30])[0]
    assert (row["encoded_fraction"], row["base64_fraction"], row["hex_fraction"]) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    "piece", ["41,", "\\x41", "\\u00e9", "\\u00e", "A" * 63 + "-", "0x", "a ", "\u3000", "41,g"]
)
def test_five_megabytes_of_one_piece_take_linear_time(piece: str) -> None:
    text = piece * (5_000_000 // len(piece.encode()))
    whole, part = rows(Encoded(), [text, text[: len(piece) * 1000]])
    assert whole["encoded_fraction"] == pytest.approx(part["encoded_fraction"], abs=1e-3)


def test_one_line_of_fifty_megabytes_is_one_match() -> None:
    row = rows(Encoded(), ["A" * 50_000_000])[0]
    assert (row["longest_encoded_chars"], row["encoded_fraction"]) == (50_000_000, 1.0)


def test_text_of_lone_surrogates_never_reaches_the_filter() -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        pa.array(["\ud800"], pa.large_string())
