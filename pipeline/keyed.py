"""Every random choice of the pipeline: numbers keyed by (seed, doc_id, part, purpose).

A key is hashed with blake2b to 64 bits; a stream of draws from one key is SplitMix64. So a draw depends on
what is drawn for, never on what was drawn before: not on workers, batches, order or restarts. About 1 µs a
key and 0.3 µs a draw.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def keyed_hash(seed: int, doc_id: bytes, part: int, purpose: str) -> int:
    """A uniform integer in [0, 2**64) for this seed, document, part of the document, and purpose."""
    digest = blake2b(
        doc_id,
        digest_size=8,
        key=purpose.encode(),
        salt=seed.to_bytes(8, "little"),
        person=part.to_bytes(8, "little"),
    )
    return int.from_bytes(digest.digest(), "little")


def falls_in(share: float, seed: int, doc_id: bytes, purpose: str) -> bool:
    """Whether a document is in the `share` (0..1) of all that is drawn for this purpose.

    What is in a share is also in every larger one.
    """
    return keyed_hash(seed, doc_id, 0, purpose) < int(share * 2**64)


class Rng:
    """A stream of draws from one key (SplitMix64; Steele, Lea and Flood, 2014)."""

    __slots__ = ("_state",)

    def __init__(self, key: int) -> None:
        self._state = key

    def bits(self) -> int:
        """A uniform integer in [0, 2**64)."""
        self._state = (self._state + _GOLDEN) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """A uniform integer in [0, bound), by the multiply-shift method (bias below bound / 2**64)."""
        assert bound > 0
        return (self.bits() * bound) >> 64

    def uniform(self) -> float:
        """A uniform float in [0, 1) with 53 bits."""
        return (self.bits() >> 11) * 2.0**-53

    def choose(self, weights: Sequence[float]) -> int:
        """An index drawn in proportion to non-negative `weights`, of which at least one is positive."""
        totals = list(accumulate(weights))
        point = self.uniform() * totals[-1]
        # The product of a tiny total may round up to the total itself, which no index is beyond.
        return min(bisect_right(totals, point), bisect_left(totals, totals[-1]))
