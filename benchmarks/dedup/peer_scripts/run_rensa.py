"""rensa: RMinHash of Python's shingles in two processes, then RMinHashLSH in one; pairs from `query_all`.

Arguments: whole | signatures, CORPUS OUT BANDS ROWS. Its objects are pickled back from the processes.
Candidates are not verified.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import words

words.one_thread()

import numpy as np  # noqa: E402 — after the number of threads is set
from rensa import RMinHash, RMinHashLSH  # noqa: E402

SEED = 42


def sign_file(path: Path) -> list[Any]:
    """One RMinHash for each document."""
    shingles = [words.shingles_of(text) for text in words.texts_of(path)]
    signed: list[Any] = RMinHash.from_token_sets(shingles, num_perm=words.num_perm(), seed=SEED)
    return signed


def whole(corpus: Path, out: Path) -> dict[str, Any]:
    """From Parquet to the pairs and what goes."""
    started = time.perf_counter()
    with Pool(words.PROCESSES) as pool:
        files = pool.map(sign_file, words.files_of(corpus), chunksize=1)
    signed = [signature for own in files for signature in own]
    signed_at = time.perf_counter()
    index = RMinHashLSH(threshold=0.7, num_perm=words.num_perm(), num_bands=words.bands()[0])
    index.insert_pairs(enumerate(signed))
    pairs = [
        (number, other)
        for number, own in enumerate(index.query_all(signed))
        for other in own
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
        result = words.seconds_of(
            texts, lambda sets: RMinHash.digest_matrix_from_token_sets(sets, num_perm=256, seed=SEED)
        )
    words.tell(result | {"version": version("rensa")}, out)


if __name__ == "__main__":
    main()
