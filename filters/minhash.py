"""The minhash filter: a signature of each document's set of token n-grams, for near-duplicate search.

The share of equal entries of two signatures estimates the Jaccard similarity of the two sets. By default
signatures are bit for bit those of `datasketch.MinHash(num_perm, seed, scheme="affine32")` fed with this
filter's 32-bit shingle hashes (filters/minhash_kernel.py defines them), so datasketch's LSH can use them;
other options give those of BigCode's scripts. Case is kept and no normaliser runs unless `tokens` says so.
About 250 MB/s on one core with 256 permutations, 4 · num_perm bytes a document; 10 to 35 MB/s with
BigCode's options.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from filters.minhash_kernel import Counts, Integers, Rule, Words32, hash_all, sign_all, sign_hashes
from filters.minhash_schemes import SCHEMES, permutations
from filters.shingle_hashes import SHA1, XXH32, hash_shingles
from filters.shingles import (
    SEPARATED,
    TOKENS,
    ShingleSets,
    byte_kinds,
    check_pairs,
    distinct,
    kernel_texts,
)
from filters.text import Texts, utf8_buffers

_MAX_ARRAY_BYTES: Final = (1 << 31) - 1  # of an Arrow `binary` array: its offsets have 32 bits
_HASHES: Final = {"sha1": SHA1, "xxh32": XXH32}
_CHOICES: Final = {
    "tokens": TOKENS,
    "short": ("one-shingle", "none"),
    "scheme": tuple(SCHEMES),
    "shingle_hash": ("fast", *_HASHES),
}


def pair_similarity(signatures: Words32, left: Integers, right: Integers) -> npt.NDArray[np.float64]:
    """Estimated Jaccard similarity of the documents in rows left[i] and right[i]: f64[m].

    `signatures` is u32[n, num_perm]. Raises ValueError for an index outside [0, n) or for unlike lengths.
    """
    check_pairs(len(signatures), left, right)
    return equal_shares(signatures, left, signatures, right)


@njit(cache=True, nogil=True)
def equal_shares(lefts: Words32, left: Integers, rights: Words32, right: Integers) -> npt.NDArray[np.float64]:
    """For each pair of rows lefts[left[i]], rights[right[i]], the share of equal entries: f64[m].

    Indices are not checked.
    """
    shares = np.empty(len(left), np.float64)
    for pair in range(len(left)):
        first, second = lefts[left[pair]], rights[right[pair]]
        equal = np.int64(0)
        for k in range(len(first)):
            equal += np.int64(first[k] == second[k])
        shares[pair] = equal / len(first)
    return shares


def _help(text: str) -> dict[str, Any]:
    return {"help": text}


@dataclass(frozen=True, kw_only=True, slots=True)
class MinHash:
    """Signals `minhash` (num_perm little-endian u32), `n_shingles`, and `n_words`: tokens that are not empty.

    A document without shingles has a signature of ones only.

    >>> MinHash(num_perm=4)(pa.table({"content": ["", "a b", "a b c d e f"]}))["n_shingles"].to_pylist()
    [0, 1, 2]
    """

    name: ClassVar[str] = "minhash"
    version: ClassVar[int] = 2
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("minhash", pa.binary(), nullable=False),
            pa.field("n_shingles", pa.int32(), nullable=False),
            pa.field("n_words", pa.int32(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "n_shingles > 0"

    num_perm: int = field(default=256, metadata=_help("permutations, the entries of a signature"))
    ngram: int = field(default=5, metadata=_help("words in a shingle"))
    seed: int = field(default=1, metadata=_help("seed of the permutations"))
    tokens: str = field(
        default="words", metadata=_help("words, code, ascii-words, ascii-split or unicode-lower")
    )
    min_words: int = field(default=0, metadata=_help("a document with fewer words has no shingles"))
    short: str = field(
        default="one-shingle", metadata=_help("one-shingle or none: of tokens fewer than ngram")
    )
    scheme: str = field(default="affine32", metadata=_help("permutations: affine32, legacy or prime32"))
    shingle_hash: str = field(
        default="fast", metadata=_help("fast, or those of BigCode's scripts: sha1, xxh32")
    )

    def __post_init__(self) -> None:
        """Check the ranges within which the kernel and the signature's size make sense."""
        if not 1 <= self.num_perm <= 4096:
            raise ValueError(f"num_perm = {self.num_perm}; it must be within 1..4096")
        if not 1 <= self.ngram <= 64:
            raise ValueError(f"ngram = {self.ngram}; it must be within 1..64")
        if not 0 <= self.seed < 1 << 32:
            raise ValueError(f"seed = {self.seed}; datasketch takes 0..2**32 - 1")
        if not 0 <= self.min_words < 1 << 31:
            raise ValueError(f"min_words = {self.min_words}; it must be within 0..2**31 - 1")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} = {getattr(self, name)!r}; it must be one of {', '.join(choices)}")
        if self.tokens == "code" and self.shingle_hash != "fast":
            raise ValueError(
                f"shingle_hash = {self.shingle_hash!r} hashes tokens as BigCode's scripts cut them; "
                'tokens = "code" goes with shingle_hash = "fast"'
            )

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Signatures of `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        rows = _MAX_ARRAY_BYTES // (4 * self.num_perm)
        parts = [
            self._pack(*self._sign(Texts(texts.data, texts.offsets[at : at + rows + 1])))
            for at in range(0, texts.height, rows)
        ]
        return pa.concat_tables(parts) if parts else self.schema.empty_table()

    def shingle_sets(self, content: pa.ChunkedArray | pa.Array) -> ShingleSets:
        """The exact set of shingles that each signature summarises, as 64-bit hashes.

        Shingles are told apart by the fast 64-bit hash, whatever `shingle_hash` is: in a billion pairs of
        documents of a thousand shingles, less than one pair shares it by chance. About 150 MB/s; takes up to
        8 bytes for a byte of text, so give it batches.
        """
        texts = kernel_texts(utf8_buffers(content), self.tokens)
        hashes, ends, _ = hash_all(texts.data, texts.offsets, self._rule())
        return distinct(hashes, ends)

    def _rule(self) -> Rule:
        return Rule(
            byte_kinds(self.tokens),
            self.tokens in SEPARATED,
            self.ngram,
            self.min_words,
            self.short == "one-shingle",
        )

    def _sign(self, texts: Texts) -> tuple[Words32, Counts, Counts]:
        """Signatures u32[n, num_perm], shingles and words."""
        texts = kernel_texts(texts, self.tokens)
        drawn = permutations(self.num_perm, self.seed, self.scheme)
        if (self.shingle_hash, self.scheme) == ("fast", "affine32"):
            return sign_all(texts.data, texts.offsets, self._rule(), drawn)
        hashes, ends, words = self._hashes(texts)
        signatures = sign_hashes(hashes, ends, SCHEMES[self.scheme], drawn)
        return signatures, np.diff(ends).astype(np.int32), words

    def _hashes(self, texts: Texts) -> tuple[Words32, Integers, Counts]:
        """32-bit hashes of the shingles of texts made ready for the kernels, offsets, and words."""
        if self.shingle_hash != "fast":
            return hash_shingles(texts.data, texts.offsets, self._rule(), _HASHES[self.shingle_hash])
        hashes, ends, words = hash_all(texts.data, texts.offsets, self._rule())
        return (hashes >> np.uint64(32)).astype(np.uint32), ends, words

    def _pack(self, signatures: Words32, shingles: Counts, words: Counts) -> pa.Table:
        ends = np.arange(len(signatures) + 1, dtype=np.int64) * (4 * self.num_perm)
        buffers = [
            None,
            pa.py_buffer(ends.astype(np.int32)),
            pa.py_buffer(signatures.astype("<u4", copy=False)),
        ]
        packed = pa.Array.from_buffers(pa.binary(), len(signatures), buffers)
        return pa.table([packed, pa.array(shingles), pa.array(words)], schema=self.schema)
