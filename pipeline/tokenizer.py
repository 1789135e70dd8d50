"""The run's tokenizer: a file, a file on the hub, or one trained on the gated corpus.

Training is of the StarCoder kind: every digit apart, then GPT-2's regex, then byte-level BPE, with the
dialect's sentinels as the first ids. The text to train on is chosen by a keyed hash of document ids, and
sorted by it, so the tokenizer does not depend on files, splits or workers. About 1 MB/s, whatever the text:
the trainer of `tokenizers` takes time in the square of a pre-token's length, so runs of one kind of character
that are longer than any word are trained on in pieces.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from xxhash import xxh3_128_hexdigest

from pipeline.annotate import gate_rows
from pipeline.config import Redact, TrainTokenizer
from pipeline.documents import Reading, read_batches
from pipeline.keyed import keyed_hash
from pipeline.redaction import redact_texts, redaction_key
from pipeline.sources import Split
from pipeline.store import committed, file_digest, key_of, write_table
from pipeline.units import BadInput, Product, Receipt, Unit, read_receipt

SAMPLE_SCHEMA = pa.schema(
    {"key": pa.uint64(), "doc_id": pa.binary(16), "size_bytes": pa.int64(), "content": pa.large_string()}
)
BLOCK_CHARS: Final = 1024
_ONE_KIND: Final = re.compile(r"[^\W\d_]*+|(?:[^\w\s]|_)*+|\s*+")
"""Letters, punctuation or white space: what GPT-2's regex may join to one pre-token (digits stand apart)."""
SAMPLE_ORDER = [(name, "ascending") for name in ("key", "doc_id", "size_bytes")]


@dataclass(frozen=True)
class SampleWork:
    """Take the documents of one split whose key is below `bound`."""

    split: Split
    reading: Reading
    gate: Path
    seed: int
    bound: int


@dataclass(frozen=True)
class TrainWork:
    """Train on the sampled documents with the smallest keys, up to `settings.sample_bytes`."""

    samples: tuple[Path, ...]
    settings: TrainTokenizer
    special_tokens: tuple[str, ...]
    cpus: int
    redact: Redact | None = None
    seed: int = 0
    """Of the redaction's fakes: a vocabulary must not remember what the samples may not hold."""


def sample_units(
    folder: Path,
    splits: Sequence[Split],
    gates: Sequence[Path],
    reading: Reading,
    *,
    train: TrainTokenizer,
    seed: int,
) -> list[Unit]:
    """One unit a split. The bound admits twice the text asked for: the exact cut falls inside the sample."""
    total = sum(map(_gated_bytes, splits, gates)) or 1
    bound = min(1 << 64, (2 * train.sample_bytes << 64) // total)
    units = []
    for split, gate in zip(splits, gates, strict=True):
        key = key_of(
            "sample",
            1,
            split.digest,
            file_digest(gate),
            dict(reading.mapping),
            reading.max_document_bytes,
            seed,
            str(bound),
        )
        work = SampleWork(split, reading, gate, seed, bound)
        units.append(
            Unit(split.label, work, (Product(folder / f"part-{split.number:05d}.json", key),), split.rows)
        )
    return units


def _gated_bytes(split: Split, gate: Path) -> int:
    """Text that the gate lets through: as the dataset declares it, else in proportion to the rows."""
    receipt = read_receipt(gate.with_suffix(".json"))
    funnel = receipt.facts["funnel"] if receipt else []
    if funnel and funnel[-1]["bytes"] is not None:
        return int(funnel[-1]["bytes"])
    return split.text_bytes * pq.read_metadata(gate).num_rows // max(1, split.rows)


def sample_split(work: SampleWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Leave (key, doc_id, content) of the chosen documents; the annotate stage tells what cannot be read."""
    (product,) = pending
    rows = gate_rows(work.gate)
    chosen: list[tuple[int, bytes, int, str]] = []
    try:
        for batch in read_batches(work.split, work.reading, ["content"], rows=rows):
            ids = batch.documents.column("doc_id").to_pylist()
            keys = [keyed_hash(work.seed, doc_id, 0, "tokenizer") for doc_id in ids]
            take = [i for i, key in enumerate(keys) if key < work.bound]
            texts = batch.documents.column("content").take(pa.array(take, pa.int64())).to_pylist()
            chosen += [
                (keys[i], ids[i], len(text.encode()), text) for i, text in zip(take, texts, strict=True)
            ]
    except BadInput:
        chosen = []
    records = [dict(zip(SAMPLE_SCHEMA.names, record, strict=True)) for record in chosen]
    write_table(product.path, pa.Table.from_pylist(records, schema=SAMPLE_SCHEMA))
    digest = key_of(sorted([str(key), xxh3_128_hexdigest(text.encode())] for key, _, _, text in chosen))
    dropped = {"not_sampled": len(rows) - len(chosen)}
    return [product.commit(Receipt(product.key, len(rows), len(chosen), dropped, digest=digest))]


def train_unit(folder: Path, digests: Sequence[str], work: TrainWork) -> Unit:
    """The one training unit, keyed by its settings and by the texts that were sampled."""
    redaction = [redaction_key(work.redact), work.seed] if work.redact is not None else []
    settings = [work.settings.model_dump(), list(work.special_tokens), *redaction]
    key = key_of("train-tokenizer", 2, *settings, sorted(digests))
    product = Product(
        folder / key[:16] / "tokenizer.json.json", key
    )  # a path of its own: encoders are cached by path
    return Unit("tokenizer", work, (product,), 0)


def train_tokenizer(work: TrainWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Train and leave tokenizer.json."""
    (product,) = pending
    os.environ.update(TOKENIZERS_PARALLELISM="true", RAYON_NUM_THREADS=str(work.cpus))
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415 — reads them on import

    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), byte_level]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=work.settings.vocab_size,
        special_tokens=list(work.special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(work), trainer)
    path = product.receipt.with_suffix("")
    with committed(path) as temporary:
        tokenizer.save(str(temporary))
    return [product.commit(Receipt(product.key, 0, 0, digest=file_digest(path)))]


