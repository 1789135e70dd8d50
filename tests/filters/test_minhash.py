"""The MinHash kernel against datasketch and a slow, obvious reference."""

import re

import datasketch
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.minhash import MinHash, pair_similarity

MASK = (1 << 64) - 1
ALL_ONES = np.full(32, 0xFFFFFFFF, np.uint32)


def mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def word_hash(word: bytes) -> int:
    state = 0xCBF29CE484222325
    for byte in word:
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return mix(state)


def shingle_hashes(text: str, ngram: int) -> list[int]:
    words = [word_hash(word) for word in re.findall(rb"[A-Za-z0-9_\x80-\xff]+", text.encode())]
    if not words:
        return []
    windows = [words[at : at + ngram] for at in range(len(words) - ngram + 1)] or [words]
    hashes = []
    for window in windows:
        rolling = 0
        for word in window:
            rolling = (rolling * 0x9E3779B97F4A7C15 + word) & MASK
        hashes.append(mix(rolling) >> 32)
    return hashes


def reference(text: str, fltr: MinHash) -> dict[str, bytes | int]:
    hashes = shingle_hashes(text, fltr.ngram)
    sketch = datasketch.MinHash(fltr.num_perm, seed=fltr.seed, scheme="affine32", hashfunc=int)
    if hashes:
        sketch.update_batch(hashes)
    return {"minhash": sketch.hashvalues.astype("<u4").tobytes(), "n_shingles": len(hashes)}


def sign(texts: list[str], fltr: MinHash) -> list[dict[str, bytes | int]]:
    return list(fltr(pa.table({"content": pa.array(texts, pa.string())})).to_pylist())


def signatures(texts: list[str], fltr: MinHash) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    rows = [np.frombuffer(row["minhash"], "<u4") for row in sign(texts, fltr)]  # type: ignore[arg-type]
    return np.stack(rows).astype(np.uint32)


@settings(deadline=None)
@given(
    st.lists(st.text(st.sampled_from("ab_1é漢 .\n"))),
    st.sampled_from([(1, 1, 1), (16, 2, 7), (33, 5, 1), (256, 5, 42)]),
)
def test_signatures_are_datasketchs(texts: list[str], setting: tuple[int, int, int]) -> None:
    num_perm, ngram, seed = setting
    fltr = MinHash(num_perm=num_perm, ngram=ngram, seed=seed)
    assert sign(texts, fltr) == [reference(text, fltr) for text in texts]


def test_long_document_agrees_with_datasketch() -> None:
    text = " ".join(f"word{number % 97} x{number}" for number in range(2000))
    fltr = MinHash()
    assert sign([text], fltr) == [reference(text, fltr)]


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
    texts = [" ".join(words[:2000]), " ".join(words[1000:])]
    similarity = pair_similarity(signatures(texts, MinHash()), np.array([0, 0]), np.array([1, 0]))
    sets = [set(shingle_hashes(text, 5)) for text in texts]
    exact = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    assert abs(similarity[0] - exact) < 4 * (exact * (1 - exact) / 256) ** 0.5
    assert similarity[1] == 1.0


@pytest.mark.parametrize(("left", "right"), [([0], [2]), ([-1], [0]), ([0, 1], [0])])
def test_pairs_outside_the_table_are_refused(left: list[int], right: list[int]) -> None:
    with pytest.raises(ValueError, match=r"within 2|make pairs"):
        pair_similarity(np.zeros((2, 4), np.uint32), np.array(left), np.array(right))


@pytest.mark.parametrize("fields", [{"num_perm": 0}, {"ngram": 0}, {"ngram": 65}, {"seed": -1}])
def test_fields_outside_their_range_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="="):
        MinHash(**fields)
