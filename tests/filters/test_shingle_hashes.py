"""SHA-1 and XXH32 kernels against hashlib and xxhash, at every length that their blocks know."""

import hashlib

import numpy as np
import pytest
import xxhash

from filters.minhash_kernel import Rule
from filters.shingle_hashes import SHA1, XXH32, hash_shingles
from filters.shingles import byte_kinds
from filters.text import pack_texts

RULE = Rule(byte_kinds("words"), False, 1, 0, True)
WORDS = [bytes(np.random.default_rng(size).integers(0x80, 0x100, size, np.uint8)) for size in range(1, 260)]


@pytest.mark.parametrize("algorithm", [SHA1, XXH32])
def test_hashes_are_the_librarys_for_every_length(algorithm: int) -> None:
    texts = pack_texts(WORDS)
    hashes, ends, _ = hash_shingles(texts.data, texts.offsets, RULE, algorithm)
    assert ends.tolist() == list(range(len(WORDS) + 1))
    if algorithm == SHA1:
        expected = [int.from_bytes(hashlib.sha1(word).digest()[:4], "little") for word in WORDS]
    else:
        expected = [xxhash.xxh32_intdigest(word) for word in WORDS]
    assert hashes.tolist() == expected


def test_no_texts_have_no_hashes() -> None:
    texts = pack_texts([])
    hashes, ends, words = hash_shingles(texts.data, texts.offsets, RULE, SHA1)
    assert (len(hashes), ends.tolist(), len(words)) == (0, [0], 0)
