"""SHA-1 and XXH32 of shingles, as BigCode's scripts take them: of the tokens' bytes joined by one space.

A text's tokens are laid out in one buffer with a space between two, so that each shingle is a piece of it
and is hashed where it stands. SHA-1 (FIPS 180-4) takes some 0.4 µs a shingle, XXH32 (seed 0, by its
specification) 0.02 µs. Memory: the longest text once more, and 4 bytes a shingle.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from filters.minhash_kernel import CONTINUATION, WORD, Bytes, Counts, Integers, Rule, Words32

SHA1, XXH32 = 0, 1
_SPACE: Final = np.uint8(0x20)
_PRIME_1, _PRIME_2, _PRIME_3 = np.uint32(2654435761), np.uint32(2246822519), np.uint32(3266489917)
_PRIME_4, _PRIME_5 = np.uint32(668265263), np.uint32(374761393)


@njit(cache=True, nogil=True, inline="always")
def _turn(value: np.uint32, bits: int) -> np.uint32:
    return np.uint32(np.uint32(value << np.uint32(bits)) | np.uint32(value >> np.uint32(32 - bits)))


@njit(cache=True, nogil=True, inline="always")
def _word(data: Bytes, at: int) -> np.uint32:
    """Four bytes, little-endian."""
    return np.uint32(
        np.uint32(data[at])
        | np.uint32(data[at + 1]) << np.uint32(8)
        | np.uint32(data[at + 2]) << np.uint32(16)
        | np.uint32(data[at + 3]) << np.uint32(24)
    )


@njit(cache=True, nogil=True)
def _xxh32(data: Bytes) -> np.uint32:
    size, at = len(data), 0
    state = _PRIME_5
    if size >= 16:
        v1, v2 = np.uint32(_PRIME_1 + _PRIME_2), _PRIME_2
        v3, v4 = np.uint32(0), np.uint32(np.uint32(0) - _PRIME_1)
        while at + 16 <= size:
            v1 = np.uint32(_turn(np.uint32(v1 + _word(data, at) * _PRIME_2), 13) * _PRIME_1)
            v2 = np.uint32(_turn(np.uint32(v2 + _word(data, at + 4) * _PRIME_2), 13) * _PRIME_1)
            v3 = np.uint32(_turn(np.uint32(v3 + _word(data, at + 8) * _PRIME_2), 13) * _PRIME_1)
            v4 = np.uint32(_turn(np.uint32(v4 + _word(data, at + 12) * _PRIME_2), 13) * _PRIME_1)
            at += 16
        state = np.uint32(_turn(v1, 1) + _turn(v2, 7) + _turn(v3, 12) + _turn(v4, 18))
    state = np.uint32(state + np.uint32(size))
    while at + 4 <= size:
        state = np.uint32(_turn(np.uint32(state + _word(data, at) * _PRIME_3), 17) * _PRIME_4)
        at += 4
    while at < size:
        state = np.uint32(_turn(np.uint32(state + np.uint32(data[at]) * _PRIME_5), 11) * _PRIME_1)
        at += 1
    state = np.uint32(np.uint32(state ^ (state >> np.uint32(15))) * _PRIME_2)
    state = np.uint32(np.uint32(state ^ (state >> np.uint32(13))) * _PRIME_3)
    return np.uint32(state ^ (state >> np.uint32(16)))


@njit(cache=True, nogil=True)
def _schedule(data: Bytes, block: int, blocks: int, words: Words32) -> None:
    """The 80 words of a message block; the last block ends with the message's bits, big-endian."""
    for at in range(16):
        word = np.uint32(0)
        for byte in range(64 * block + 4 * at, 64 * block + 4 * at + 4):
            value = np.uint32(0)
            if byte < len(data):
                value = np.uint32(data[byte])
            elif byte == len(data):
                value = np.uint32(0x80)
            word = np.uint32(np.uint32(word << np.uint32(8)) | value)
        words[at] = word
    if block == blocks - 1:
        words[14], words[15] = np.uint32(len(data) >> 29), np.uint32(len(data) << 3)
    for at in range(16, 80):
        words[at] = _turn(words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16], 1)


