"""MinHash signatures of word 5-grams, 256 permutations: filters.minhash beside datasketch and rensa, on one
thread.

Peers get what their users give them: shingles made in Python, here of the same words, each once. datasketch
hashes them by xxh32 (faster than its default, SHA-1) in `update_batch`; rensa takes all documents in one
call. One row counts the making of the shingles, one does not. SantaCoder's rules have rows of their own,
with datasketch's old scheme, which gives the same signatures, as the peer.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version

from datasketch import MinHash as DatasketchMinHash
from xxhash import xxh32_intdigest

from benchmarks.measurement import Measurement, median_seconds
from benchmarks.source_text import documents, read_texts, size_of
from filters.minhash import MinHash

WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
SEPARATOR = re.compile("[^A-Za-z_0-9]")
NUM_PERM, NGRAM, SEED = 256, 5, 42
CODE = MinHash(num_perm=NUM_PERM, ngram=NGRAM, seed=SEED)
SANTACODER = MinHash(
    num_perm=NUM_PERM, ngram=NGRAM, seed=SEED, tokens="ascii-split", scheme="legacy", shingle_hash="sha1"
)
Shingles = list[list[bytes]]


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes)
    rows = []
    for peer, sign in (("datasketch", by_datasketch), ("rensa", by_rensa)):
        there = importlib.util.find_spec(peer) is not None
        name = f"{peer} {version(peer)}" if there else peer
        rows += _row(CODE, texts, name, words_shingles, sign if there else None)
    name = f"datasketch {version('datasketch')} legacy, SHA-1"
    return rows + _row(SANTACODER, texts, name, pieces_shingles, by_script)


def _row(
    fltr: MinHash,
    texts: list[str],
    peer: str,
    shingles_of: Callable[[str], list[bytes]],
    sign: Callable[[Shingles], object] | None,
) -> list[Measurement]:
    """Our time beside a peer's, with and without the making of shingles; `sign` is None if it is absent."""
    table, size = documents(texts), size_of(texts)
    fltr(table.slice(0, 2))  # compiles the kernel
    seconds = median_seconds(lambda: fltr(table))
    rates = {"with Python shingles": math.nan, "shingles given": math.nan}
    if sign:
        given = [shingles_of(text) for text in texts]
        whole = median_seconds(lambda: sign([shingles_of(text) for text in texts]))
        rates = {"with Python shingles": size / whole}
        rates["shingles given"] = size / median_seconds(lambda: sign(given))
    return [
        Measurement(
            what=f"MinHash, 256 permutations, {fltr.tokens}, {fltr.shingle_hash}",
            megabytes=size,
            seconds=seconds,
            peer=f"{peer}, {name}",
            peer_megabytes_per_second=rate,
        )
        for name, rate in rates.items()
    ]


def words_shingles(text: str) -> list[bytes]:
    """Each distinct run of 5 words; all of a shorter text."""
    words = WORD.findall(text.encode())
    runs = zip(*(words[at:] for at in range(NGRAM)), strict=False) if len(words) >= NGRAM else [words]
    return list({b" ".join(run) for run in runs})


def pieces_shingles(text: str) -> list[bytes]:
    """The same of the pieces between separators, empty ones too."""
    pieces = SEPARATOR.split(text)
    runs = zip(*(pieces[at:] for at in range(NGRAM)), strict=False) if len(pieces) >= NGRAM else [pieces]
    return [shingle.encode() for shingle in {" ".join(run) for run in runs}]


def by_datasketch(shingles: Shingles) -> object:
    """Signatures as datasketch makes them, of a hash faster than its own."""
    return [_sketch(own, scheme="affine32", hashfunc=xxh32_intdigest) for own in shingles]


def by_script(shingles: Shingles) -> object:
    return [_sketch(own, scheme="legacy") for own in shingles]


def _sketch(shingles: list[bytes], **options: object) -> DatasketchMinHash:
    signature = DatasketchMinHash(num_perm=NUM_PERM, seed=SEED, **options)
    signature.update_batch(shingles)
    return signature


def by_rensa(shingles: Shingles) -> object:
    """A matrix of signatures in one call, the fastest of rensa's ways from bytes."""
    signer = import_module("rensa").RMinHash
    return signer.digest_matrix_from_token_byte_sets(shingles, num_perm=NUM_PERM, seed=SEED)
