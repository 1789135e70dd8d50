"""The automaton for fixed strings, and the filters that use it: generated, config_test, sentinels; xml."""

import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.config_test import ConfigTest
from filters.generated import Generated
from filters.markers import marker_phrases
from filters.needles import compile_needles, count_needles, first_lines_ends
from filters.sentinels import Sentinels, sentinel_strings
from filters.text import pack_texts
from filters.xml_header import Xml
from tests.filters.hostile_texts import HOSTILE, rows

LINE_ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
MARKERS = [*marker_phrases("generated"), *marker_phrases("config_test"), *marker_phrases("keywords")]
WORDS = [
    *MARKERS,
    "config",
    "test",
    "=",
    "auto",
    "generated",
    "tes",
    "a",
    "K",
    "\u212a",
    "İ",
    "é",
    "漢",
    " ",
    "\0",
    "\x84",
]
texts_of_lines = st.lists(st.sampled_from([*WORDS, *map(str.upper, WORDS), *LINE_ENDS * 2]), max_size=40)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.lists(st.text("abé", min_size=1, max_size=4), max_size=3, unique=True), min_size=1, max_size=4
    ),
    st.lists(st.text("abé"), max_size=4),
)
def test_strings_are_counted_as_by_str_count(groups: list[list[str]], texts: list[str]) -> None:
    counts = count_needles(pack_texts([text.encode() for text in texts]), compile_needles(groups))
    expected = [[sum(text.count(needle) for needle in group) for text in texts] for group in groups]
    assert counts.tolist() == expected


def test_a_string_does_not_overlap_itself_but_may_overlap_others() -> None:
    counts = count_needles(pack_texts([b"testest", b"estest", b"test"]), compile_needles([["test"], ["est"]]))
    assert counts.tolist() == [[1, 1, 1], [2, 2, 1]]


def test_case_is_ignored_for_ascii_letters_only() -> None:
    texts = pack_texts(["aB É".encode(), b"AB", b"ab"])
    assert count_needles(texts, compile_needles([["ab"]], ignore_case=True)).tolist() == [[1, 1, 1]]
    assert count_needles(texts, compile_needles([["aB"]])).tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("needle", ["", "Ab", "é", "key", "alibi"])
def test_strings_whose_lower_case_is_not_that_of_ascii_are_refused(needle: str) -> None:
    with pytest.raises(ValueError, match="in any case"):
        compile_needles([[needle]], ignore_case=True)


def test_only_two_characters_become_ascii_in_lower_case() -> None:
    """What `compile_needles` relies on: U+0130 becomes "i" and a dot, U+212A becomes "k"."""
    beyond = (chr(code_point) for code_point in range(0x80, 0x110000))
    assert [c for c in beyond if any(low < "\x80" for low in c.lower())] == ["\u0130", "\u212a"]


@settings(deadline=None, max_examples=300)
@given(st.lists(texts_of_lines.map("".join), max_size=5), st.integers(1, 6))
def test_first_lines_are_those_of_splitlines(texts: list[str], lines: int) -> None:
    packed = pack_texts([text.encode() for text in texts])
    sizes = first_lines_ends(packed.data, packed.offsets, lines) - packed.offsets[:-1]
    heads = [text.encode()[:size].decode() for text, size in zip(texts, sizes, strict=True)]
    assert [head.splitlines() for head in heads] == [text.splitlines()[:lines] for text in texts]


def generated_reference(text: str) -> str:
    head = [line.lower() for line in text.splitlines()[:5]]
    return next((m for m in marker_phrases("generated") if any(m in line for line in head)), "")


def config_test_reference(text: str) -> dict[str, object]:
    lines = [line.lower() for line in text.splitlines()]
    markers = marker_phrases("config_test")
    counted = {
        "n_config": ("config",),
        "n_test": ("test",),
        "n_assignments": ("=",),
        "n_keywords": marker_phrases("keywords"),
    }
    return {
        "config_test_marker": next((m for m in markers if any(m in line for line in lines[:5])), ""),
        **{name: sum(line.count(n) for line in lines for n in needles) for name, needles in counted.items()},
        "n_newlines": text.count("\n"),
    }


@settings(deadline=None, max_examples=300)
@given(st.lists(texts_of_lines.map("".join), min_size=1, max_size=5))
def test_markers_and_counts_are_those_of_code_parrots_loops(texts: list[str]) -> None:
    assert [row["generated_marker"] for row in rows(Generated(), texts)] == [*map(generated_reference, texts)]
    assert rows(ConfigTest(), texts) == [*map(config_test_reference, texts)]


@settings(deadline=None, max_examples=200)
@given(texts_of_lines.map("".join), st.sampled_from([0.05, 0.2, 1.0]))
def test_code_parrots_decisions_are_predicates(text: str, coefficient: float) -> None:
    row = rows(ConfigTest(), [text])[0]
    threshold = int(coefficient * text.count("\n"))
    lines = [line.lower() for line in text.splitlines()]
    config, test = (sum(line.count(word) for line in lines) for word in ("config", "test"))
    marked = any(m in line for line in lines[:5] for m in marker_phrases("config_test"))
    limit = coefficient * row["n_newlines"]
    ours = row["config_test_marker"] != "" or row["n_config"] > limit or row["n_test"] > limit
    assert ours == (marked or config > threshold or test > threshold)


