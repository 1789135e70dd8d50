"""Slow, obvious references of the minhash filter: tokens, shingles, hashes and permutations."""

from __future__ import annotations

import hashlib
import re

import datasketch
import numpy as np
import pyarrow as pa
import xxhash
from hypothesis import strategies as st

from filters.minhash import MinHash

MASK = (1 << 64) - 1
TEXTS = st.lists(st.text(st.sampled_from("abB_1éßİ漢\u0301😀 .,\n"), max_size=40), max_size=6)
"""Words of all kinds, characters of one to four bytes, one that is two in lower case, runs of separators."""


def mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def word_hash(word: bytes) -> int:
    state = 0xCBF29CE484222325
    for byte in word:
        state = ((state ^ byte) * 0x100000001B3) & MASK
    return mix(state)


def tokens(text: str, rule: str) -> list[str]:
    match rule:
        case "words":
            return [word.decode() for word in re.findall(rb"[A-Za-z0-9_\x80-\xff]+", text.encode())]
        case "code":
            found = re.findall(rb"[A-Za-z0-9_\x80-\xff]+|[!-~]", text.encode())
            return [token.decode() for token in found]
        case "ascii-words":
            return re.findall("[A-Za-z_0-9]+", text)
        case "ascii-split":
            return re.split("[^A-Za-z_0-9]", text)
    return re.split(r"\W", text.lower())


def shingles(text: str, fltr: MinHash) -> list[list[str]]:
    words = tokens(text, fltr.tokens)
    if sum(word != "" for word in words) < fltr.min_words:
        return []
    windows = [words[at : at + fltr.ngram] for at in range(len(words) - fltr.ngram + 1)]
    if not windows and words and fltr.short == "one-shingle":
        return [words]
    return windows


def hash64(shingle: list[str]) -> int:
    """The hash that stands for a shingle in exact sets."""
    rolling = 0
    for word in shingle:
        rolling = (rolling * 0x9E3779B97F4A7C15 + word_hash(word.encode())) & MASK
    return mix(rolling)


def hash32(shingle: list[str], fltr: MinHash) -> int:
    joined = " ".join(shingle).encode()
    match fltr.shingle_hash:
        case "sha1":
            return int.from_bytes(hashlib.sha1(joined).digest()[:4], "little")
        case "xxh32":
            return int(xxhash.xxh32_intdigest(joined))
    return hash64(shingle) >> 32


def prime32(hashes: list[int], num_perm: int, seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    generator = np.random.RandomState(seed)
    a = generator.randint(1, 4294967291, size=num_perm, dtype=np.uint32).tolist()
    b = generator.randint(0, 4294967291, size=num_perm, dtype=np.uint32).tolist()
    rows = [[0xFFFFFFFF] * num_perm]
    for value in hashes:
        rows.append([(a[k] * value + b[k]) % 2**32 % 4294967291 for k in range(num_perm)])
    return np.array(rows, np.uint32).min(axis=0)


def reference(text: str, fltr: MinHash) -> dict[str, bytes | int]:
    """The signals of one text."""
    hashes = [hash32(shingle, fltr) for shingle in shingles(text, fltr)]
    if fltr.scheme == "prime32":
        values = prime32(hashes, fltr.num_perm, fltr.seed)
    else:
        sketch = datasketch.MinHash(fltr.num_perm, seed=fltr.seed, scheme=fltr.scheme, hashfunc=int)
        if hashes:
            sketch.update_batch(hashes)
        values = sketch.hashvalues
    words = sum(word != "" for word in tokens(text, fltr.tokens))
    return {"minhash": values.astype("<u4").tobytes(), "n_shingles": len(hashes), "n_words": words}


def column(texts: list[str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


def sign(texts: list[str], fltr: MinHash) -> list[dict[str, bytes | int]]:
    return list(fltr(pa.table({"content": column(texts)})).to_pylist())


def signatures(texts: list[str], fltr: MinHash) -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    rows = [np.frombuffer(row["minhash"], "<u4") for row in sign(texts, fltr)]  # type: ignore[arg-type]
    return np.stack(rows).astype(np.uint32)
