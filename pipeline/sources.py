"""From a `[source]` to splits: list Parquet files, read footers, check columns, divide row groups.

A split is (file, row groups): about `split_bytes` of text, read in place. Its digest covers the file's
footer, size and modification time, so a changed file is a changed split. A damaged file is a quarantine
record; a missing or mistyped column is an error before any work. Costs a footer read a file, 16 at a time.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib.resources import files
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import Source
from pipeline.store import filesystem_of, key_of
from pipeline.units import BadInput, Quarantine

CANONICAL: dict[str, pa.DataType] = {
    "content": pa.large_string(),
    "lang": pa.large_string(),
    "ext": pa.large_string(),
    "size": pa.int64(),
    "max_stars_repo_name": pa.large_string(),
    "max_stars_repo_path": pa.large_string(),
    "max_stars_repo_head_hexsha": pa.large_string(),
    "max_stars_repo_licenses": pa.list_(pa.large_string()),
    "max_stars_count": pa.int64(),
    "hexsha": pa.large_string(),
}
ROW_BYTES = 256
"""What a row counts for at least when splits are cut: later stages hold about as much for each."""
REQUIRED = {
    "content": "each document's text",
    "max_stars_repo_path": "each document's path, or another text that no two documents share",
}
IDENTITY = ("max_stars_repo_name", "max_stars_repo_path", "max_stars_repo_head_hexsha")


@dataclass(frozen=True)
class Split:
    """A unit of input: some row groups of one Parquet file."""

    file: str
    row_groups: tuple[int, ...]
    rows: int
    """How many rows to read: fewer than the row groups hold only under --limit."""
    text_bytes: int
    """Uncompressed size of the content column, as the footer tells it."""
    digest: str
    number: int = 0
    """Its place in the plan, or what `pipeline.numbering` makes of it: names its files in a run directory."""

    @property
    def label(self) -> str:
        """A short name for messages."""
        return f"{self.file} row groups {self.row_groups[0]}–{self.row_groups[-1]}"


@dataclass(frozen=True)
class Plan:
    """What a source holds: splits in file order, and the files that could not be read."""

    splits: tuple[Split, ...]
    quarantine: tuple[Quarantine, ...]


def column_mapping(source: Source) -> dict[str, str]:
    """Canonical column → the source's own column. Raises ValueError for an unknown preset or column."""
    if isinstance(source.columns, str):
        presets = tomllib.loads(files("pipeline").joinpath("columns.toml").read_text(encoding="utf-8"))
        if source.columns not in presets:
            known = ", ".join(presets)
            raise ValueError(f"source.columns: no preset {source.columns!r}; the presets are {known}")
        return dict(presets[source.columns])
    for name in source.columns:
        if name not in CANONICAL:
            known = ", ".join(CANONICAL)
            raise ValueError(f"source.columns.{name}: not a canonical column; those are {known}")
    return dict(source.columns)


def source_name(source: Source) -> str:
    """What stands for the source in document ids."""
    return source.name or source.hub or ("env" if source.env else "path")


def list_files(source: Source) -> list[str]:
    """URLs of the source's Parquet files, sorted. Raises ValueError when there is none."""
    if source.hub is None:
        found = _list_path_files(str(source.path))
    else:
        found = [name for name in hub_files(source) if _is_parquet(name)]
    if not found:
        root = source.hub or source.path
        raise ValueError(
            f"source: no Parquet file matches {root}; expected a folder, a glob or a file of *.parquet"
        )
    return found


def _list_path_files(root: str) -> list[str]:
    try:
        filesystem, path = filesystem_of(root)
    except ImportError as error:
        raise ValueError(f"source.path: {root} needs one more package: {first_line(error)}") from error
    if filesystem.isdir(path):
        found = filesystem.find(path, detail=True)
    else:
        found = filesystem.glob(path, detail=True)
    names = [name for name, info in found.items() if info["type"] != "directory" and _is_parquet(name)]
    return [filesystem.unstrip_protocol(name) if "://" in root else name for name in sorted(names)]


