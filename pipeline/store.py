"""Paths, digests and commits: the one place that knows how bytes reach the disk.

Every final name appears by `rename` of a synced temporary file in the same folder, so a name that exists is
whole, whatever was killed. Temporary names begin with `.tmp-`. Digests are xxh3-128 of file contents and
blake2b of canonical JSON, which refuses what it cannot hash. Inputs may be remote (fsspec); outputs are a
local or shared POSIX folder.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import fsspec
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import xxhash
from fsspec.implementations.arrow import ArrowFSWrapper

TEMPORARY_PREFIX: Final = ".tmp-"
TEMPORARY_CHARACTERS: Final = 12


@contextmanager
def committed(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it to `path`, else remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(TEMPORARY_CHARACTERS // 2)}-{path.name}"
    try:
        yield temporary
        _sync(temporary)
        temporary.rename(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Commit `value` as indented JSON with sorted keys."""
    with committed(path) as temporary:
        temporary.write_text(
            json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def read_json(path: Path) -> Any:
    """The parsed file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_table(path: Path, table: pa.Table) -> None:
    """Commit a table as Parquet, with the settings that all our files share."""
    with committed(path) as temporary:
        pq.write_table(table, temporary, **PARQUET_OPTIONS)


PARQUET_OPTIONS: Final[dict[str, Any]] = {
    "compression": "zstd",
    "compression_level": 1,
    "write_statistics": True,
}
PARQUET_READING: Final[dict[str, Any]] = {
    "page_checksum_verification": True,
    "pre_buffer": False,
    "buffer_size": 1 << 20,
}
"""How documents are read. Without a buffer Arrow holds a whole column chunk: 706 MB, not 441, of 800."""


ARROW_STORES: Final = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}
"""Protocols for which pyarrow has a client of its own, and the package that has fsspec's."""


def filesystem_of(url: str) -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and the path in it.

    Without s3fs or gcsfs, `s3://` and `gs://` are read by pyarrow's own clients, which take credentials,
    region and endpoint from the environment as those do. Raises ImportError if a package is missing.
    """
    protocol, separator, path = url.partition("://")
    if not separator or protocol not in ARROW_STORES or find_spec(ARROW_STORES[protocol]) is not None:
        return fsspec.core.url_to_fs(url)
    bucket = path.partition("/")[0]  # alone: a glob's `?` would end the path
    own, _ = pyarrow.fs.FileSystem.from_uri(f"{protocol}://{bucket}")
    return ArrowFSWrapper(own), path.rstrip("/")


def file_digest(path: Path) -> str:
    """xxh3-128 of a file's bytes, in hex (about 10 GB/s from the page cache)."""
    state = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            state.update(chunk)
    return state.hexdigest()


def key_of(*parts: object) -> str:
    """A 128-bit hex key of plain values: blake2b of their canonical JSON.

    Raises TypeError for a value that JSON does not have, and ValueError for NaN and infinities.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()  # of odd file names


def remove_temporaries(folder: Path) -> int:
    """Delete what killed writers left under `folder`; returns how many. Call only while holding its lock."""
    leftovers = list(folder.rglob(f"{TEMPORARY_PREFIX}{'?' * TEMPORARY_CHARACTERS}-*"))
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)
