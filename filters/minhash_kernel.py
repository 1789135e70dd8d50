"""MinHash kernels: UTF-8 bytes → word hashes → n-gram hashes → signatures.

A word's hash is FNV-1a over its bytes, finished by SplitMix64's mix. A shingle of n words hashes to the
polynomial Σ w_i · B^(n-1-i) mod 2^64, mixed again; its upper 32 bits go through the permutations. `_fill`
gives the hashes of a text block by block, so memory is constant for signatures, however long a text is.
Eight shingles are permuted together, which LLVM vectorises. The functions stand in one file since numba's
cache does not see changes of a callee in another.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

AFFINE32, LEGACY, PRIME32 = 0, 1, 2  # schemes, see filters/minhash_schemes.py
SEPARATOR, WORD, CONTINUATION, SIGN = 0, 1, 2, 3  # kinds of bytes
ALL_ONES: Final = np.uint32(0xFFFFFFFF)

_FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_MERSENNE: Final = np.uint64((1 << 61) - 1)
_PRIME: Final = np.uint32(4294967291)  # the largest below 2^32
_BLOCK: Final = 1024  # shingles hashed before they are permuted

Bytes = npt.NDArray[np.uint8]
Words32 = npt.NDArray[np.uint32]
Words64 = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]
Permutations = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]


class Rule(NamedTuple):
    """What the shingles of a text are. `kinds` u8[256]: of each byte, a separator, of a word, a token by
    itself, or no character of its own. `empties`: two separators have an empty token between them.
    `one_if_short`: tokens fewer than `ngram` are one shingle. A text with fewer than `min_words` tokens that
    are not empty has no shingles.
    """

    kinds: Bytes
    empties: bool
    ngram: int
    min_words: int
    one_if_short: bool


@njit(cache=True, nogil=True, inline="always")
def _mix64(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def _fmix32(value: np.uint32) -> np.uint32:
    value = np.uint32(np.uint32(value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    value = np.uint32(np.uint32(value ^ (value >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


@njit(cache=True, nogil=True)
def _permute_affine(signature: Words32, hashes: Words32, permutations: Permutations) -> None:
    """signature[k] = min over the hashes h of a[k]·h + b[k] mod 2^32."""
    last = len(hashes) - 1  # repeating a hash changes no minimum
    for at in range(0, len(hashes), 8):
        h0, h1, h2 = hashes[at], hashes[min(at + 1, last)], hashes[min(at + 2, last)]
        h3, h4, h5 = hashes[min(at + 3, last)], hashes[min(at + 4, last)], hashes[min(at + 5, last)]
        h6, h7 = hashes[min(at + 6, last)], hashes[min(at + 7, last)]
        for k in range(len(signature)):
            a, b = np.uint32(permutations[0, k]), np.uint32(permutations[1, k])
            low = min(np.uint32(a * h0 + b), np.uint32(a * h1 + b))
            low = min(low, np.uint32(a * h2 + b), np.uint32(a * h3 + b))
            high = min(np.uint32(a * h4 + b), np.uint32(a * h5 + b))
            high = min(high, np.uint32(a * h6 + b), np.uint32(a * h7 + b))
            signature[k] = min(signature[k], low, high)


@njit(cache=True, nogil=True)
def _permute_legacy(signature: Words32, hashes: Words32, permutations: Permutations) -> None:
    """signature[k] = min of the lower 32 bits of (a[k]·h + b[k] mod 2^64) mod 2^61 - 1."""
    for hashed in hashes:
        wide = np.uint64(hashed)
        for k in range(len(signature)):
            value = np.uint64(permutations[0, k]) * wide + np.uint64(permutations[1, k])
            value = (value & _MERSENNE) + (value >> np.uint64(61))
            value = value - _MERSENNE if value >= _MERSENNE else value
            signature[k] = min(signature[k], np.uint32(value))


@njit(cache=True, nogil=True)
def _permute_prime(signature: Words32, hashes: Words32, permutations: Permutations) -> None:
    """signature[k] = min of (a[k]·h + b[k] mod 2^32) mod 2^32 - 5."""
    for hashed in hashes:
        for k in range(len(signature)):
            a, b = np.uint32(permutations[0, k]), np.uint32(permutations[1, k])
            value = np.uint32(a * hashed + b)
            value = np.uint32(value - _PRIME) if value >= _PRIME else value
            signature[k] = min(signature[k], value)


@njit(cache=True, nogil=True, inline="always")
def _token(text: Bytes, at: int, rule: Rule) -> tuple[np.uint64, int, int]:
    """The next token from byte `at`: its hash, its bytes, and where to go on."""
    if rule.empties:
        while at < len(text) and rule.kinds[text[at]] == CONTINUATION:  # rest of the separator before
            at += 1
    else:
        while at < len(text) and rule.kinds[text[at]] == SEPARATOR:
            at += 1
        if at < len(text) and rule.kinds[text[at]] == SIGN:
            return _mix64((_FNV_OFFSET ^ np.uint64(text[at])) * _FNV_PRIME), 1, at + 1
    start, state = at, _FNV_OFFSET
    while at < len(text) and rule.kinds[text[at]] == WORD:
        state = (state ^ np.uint64(text[at])) * _FNV_PRIME
        at += 1
    return _mix64(state), at - start, at + rule.empties


@njit(cache=True, nogil=True)
def _fill(text: Bytes, rule: Rule, cursor: Integers, ring: Words64, hashes: Words64) -> int:
    """Fill `hashes` with the next shingles' and return how many: fewer than its length at the text's end.

    `cursor` is the next byte, the tokens, those that are not empty, and the rolling hash so far, all 0 at
    the start; `ring` keeps the last n tokens' hashes.
    """
    leaving = np.uint64(1)  # B^n, the weight with which a token leaves the window
    for _ in range(rule.ngram):
        leaving *= _BASE
    at, tokens, words, rolling = cursor[0], cursor[1], cursor[2], np.uint64(cursor[3])
    count, slot = 0, tokens % rule.ngram
    while at <= len(text) and count < len(hashes):
        hashed, size, at = _token(text, at, rule)
        if size == 0 and not rule.empties:  # nothing but separators was left
            break
        rolling = rolling * _BASE + hashed - ring[slot] * leaving
        ring[slot] = hashed
        slot = slot + 1 if slot + 1 < rule.ngram else 0
        tokens += 1
        words += size > 0
        if tokens >= rule.ngram:
            hashes[count] = _mix64(rolling)
            count += 1
    if rule.one_if_short and 0 < tokens < rule.ngram:
        hashes[count] = _mix64(rolling)
        count += 1
    cursor[0], cursor[1], cursor[2], cursor[3] = at, tokens, words, np.int64(rolling)
    return count


@njit(cache=True, nogil=True)
def sign_all(
    data: Bytes, offsets: Integers, rule: Rule, permutations: Permutations
) -> tuple[Words32, Counts, Counts]:
    """affine32 signatures u32[n, num_perm], shingles i32[n], words i32[n]; permutations u32[2, num_perm]."""
    count = len(offsets) - 1
    signatures = np.full((count, permutations.shape[1]), ALL_ONES, np.uint32)
    shingles, words = np.zeros(count, np.int32), np.zeros(count, np.int32)
    ring, cursor = np.zeros(rule.ngram, np.uint64), np.zeros(4, np.int64)
    hashes, narrow = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint32)
    for document in range(count):
        text = data[offsets[document] : offsets[document + 1]]
        ring[:], cursor[:] = np.uint64(0), 0
        filled = _BLOCK
        while filled == _BLOCK:
            filled = _fill(text, rule, cursor, ring, hashes)
            for at in range(filled):
                narrow[at] = _fmix32(np.uint32(hashes[at] >> np.uint64(32)))
            _permute_affine(signatures[document], narrow[:filled], permutations)
            shingles[document] += filled
        words[document] = np.int32(cursor[2])
        if words[document] < rule.min_words:
            signatures[document] = ALL_ONES
            shingles[document] = 0
    return signatures, shingles, words


@njit(cache=True, nogil=True)
def hash_all(data: Bytes, offsets: Integers, rule: Rule) -> tuple[Words64, Integers, Counts]:
    """64-bit hashes of all documents' shingles in the order of the text, offsets i64[n + 1], words i32[n]."""
    count = len(offsets) - 1
    hashes = np.empty(offsets[count] - offsets[0] + 2 * count, np.uint64)
    ends, words = np.zeros(count + 1, np.int64), np.zeros(count, np.int32)
    ring, cursor = np.zeros(rule.ngram, np.uint64), np.zeros(4, np.int64)
    for document in range(count):
        text = data[offsets[document] : offsets[document + 1]]
        ring[:], cursor[:] = np.uint64(0), 0
        filled = _fill(text, rule, cursor, ring, hashes[ends[document] :])
        words[document] = np.int32(cursor[2])
        ends[document + 1] = ends[document] + (filled if words[document] >= rule.min_words else 0)
    return hashes[: ends[count]], ends, words


@njit(cache=True, nogil=True)
def sign_hashes(hashes: Words32, offsets: Integers, scheme: int, permutations: Permutations) -> Words32:
    """Signatures u32[n, num_perm] of documents whose 32-bit shingle hashes are given; they are changed."""
    signatures = np.full((len(offsets) - 1, permutations.shape[1]), ALL_ONES, np.uint32)
    for document in range(len(signatures)):
        own = hashes[offsets[document] : offsets[document + 1]]
        if scheme == LEGACY:
            _permute_legacy(signatures[document], own, permutations)
        elif scheme == PRIME32:
            _permute_prime(signatures[document], own, permutations)
        else:
            for at in range(len(own)):
                own[at] = _fmix32(own[at])
            _permute_affine(signatures[document], own, permutations)
    return signatures
