"""The presets' signatures against BigCode's scripts, each retold as a slow reference."""

import hashlib
import re
import tomllib
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import datasketch
import numpy as np
import pytest
import xxhash
from hypothesis import given, settings

from filters.minhash import MinHash
from tests.filters.minhash_reference import TEXTS, sign, signatures

PRESETS: dict[str, dict[str, Any]] = tomllib.loads(
    files("pipeline").joinpath("dedup_presets.toml").read_text(encoding="utf-8")
)
Signature = np.ndarray[tuple[int, ...], np.dtype[Any]]
LONG = "\n".join(
    f"def größe_{number % 50}(x):  # {number}!\n\treturn Ärger[{number}]" for number in range(300)
)


def pieces(text: str) -> list[str]:
    return re.split("[^A-Za-z_0-9]", text)


def windows(tokens: list[str]) -> set[str]:
    return {" ".join(tokens[at : at + 5]) for at in range(len(tokens) - 4)}


def the_stack(text: str) -> Signature | None:
    words = [piece for piece in pieces(text) if piece.strip()]
    if len(words) < 10:
        return None
    sketch = datasketch.MinHash(num_perm=256, scheme="legacy")
    for word in set(words):
        sketch.update(word.encode())
    return sketch.hashvalues


def santacoder_alt(text: str) -> Signature | None:
    tokens = pieces(text)
    sketch = datasketch.MinHash(num_perm=256, seed=42, scheme="legacy")
    sketch.update_batch([shingle.encode() for shingle in windows(tokens) or {" ".join(tokens)}])
    return sketch.hashvalues


def starcoder(text: str) -> Signature | None:
    shingles = windows(pieces(text))
    if not shingles:
        return None
    prime, draw = (1 << 61) - 1, np.random.RandomState(42)
    rows = []
    hashes = [int.from_bytes(hashlib.sha1(s.encode()).digest()[:4], "little") for s in shingles]
    for _ in range(256):
        a = int(draw.randint(1, prime, dtype=np.uint64))
        b = int(draw.randint(0, prime, dtype=np.uint64))
        rows.append(min((value * a + b) % 2**64 % prime % 2**32 for value in hashes))
    return np.array(rows)


def the_stack_v2(text: str) -> Signature | None:
    tokens = re.split(r"\W", text.lower())
    if len(tokens) < 5:
        return None
    prime, draw = 4_294_967_291, np.random.RandomState(42)
    a = draw.randint(1, prime, size=250, dtype=np.uint32)
    b = draw.randint(0, prime, size=250, dtype=np.uint32)
    hashes = np.array([xxhash.xxh32_intdigest(shingle.encode()) for shingle in windows(tokens)], np.uint32)
    return ((np.outer(hashes, a) + b) % np.uint32(prime)).min(axis=0)


SCRIPTS: dict[str, Callable[[str], Signature | None]] = {
    "the-stack": the_stack,
    "santacoder-alt": santacoder_alt,
    "starcoder": starcoder,
    "the-stack-v2": the_stack_v2,
}
every_script = pytest.mark.parametrize("name", SCRIPTS)


def assert_equal(name: str, texts: list[str]) -> None:
    fltr = MinHash(**PRESETS[name]["minhash"])
    expected = [SCRIPTS[name](text) for text in texts]
    assert [row["n_shingles"] == 0 for row in sign(texts, fltr)] == [row is None for row in expected]
    for own, row in zip(signatures(texts, fltr), expected, strict=True):
        assert (own == (0xFFFFFFFF if row is None else row)).all()


@every_script
@settings(deadline=None, max_examples=30)
@given(texts=TEXTS.filter(bool))
def test_signatures_are_those_of_bigcodes_script(name: str, texts: list[str]) -> None:
    assert_equal(name, texts)


@every_script
def test_signatures_of_source_text_are_those_of_bigcodes_script(name: str) -> None:
    assert_equal(name, [LONG, LONG[:40], "a b c d", "a b c d e", "a b c d e f g h i j", ""])


@pytest.mark.parametrize("name", PRESETS)
def test_bands_of_a_preset_fit_its_signature(name: str) -> None:
    fltr = MinHash(**PRESETS[name]["minhash"])
    bands, rows = PRESETS[name]["dedup"]["bands"]
    assert 0 <= fltr.num_perm - bands * rows < 10


@pytest.mark.parametrize("name", SCRIPTS)
def test_bands_of_a_recipe_are_datasketchs_choice(name: str) -> None:
    preset = PRESETS[name]
    lsh = datasketch.MinHashLSH(
        threshold=preset["dedup"]["threshold"], num_perm=preset["minhash"]["num_perm"]
    )
    assert [lsh.b, lsh.r] == preset["dedup"]["bands"]


def test_code_finds_95_of_100_pairs_at_its_threshold() -> None:
    (bands, rows), threshold = PRESETS["code"]["dedup"]["bands"], PRESETS["code"]["dedup"]["threshold"]
    assert 1 - (1 - threshold**rows) ** bands >= 0.95
