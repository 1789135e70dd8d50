"""MinHash kernels: UTF-8 bytes → word hashes → n-gram hashes → signatures, and the similarity of
signatures.

A word is a maximal run of [A-Za-z0-9_] and of bytes ≥ 0x80. Its hash is FNV-1a over the bytes, finished by
SplitMix64's mix. A shingle of n words hashes to the polynomial Σ w_i · B^(n-1-i) mod 2^64, mixed again, of
which the upper 32 bits count. Those are pre-mixed by MurmurHash3's fmix32 and permuted as a·h + b mod 2^32:
what datasketch's `affine32` scheme does. Eight shingles go through the permutations together, which LLVM
vectorises; memory is constant. The functions stand in one file since numba's cache does not see changes of
a callee in another.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

_FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_LANES: Final = 8  # shingles permuted together

Bytes = npt.NDArray[np.uint8]
Words32 = npt.NDArray[np.uint32]
Words64 = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]


def word_bytes() -> Bytes:
    """1 for each byte that belongs to a word: u8[256]."""
    flags = np.zeros(256, np.uint8)
    flags[np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", np.uint8)] = 1
    flags[0x80:] = 1
    return flags


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
def _permute(signature: Words32, lanes: Words32, multipliers: Words32, increments: Words32) -> None:
    """signature[k] = min over the lanes h of a[k]·h + b[k] mod 2^32."""
    h0, h1, h2, h3 = lanes[0], lanes[1], lanes[2], lanes[3]
    h4, h5, h6, h7 = lanes[4], lanes[5], lanes[6], lanes[7]
    for k in range(len(signature)):
        a, b = multipliers[k], increments[k]
        low = min(np.uint32(a * h0 + b), np.uint32(a * h1 + b))
        low = min(low, np.uint32(a * h2 + b), np.uint32(a * h3 + b))
        high = min(np.uint32(a * h4 + b), np.uint32(a * h5 + b))
        high = min(high, np.uint32(a * h6 + b), np.uint32(a * h7 + b))
        signature[k] = min(signature[k], low, high)


@njit(cache=True, nogil=True)
def _add(rolling: np.uint64, shingles: int, lanes: Words32, permutations: Words32, signature: Words32) -> int:
    """Count one shingle, put it in its lane, and permute when the lanes are full; returns the new count."""
    lanes[shingles % _LANES] = _fmix32(np.uint32(_mix64(rolling) >> np.uint64(32)))
    if (shingles + 1) % _LANES == 0:
        _permute(signature, lanes, permutations[0], permutations[1])
    return shingles + 1


@njit(cache=True, nogil=True)
def _sign(
    text: Bytes, is_word: Bytes, ring: Words64, lanes: Words32, permutations: Words32, signature: Words32
) -> int:
    """Fill one signature (given as all ones); returns the number of shingles. `ring` holds n word hashes."""
    ngram = len(ring)
    leaving = np.uint64(1)  # B^n, the weight with which a word leaves the window
    for _ in range(ngram):
        leaving *= _BASE
    ring[:] = np.uint64(0)
    rolling = np.uint64(0)
    at, words, shingles = 0, 0, 0
    while at < len(text):
        if is_word[text[at]] == 0:
            at += 1
            continue
        state = _FNV_OFFSET
        while at < len(text) and is_word[text[at]] != 0:
            state = (state ^ np.uint64(text[at])) * _FNV_PRIME
            at += 1
        hashed, slot = _mix64(state), words % ngram
        rolling = rolling * _BASE + hashed - ring[slot] * leaving
        ring[slot] = hashed
        words += 1
        if words >= ngram:
            shingles = _add(rolling, shingles, lanes, permutations, signature)
    if 0 < words < ngram:  # a document shorter than the window is one shingle of its own
        shingles = _add(rolling, shingles, lanes, permutations, signature)
    if shingles % _LANES:
        lanes[shingles % _LANES :] = lanes[0]  # repeating a shingle changes no minimum
        _permute(signature, lanes, permutations[0], permutations[1])
    return shingles


@njit(cache=True, nogil=True)
def sign_all(
    data: Bytes, offsets: Integers, is_word: Bytes, ngram: int, permutations: Words32
) -> tuple[Words32, npt.NDArray[np.int32]]:
    """Signatures u32[n, num_perm] and shingle counts i32[n]; `permutations` is u32[2, num_perm]."""
    count = len(offsets) - 1
    signatures = np.full((count, permutations.shape[1]), np.uint32(0xFFFFFFFF), np.uint32)
    shingles = np.zeros(count, np.int32)
    ring = np.zeros(ngram, np.uint64)
    lanes = np.zeros(_LANES, np.uint32)
    for document in range(count):
        text = data[offsets[document] : offsets[document + 1]]
        shingles[document] = _sign(text, is_word, ring, lanes, permutations, signatures[document])
    return signatures, shingles


@njit(cache=True, nogil=True)
def equal_shares(signatures: Words32, left: Integers, right: Integers) -> npt.NDArray[np.float64]:
    """For each pair of rows, the share of equal entries: f64[m]. Indices are not checked."""
    shares = np.empty(len(left), np.float64)
    for pair in range(len(left)):
        first, second = signatures[left[pair]], signatures[right[pair]]
        equal = np.int64(0)
        for k in range(len(first)):
            equal += np.int64(first[k] == second[k])
        shares[pair] = equal / len(first)
    return shares
