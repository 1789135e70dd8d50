"""Real source text to measure on: the files of the standard library and of the installed packages.

The order is that of a hash of repository and path, so that the first megabytes are a mix of everything; it
is the same on every run in the same environment. Listing takes some seconds, reading one per 100 MB.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import chain
from pathlib import Path

import pyarrow as pa

from filters.language import language_of
from pipeline.ingest import MAX_FILE_BYTES, installed_packages, standard_library


def read_texts(megabytes: float, languages: tuple[str, ...] = ()) -> list[str]:
    """Texts of about `megabytes` (10^6 bytes) of UTF-8, of these languages or of all."""
    texts: list[str] = []
    left = megabytes * 1e6
    for path in _paths(languages):
        if left <= 0:
            break
        data = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if text:
            texts.append(text)
            left -= len(data)
    return texts


def _paths(languages: tuple[str, ...]) -> list[Path]:
    repositories = chain(installed_packages(), [standard_library()])
    files = [(f"{r.name}/{file}", r.root / file) for r in repositories for file in r.files]
    wanted = [pair for pair in files if not languages or language_of(pair[1].name) in languages]
    wanted.sort(key=lambda pair: blake2b(pair[0].encode("utf-8", "surrogatepass")).digest())
    return [path for _, path in wanted]


def size_of(texts: list[str]) -> float:
    """Megabytes of UTF-8."""
    return sum(len(text.encode()) for text in texts) / 1e6


def documents(texts: list[str], language: str = "Python") -> pa.Table:
    """Texts as the table that filters take."""
    column = pa.array(texts, pa.large_string())
    return pa.table({"content": column, "lang": pa.array([language] * len(texts))})
