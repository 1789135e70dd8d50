"""A corpus in The Stack v1's schema, as large as is asked for: `env`, and copies of it with other words.

`infill ingest env` makes the first copy. A further copy gets its own repository names, and a suffix on every
fourth word of four or more letters, chosen by a hash of the word and the copy's number: so most of its
5-grams are new, and near-dedup keeps it. Python's keywords stay, so its Python parses as before. Copies are
made at about 15 MB/s.
"""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

WORD = re.compile(r"\b[A-Za-z_][A-Za-z_0-9]{3,}\b")
ONE_IN = 4  # of words with four or more letters


def build_corpus(folder: Path, megabytes: float) -> float:
    """Fill `folder`, which is new, with at least that many MB of text; returns how many there are."""
    command = [sys.executable, "-m", "pipeline", "ingest", "env", "--out", str(folder), "--workers", "2"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    originals = sorted(folder.glob("*.parquet"))
    size = sum(map(_text_bytes, originals))
    copy = 0
    while size < megabytes * 1e6:
        copy += 1
        renamed: dict[str, str] = {}
        for original in originals:
            path = folder / f"copy-{copy}-{original.name}"
            pq.write_table(_reworded(pq.read_table(original), copy, renamed), path, row_group_size=1000)
            size += _text_bytes(path)
    return size / 1e6


def _text_bytes(path: Path) -> int:
    return int(pc.sum(pq.read_table(path, columns=["size"])["size"]).as_py() or 0)


def _reworded(table: pa.Table, copy: int, renamed: dict[str, str]) -> pa.Table:
    """The same documents in other words; `renamed` remembers them."""

    def rename(match: re.Match[str]) -> str:
        word = match[0]
        if word not in renamed:
            renamed[word] = word + _suffix(word, copy)
        return renamed[word]

    texts = [WORD.sub(rename, text) for text in table["content"].to_pylist()]
    changed = {
        "content": pa.array(texts, pa.string()),
        "size": pa.array([len(text.encode()) for text in texts], pa.int64()),
        "max_stars_repo_name": pa.array(
            [f"copy-{copy}/{name}" for name in table["max_stars_repo_name"].to_pylist()]
        ),
    }
    for name, column in changed.items():
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def _suffix(word: str, copy: int) -> str:
    digest = blake2b(word.encode(), key=b"copy %d" % copy, digest_size=2).digest()
    chosen = digest[0] % ONE_IN == 0 and not keyword.iskeyword(word)
    return "_" + chr(ord("a") + digest[1] % 26) if chosen else ""
