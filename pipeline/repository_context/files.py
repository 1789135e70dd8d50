"""Stage "repository files": what each split has of each repository, sorted so that repositories can be met.

One unit a split reads its survivors' text and leaves a row a document: its repository, path, imports, and as
much text as a context could use. Rows are sorted by a hash of repository and revision, in small row groups,
so that the next stage reads a range of repositories out of every split. Of a repository with more files than
are considered, the texts of those that come last by a keyed hash are left out. Memory: the texts of a split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters import filter_class
from filters.language import canonical_languages, language_of
from pipeline.annotate import Identity
from pipeline.config import RepositoryContext
from pipeline.documents import Reading, read_batches
from pipeline.keyed import keyed_hash
from pipeline.redaction import FOUND
from pipeline.repository_context.imports import FAMILIES, imports_of
from pipeline.repository_context.row_groups import slices_by_bytes, write_groups
from pipeline.sources import Split
from pipeline.store import file_digest, key_of
from pipeline.units import BadInput, Product, Receipt, Unit

VERSION: Final = 1
BYTES_PER_TOKEN: Final = 8
"""Of text for each token that a context may have: about twice what code has."""
MAX_FILES: Final = 1000
"""Files of a repository that may stand before others."""

FILES: Final = pa.schema(
    [
        pa.field("repository", pa.uint64(), nullable=False),
        pa.field("repo", pa.string(), nullable=False),
        pa.field("revision", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("doc_id", pa.binary(16), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("held_out", pa.bool_(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("imports", pa.list_(pa.string()), nullable=False),
        pa.field("rank", pa.uint64(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),  # of the whole text
        pa.field("text", pa.string()),  # null: not considered
    ]
)


@dataclass(frozen=True)
class ContextSettings:
    """What all units share."""

    reading: Reading
    repository: RepositoryContext
    seed: int
    secrets: bool
    """Whether secrets are redacted later: then no text is cut inside one, where it would not be known."""

    @property
    def room(self) -> int:
        """Bytes of paths and texts that a context may have, and the most that is kept of one text."""
        return BYTES_PER_TOKEN * self.repository.max_tokens

    def files_key(self) -> str:
        """The content key of this stage's settings."""
        return key_of(
            *("repository files", VERSION, self.reading.source_name, dict(self.reading.mapping)),
            *(self.room, MAX_FILES, self.seed, filter_class("secrets").version if self.secrets else 0),
        )


@dataclass(frozen=True)
class FilesWork:
    """One split and its surviving rows."""

    split: Split
    survivors: Path
    settings: ContextSettings


def files_units(
    folder: Path,
    splits: Sequence[Split],
    survivors: Sequence[Path],
    digests: Sequence[str],
    settings: ContextSettings,
) -> list[Unit]:
    """One unit a split, keyed by the settings, the split and its surviving rows."""
    units = []
    for split, part, digest in zip(splits, survivors, digests, strict=True):
        key = key_of(settings.files_key(), split.digest, digest)
        product = Product(folder / f"part-{split.number:05d}.json", key)
        units.append(Unit(split.label, FilesWork(split, part, settings), (product,), split.rows))
    return units


