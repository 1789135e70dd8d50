"""Stage "contexts": for each document of a range of repositories, the files that stand before it.

A unit reads its range out of every split's files twice: first the texts, of which each repository keeps the
first `MAX_FILES` by rank; then the documents, split by split, whose contexts are chosen and written as they
come. What is chosen depends on the repository alone, so ranges and splits may be cut anyhow. Memory: the kept
texts of the range, and what one split has of it without texts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nsmallest
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.keyed import Rng, falls_in, keyed_hash
from pipeline.repository_context.choice import Candidates, by_draw, by_imports
from pipeline.repository_context.files import FILES, MAX_FILES, ContextSettings
from pipeline.repository_context.row_groups import GROUP_BYTES, read_range, write_groups
from pipeline.repository_context.trees import Tree, build_tree, dependencies
from pipeline.store import file_digest, key_of
from pipeline.units import Product, Receipt, Unit

VERSION: Final = 1
CONTEXT_FILES: Final = pa.list_(pa.struct({"path": pa.string(), "text": pa.string()}))
CONTEXTS: Final = pa.schema(
    [
        pa.field("split", pa.int64(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("characters", pa.int64(), nullable=False),
        pa.field("context_files", CONTEXT_FILES, nullable=False),
    ]
)
_DOCUMENT_COLUMNS: Final = [name for name in FILES.names if name not in ("text", "rank", "repository")]


@dataclass(frozen=True)
class ContextsWork:
    """All splits' files by the splits' numbers, and which of `count` equal ranges of repositories."""

    files: tuple[tuple[int, Path], ...]
    index: int
    count: int
    settings: ContextSettings


class File(NamedTuple):
    """A file that may stand before others."""

    path: str
    doc_id: bytes
    rank: int
    family: str
    imports: Sequence[str]
    size_bytes: int
    text: str


@dataclass
class Repository:
    """What is kept of a repository; frozen in effect once all its files are added."""

    name: str
    held_out: bool
    files: list[File] = field(default_factory=list)
    count: int = 0
    """Of documents, kept or not."""
    _known: dict[int, list[int]] = field(default_factory=dict)

    def add(self, file: File | None) -> None:
        """Count a document, and keep it while it can be among the first."""
        self.count += 1
        if file is not None:
            self.files.append(file)
            if len(self.files) >= 2 * MAX_FILES:
                self.trim()

    def trim(self) -> None:
        """Keep the first `MAX_FILES` by rank, in the order of their paths."""
        first = nsmallest(MAX_FILES, self.files, key=lambda file: (file.rank, file.doc_id))
        self.files = sorted(first, key=lambda file: (file.path, file.doc_id))

    @cached_property
    def tree(self) -> Tree:
        """The paths, indexed for imports."""
        return build_tree([file.path for file in self.files])

    @cached_property
    def candidates(self) -> Candidates:
        """The files as `choice` sees them."""
        sizes = [len(file.path.encode()) + file.size_bytes for file in self.files]
        return Candidates(sizes, self.dependencies)

    def dependencies(self, number: int) -> list[int]:
        """What a kept file imports, found once."""
        if number not in self._known:
            file = self.files[number]
            self._known[number] = dependencies(self.tree, file.path, file.family, file.imports, self.name)
        return self._known[number]


def contexts_units(
    folder: Path,
    files: Sequence[tuple[int, Path]],
    digests: Sequence[str],
    count: int,
    settings: ContextSettings,
) -> list[Unit]:
    """One unit a range of repositories, keyed by the settings and all splits' files."""
    inputs = sorted(zip((number for number, _ in files), digests, strict=True))
    repository = settings.repository.model_dump(mode="json")
    units = []
    for index in range(count):
        key = key_of("contexts", VERSION, index, count, settings.files_key(), repository, inputs)
        product = Product(folder / f"range-{index:05d}.json", key)
        work = ContextsWork(tuple(files), index, count, settings)
        units.append(Unit(f"repositories {index + 1} of {count}", work, (product,), 0))
    return units


