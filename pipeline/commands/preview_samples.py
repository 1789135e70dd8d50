"""What `infill preview` shows of samples: their parts as text, counts of tokens, and what was deleted.

Parts are decoded from the ids in the shards, so that what is shown is what is trained on. Deleted text stands
in no shard: it is read from the source, and redacted as it was for the run. Costs milliseconds a sample, and
one look at the document ids of the run if lines were deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from filters.language import canonical_languages
from filters.text import pack_texts
from filters.tokens.encoder import Encoder, load_encoder
from pipeline.documents import read_batches
from pipeline.job import Job
from pipeline.redaction import redact_texts
from pipeline.shards.reader import Shards, split_sample

Sample = dict[str, Any]
PARTS = ("lead", "header", "prefix", "middle", "deleted", "suffix")
"""In the order of the document."""


def samples_of(job: Job, *, count: int, kind: str | None = None, lang: str | None = None) -> list[Sample]:
    """The first `count` samples of a finished job that are of this kind and language.

    A sample is its sidecar row (`doc_id` in hex), `split` and `sample` (its number there), the texts `lead`,
    `header`, `prefix`, `middle`, `deleted_text` and `suffix`, and `tokens`: how many each of these has.
    """
    shards = Shards.open(job.out / "shards")
    encoder = load_encoder(str(shards.path / "tokenizer" / "tokenizer.json"))
    wanted = None if lang is None else _canonical(lang)
    rows = (
        place
        for place in _rows(shards)
        if kind in (None, place[2]["kind"]) and wanted in (None, _canonical(place[2]["lang"]))
    )
    found = [_sample(shards, split, number, row, encoder) for split, number, row in islice(rows, count)]
    _add_deleted(found, job, encoder)
    return found


def _canonical(label: str) -> str:
    return str(canonical_languages(pa.chunked_array([[label]], pa.string()))[0].as_py())


def _rows(shards: Shards) -> Iterator[tuple[str, int, Sample]]:
    """(split, number, sidecar row) of every sample, few of them as Python objects at a time."""
    for split in shards.splits:
        number = 0
        for batch in shards.sidecar(split).to_batches(max_chunksize=256):
            for row in batch.to_pylist():
                yield split, number, row
                number += 1


def _sample(shards: Shards, split: str, number: int, row: Sample, encoder: Encoder) -> Sample:
    sentinels = shards.manifest["sentinels"]
    parts = split_sample(shards.tokens(split, number), row, sentinels)._asdict()
    names = _control_names(shards.manifest)
    texts = {name: _text(ids.tolist(), names, encoder) for name, ids in parts.items()}
    place = {"split": split, "sample": number, **row, "doc_id": row["doc_id"].hex()}
    counts = {name: len(parts.get(name, ())) for name in PARTS}
    return place | texts | {"deleted_text": "", "tokens": counts}


def _control_names(manifest: Mapping[str, Any]) -> dict[int, str]:
    """How the control tokens of leads are written; a fixed id has no text in the tokenizer."""
    sentinels, dialect = manifest["sentinels"], manifest["dialect"]
    names = {number: text for text, number in sentinels["lead"].items()}
    return names | ({} if sentinels["bos"] is None else {sentinels["bos"]: dialect["bos"]})


def _text(ids: Sequence[int], names: Mapping[int, str], encoder: Encoder) -> str:
    """The text of some ids, control tokens of leads included."""
    text = ""
    run: list[int] = []
    for token in ids:
        if token in names:
            text += encoder.decode(np.array(run, np.int64)) + names[token]
            run = []
        else:
            run.append(token)
    return text + encoder.decode(np.array(run, np.int64))


def _add_deleted(samples: Sequence[Sample], job: Job, encoder: Encoder) -> None:
    halves = {sample["doc_id"] for sample in samples if sample["deleted"]}
    texts = _texts_of(job, sorted(bytes.fromhex(doc_id) for doc_id in halves))
    for sample in samples:
        if sample["deleted"]:
            start = sample["cut_end"]
            text = texts[bytes.fromhex(sample["doc_id"])][start : start + sample["deleted"]]
            sample["deleted_text"] = text
            sample["tokens"]["deleted"] = len(encoder.encode(pack_texts([text.encode()])).ids)


def _texts_of(job: Job, doc_ids: Sequence[bytes]) -> dict[bytes, str]:
    """The texts of some documents, as they were cut."""
    synthesis = job.synthesis
    assert synthesis is not None
    texts: dict[bytes, str] = {}
    for split, parts in zip(job.plan.splits, job.metadata, strict=True):
        if len(texts) == len(doc_ids) or not parts[0].exists():  # the split was quarantined
            continue
        ids = pl.read_parquet(parts[0], columns=["row", "doc_id"])
        rows = ids.filter(pl.col("doc_id").is_in(doc_ids))["row"].sort().to_numpy().astype(np.int64)
        for batch in read_batches(split, synthesis.reading, ["content"], rows=rows):
            docs = batch.documents
            content = docs.column("content")
            if synthesis.redact is not None:
                content = redact_texts(content, synthesis.redact, seed=synthesis.seed).texts
            texts |= zip(docs.column("doc_id").to_pylist(), content.to_pylist(), strict=True)
    return texts