def collect_files(work: FilesWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Leave the split's files; documents without a repository's name, and empty ones, are dropped."""
    (product,) = pending
    survivors = pq.read_table(work.survivors)
    quarantine: tuple[Any, ...] = ()
    try:
        files = pa.concat_tables([FILES.empty_table(), *_read_files(work, survivors)])
    except BadInput as error:
        files, quarantine = FILES.empty_table(), (error.record,)
    rows = len(files)
    named = np.asarray(pc.not_equal(files["repo"], ""), np.bool_)
    files = files.filter(pa.array(named & (files["size_bytes"].to_numpy() > 0)))
    files = _considered(files)
    sizes = files["text"].combine_chunks().fill_null("")
    write_groups(product.path, FILES, (files.slice(*own) for own in slices_by_bytes(_lengths(sizes))))
    dropped = {"no_repository": rows - int(named.sum())}
    dropped["empty_document"] = rows - dropped["no_repository"] - len(files)
    lost = len(survivors) - rows
    facts = {"text_bytes": int(_lengths(sizes).sum())}
    receipt = Receipt(product.key, len(survivors), len(files), dropped, lost, quarantine, facts=facts)
    return [product.commit(replace(receipt, digest=file_digest(product.path)))]


def _lengths(texts: pa.Array) -> Any:
    return pc.binary_length(texts).cast(pa.int64()).to_numpy()


def _considered(files: pa.Table) -> pa.Table:
    """Sorted by repository and rank, without text for what is not among a repository's first here."""
    files = files.sort_by([("repository", "ascending"), ("rank", "ascending"), ("row", "ascending")])
    keys = files["repository"].to_numpy()
    first = np.searchsorted(keys, keys)  # where each one's repository begins
    beyond = np.arange(len(keys)) - first >= MAX_FILES
    texts = pc.if_else(pa.array(beyond), pa.scalar(None, pa.string()), files["text"])
    return files.set_column(files.column_names.index("text"), FILES.field("text"), texts)


def _read_files(work: FilesWork, survivors: pa.Table) -> Iterator[pa.Table]:
    done = 0
    wanted = ["content", *Identity.columns]
    rows = survivors["row"].to_numpy()
    for batch in read_batches(work.split, work.settings.reading, wanted, rows=rows):
        docs = batch.documents
        own = survivors.slice(done, len(docs))
        done += len(docs)
        if docs["doc_id"].to_pylist() != own["doc_id"].to_pylist():
            raise ValueError(
                f"{work.split.label} changed while the run was reading it; run the same command again"
            )
        identity = Identity()(docs)
        columns = {name: identity[name] for name in ("repo", "path", "revision")}
        columns |= {name: docs[name] for name in ("content", "doc_id", "row")}
        columns |= {"lang": canonical_languages(own["lang"]), "held_out": own["held_out"]}
        yield file_rows(pa.table(columns), work.settings)


def file_rows(docs: pa.Table, settings: ContextSettings) -> pa.Table:
    """`FILES` of documents with content, doc_id, row, repo, path, revision, lang and held_out."""
    columns: dict[str, list[Any]] = {name: docs[name].to_pylist() for name in docs.column_names}
    texts = columns.pop("content")
    columns["size_bytes"] = pc.binary_length(docs["content"]).to_pylist()
    long = [row for row, size in enumerate(columns["size_bytes"]) if size > settings.room]
    secrets = _secrets(docs["content"].take(pa.array(long, pa.int64()))) if settings.secrets and long else []
    hidden = dict(zip(long, secrets, strict=False))
    columns["text"] = [
        text if size <= settings.room else kept_end(text, settings.room, hidden.get(row, ()))
        for row, (text, size) in enumerate(zip(texts, columns["size_bytes"], strict=True))
    ]
    languages = zip(columns.pop("lang"), columns["path"], strict=True)
    columns["family"] = [
        FAMILIES.get(lang) or FAMILIES.get(language_of(path), "") for lang, path in languages
    ]
    columns["imports"] = [imports_of(*pair) for pair in zip(texts, columns["family"], strict=True)]
    columns["rank"] = [keyed_hash(settings.seed, own, 0, "repository file") for own in columns["doc_id"]]
    names = zip(columns["repo"], columns["revision"], strict=True)
    columns["repository"] = [repository_key(repo, revision) for repo, revision in names]
    return pa.table([pa.array(columns[field.name], field.type) for field in FILES], schema=FILES)


def repository_key(repo: str, revision: str) -> int:
    """Where the repository stands among all: 64 bits of blake2b."""
    name = b"%d:%b%b" % (len(repo.encode()), repo.encode(), revision.encode())
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big")


def _secrets(texts: pa.ChunkedArray) -> list[list[tuple[int, int]]]:
    found = filter_class("secrets")()(pa.table({"content": texts}))[FOUND["secrets"]].to_pylist()
    return [[(span["start"], span["end"]) for span in spans] for spans in found]


def kept_end(text: str, size_bytes: int, secrets: Sequence[tuple[int, int]] = ()) -> str:
    """The end of a text of at most so many bytes, from the start of a line on if there is one.

    `secrets` are places (start, end) that are kept whole or not at all, ascending.

    >>> kept_end("one\\ntwo\\nthree\\n", 9), kept_end("one\\ntwo\\nthree\\n", 9, [(2, 9)])
    ('three\\n', '')
    """
    start = len(text) - len(text.encode()[-size_bytes:].decode("utf-8", "ignore"))
    start = _line_from(text, start)
    for first, last in secrets:
        if first < start < last:
            start = _line_from(text, last)
    return text[start:]


def _line_from(text: str, start: int) -> int:
    newline = text.find("\n", start - 1) if start else -1
    return start if newline < 0 else newline + 1
