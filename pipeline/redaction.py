"""Redaction of documents on their way into a tokenizer's training text and into samples.

`redact_texts` looks for what the recipe's `[redact]` names and replaces it (filters/redaction.py); a text
without a find is passed on as it is. The key of the fakes comes from the run's seed, so that a value has one
fake in all of a run's shards. Scanning takes about 5 ms a megabyte; counts are by kind, and no value is ever
written or logged.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from filters import Filter
from filters.pii import Pii
from filters.redaction import REDACTION_VERSION, redact
from filters.secret_spans import Secrets
from filters.sensitive.spans import Span
from filters.text import utf8_buffers
from filters.tokens.encoder import Encoder
from pipeline.config import Redact
from pipeline.store import key_of

FOUND = {"secrets": "secret_spans", "pii": "pii_spans"}
"""The signal that holds a filter's spans."""


class Redacted(NamedTuple):
    """Texts after redaction."""

    texts: pa.Array
    changed: npt.NDArray[np.int64]
    """Numbers of the texts that were changed, ascending."""
    counts: dict[str, int]
    """Spans replaced, as redacted_KIND."""


def redaction_key(settings: Redact | None) -> str:
    """The content key of a redaction: its settings, and the versions of what finds and of what replaces."""
    if settings is None:
        return ""
    versions = [(fltr.name, fltr.version) for fltr in _filters(settings)]
    return key_of("redaction", REDACTION_VERSION, settings.model_dump(mode="json"), versions)


def redact_texts(texts: pa.Array | pa.ChunkedArray, settings: Redact, *, seed: int) -> Redacted:
    """Large strings without nulls, redacted."""
    column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    docs = pa.table({"content": column})
    spans: dict[int, list[Span]] = {}
    for fltr in _filters(settings):
        found = fltr(docs).column(FOUND[fltr.name])
        for row in np.flatnonzero(pc.list_value_length(found)).tolist():
            spans.setdefault(row, []).extend(Span(**span) for span in found[row].as_py())
    if not spans:
        return Redacted(column, np.empty(0, np.int64), {})
    changed = np.array(sorted(spans), np.int64)
    key = blake2b(seed.to_bytes(8, "little"), digest_size=32, person=b"infill redaction").digest()
    replace = partial(redact, key=key, style=settings.style, keep_length=settings.keep_length)
    new = [replace(column[row].as_py(), spans[row]) for row in changed.tolist()]
    mask = np.zeros(len(column), np.bool_)
    mask[changed] = True
    counts: dict[str, int] = {}
    for span in (span for row in changed.tolist() for span in spans[row]):
        counts[f"redacted_{span.kind}"] = counts.get(f"redacted_{span.kind}", 0) + 1
    replaced = pc.replace_with_mask(column, pa.array(mask), pa.array(new, column.type))
    return Redacted(replaced, changed, counts)


def redact_documents(
    documents: pa.Table, settings: Redact, *, seed: int, encoder: Encoder
) -> tuple[pa.Table, dict[str, int]]:
    """The documents with `content`, `n_tokens` and the texts of `context_files` redacted, and counts.

    Counts are documents whose own text was changed (redacted_documents), and spans by kind, also those in
    contexts.
    """
    content = redact_texts(documents.column("content"), settings, seed=seed)
    counts = {"redacted_documents": len(content.changed), **content.counts}
    if len(content.changed):
        place = pa.array(content.changed)
        tokens = np.diff(encoder.encode(utf8_buffers(content.texts.take(place))).offsets)
        n_tokens = documents.column("n_tokens").to_numpy().copy()
        n_tokens[content.changed] = tokens
        documents = _with(documents, "content", content.texts)
        documents = _with(documents, "n_tokens", pa.array(n_tokens))
    if "context_files" in documents.column_names:
        lists = documents.column("context_files").combine_chunks()
        contexts, own = _redact_contexts(lists, settings, seed)
        documents = _with(documents, "context_files", contexts)
        for name, count in own.items():
            counts[name] = counts.get(name, 0) + count
    return documents, counts


def _filters(settings: Redact) -> list[Filter]:
    return [*([Secrets()] if settings.secrets else []), *([Pii()] if settings.pii else [])]


def _with(documents: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return documents.set_column(documents.column_names.index(name), name, column)


def _redact_contexts(lists: pa.Array, settings: Redact, seed: int) -> tuple[pa.Array, dict[str, int]]:
    """list<struct<path, text>> with every text redacted; nulls stay null."""
    rows = lists.to_pylist()
    files = [file for row in rows if row is not None for file in row]
    texts = pa.array([file["text"] for file in files], pa.large_string())
    found = redact_texts(texts, settings, seed=seed)
    for row in found.changed.tolist():
        files[row]["text"] = found.texts[row].as_py()
    return (pa.array(rows, lists.type) if len(found.changed) else lists), found.counts
