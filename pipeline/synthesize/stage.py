"""The synthesize stage: one split's surviving documents become sorted runs of samples.

Text is read once more, survivors only, cut and encoded a batch at a time, and left as one run for each of
train and validation, sorted by shuffle key. A unit holds the samples of one split in memory: about 5 bytes a
byte of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from filters.text import utf8_buffers
from filters.tokens.encoder import Encoder, load_encoder
from pipeline.annotate import Identity
from pipeline.config import Fim, Redact
from pipeline.documents import Reading, read_batches
from pipeline.keyed import falls_in
from pipeline.redaction import redact_documents, redaction_key
from pipeline.shards.runs import write_run
from pipeline.shards.stage import SPLITS
from pipeline.sources import Split
from pipeline.store import file_digest, key_of
from pipeline.synthesize.dialects import Dialect
from pipeline.synthesize.rates import cuts_blocks
from pipeline.synthesize.samples import Samples, synthesize
from pipeline.synthesize.sentinels import Sentinels
from pipeline.synthesize.syntax_trees import parser_versions
from pipeline.units import BadInput, Product, Receipt, Unit

PROBED_SHARE = 1 / 1024  # at 3 MB/s for tokenizers against 100 for the kernel, 3 % of the time of encoding


@dataclass(frozen=True)
class Synthesis:
    """What every unit of synthesis shares."""

    reading: Reading
    fim: Fim
    dialect: Dialect
    sentinels: Sentinels
    tokenizer: Path
    dtype: str
    seed: int
    redact: Redact | None = None

    def key(self) -> str:
        """The content key of the settings; the tokenizer counts by its digest, a dialect by what it says."""
        return key_of(
            "synthesis",
            2,
            self.fim.model_dump(mode="json", exclude={"dialect", "add_sentinels", "loss"}),
            self.dialect.model_dump(mode="json"),
            asdict(self.sentinels),
            file_digest(self.tokenizer),
            self.dtype,
            self.seed,
            redaction_key(self.redact),
            parser_versions() if cuts_blocks(self.fim) else None,
            self.reading.source_name,
            self.reading.mapping.get("max_stars_count") if self.fim.metadata is not None else None,
        )


@dataclass(frozen=True)
class SynthesizeWork:
    """One split and its surviving rows."""

    split: Split
    survivors: Path
    synthesis: Synthesis
    context: Path | None = None
    """A Parquet file with `row` (int64, ascending: the number in the split) and `context_files`
    (list<struct<path: string, text: string>>, the nearest file last); rows that it lacks have none."""


def synthesize_units(
    folder: Path,
    splits: Sequence[Split],
    survivors: Sequence[Path],
    digests: Sequence[str],
    synthesis: Synthesis,
    contexts: Sequence[tuple[Path, str]] = (),
) -> list[Unit]:
    """One unit a split, keyed by the settings, the split and the digests of its surviving rows and context.

    `contexts` has the file of each split's repository contexts, and its digest; empty: none has any.
    """
    units = []
    settings = synthesis.key()
    for index, (split, part, digest) in enumerate(zip(splits, survivors, digests, strict=True)):
        context, context_digest = contexts[index] if contexts else (None, "")
        key = key_of("synthesize", 3, settings, split.digest, digest, context_digest)
        product = Product(folder / f"part-{split.number:05d}.json", key)
        work = SynthesizeWork(split, part, synthesis, context)
        units.append(Unit(split.label, work, (product,), split.rows))
    return units


def run_stem(product: Product, split: str) -> Path:
    """Where a unit leaves its run for train or validation (without suffix)."""
    return product.path.parent / split / product.receipt.stem


def synthesize_split(work: SynthesizeWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Cut, encode and sort one split's survivors; leaves a run for each of train and validation that has
    samples.
    """
    (product,) = pending
    survivors = pq.read_table(work.survivors)
    try:
        batches = [_synthesize_batch(work, documents) for documents in _documents(work, survivors)]
    except BadInput as error:
        count = len(survivors)
        lost = Receipt(
            product.key,
            count,
            0,
            quarantined=count,
            quarantine=(error.record,),
            facts={"runs": {}, "counts": {}},
        )
        return [product.commit(lost)]
    counts: dict[str, int] = {}
    for batch in batches:
        for name, count in batch.counts.items():
            counts[name] = counts.get(name, 0) + count
    held_out = frozenset(survivors.filter(survivors.column("held_out")).column("doc_id").to_pylist())
    runs = _write_runs(work.synthesis, product, batches, held_out)
    empty = counts.get("empty_documents", 0)
    digest = key_of(sorted((name, run["digest"]) for name, run in runs.items()))
    facts = {"runs": runs, "counts": counts}
    dropped = {"empty_document": empty}
    return [
        product.commit(
            Receipt(product.key, len(survivors), len(survivors) - empty, dropped, digest=digest, facts=facts)
        )
    ]