def _is_parquet(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.endswith(".parquet") and not name.startswith((".", "_"))


def hub_files(source: Source) -> list[str]:
    """The data files of a hub dataset as `datasets` resolves them: every split, at the commit of `revision`
    now.

    The URLs name that commit, so a run does not change under a moving branch. `hub` may also be a local
    folder that is laid out like a repository of the hub.
    """
    from datasets import load_dataset_builder  # noqa: PLC0415 — 1 s of import that only hub sources pay for

    try:
        builder = load_dataset_builder(str(source.hub), data_dir=source.data_dir, revision=source.revision)
    except (OSError, ValueError) as error:
        where = f"{source.hub} (revision {source.revision or 'main'}, data_dir {source.data_dir or 'all'})"
        remedy = "check the name, that you may read it (`hf auth login`), and the network"
        raise ValueError(f"source.hub: cannot list {where}: {first_line(error)}; {remedy}") from error
    data_files = builder.config.data_files or {}
    return sorted(str(name) for names in data_files.values() for name in names)


def plan_splits(
    source: Source, columns: Iterable[str], *, split_bytes: int, limit: int | None = None
) -> Plan:
    """Divide the source into splits that hold the canonical `columns` that the run needs.

    Raises ValueError if no file is readable, or if one lacks a column or has it in another type.
    """
    mapping = column_mapping(source)
    _check_mapping(mapping)
    needed = {*columns, *REQUIRED}
    urls = list_files(source)
    with ThreadPoolExecutor(16) as pool:
        footers = list(pool.map(_footer, urls))
    splits: list[Split] = []
    quarantine: list[Quarantine] = []
    for url, footer in zip(urls, footers, strict=True):
        if isinstance(footer, BadInput):
            quarantine.append(footer.record)
            continue
        _check_schema(url, footer.schema, mapping, needed)
        splits.extend(_divide(url, footer, mapping["content"], split_bytes))
    if len(quarantine) == len(urls):
        raise ValueError(f"source: none of its files is readable as Parquet; {quarantine[0].message}")
    numbered = (replace(split, number=number) for number, split in enumerate(_limited(splits, limit)))
    return Plan(tuple(numbered), tuple(quarantine))


def _check_mapping(mapping: Mapping[str, str]) -> None:
    """Text and path are the least that a corpus needs: without paths, documents could not be told apart."""
    for name, meaning in REQUIRED.items():
        if name not in mapping:
            raise ValueError(f"source.columns.{name} is missing: name the column that holds {meaning}")


@dataclass(frozen=True)
class _Footer:
    metadata: Any
    schema: pa.Schema
    digest: str


def _footer(url: str) -> _Footer | BadInput:
    filesystem, path = filesystem_of(url)
    try:
        size = filesystem.size(path)
        with filesystem.open(path, "rb") as stream:
            parquet = pq.ParquetFile(stream)
            stream.seek(max(0, size - parquet.metadata.serialized_size - 8))
            tail = blake2b(stream.read(), digest_size=16).hexdigest()
    except (pa.ArrowException, OSError) as error:
        if not is_damage(error) and not isinstance(error, FileNotFoundError | PermissionError):
            raise
        remedy = "write it again, or fetch it if this is a git-lfs pointer"
        message = f"{url}: not a whole Parquet file ({first_line(error)}); {remedy}"
        return BadInput(Quarantine(url, -1, "parquet_unreadable", message))
    info = filesystem.info(path)
    stamp = info.get("mtime") or info.get("ETag") or info.get("blob_id") or info.get("commit_hash") or ""
    return _Footer(parquet.metadata, parquet.schema_arrow, key_of(tail, size, str(stamp)))


def is_damage(error: Exception) -> bool:
    """Whether it is a file's content that cannot be read: Arrow's own exceptions and bare OSErrors say so.

    Other OSErrors come from the network or the disk. They must stop the run, not be held against the file.
    """
    return isinstance(error, pa.ArrowException) or (type(error) is OSError and error.errno is None)


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its type if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_schema(url: str, schema: pa.Schema, mapping: Mapping[str, str], needed: Set[str]) -> None:
    """What is needed must be there; what is there must have a type that can be read."""
    for canonical, own in mapping.items():
        if own not in schema.names and canonical not in needed:
            continue
        key = f"source.columns.{canonical}"
        if own not in schema.names:
            raise ValueError(
                f"{url} has no column {own!r} ({key}); its columns are {', '.join(schema.names)}: "
                f"map {canonical} in [source] columns, or remove the filters that read it"
            )
        found, expected = schema.field(own).type, CANONICAL[canonical]
        if not _readable_as(found, expected):
            raise ValueError(f"{url}: column {own!r} ({key}) is {found}, expected {expected}: map another")


def _readable_as(found: pa.DataType, expected: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_list(expected):
        listed = pa.types.is_list(found) or pa.types.is_large_list(found)
        return _readable_as(found.value_type if listed else found, pa.large_string())
    if pa.types.is_large_string(expected):
        text = pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
        return text or pa.types.is_binary(found) or pa.types.is_large_binary(found) or pa.types.is_null(found)
    return pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_null(found)


def _divide(url: str, footer: _Footer, content: str, split_bytes: int) -> list[Split]:
    """Consecutive row groups, closed as soon as they hold `split_bytes` of text, or as many tiny rows."""
    paths = [footer.metadata.schema.column(i).path for i in range(footer.metadata.num_columns)]
    column = paths.index(content)
    splits: list[Split] = []
    pending: list[tuple[int, int, int]] = []
    for index in range(footer.metadata.num_row_groups):
        group = footer.metadata.row_group(index)
        pending.append((index, group.num_rows, group.column(column).total_uncompressed_size))
        last = index == footer.metadata.num_row_groups - 1
        rows, text = sum(count for _, count, _ in pending), sum(size for _, _, size in pending)
        if last or max(text, rows * ROW_BYTES) >= split_bytes:
            groups = tuple(index for index, _, _ in pending)
            digest = key_of(footer.digest, groups, rows)
            splits.append(Split(url, groups, rows, text, digest))
            pending = []
    return splits


def _limited(splits: Sequence[Split], limit: int | None) -> list[Split]:
    """The first splits that together hold `limit` rows; the last one is told to read fewer."""
    if limit is None:
        return list(splits)
    kept: list[Split] = []
    for split in splits:
        rows = min(split.rows, limit - sum(s.rows for s in kept))
        if rows > 0:
            kept.append(replace(split, rows=rows, digest=key_of(split.digest, rows)))
    return kept
