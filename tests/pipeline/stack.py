"""A small corpus in The Stack v1's schema, made of standard-library files with planted duplicates, and a
recipe on it.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ingest import STACK_V1

Row = dict[str, Any]

RECIPE = """
name = "small"
[source]
path = "{path}"
[tokenizer]
train = {{ vocab_size = 600, sample_bytes = 200000 }}
[filters.license]
policy = "permissive-strict"
[filters.stars]
[filters.lines]
[filters.comments]
[filters.minhash]
num_perm = 128
ngram = 5
seed = 1
[gate]
license = "license_class = 'permissive'"
[select]
line_length = "max_line_length <= 1000"
comments = "comment_ratio > 0.01"
[select.dedup]
threshold = 0.7
keep = ["stars desc", "doc_id"]
[fim]
dialect = "starcoder"
rate = 0.8
context = 512
orders = {{ psm = 0.5, spm-v2 = 0.5 }}
kinds = {{ random = 0.3, empty = 0.1, line = 0.3, lines = 0.3 }}
half_written = {{ rate = 0.2, max_lines = 4 }}
[shards]
sequence_length = 512
tokens_per_shard = 40000
validation = 0.2
seed = 7
"""


def stack_row(
    content: Any,
    *,
    repo: str = "ann/tools",
    path: str = "a.py",
    licenses: Sequence[str] = ("MIT",),
    stars: int | None = 3,
) -> Row:
    """One row of The Stack v1; columns that are not given are null."""
    return {
        "content": content,
        "max_stars_repo_name": repo,
        "max_stars_repo_path": path,
        "max_stars_repo_head_hexsha": "c0ffee",
        "max_stars_repo_licenses": list(licenses),
        "max_stars_count": stars,
        "lang": "Python",
        "ext": "py",
        "size": len(content.encode()) if isinstance(content, str) else None,
    }


def stdlib_rows(count: int = 60) -> list[Row]:
    """Real files under made-up repositories; every tenth is GPL, every seventh is repeated word for word
    elsewhere.
    """
    root = Path(sysconfig.get_path("stdlib"))
    rows = []
    for number, path in enumerate(sorted(root.glob("*.py"))[:count]):
        text = path.read_text(encoding="utf-8")[:12_000]
        repo = f"owner{number % 9}/project"
        licenses = ["GPL-3.0-only"] if number % 10 == 0 else ["MIT"]
        rows.append(stack_row(text, repo=repo, path=path.name, licenses=licenses, stars=number))
        if number % 7 == 0:
            rows.append(stack_row(text, repo="copycat/mirror", path=path.name, stars=number * 2))
    return rows


def write_stack(path: Path, rows: Sequence[Row], *, row_group_size: int = 16) -> Path:
    """Write rows as one Parquet file in the full schema."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=STACK_V1), path, row_group_size=row_group_size)
    return path


def write_corpus(folder: Path, rows: Sequence[Row], *, files: int = 3, row_group_size: int = 16) -> Path:
    """Deal rows out to `files` Parquet files."""
    for number in range(files):
        write_stack(folder / f"data-{number}.parquet", rows[number::files], row_group_size=row_group_size)
    return folder


def write_recipe(folder: Path, corpus: Path, text: str = RECIPE) -> Path:
    """Write the small recipe for a corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "small.toml"
    path.write_text(text.format(path=corpus), encoding="utf-8")
    return path
