"""Schemes of MinHash permutations: how a 32-bit shingle hash h becomes the k-th of a signature's candidates.

affine32   a·h' + b mod 2^32, a odd, h' = MurmurHash3's fmix32(h): datasketch's default since 2.0.
legacy     ((a·h + b mod 2^64) mod 2^61 - 1) mod 2^32: datasketch's before 2.0, and the formula of BigCode's
           scripts for The Stack, SantaCoder and StarCoder; the product wraps round, as numpy's does.
prime32    (a·h + b mod 2^32) mod 2^32 - 5: The Stack v2's, whose product wraps round too.
Signatures of different schemes, seeds or lengths cannot be compared: `permutation_digest` names a set of
permutations, to be stored beside signatures.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import datasketch
import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128_hexdigest

from filters.minhash_kernel import AFFINE32, LEGACY, PRIME32, Permutations

SCHEMES: Final = {"affine32": AFFINE32, "legacy": LEGACY, "prime32": PRIME32}
_PRIME: Final = 4294967291


@cache
def permutations(num_perm: int, seed: int, scheme: str) -> Permutations:
    """[2, num_perm], the multipliers and then the increments: u64 for legacy, else u32."""
    if scheme == "prime32":
        generator = np.random.RandomState(seed)
        drawn = [generator.randint(low, _PRIME, size=num_perm, dtype=np.uint32) for low in (1, 0)]
        return np.stack(drawn)
    sketch = datasketch.MinHash(num_perm=num_perm, seed=seed, scheme=scheme)
    width = np.uint64 if scheme == "legacy" else np.uint32
    return np.ascontiguousarray(np.stack([np.asarray(row, width) for row in sketch.permutations]))


def permutation_digest(num_perm: int, seed: int, scheme: str) -> str:
    """XXH3-128 of the scheme's name and of the permutations' little-endian bytes, as 32 hex digits."""
    drawn = permutations(num_perm, seed, scheme)
    little = drawn.astype(drawn.dtype.newbyteorder("<"), copy=False)
    return xxh3_128_hexdigest(scheme.encode() + b"\0" + little.tobytes())


def estimated_sizes(signatures: npt.NDArray[np.uint32]) -> npt.NDArray[np.float64]:
    """Estimated number of distinct shingles of each document: f64[n], as datasketch's `MinHash.count`.

    `signatures` is u32[n, num_perm] of any scheme: all of them range over about 2^32. 0 where all entries are
    ones. The standard error is about 1 / √num_perm.
    """
    means = signatures.mean(axis=1, dtype=np.float64) / 0xFFFFFFFF
    return np.divide(1.0, means, out=np.full(len(means), np.inf), where=means > 0) - 1.0
