"""The minhash filter against datasketch and a slow, obvious reference, for every option."""

import itertools
from typing import Any

import datasketch
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.minhash import MinHash, pair_similarity
from filters.minhash_schemes import estimated_sizes, permutation_digest
from filters.shingles import TOKENS
from tests.filters.minhash_reference import TEXTS, hash32, reference, shingles, sign, signatures

ALL_ONES = np.full(32, 0xFFFFFFFF, np.uint32)
OPTIONS = [
    {"tokens": tokens, "scheme": scheme, "shingle_hash": shingle_hash, "short": short}
    for tokens, scheme, shingle_hash, short in itertools.product(
        TOKENS, ("affine32", "legacy", "prime32"), ("fast", "sha1", "xxh32"), ("one-shingle", "none")
    )
    if tokens != "code" or shingle_hash == "fast"
]


@settings(deadline=None)
@given(TEXTS, st.sampled_from([(1, 1, 1), (16, 2, 7), (33, 5, 1), (256, 5, 42)]))
def test_signatures_are_datasketchs(texts: list[str], setting: tuple[int, int, int]) -> None:
    num_perm, ngram, seed = setting
    fltr = MinHash(num_perm=num_perm, ngram=ngram, seed=seed)
    assert sign(texts, fltr) == [reference(text, fltr) for text in texts]


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.sampled_from(OPTIONS), st.integers(1, 6), st.integers(0, 4))
def test_every_option_agrees_with_the_reference(
    texts: list[str], options: dict[str, Any], ngram: int, min_words: int
) -> None:
    fltr = MinHash(num_perm=9, ngram=ngram, seed=3, min_words=min_words, **options)
    assert sign(texts, fltr) == [reference(text, fltr) for text in texts]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options.values()))
def test_long_documents_agree_with_the_reference(options: dict[str, Any]) -> None:
    text = " ".join(f"word{number % 97}.. é{number}" for number in range(700))
    repeated = "a " * 1024 + "b"  # the kernel's block is just full
    fltr = MinHash(num_perm=17, **options)
    assert sign([text, repeated], fltr) == [reference(text, fltr), reference(repeated, fltr)]


@pytest.mark.parametrize(
    ("tokens", "text", "n_shingles", "n_words"),
    [
        ("words", "", 0, 0),
        ("words", "a-b", 1, 2),
        ("words", "a b c d e", 1, 5),
        ("words", "größe 漢字 a", 1, 3),
        ("code", "a_b <<= größe;", 2, 6),
        ("code", "a.b->c()", 4, 8),
        ("code", " \t\n\0\x7f", 0, 0),
        ("ascii-words", "größe 漢字 a", 1, 3),
        ("ascii-words", "漢字", 0, 0),
        ("ascii-split", "", 1, 0),  # one empty token
        ("ascii-split", "....", 1, 0),
        ("ascii-split", "a....b", 1, 2),
        ("ascii-split", "a漢字é😀b", 1, 2),  # a character is one separator, whatever its bytes
        ("ascii-split", "a.....b", 2, 2),
        ("unicode-lower", "Größe 漢字!! a", 1, 3),
        ("unicode-lower", "İ", 1, 1),  # in lower case an i and a dot that is no letter
    ],
)
def test_tokens_are_counted(tokens: str, text: str, n_shingles: int, n_words: int) -> None:
    (row,) = sign([text], MinHash(num_perm=4, tokens=tokens))
    assert (row["n_shingles"], row["n_words"]) == (n_shingles, n_words)


def test_case_counts_unless_a_recipe_lowers_it() -> None:
    for tokens in TOKENS:
        upper, lower = signatures(["Let A be b c", "let a be b c"], MinHash(tokens=tokens))
        assert (upper == lower).all() == (tokens == "unicode-lower")


def test_operators_tell_code_apart_if_tokens_are_those_of_code() -> None:
    texts = ["if a_b < c: return a_b + 1", "if a_b > c: return a_b - 1"]
    words, code = (signatures(texts, MinHash(tokens=tokens)) for tokens in ("words", "code"))
    assert (words[0] == words[1]).all()
    assert (code[0] == code[1]).mean() < 0.1