def test_phrases_are_those_of_code_parrot_and_starcoder2() -> None:
    code_parrot = ("auto-generated", "autogenerated", "automatically generated")
    assert marker_phrases("generated") == (*code_parrot, "generated automatically", "this file is generated")
    assert marker_phrases("config_test") == ("unit tests", "test file", "configuration file")
    assert marker_phrases("keywords") == ("def ", "class ", "for ", "while ")


def test_a_phrase_of_code_parrots_wins_over_the_others() -> None:
    both = "this file is generated automatically\nautogenerated\n"
    assert rows(Generated(), [both]) == [{"generated_marker": "autogenerated"}]


BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff"


def sentinels_reference(text: str) -> dict[str, int]:
    distinctive, everyday = sentinel_strings()
    return {
        "n_sentinels": sum(text.count(token) for token in distinctive),
        "n_everyday_sentinels": sum(text.count(token) for token in everyday),
        "n_bidi_controls": sum(character in BIDI for character in text),
        "n_zero_width": sum(character in ZERO_WIDTH for character in text.removeprefix("\ufeff")),
        "n_tag_characters": sum("\U000e0000" <= character <= "\U000e007f" for character in text),
    }


TOKENS = [token for group in sentinel_strings() for token in group]
token_pieces = st.one_of(
    st.sampled_from(TOKENS),
    st.sampled_from(TOKENS).map(lambda token: token[:-1]),
    st.sampled_from([*BIDI, *ZERO_WIDTH, "\U000e0000", "\U000e007f", "\U000e0080", "\u200a", "<", "|", "é"]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.lists(token_pieces, max_size=30).map("".join), min_size=1, max_size=4))
def test_tokens_and_invisible_characters_are_counted(texts: list[str]) -> None:
    assert rows(Sentinels(), texts) == [*map(sentinels_reference, texts)]


def test_every_token_of_every_dialect_is_known() -> None:
    dialects = (Path(__file__).parents[2] / "pipeline" / "synthesize" / "dialects").glob("*.toml")
    names = ("prefix", "suffix", "middle", "pad", "eot")
    spelled = {
        tomllib.loads(path.read_text(encoding="utf-8")).get(name) for path in dialects for name in names
    }
    # "▁" before a token is SentencePiece's sign of a space; it is no part of what a text spells.
    tokens = {text.removeprefix("▁") for text in spelled if isinstance(text, str) and text}
    assert len(tokens) > 8
    assert tokens - set(TOKENS) == set()


def test_each_family_lists_a_token_once() -> None:
    table = tomllib.loads((files("filters") / "data" / "sentinels.toml").read_text(encoding="utf-8"))
    assert all(len(set(tokens)) == len(tokens) for tokens in table["families"].values())
    assert len(table["families"]) > 15


XML_PIECES = ["<?xml version=", "<?xml", "<", "é", "\U0001f600", " version="]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(st.sampled_from(XML_PIECES), max_size=90).map("".join)))
def test_position_of_the_xml_header_is_that_of_find(texts: list[str]) -> None:
    found = [row["xml_header_at"] for row in rows(Xml(), texts)]
    assert found == [text.find("<?xml version=") for text in texts]
    dropped = [0 <= at <= 86 for at in found]
    assert dropped == ["<?xml version=" in text[:100] for text in texts]


def test_the_xml_header_is_found_at_every_distance() -> None:
    texts = ["a" * gap + "<?xml version=" for gap in range(200)]
    assert [row["xml_header_at"] for row in rows(Xml(), texts)] == [text.find("<") for text in texts]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_searched_as_in_python(text: str) -> None:
    assert rows(Generated(), [text]) == [{"generated_marker": generated_reference(text)}]
    assert rows(ConfigTest(), [text]) == [config_test_reference(text)]
    assert rows(Sentinels(), [text]) == [sentinels_reference(text)]
    assert rows(Xml(), [text]) == [{"xml_header_at": text.find("<?xml version=")}]


def test_one_line_of_fifty_megabytes_is_searched() -> None:
    text = "<|endoftext" * 4_545_454 + "<|endoftext|> config autogenerated <?xml version="
    assert rows(Sentinels(), [text])[0]["n_sentinels"] == 1
    assert rows(Generated(), [text])[0]["generated_marker"] == "autogenerated"
    assert rows(ConfigTest(), [text])[0]["n_config"] == 1
    assert rows(Xml(), [text])[0]["xml_header_at"] == len(text) - 14


def test_a_text_is_searched_apart_from_its_neighbours() -> None:
    counts = count_needles(pack_texts([b"ab", b"c", b"", b"abc"]), compile_needles([["bc"], ["abc"]]))
    assert np.array_equal(counts, [[0, 0, 0, 1], [0, 0, 0, 1]])
