"""datasketch: signatures by `update_batch` in two processes, then MinHashLSH in one; pairs from `query`.

Arguments: whole | signatures, CORPUS OUT BANDS ROWS. Shingles are hashed by xxh32, which is faster than the
library's default, SHA-1. Candidates are not verified: the library leaves that to its user.
"""

from __future__ import annotations

import sys
import time
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import datasketch
import numpy as np
import words
from xxhash import xxh32_intdigest


def sign_all(shingles: list[list[str]], num_perm: int = words.num_perm()) -> list[Any]:
    """One MinHash for each set; the permutations are made once and shared."""
    drawn = datasketch.MinHash(num_perm=num_perm, seed=1, scheme="affine32").permutations
    signed = []
    for own in shingles:
        signature = datasketch.MinHash(
            num_perm=num_perm, seed=1, scheme="affine32", hashfunc=xxh32_intdigest, permutations=drawn
        )
        if own:
            signature.update_batch([shingle.encode() for shingle in own])
        signed.append(signature)
    return signed


def sign_file(path: Path) -> Any:
    """u32[documents, NUM_PERM]."""
    shingles = [words.shingles_of(text) for text in words.texts_of(path)]
    return np.stack([signature.hashvalues for signature in sign_all(shingles)])


def whole(corpus: Path, out: Path) -> dict[str, Any]:
    """From Parquet to the pairs and what goes."""
    started = time.perf_counter()
    with Pool(words.PROCESSES) as pool:
        values = np.concatenate(pool.map(sign_file, words.files_of(corpus), chunksize=1))
    signed_at = time.perf_counter()
    index = datasketch.MinHashLSH(num_perm=words.num_perm(), params=words.bands())
    signed = [datasketch.MinHash(hashvalues=own, seed=1, scheme="affine32") for own in values]
    with index.insertion_session() as session:
        for number, signature in enumerate(signed):
            session.insert(number, signature)
    pairs = [
        (number, other)
        for number, signature in enumerate(signed)
        for other in index.query(signature)
        if number < other
    ]
    removed = words.removed_by_union(len(signed), pairs)
    done = time.perf_counter()
    np.save(out / "pairs.npy", np.array(pairs, np.int64).reshape(-1, 2))
    np.save(out / "removed.npy", np.array(removed, np.int64))
    return {"seconds": {"signatures": signed_at - started, "index and pairs": done - signed_at}}


def main() -> None:
    mode, corpus, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    if mode == "whole":
        result = whole(corpus, out)
    else:
        texts = [text for path in words.files_of(corpus) for text in words.texts_of(path)]
        result = words.seconds_of(texts, lambda shingles: sign_all(shingles, 256))
    words.tell(result | {"version": datasketch.__version__}, out)


if __name__ == "__main__":
    main()