@njit(cache=True, nogil=True)
def _sha1(data: Bytes, words: Words32) -> np.uint32:
    """The first 4 bytes of the digest, little-endian; `words` u32[80] is scratch."""
    h0, h1, h2 = np.uint32(0x67452301), np.uint32(0xEFCDAB89), np.uint32(0x98BADCFE)
    h3, h4 = np.uint32(0x10325476), np.uint32(0xC3D2E1F0)
    blocks = (len(data) + 8) // 64 + 1
    for block in range(blocks):
        _schedule(data, block, blocks, words)
        a, b, c, d, e = h0, h1, h2, h3, h4
        for at in range(80):
            if at < 20:
                mixed, constant = (b & c) | (~b & d), np.uint32(0x5A827999)
            elif at < 40:
                mixed, constant = b ^ c ^ d, np.uint32(0x6ED9EBA1)
            elif at < 60:
                mixed, constant = (b & c) | (b & d) | (c & d), np.uint32(0x8F1BBCDC)
            else:
                mixed, constant = b ^ c ^ d, np.uint32(0xCA62C1D6)
            turned = np.uint32(_turn(a, 5) + np.uint32(mixed) + e + constant + words[at])
            e, d, c, b, a = d, c, _turn(b, 30), a, turned
        h0, h1, h2 = np.uint32(h0 + a), np.uint32(h1 + b), np.uint32(h2 + c)
        h3, h4 = np.uint32(h3 + d), np.uint32(h4 + e)
    return np.uint32(
        _turn(h0, 8) & np.uint32(0x00FF00FF) | _turn(h0, 24) & np.uint32(0xFF00FF00)
    )  # bytes reversed


@njit(cache=True, nogil=True)
def _join(text: Bytes, rule: Rule, joined: Bytes) -> tuple[int, int, int]:
    """Lay the tokens in `joined` with a space between two: the bytes, the tokens, and those not empty."""
    size, tokens, words, inside = 0, 0, 0, False
    if rule.empties:
        tokens = 1
    for value in text:
        kind = rule.kinds[value]
        if kind == WORD:
            if not inside and not rule.empties:
                if tokens > 0:
                    joined[size] = _SPACE
                    size += 1
                tokens += 1
            words += not inside
            joined[size] = value
            size += 1
        elif rule.empties and kind != CONTINUATION:
            joined[size] = _SPACE
            size += 1
            tokens += 1
        inside = kind == WORD
    return size, tokens, words


@njit(cache=True, nogil=True)
def _token_end(joined: Bytes, at: int, size: int) -> int:
    while at < size and joined[at] != _SPACE:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _hash_joined(
    joined: Bytes, tokens: int, rule: Rule, algorithm: int, scratch: Words32, hashes: Words32
) -> int:
    """Fill `hashes` with those of a text's shingles; returns how many."""
    size, count = len(joined), tokens - rule.ngram + 1
    end = size
    if count < 1:
        count = 1 if tokens > 0 and rule.one_if_short else 0
    else:
        end = _token_end(joined, 0, size)
        for _ in range(rule.ngram - 1):
            end = _token_end(joined, end + 1, size)
    start = 0
    for shingle in range(count):
        piece = joined[start:end]
        hashes[shingle] = _sha1(piece, scratch) if algorithm == SHA1 else _xxh32(piece)
        start, end = _token_end(joined, start, size) + 1, _token_end(joined, end + 1, size)
    return count


@njit(cache=True, nogil=True)
def hash_shingles(
    data: Bytes, offsets: Integers, rule: Rule, algorithm: int
) -> tuple[Words32, Integers, Counts]:
    """32-bit hashes of all documents' shingles in the order of the text, offsets i64[n + 1], words i32[n]."""
    count = len(offsets) - 1
    hashes = np.empty(offsets[count] - offsets[0] + count, np.uint32)
    joined = np.empty(np.max(np.diff(offsets)) if count else 0, np.uint8)
    ends, words = np.zeros(count + 1, np.int64), np.zeros(count, np.int32)
    scratch = np.empty(80, np.uint32)
    for document in range(count):
        text = data[offsets[document] : offsets[document + 1]]
        size, tokens, words[document] = _join(text, rule, joined)
        filled = 0
        if words[document] >= rule.min_words:
            own = hashes[ends[document] :]
            filled = _hash_joined(joined[:size], tokens, rule, algorithm, scratch, own)
        ends[document + 1] = ends[document] + filled
    return hashes[: ends[count]], ends, words