def test_scripts_hashes_do_not_go_with_tokens_that_scripts_do_not_know() -> None:
    with pytest.raises(ValueError, match=r"tokens = \"code\" goes with shingle_hash = \"fast\""):
        MinHash(tokens="code", shingle_hash="sha1")


def test_short_documents_have_a_shingle_or_none() -> None:
    counts = [row["n_shingles"] for row in sign(["a b", "a b c"], MinHash(ngram=3, short="none"))]
    assert counts == [0, 1]
    counts = [row["n_shingles"] for row in sign(["a b", "a b c"], MinHash(ngram=3))]
    assert counts == [1, 1]


@pytest.mark.parametrize("shingle_hash", ["fast", "sha1"])
def test_documents_below_min_words_have_an_empty_set(shingle_hash: str) -> None:
    fltr = MinHash(num_perm=32, ngram=1, min_words=3, shingle_hash=shingle_hash)
    rows = sign(["a b", "a b c", "a a a"], fltr)
    assert [(row["n_shingles"], row["n_words"]) for row in rows] == [(0, 2), (3, 3), (3, 3)]
    assert rows[0]["minhash"] == ALL_ONES.tobytes()


def test_document_without_words_has_an_empty_set() -> None:
    row = sign(["", " .,;\n"], MinHash(num_perm=32))
    assert [r["n_shingles"] for r in row] == [0, 0]
    assert row[1]["minhash"] == ALL_ONES.tobytes()


def test_short_documents_are_found_equal_only_when_they_are() -> None:
    first, same, other = signatures(["a, b!", "a b", "b a"], MinHash())
    assert (first == same).all()
    assert not (first == other).any()


def test_case_and_letters_beyond_ascii_tell_documents_apart() -> None:
    left, *others = signatures(["let größe = a;", "let Größe = a;", "let große = a;"], MinHash())
    assert all((left == other).mean() < 0.05 for other in others)


def test_similarity_estimates_the_jaccard_index() -> None:
    words = [f"w{number}" for number in range(3000)]
    texts, fltr = [" ".join(words[:2000]), " ".join(words[1000:])], MinHash()
    similarity = pair_similarity(signatures(texts, fltr), np.array([0, 0]), np.array([1, 0]))
    sets = [{hash32(shingle, fltr) for shingle in shingles(text, fltr)} for text in texts]
    exact = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    assert abs(similarity[0] - exact) < 4 * (exact * (1 - exact) / 256) ** 0.5
    assert similarity[1] == 1.0


@pytest.mark.parametrize("scheme", ["affine32", "legacy", "prime32"])
def test_estimated_size_is_datasketchs(scheme: str) -> None:
    texts = ["", "a b c d e", " ".join(f"w{number}" for number in range(1004))]
    own = signatures(texts, MinHash(scheme=scheme))
    sizes = estimated_sizes(own)
    expected = [datasketch.MinHash(hashvalues=row, scheme="legacy").count() for row in own]
    assert sizes.tolist() == pytest.approx(expected)
    assert sizes[0] == 0.0
    assert 700 < sizes[2] < 1300


def test_permutation_digest_names_scheme_seed_and_number() -> None:
    settings_ = itertools.product((16, 32), (1, 2), ("affine32", "legacy", "prime32"))
    assert len({permutation_digest(*setting) for setting in settings_}) == 12
    assert permutation_digest(256, 1, "affine32") == "2459354ff2fb81eb96b811ec7f3d06be"


@pytest.mark.parametrize(("left", "right"), [([0], [2]), ([-1], [0]), ([0, 1], [0])])
def test_pairs_outside_the_table_are_refused(left: list[int], right: list[int]) -> None:
    with pytest.raises(ValueError, match=r"within 2|make pairs"):
        pair_similarity(np.zeros((2, 4), np.uint32), np.array(left), np.array(right))


@pytest.mark.parametrize(
    "fields",
    [{"num_perm": 0}, {"ngram": 0}, {"ngram": 65}, {"seed": -1}, {"min_words": -1}]
    + [{name: "other"} for name in ("tokens", "short", "scheme", "shingle_hash")],
)
def test_fields_outside_their_range_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="="):
        MinHash(**fields)