def _documents(work: SynthesizeWork, survivors: pa.Table) -> Iterator[pa.Table]:
    """Batches of surviving documents with all that a sample says of its source."""
    rows = survivors.column("row").to_numpy()
    done = 0
    wanted = ["content", *Identity.columns]
    wanted += ["max_stars_count"] if work.synthesis.fim.metadata is not None else []
    for batch in read_batches(work.split, work.synthesis.reading, wanted, rows=rows):
        docs = batch.documents
        own = survivors.slice(done, len(docs))
        done += len(docs)
        if (
            not docs.column("doc_id")
            .combine_chunks()
            .equals(own.column("doc_id").combine_chunks().cast(pa.binary(16)))
        ):
            raise ValueError(
                f"{work.split.label} changed while the run was reading it; run the same command again"
            )
        identity = Identity()(docs)
        columns = {name: identity.column(name) for name in ("repo", "path", "revision")}
        columns |= {name: own.column(name).cast(pa.string()) for name in ("license", "lang")}
        if work.synthesis.fim.metadata is not None:
            columns["stars"] = docs.column("max_stars_count")
        if work.context is not None:
            columns["context_files"] = context_files(work.context, docs.column("row").to_numpy())
        yield pa.table(
            {name: docs.column(name) for name in ("content", "doc_id")}
            | columns
            | {"n_tokens": own.column("n_tokens")}
        )


def context_files(path: Path, rows: npt.NDArray[np.int64]) -> pa.Array:
    """The repository contexts of these rows (ascending) of a split; null for a row without."""
    first, last = (int(rows[0]), int(rows[-1])) if len(rows) else (0, -1)
    near = (pc.field("row") >= first) & (pc.field("row") <= last)
    table = pq.read_table(path, columns=["row", "context_files"], filters=near)
    held = table.column("row").to_numpy()
    places = np.searchsorted(held, rows)
    found = np.zeros(len(rows), np.bool_)
    inside = places < len(held)
    found[inside] = held[places[inside]] == rows[inside]
    return table.column("context_files").combine_chunks().take(pa.array(places, pa.int64(), mask=~found))


def check_encoder(encoder: Encoder, documents: pa.Table, *, seed: int, share: float = PROBED_SHARE) -> None:
    """Encode a keyed `share` of the documents by `tokenizers` too; raise RuntimeError if an id differs."""
    doc_ids = documents.column("doc_id").to_pylist()
    probed = [i for i, doc_id in enumerate(doc_ids) if falls_in(share, seed, doc_id, "probe")]
    differing = encoder.first_difference(
        utf8_buffers(documents.column("content").take(pa.array(probed, pa.int64())))
    )
    if differing is not None:
        repo, path = (documents.column(name)[probed[differing]].as_py() for name in ("repo", "path"))
        raise RuntimeError(
            f"{repo}:{path}: the encoder's token ids are not those of tokenizers, so its split was not "
            "written; this is a defect of infill: please report it with that file"
        )


def _synthesize_batch(work: SynthesizeWork, documents: pa.Table) -> Samples:
    settings = work.synthesis
    encoder = load_encoder(str(settings.tokenizer))
    redacted: dict[str, int] = {}
    if settings.redact is not None:
        documents, redacted = redact_documents(
            documents, settings.redact, seed=settings.seed, encoder=encoder
        )
    check_encoder(encoder, documents, seed=settings.seed)
    samples = synthesize(
        documents,
        fim=settings.fim,
        dialect=settings.dialect,
        sentinels=settings.sentinels,
        encoder=encoder,
        seed=settings.seed,
    )
    return samples._replace(counts=samples.counts | redacted)


def _write_runs(
    settings: Synthesis, product: Product, batches: Sequence[Samples], held_out: frozenset[bytes]
) -> dict[str, Any]:
    """Sort the samples into a run for each split that has any; `held_out` are the documents of validation."""
    if not any(len(batch.sidecar) for batch in batches):
        return {}
    tokens = np.concatenate([batch.tokens for batch in batches])
    sidecar = pa.concat_tables([batch.sidecar for batch in batches])
    doc_ids = sidecar.column("doc_id").to_pylist()
    in_held = np.fromiter((doc_id in held_out for doc_id in doc_ids), np.bool_, len(doc_ids))
    runs = {}
    for name, mask in zip(SPLITS, (~in_held, in_held), strict=True):
        if mask.any():
            lengths = sidecar.column("n_tokens").to_numpy()
            own = (tokens[np.repeat(mask, lengths)], sidecar.filter(pa.array(mask)).combine_chunks())
            runs[name] = write_run(run_stem(product, name), *own, seed=settings.seed, dtype=settings.dtype)
    return runs
