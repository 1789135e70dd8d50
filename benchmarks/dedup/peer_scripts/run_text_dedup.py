"""text-dedup: `python -m text_dedup.minhash` with two processes, its words, and what it kept.

Arguments: whole CORPUS OUT BANDS ROWS. Its words cannot be set: it splits at each character of no word (so
that two in a row make an empty word) and lower-cases. Its own default deletes texts of fewer than five words:
--min_length 1 keeps them. Which documents went is read from the survivors' names, and clusters from its
union-find, which --debug leaves.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import words
from datasets import load_from_disk

NAMES = ("max_stars_repo_name", "max_stars_repo_path", "max_stars_repo_head_hexsha")


def main() -> None:
    """Run it, and leave removed.npy and clusters.npy."""
    corpus, out = Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    options = {
        "path": "parquet",
        "data_files": str(corpus / "*.parquet"),
        "split": "train",
        "cache_dir": str(out / "cache"),
        "output": str(out / "survivors"),
        "column": "content",
        "ngram": words.NGRAM,
        "min_length": 1,
        "num_perm": words.num_perm(),
        "b": words.bands()[0],
        "r": words.bands()[1],
        "hash_func": "xxh3",
        "num_proc": words.PROCESSES,
    }
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "text_dedup.minhash", *flags, "--debug"], check=True)
    seconds = {"whole": time.perf_counter() - started}
    save_removed(corpus, out)
    words.tell({"seconds": seconds, "version": version("text-dedup")}, out)


def save_removed(corpus: Path, out: Path) -> None:
    """removed.npy: the documents whose names are not among the survivors'; clusters.npy."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    tables = [pq.read_table(path, columns=list(NAMES)) for path in words.files_of(corpus)]
    rows = list(zip(*(pa.concat_tables(tables)[name].to_pylist() for name in NAMES), strict=True))
    survivors = load_from_disk(str(out / "survivors"))
    kept = set(zip(*(survivors[name] for name in NAMES), strict=True))
    removed = [number for number, row in enumerate(rows) if row not in kept]
    np.save(out / "removed.npy", np.array(removed, np.int64))
    with (out / "survivors" / "uf.pkl").open("rb") as stream:
        union = pickle.load(stream)  # written by the command above
    clusters = np.array([union.find(number) for number in range(len(rows))], np.int64)
    assert np.array_equal(np.flatnonzero(clusters != np.arange(len(rows))), removed), (
        "its numbers are not ours"
    )
    np.save(out / "clusters.npy", clusters)


if __name__ == "__main__":
    main()
