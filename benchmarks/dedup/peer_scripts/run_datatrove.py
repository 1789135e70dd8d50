"""datatrove: its four stages with two workers, words by the project's expression.

Arguments: whole | normalised, CORPUS OUT BANDS ROWS. `whole` gives it the same shingles, without its
normaliser; `normalised` leaves that as it comes (lower case, no punctuation, digits as 0). A text of fewer
than five words, of which it would make no shingle, is filled up with empty words, so that it has one as
with the others. Tasks are files, so that a document is (file, place).
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import words
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.text import TextNormConfig
from datatrove.utils.word_tokenizers import WordTokenizer

PLAIN = TextNormConfig(
    lowercase=False,
    norm_whitespace=False,
    remove_punctuation=False,
    norm_unicode_diacritics=False,
    norm_numbers=False,
)


class Words(WordTokenizer):
    """The project's words."""

    def word_tokenize(self, text: str) -> list[str]:
        found = words.TOKEN.findall(text)
        return found + [""] * (words.NGRAM - len(found)) if found else []

    def sent_tokenize(self, text: str) -> list[str]:
        return text.splitlines()

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return []


def whole(corpus: Path, out: Path, config: MinhashConfig) -> dict[str, Any]:
    """From Parquet to the survivors' Parquet; seconds of each stage."""
    files = words.files_of(corpus)

    def reader(*, metadata: bool) -> ParquetReader:
        key = "content" if not metadata else "hexsha"  # without metadata only text and id are read
        return ParquetReader(str(corpus), text_key="content", id_key=key, read_metadata=metadata)

    signatures, buckets, removals = (str(out / name) for name in ("signatures", "buckets", "removals"))
    survivors = ParquetWriter(str(out / "survivors"))
    cluster = MinhashDedupCluster(buckets, removals, config=config, save_cluster_id=True)
    stages = {
        "signatures": (
            [reader(metadata=False), MinhashDedupSignature(signatures, config=config, language=Words())],
            len(files),
        ),
        "buckets": ([MinhashDedupBuckets(signatures, buckets, config=config)], words.bands()[0]),
        "clusters": ([cluster], 1),
        "survivors": ([reader(metadata=True), MinhashDedupFilter(removals), survivors], len(files)),
    }
    seconds = {}
    for name, (pipeline, tasks) in stages.items():
        started = time.perf_counter()
        logs = str(out / "logs" / name)
        LocalPipelineExecutor(
            pipeline=pipeline, tasks=tasks, workers=min(tasks, words.PROCESSES), logging_dir=logs
        ).run()
        seconds[name] = time.perf_counter() - started
    return {"seconds": seconds}


def save_clusters(corpus: Path, out: Path) -> None:
    """clusters.npy (each document's cluster, or -1) and removed.npy, from its binary files."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = [pq.read_metadata(path).num_rows for path in words.files_of(corpus)]
    clusters = np.full(sum(rows), -1, np.int64)
    removed = []
    for number, first in enumerate(np.cumsum([0, *rows[:-1]])):
        own, gone = (out / "removals" / f"{number:06d}.{kind}" for kind in ("clusters", "remove"))
        if own.exists():
            places, ids = np.fromfile(own, "<u4").reshape(-1, 2).T.astype(np.int64)
            clusters[first + places] = ids
        if gone.exists():
            removed.append(first + np.fromfile(gone, "<u4").astype(np.int64))
    np.save(out / "clusters.npy", clusters)
    np.save(out / "removed.npy", np.concatenate([np.empty(0, np.int64), *removed]))


def main() -> None:
    mode, corpus, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    norm = PLAIN if mode == "whole" else TextNormConfig()
    config = MinhashConfig(
        n_grams=words.NGRAM,
        num_buckets=words.bands()[0],
        hashes_per_bucket=words.bands()[1],
        norm_config=norm,
    )
    result = whole(corpus, out, config)
    save_clusters(corpus, out)
    words.tell(result | {"version": version("datatrove")}, out)


if __name__ == "__main__":
    main()