def choose_contexts(work: ContextsWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Leave `CONTEXTS` by split and row; documents that stand alone or are not drawn have none."""
    (product,) = pending
    repositories = read_repositories(work)
    dropped: Counter[str] = Counter({"alone": 0, "not_drawn": 0})
    contexts = (
        (number, row["row"], files)
        for number, path in work.files
        for row in _documents(work, path)
        if (files := _context(row, repositories[row["repo"], row["revision"]], work.settings, dropped))
    )
    write_groups(product.path, CONTEXTS, _tables(contexts))
    total = sum(repository.count for repository in repositories.values())
    facts = {
        "repositories": len(repositories),
        "not_considered": total - sum(len(repository.files) for repository in repositories.values()),
    }
    written = pq.read_metadata(product.path).num_rows
    digest = file_digest(product.path)
    return [product.commit(Receipt(product.key, total, written, dict(dropped), digest=digest, facts=facts))]


def read_repositories(work: ContextsWork) -> dict[tuple[str, str], Repository]:
    """The repositories of the range by name and revision, with the files of all splits."""
    found: dict[tuple[str, str], Repository] = {}
    for _, path in work.files:
        for row in _rows(read_range(path, FILES.names, "repository", *_range(work))):
            repository = found.setdefault(
                (row["repo"], row["revision"]), Repository(row["repo"], row["held_out"])
            )
            assert repository.held_out == row["held_out"], f"{row['repo']} is in train and in validation"
            usable = File(**{name: row[name] for name in File._fields}) if row["text"] else None
            repository.add(usable)
    for repository in found.values():
        repository.trim()
    return found


def _range(work: ContextsWork) -> tuple[int, int]:
    """The first and last repository key of the unit."""
    first, after = (-((-(index) << 64) // work.count) for index in (work.index, work.index + 1))
    return first, after - 1


def _documents(work: ContextsWork, path: Path) -> Iterator[dict[str, Any]]:
    table = read_range(path, _DOCUMENT_COLUMNS, "repository", *_range(work))
    return _rows(table.sort_by("row"))


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows as dictionaries, a bounded number at a time."""
    for batch in table.to_batches(max_chunksize=1024):
        yield from batch.to_pylist()


def _context(
    row: dict[str, Any], repository: Repository, settings: ContextSettings, dropped: Counter[str]
) -> list[File]:
    """The files before a document, the nearest last; counts why there are none."""
    if not falls_in(settings.repository.rate, settings.seed, row["doc_id"], "context"):
        dropped["not_drawn"] += 1
        return []
    place = bisect_left(repository.files, (row["path"], row["doc_id"]), key=lambda file: file[:2])
    kept = place < len(repository.files) and repository.files[place].doc_id == row["doc_id"]
    skip = place if kept else -1
    if len(repository.files) == kept:
        dropped["alone"] += 1
        return []
    if settings.repository.order == "random":
        rng = Rng(keyed_hash(settings.seed, row["doc_id"], 0, "context order"))
        numbers = by_draw(repository.candidates, rng, skip=skip, room=settings.room)
    else:
        own = _imports(row, repository, skip)
        numbers = by_imports(repository.candidates, own, place=place, skip=skip, room=settings.room)
    return [repository.files[number] for number in numbers]


def _imports(row: dict[str, Any], repository: Repository, skip: int) -> list[int]:
    if skip >= 0:
        return repository.dependencies(skip)
    return dependencies(repository.tree, row["path"], row["family"], row["imports"], repository.name)


def _tables(contexts: Iterator[tuple[int, int, list[File]]]) -> Iterator[pa.Table]:
    """Tables of about a row group."""
    rows: list[dict[str, Any]] = []
    waiting = 0
    for split, row, files in contexts:
        size = sum(len(file.path) + len(file.text) for file in files)
        texts = [{"path": file.path, "text": file.text} for file in files]
        rows.append({"split": split, "row": row, "characters": size, "context_files": texts})
        waiting += size
        if waiting >= GROUP_BYTES:
            yield pa.Table.from_pylist(rows, schema=CONTEXTS)
            rows, waiting = [], 0
    if rows:
        yield pa.Table.from_pylist(rows, schema=CONTEXTS)
