"""Synthesis: from documents to FIM samples, as token ids and one sidecar row a sample.

What leads a document's samples is made first, windows are planned in the room that is left, each is cut by
its own keyed random generator, the parts are encoded in one call, narrowed where they do not fit, and laid
out with sentinels as ids. A sample depends only on its document, the recipe and the seed: not on the batch,
on its neighbours or on their order. Beside the encoding it costs about 30 µs a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.language import canonical_languages
from filters.tokens.encoder import Encoder
from pipeline.config import Fim
from pipeline.shards.sidecar import SIDECAR
from pipeline.synthesize.dialects import Dialect
from pipeline.synthesize.drafts import Documents, Draft, draw_drafts
from pipeline.synthesize.fitting import encode_fitting
from pipeline.synthesize.kinds import KINDS
from pipeline.synthesize.layout import Layout, Parts, lay_out, neighbours
from pipeline.synthesize.leads import LeadSettings, plan_leads
from pipeline.synthesize.sentinels import Sentinels
from pipeline.synthesize.tokenization import Tokenization
from pipeline.synthesize.windows import plan_windows

_DOCUMENT_COLUMNS = ("doc_id", "repo", "path", "revision", "license", "lang")


class Samples(NamedTuple):
    """Samples back to back, in document order and parts ascending."""

    tokens: npt.NDArray[np.int32]
    sidecar: pa.Table
    """Schema `SIDECAR`, one row a sample."""
    counts: dict[str, int]
    """empty_documents; <kind>_fell_back: the kind had no place; fell_back_to_plain: drawn as FIM, but plain;
    block_parser_died: windows that a syntax tree could not be had of, and `lines` was cut instead;
    shrunk: windows narrowed to fit. Of documents: with_context; context_cut: one file, and only its end;
    context_left_out and metadata_left_out: too long."""


def synthesize(
    docs: pa.Table, *, fim: Fim, dialect: Dialect, sentinels: Sentinels, encoder: Encoder, seed: int
) -> Samples:
    """The samples of a batch of documents.

    `docs` has content (UTF-8, no nulls), doc_id (binary(16)), repo, path, revision, license, lang (strings)
    and n_tokens (int64: tokens of the whole content); for metadata `stars` (int64 or null), and for a
    repository context `context_files` (list<struct<path, text>> or null, the nearest file last). An empty
    document gives no sample, and is counted.
    """
    texts: list[str] = docs["content"].to_pylist()
    doc_ids: list[bytes] = docs["doc_id"].to_pylist()
    leads, lead_counts = plan_leads(docs, LeadSettings(fim, dialect, sentinels, encoder, seed))
    rooms = (fim.context - leads.lengths.sum(axis=1)).tolist()
    windows = plan_windows(
        texts,
        docs["n_tokens"].to_pylist(),
        rooms=rooms,
        encoder=encoder,
        at_blocks=fim.window_borders == "block",
    )
    sources = Documents(texts, doc_ids, canonical_languages(docs["lang"]).to_pylist())
    drafts, draft_counts = draw_drafts(
        windows, sources, fim=fim, margins=dialect.cut_margins, encoder=encoder, seed=seed
    )
    fitted, parts = encode_fitting(
        drafts,
        texts,
        rooms=[rooms[window.document] for window in windows],
        tokenization=Tokenization(encoder, fim.tokenization, neighbours(sentinels), dialect.before_prefix),
    )
    documents = [draft.document for draft in fitted]
    layout = lay_out(parts, leads, documents, [draft.order for draft in fitted], sentinels)
    counts = _count_falls(drafts, fitted) | draft_counts | lead_counts | {"empty_documents": texts.count("")}
    return Samples(layout.tokens, _sidecar(docs, fitted, parts, layout), counts)


def _count_falls(drafts: Sequence[Draft], fitted: Sequence[Draft]) -> dict[str, int]:
    fallen = [draft.drawn for draft in drafts if draft.drawn != draft.kind]
    return {
        **{f"{kind}_fell_back": fallen.count(kind) for kind in KINDS},
        "fell_back_to_plain": sum(draft.kind == "plain" != draft.drawn for draft in fitted),
        "shrunk": sum(starmap(_is_narrower, zip(drafts, fitted, strict=True))),
    }


def _is_narrower(draft: Draft, fitted: Draft) -> bool:
    return (draft.start, draft.end) != (fitted.start, fitted.end)


def _sidecar(docs: pa.Table, drafts: Sequence[Draft], parts: Parts, layout: Layout) -> pa.Table:
    documents = docs.select(_DOCUMENT_COLUMNS).take(
        pa.array([draft.document for draft in drafts], pa.int64())
    )
    columns = {
        "n_tokens": layout.n_tokens,
        "order": [draft.order for draft in drafts],
        "kind": [draft.kind for draft in drafts],
        "middle_start": layout.middle_start,
        "middle_len": parts.lengths[:, 2],
        "lead_len": layout.lead_len,
        "header_start": layout.header_start,
        "header_len": layout.header_len,
        **{name: documents[name] for name in _DOCUMENT_COLUMNS},
        "part": [draft.part for draft in drafts],
        "cut_start": [draft.cut_start for draft in drafts],
        "cut_end": [draft.cut_end for draft in drafts],
        "deleted": [draft.deleted for draft in drafts],
        "window_start": [draft.start for draft in drafts],
        "window_end": [draft.end for draft in drafts],
        "seed": [draft.seed for draft in drafts],
    }
    arrays = [_column(columns[field.name], field.type) for field in SIDECAR]
    return pa.Table.from_arrays(arrays, schema=SIDECAR)


def _column(values: object, type_: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return values.cast(type_) if isinstance(values, pa.ChunkedArray) else pa.array(values, type_)
