"""MinHash signatures of word 5-grams, 256 permutations: filters.minhash beside datasketch, on one thread.

datasketch gets what its users give it: shingles made in Python, here of the same words, each once, hashed by
xxh32 (faster than its default, SHA-1) and added by `update_batch`. One row counts the making of the shingles,
one does not.
"""

from __future__ import annotations

import re

from datasketch import MinHash as DatasketchMinHash
from datasketch import __version__ as library_version
from xxhash import xxh32_intdigest

from benchmarks.measurement import Measurement, median_seconds
from benchmarks.source_text import documents, read_texts, size_of
from filters.minhash import MinHash

WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
NUM_PERM, NGRAM = 256, 5


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes)
    table, fltr = documents(texts), MinHash(num_perm=NUM_PERM, ngram=NGRAM, seed=1)
    fltr(table.slice(0, 2))  # compiles the kernel
    seconds = median_seconds(lambda: fltr(table))
    shingles = [shingles_of(text.encode()) for text in texts]
    peers = {
        "with Python shingles": median_seconds(lambda: [sign(shingles_of(text.encode())) for text in texts]),
        "shingles given": median_seconds(lambda: [sign(own) for own in shingles]),
    }
    size = size_of(texts)
    return [
        Measurement(
            what="MinHash, 256 permutations",
            megabytes=size,
            seconds=seconds,
            peer=f"datasketch {library_version} update_batch, {name}",
            peer_megabytes_per_second=size / peer_seconds,
        )
        for name, peer_seconds in peers.items()
    ]


def shingles_of(text: bytes) -> list[bytes]:
    """Each distinct run of 5 words; all of a shorter text."""
    words = WORD.findall(text)
    count = max(1, len(words) - NGRAM + 1)
    return list({b" ".join(words[at : at + NGRAM]) for at in range(count)})


def sign(shingles: list[bytes]) -> DatasketchMinHash:
    """A signature as datasketch makes it."""
    signature = DatasketchMinHash(num_perm=NUM_PERM, seed=1, hashfunc=xxh32_intdigest)
    signature.update_batch(shingles)
    return signature
