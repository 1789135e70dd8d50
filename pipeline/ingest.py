"""Ingest: source files from disk into Parquet in The Stack v1's schema, one file a repository.

`env` is the corpus that everyone has: the packages installed in this environment (repository = distribution,
revision = version, licence from the package's metadata) and Python's standard library. A folder is one
repository. Kept are the files whose name tells a known language; empty files, files over 1 MB and files that
are not UTF-8 are dropped and counted, as The Stack does. About 60 MB/s a core.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from filters.language import language_of
from filters.licenses.expressions import UNKNOWN
from filters.licenses.identification import identify_all
from filters.lines import Lines
from pipeline.installed_licenses import license_of
from pipeline.store import PARQUET_OPTIONS, committed, file_digest, key_of
from pipeline.units import Product, Receipt, Unit

MAX_FILE_BYTES: Final = 1_000_000
ROW_GROUP_BYTES: Final = 8_000_000
IGNORED_FOLDERS: Final = ("__pycache__", "site-packages")
OWN_NAME: Final = "infill"


def _provenance(kind: str) -> list[pa.Field]:
    """The columns that The Stack has once each for the repository with most stars, issues and forks."""
    prefix = f"max_{kind}"
    event = f"max_{kind}_repo_{kind}_event"
    texts = [f"{prefix}_repo_path", f"{prefix}_repo_name", f"{prefix}_repo_head_hexsha"]
    return [
        *(pa.field(name, pa.string()) for name in texts),
        pa.field(f"{prefix}_repo_licenses", pa.list_(pa.string())),
        pa.field(f"{prefix}_count", pa.int64()),
        pa.field(f"{event}_min_datetime", pa.string()),
        pa.field(f"{event}_max_datetime", pa.string()),
    ]


STACK_V1: Final = pa.schema(
    [
        pa.field("hexsha", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("ext", pa.string()),
        pa.field("lang", pa.string()),
        *_provenance("stars"),
        *_provenance("issues"),
        *_provenance("forks"),
        pa.field("content", pa.string()),
        pa.field("avg_line_length", pa.float64()),
        pa.field("max_line_length", pa.int64()),
        pa.field("alphanum_fraction", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Repository:
    """A set of files under one root that share a name, a revision and a licence."""

    name: str
    revision: str
    root: Path
    files: tuple[str, ...]
    """Paths relative to the root, sorted."""
    license: str
    """An SPDX expression, or "" when it is not known."""


def ingest_units(sources: Sequence[str], out: Path) -> list[Unit]:
    """One unit a repository, keyed by its name, revision and the size and time of its files."""
    repositories = [repository for source in sources for repository in _repositories(source)]
    names = [repository.name for repository in repositories]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(
            f"two sources are called {', '.join(sorted(twice))}; a repository's name must be its own"
        )
    units = []
    for repository in sorted(repositories, key=lambda r: r.name):
        stats = [(path, _stamp(repository.root / path)) for path in repository.files]
        key = key_of("ingest", 2, repository.name, repository.revision, repository.license, stats)
        product = Product(out / f"{repository.name.replace('/', '--')}.json", key)
        units.append(Unit(repository.name, repository, (product,), len(repository.files)))
    return units


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _repositories(source: str) -> Iterator[Repository]:
    if source == "env":
        yield from installed_packages()
        yield standard_library()
        return
    root = Path(source)
    if not root.is_dir():
        raise ValueError(f"ingest: {source} is neither `env` nor a folder")
    license_texts = [
        path.read_text("utf-8", "replace") for path in sorted(root.glob("LICEN[SC]E*")) if path.is_file()
    ]
    spdx = identify_all(license_texts)
    yield Repository(
        root.resolve().name,
        _git_revision(root),
        root.resolve(),
        tuple(_walk(root)),
        spdx if spdx != UNKNOWN else "",
    )


def _git_revision(root: Path) -> str:
    """The commit that a git checkout stands at, or ""."""
    git = root / ".git"
    if not (git / "HEAD").is_file():
        return ""
    text = (git / "HEAD").read_text().strip()
    if not text.startswith("ref: "):
        return text
    name = text.removeprefix("ref: ")
    if (git / name).is_file():
        return (git / name).read_text().strip()
    packed = git / "packed-refs"  # where git moves branches when it tidies up
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {name}")), "")


def _walk(root: Path) -> list[str]:
    """Regular files under `root` that name a language; hidden folders, caches and links are not followed."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders if not s.startswith(".") and s not in IGNORED_FOLDERS]
        paths = [Path(folder, name) for name in names if language_of(name)]
        found += [str(path.relative_to(root)) for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(found)


def standard_library() -> Repository:
    """Python's own library, without installed packages."""
    root = Path(sysconfig.get_path("stdlib"))
    return Repository("python", platform.python_version(), root, tuple(_walk(root)), "PSF-2.0")


def installed_packages() -> Iterator[Repository]:
    """Each distribution installed in this environment that holds source files, by its record of files."""
    found = reversed([*importlib.metadata.distributions()])  # of two versions, the first is the one imported
    distributions = {_name(distribution): distribution for distribution in found}
    for name in sorted(distributions.keys() - {OWN_NAME, ""}):  # "": what a broken installation leaves behind
        distribution = distributions[name]
        recorded = [path for path in distribution.files or () if ".." not in path.parts]
        root = Path(str(distribution.locate_file(""))).resolve()
        files = {str(path) for path in recorded if language_of(path.name) and (root / path).is_file()}
        if files:
            yield Repository(name, distribution.version, root, tuple(sorted(files)), _license(distribution))


def _name(distribution: importlib.metadata.Distribution) -> str:
    return str((distribution.metadata.get_all("Name") or [""])[0]).lower()


def _license(distribution: importlib.metadata.Distribution) -> str:
    spdx = license_of(distribution)
    return spdx if spdx != UNKNOWN else ""


def ingest_repository(repository: Repository, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write one repository's Parquet file; returns its receipt with the files dropped by reason."""
    (product,) = pending
    dropped = dict.fromkeys(("empty", "too_large", "not_utf8"), 0)
    rows_out = 0
    with (
        committed(product.path) as temporary,
        pq.ParquetWriter(temporary, STACK_V1, **PARQUET_OPTIONS) as writer,
    ):
        for rows in _row_groups(_rows(repository, dropped)):
            rows_out += len(rows)
            writer.write_table(_table(rows))
    receipt = Receipt(product.key, len(repository.files), rows_out, dropped, digest=file_digest(product.path))
    return [product.commit(receipt)]


def _rows(repository: Repository, dropped: dict[str, int]) -> Iterator[dict[str, Any]]:
    for path in repository.files:
        data, reason = _read(repository.root, path)
        if reason:
            dropped[reason] += 1
        else:
            yield _row(repository, path, data)


def _read(root: Path, path: str) -> tuple[bytes, str]:
    """A file's bytes, or why it is not taken."""
    if (root / path).stat().st_size > MAX_FILE_BYTES:
        return b"", "too_large"
    data = (root / path).read_bytes()
    if not data:
        return b"", "empty"
    try:
        data.decode("utf-8")
        path.encode("utf-8")  # a name of other bytes has surrogates
    except UnicodeError:
        return b"", "not_utf8"
    return data, ""


def _row(repository: Repository, path: str, data: bytes) -> dict[str, Any]:
    """One file in The Stack's columns; its hexsha is git's blob id, and stars are unknown."""
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return {
        "hexsha": blob,
        "size": len(data),
        "ext": Path(path).suffix.removeprefix("."),
        "lang": language_of(Path(path).name),
        "max_stars_repo_path": path,
        "max_stars_repo_name": repository.name,
        "max_stars_repo_head_hexsha": repository.revision,
        "max_stars_repo_licenses": [repository.license] if repository.license else [],
        "content": data.decode("utf-8"),
    }


def _row_groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += row["size"]
        if size >= ROW_GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table in the full schema; line statistics come from the `lines` filter."""
    table = pa.Table.from_pylist(rows, schema=STACK_V1)
    statistics = Lines()(table.select(["content"]))
    for name in ("avg_line_length", "max_line_length", "alphanum_fraction"):
        table = table.set_column(
            STACK_V1.get_field_index(name), STACK_V1.field(name), statistics.column(name)
        )
    return table
