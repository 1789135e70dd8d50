"""Near-duplicate pairs among MinHash signatures, and what follows from them; arrays in, arrays out.

Documents are rows of a signature matrix in keep order, best first. `near_duplicates` finds pairs that share a
band, verifies each on its estimated Jaccard, and `greedy` removes a document only for one that stays. In a
bucket of more than BUCKET_LIMIT documents each is compared with the first BUCKET_LIMIT of the order: cost
stays linear in a bucket of a million licence headers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from filters.minhash import pair_similarity

BUCKET_LIMIT = 256
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Neighbours(NamedTuple):
    """For each document: who removes it (itself if it stays), how alike, and its cluster's first document."""

    owner: Ints
    jaccard: Floats
    cluster: Ints


def bands_of(threshold: float, num_perm: int) -> tuple[int, int]:
    """(bands, rows a band) as datasketch chooses them for a threshold."""
    from datasketch import MinHashLSH  # noqa: PLC0415 — 0.3 s of import that only this needs

    lsh = MinHashLSH(threshold=threshold, num_perm=num_perm)
    return int(lsh.b), int(lsh.r)


def near_duplicates(signatures: npt.NDArray[np.uint32], threshold: float) -> Neighbours:
    """Neighbours of each row of `signatures` u32[n, num_perm], rows in keep order."""
    left, right, similarity = _verified_pairs(signatures, threshold)
    n = len(signatures)
    owner, jaccard = greedy(n, left, right, similarity)
    return Neighbours(owner, jaccard, components(n, left, right))


def _verified_pairs(signatures: npt.NDArray[np.uint32], threshold: float) -> tuple[Ints, Ints, Floats]:
    """Pairs (left < right) that share a band and reach the threshold, sorted by (right, left)."""
    bands, rows = bands_of(threshold, signatures.shape[1])
    packed = np.empty(0, np.int64)
    for band in range(bands):
        hashes = band_hashes(signatures, band * rows, rows)
        order = np.argsort(hashes, kind="stable")  # within a bucket, documents stay in keep order
        packed = np.union1d(packed, bucket_pairs(hashes[order], order, BUCKET_LIMIT))
    left, right = packed & 0xFFFFFFFF, packed >> 32
    similarity = pair_similarity(signatures, left, right)
    good = similarity >= threshold
    return left[good], right[good], similarity[good]


@njit(cache=True, nogil=True)
def band_hashes(signatures: npt.NDArray[np.uint32], first: int, rows: int) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each document's band (FNV-1a over 32-bit words with an extra shift).

    A document without shingles has the all-max signature; it hashes to its own number, so it is nobody's
    candidate.
    """
    n = signatures.shape[0]
    hashes = np.empty(n, np.uint64)
    for i in range(n):
        state = np.uint64(0xCBF29CE484222325)
        empty = True
        for j in range(first, first + rows):
            state = (state ^ np.uint64(signatures[i, j])) * np.uint64(0x100000001B3)
            state ^= state >> np.uint64(29)
            empty = empty and signatures[i, j] == np.uint32(0xFFFFFFFF)
        hashes[i] = np.uint64(i) if empty else state
    return hashes


@njit(cache=True, nogil=True)
def bucket_pairs(hashes: npt.NDArray[np.uint64], order: Ints, limit: int) -> Ints:
    """Pairs within each run of equal sorted `hashes`, packed as right << 32 | left, left < right.

    Each document is paired with those before it in its run, at most the first `limit`.
    """
    total = 0
    place = 0
    for k in range(1, len(hashes)):
        place = place + 1 if hashes[k] == hashes[k - 1] else 0
        total += min(place, limit)
    pairs = np.empty(total, np.int64)
    at = 0
    place = 0
    for k in range(1, len(hashes)):
        place = place + 1 if hashes[k] == hashes[k - 1] else 0
        start = k - place
        for m in range(min(place, limit)):
            pairs[at] = order[k] << 32 | order[start + m]
            at += 1
    return pairs


@njit(cache=True, nogil=True)
def greedy(n: int, left: Ints, right: Ints, similarity: Floats) -> tuple[Ints, Floats]:
    """Each document's most similar *staying* one before it, or itself; pairs are sorted by (right, left)."""
    owner = np.arange(n)
    best = np.zeros(n)
    for k in range(len(left)):
        i, j = left[k], right[k]
        if owner[i] == i and similarity[k] > best[j]:
            owner[j], best[j] = i, similarity[k]
    return owner, best


@njit(cache=True, nogil=True)
def components(n: int, left: Ints, right: Ints) -> Ints:
    """The smallest member of each document's connected component (union-find with path halving)."""
    parent = np.arange(n)
    for k in range(len(left)):
        a, b = left[k], right[k]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        parent[max(a, b)] = min(a, b)
    for i in range(n):  # roots are smaller than their members, so one ascending pass flattens
        parent[i] = parent[parent[i]]
    return parent


@njit(cache=True, nogil=True)
def first_of_each(groups: Ints) -> Ints:
    """For each position, the first position of the same group; `groups` holds dense numbers from 0."""
    first = np.full(len(groups), -1, np.int64)
    owner = np.empty(len(groups), np.int64)
    for i in range(len(groups)):
        if first[groups[i]] < 0:
            first[groups[i]] = i
        owner[i] = first[groups[i]]
    return owner