def _texts(work: TrainWork) -> Iterator[str]:
    """The sampled documents in the order of their keys, until `sample_bytes` are taken."""
    sizes = [pq.read_table(path, columns=["key", "doc_id", "size_bytes"]) for path in work.samples]
    ordered = pa.concat_tables(sizes).sort_by(SAMPLE_ORDER)
    before = np.cumsum(ordered.column("size_bytes").to_numpy()) - ordered.column("size_bytes").to_numpy()
    taken = ordered.slice(0, int((before < work.settings.sample_bytes).sum()))
    if not len(taken):
        return
    # Only texts up to the last key are read at all: the sample holds about twice what is needed.
    wanted = pc.field("key") <= pa.scalar(pc.max(taken.column("key")).as_py(), pa.uint64())
    texts = pa.concat_tables([pq.read_table(path, filters=wanted) for path in work.samples]).sort_by(
        SAMPLE_ORDER
    )
    for batch in texts.slice(0, len(taken)).select(["content"]).to_batches(max_chunksize=1024):
        column = batch.column(0)
        if work.redact is not None:
            column = redact_texts(column, work.redact, seed=work.seed).texts
        for text in column.to_pylist():
            yield from trainable_pieces(text)


def trainable_pieces(text: str) -> Iterator[str]:
    """`text`, divided so that no pre-token is longer than 2 * BLOCK_CHARS; most texts are one piece.

    Of the blocks of BLOCK_CHARS characters from the text's start, those of one kind of character alone stand
    apart: a run that holds no whole block is shorter than two.
    """
    blocks = (text[start : start + BLOCK_CHARS] for start in range(0, len(text), BLOCK_CHARS))
    for alone, group in groupby(blocks, key=_is_one_kind):
        if alone:
            yield from group
        else:
            yield "".join(group)


def _is_one_kind(block: str) -> bool:
    return len(block) == BLOCK_CHARS and _ONE_KIND.fullmatch(block) is not None


def fetch_tokenizer(file: str | None, hub: str | None, revision: str | None) -> Path:
    """The tokenizer.json that a recipe names, fetched if on the hub. Raises ValueError if there is none."""
    if hub is not None:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 — only hub tokenizers pay for it

        return Path(hf_hub_download(hub, "tokenizer.json", revision=revision))
    path = Path(file or "")
    if not path.is_file():
        raise ValueError(f"tokenizer.file: there is no file {path}; give the path of a tokenizer.json")
    return path.absolute()  # workers may stand in another folder


def copy_tokenizer(path: Path, target: Path) -> None:
    """Commit a copy of a tokenizer.json under `target`."""
    with committed(target) as temporary:
        shutil.copyfile(path, temporary)
