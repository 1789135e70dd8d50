"""Who goes and for whom: arrays in, arrays out, documents at positions 0..n-1 in keep order.

A smaller position is the better document, so an owner always stands before the document that goes for it.
Pairs are (left, right), left < right, sorted by (right, left). Every kernel passes once over pairs or
documents and holds a few words a document. `extremes` compares each with a bounded number of others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]


@njit(cache=True, nogil=True)
def greedy(n: int, left: Ints, right: Ints, similarity: Floats) -> tuple[Ints, Floats]:
    """Each document's most similar *staying* one before it, or itself; of equally similar ones the best.

    A chain keeps its ends: if B goes for A, then C, which is like B alone, stays.
    """
    owner = np.arange(n)
    best = np.zeros(n)
    for k in range(len(left)):
        i, j = left[k], right[k]
        if owner[i] == i and similarity[k] > best[j]:
            owner[j], best[j] = i, similarity[k]
    return owner, best


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


def one_of_each(n: int, root: Ints) -> Ints:
    """Each document's owner if one a component stays: the first with the same `root`.

    `root` int64[n] is any label: a position, or a number of a document that is not here.
    """
    assert len(root) == n
    _, dense = np.unique(root, return_inverse=True)
    return first_of_each(dense.astype(np.int64, copy=False))


@njit(cache=True, nogil=True)
def joined_clusters(n: int, left: Ints, right: Ints) -> Ints:
    """The opener of the cluster that each document joins, or −1 if it is like none before it.

    After The Stack v1's `DuplicationIndex.add`: a document joins the first of its better neighbours that has
    a cluster. If none has, the first of them opens one, though it may be a member of another. There
    neighbours come in the order of a set; here the best is first.
    """
    joined = np.full(n, -1)
    opened = np.zeros(n, np.bool_)
    start = 0
    while start < len(right):
        stop = start
        while stop < len(right) and right[stop] == right[start]:
            stop += 1
        chosen = left[start]
        for k in range(stop - 1, start - 1, -1):
            if opened[left[k]]:
                chosen = left[k]
        opened[chosen] = True
        joined[right[start]] = chosen
        start = stop
    return joined


@njit(cache=True, nogil=True)
def extremes(
    joined: Ints, sets_hashes: Hashes, sets_offsets: Ints, threshold: float, limit: int
) -> tuple[Ints, Floats]:
    """Each document's owner, or itself if it stays, and its exact Jaccard with that owner (0: it stays).

    In each cluster, in keep order and from its opener on, a document is an extreme unless its Jaccard with an
    extreme before it reaches the threshold. What is an extreme of some cluster stays; another goes for the
    first extreme that it is like. A document is compared with the first `limit` extremes and no others, so
    cost is at most `limit` comparisons a document; in a cluster that keeps more, some stay that are like a
    later one. Document i's set is sets_hashes[sets_offsets[i]:sets_offsets[i + 1]], ascending and distinct.
    """
    n = len(joined)
    owner, jaccard = np.arange(n), np.zeros(n)
    opener = np.zeros(n, np.bool_)
    opener[joined[joined >= 0]] = True
    first, last, following = np.full(n, -1), np.full(n, -1), np.full(n, -1)  # chains of extremes but openers
    kept = np.ones(n, np.int64)
    for j in range(n):
        c = joined[j]
        if c < 0:
            continue
        own = sets_hashes[sets_offsets[j] : sets_offsets[j + 1]]
        i, found, similarity = c, -1, 0.0
        while i >= 0 and found < 0:
            similarity = _jaccard(sets_hashes[sets_offsets[i] : sets_offsets[i + 1]], own, threshold)
            if similarity >= threshold:
                found = i
            i = first[c] if i == c else following[i]
        if found >= 0 and not opener[j]:
            owner[j], jaccard[j] = found, similarity
        if found < 0 and len(own) > 0 and kept[c] < limit:
            if first[c] < 0:
                first[c] = j
            else:
                following[last[c]] = j
            last[c] = j
            kept[c] += 1
    return owner, jaccard


@njit(cache=True, nogil=True)
def _jaccard(a: Hashes, b: Hashes, threshold: float) -> float:
    """Jaccard of two sorted sets; 0 if one is empty or sizes alone keep it below the threshold."""
    small, large = min(len(a), len(b)), max(len(a), len(b))
    if small == 0 or small / large < threshold:
        return 0.0
    i, j, common = 0, 0, 0
    while i < len(a) and j < len(b):
        common += a[i] == b[j]
        step_a, step_b = a[i] <= b[j], b[j] <= a[i]
        i += step_a
        j += step_b
    return common / (len(a) + len(b) - common)
