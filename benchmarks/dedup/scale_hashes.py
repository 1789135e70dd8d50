"""SplitMix64 of whole arrays, and its inverse: a slot becomes an id, and an id tells its slot."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_GOLDEN: Final = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mixed(values: Ints, key: int) -> Words:
    """SplitMix64 of value + key · golden ratio: distinct words for distinct values."""
    state = values.astype(np.int64).view(np.uint64) + np.uint64((key * _GOLDEN) & 0xFFFFFFFFFFFFFFFF)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(_FIRST)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(_SECOND)
    return state ^ (state >> np.uint64(31))


def unmixed(words: Words, key: int) -> Ints:
    """The values of which `mixed` made these words."""
    state = _unshifted(words, 31) * np.uint64(pow(_SECOND, -1, 1 << 64))
    state = _unshifted(state, 27) * np.uint64(pow(_FIRST, -1, 1 << 64))
    state = _unshifted(state, 30) - np.uint64((key * _GOLDEN) & 0xFFFFFFFFFFFFFFFF)
    return state.view(np.int64)


def _unshifted(words: Words, bits: int) -> Words:
    """The x of which these are x ^ (x >> bits)."""
    state = words
    for _ in range(64 // bits):
        state = words ^ (state >> np.uint64(bits))
    return state
