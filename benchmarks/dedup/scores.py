"""How right a tool is: the pairs it found and the documents it removed, held against the true pairs.

A tool names pairs, or clusters (then each two members of a cluster are a pair that it found). A removed
document is *lost* when no document that stays is a true near-duplicate of it. Documents are numbered in the
corpus's order. Cost: sorting the pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from benchmarks.dedup.truth import Ints, Pairs, words_of

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PairScore:
    """Found and true pairs, and how many are both."""

    found: int
    true: int
    both: int

    @property
    def recall(self) -> float:
        """The share of true pairs that were found; 1 if there is none to find."""
        return self.both / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        """The share of found pairs that are true; 1 if none was found."""
        return self.both / self.found if self.found else 1.0


def pair_codes(left: Ints, right: Ints) -> Ints:
    """Pairs as single numbers, distinct and ascending, whichever document of a pair comes first."""
    return np.unique(np.minimum(left, right) << 32 | np.maximum(left, right))


def score_pairs(left: Ints, right: Ints, truth: Pairs) -> PairScore:
    """Found pairs beside the true ones; a pair counts once."""
    found, true = pair_codes(left, right), pair_codes(truth.left, truth.right)
    return PairScore(len(found), len(true), len(np.intersect1d(found, true, assume_unique=True)))


def components(documents: int, left: Ints, right: Ints) -> Ints:
    """The cluster of each document: the number of its first member."""
    graph = coo_matrix((np.ones(len(left), np.bool_), (left, right)), shape=(documents, documents))
    _, labels = connected_components(graph, directed=False)
    _, firsts = np.unique(labels, return_index=True)
    return firsts[labels].astype(np.int64)


def pairs_within(clusters: Ints) -> tuple[Ints, Ints]:
    """Each two documents of one cluster."""
    order = np.argsort(clusters, kind="stable").astype(np.int64)
    starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    lefts, rights = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for members in np.split(order, starts[1:]):
        first, second = np.triu_indices(len(members), 1)
        lefts.append(members[first])
        rights.append(members[second])
    return np.concatenate(lefts), np.concatenate(rights)


def all_but_first(clusters: Ints) -> Flags:
    """What goes when the first document of each cluster stays."""
    return clusters != np.arange(len(clusters))


def lost(removed: Flags, truth: Pairs) -> Flags:
    """Removed documents that no document which stays is a true near-duplicate of."""
    covered = np.zeros(len(removed), np.bool_)
    covered[truth.left[~removed[truth.right]]] = True
    covered[truth.right[~removed[truth.left]]] = True
    return removed & ~covered


def left_over(removed: Flags, truth: Pairs) -> int:
    """Documents that stay although an earlier one that stays is a true near-duplicate of them."""
    both_stay = ~removed[truth.left] & ~removed[truth.right]
    return len(np.unique(truth.right[both_stay]))


def other_punctuation_only(removed: Flags, texts: Sequence[bytes]) -> Flags:
    """Removed documents that keep nobody of their text, only of their words in their order.

    Such a document differs from what stays in operators or punctuation; white space does not count.
    """
    same_words: dict[tuple[bytes, ...], list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        same_words[tuple(words_of(text))].append(number)
    same_words.pop((), None)  # without words there is no near-duplicate: such a one is lost
    result = np.zeros(len(removed), np.bool_)
    for members in same_words.values():
        kept = {b"".join(texts[number].split()) for number in members if not removed[number]}
        if kept:
            for number in members:
                result[number] = bool(removed[number]) and b"".join(texts[number].split()) not in kept
    return result
