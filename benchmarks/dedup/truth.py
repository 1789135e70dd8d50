"""Which pairs of documents are near-duplicates: the exact Jaccard index of all pairs, by counting.

Tokens are words, maximal runs of [A-Za-z0-9_] and of bytes ≥ 0x80, and each other visible ASCII sign. A
document's set is its runs of seven tokens, or all its tokens if there are fewer, or its text if there is none
(only an equal text is like that). Nothing here
comes from the code that is measured: no signature, no band, no limit. Shingles are compared by xxh3's 64
bits. Shared shingles are counted for every pair by a product of sparse matrices, so the cost is
Σ (documents of a shingle)²: some seconds for 7,000 files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
TOKEN = re.compile(WORD.pattern + rb"|[!-~]")
NGRAM = 7
BLOCK = 256  # documents multiplied with all others at a time
VERSION = "3"  # of the cached pairs
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Pairs of document numbers, left < right, ascending, and their Jaccard indices."""

    left: Ints
    right: Ints
    jaccard: npt.NDArray[np.float64]


def words_of(text: bytes) -> list[bytes]:
    """The words, in order, without the signs."""
    return WORD.findall(text)


def shingles_of(text: bytes) -> set[bytes]:
    """The document's set, each shingle as its tokens with a space between."""
    tokens = TOKEN.findall(text)
    if not tokens:
        return {text}
    return {b" ".join(tokens[at : at + NGRAM]) for at in range(max(1, len(tokens) - NGRAM + 1))}


def similar_pairs(texts: Sequence[bytes], threshold: float) -> Pairs:
    """Every pair whose Jaccard index reaches the threshold, which is over 0."""
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold = {threshold}; it must be within (0, 1]")
    matrix, sizes = _incidence(texts)
    columns = matrix.T.tocsr()
    found = [_block_pairs(matrix, columns, sizes, at, threshold) for at in range(0, len(texts), BLOCK)]
    if not found:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
    left, right, jaccard = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], jaccard[order])


def _incidence(texts: Sequence[bytes]) -> tuple[Any, Ints]:
    """Documents × the shingles of at least two documents, as 0 and 1; and the size of each whole set."""
    hashes = [
        np.fromiter(map(xxh3_64_intdigest, own), np.uint64, len(own)) for own in map(shingles_of, texts)
    ]
    sizes = np.array([len(own) for own in hashes], np.int64)
    if not sizes.sum():
        return csr_matrix((len(texts), 0), dtype=np.int32), sizes
    _, inverse, counts = np.unique(np.concatenate(hashes), return_inverse=True, return_counts=True)
    document = np.repeat(np.arange(len(texts)), sizes)
    shared = counts[inverse] > 1
    columns = (np.cumsum(counts > 1) - 1)[inverse[shared]]
    ones = np.ones(int(shared.sum()), np.int32)
    shape = (len(texts), int((counts > 1).sum()))
    return csr_matrix((ones, (document[shared], columns)), shape=shape), sizes


def _block_pairs(
    matrix: Any, columns: Any, sizes: Ints, first: int, threshold: float
) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
    """Pairs whose left document is one of the BLOCK that begin at `first`."""
    common = (matrix[first : first + BLOCK] @ columns).tocoo()
    left, right = common.row.astype(np.int64) + first, common.col.astype(np.int64)
    jaccard = common.data / (sizes[left] + sizes[right] - common.data)
    good = (left < right) & (jaccard >= threshold)
    return left[good], right[good], jaccard[good]


def cached_pairs(texts: Sequence[bytes], threshold: float, folder: Path) -> Pairs:
    """`similar_pairs`, kept in `folder` under the digest of the texts and of what was asked."""
    asked = " ".join([VERSION, str(threshold), str(NGRAM), *map(xxh3_128_hexdigest, texts)])
    path = folder / f"truth-{xxh3_128_hexdigest(asked.encode())}.npz"
    if not path.exists():
        pairs = similar_pairs(texts, threshold)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp.npz")
        np.savez_compressed(temporary, left=pairs.left, right=pairs.right, jaccard=pairs.jaccard)
        temporary.rename(path)
    with np.load(path) as stored:
        return Pairs(stored["left"], stored["right"], stored["jaccard"])
