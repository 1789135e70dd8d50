"""Documents to FIM samples: pipeline.synthesize beside tokenizing alone, and beside FIM as trainers do it.

The recipe is the demo's. What synthesis adds is its time less that of encoding the same documents whole, and
is compared with both encoders: `tokenizers`, and ours, which is so much faster that whatever is added weighs
more. The peer loop is of the kind that Megatron-LM runs while it loads (RandomState, two cuts in the decoded
text, three parts encoded anew), with the ids at hand and `tokenizers` to decode and encode. One thread.
"""

from __future__ import annotations

import tempfile
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
from tokenizers import AddedToken, Tokenizer

from benchmarks.encoder import train
from benchmarks.measurement import Measurement, median_seconds, seconds_of
from benchmarks.source_text import read_texts, size_of
from filters.text import utf8_buffers
from filters.tokens.encoder import Encoder, load_encoder, reference_tokenizer
from pipeline.config import Fim
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.samples import synthesize
from pipeline.synthesize.sentinels import resolve_sentinels

CONTEXT = 2048
FIM = Fim.model_validate(
    {
        "dialect": "refact",
        "rate": 0.9,
        "context": CONTEXT,
        "orders": {"psm": 0.5, "spm-v1": 0.5},
        "kinds": {"empty": 0.1, "line": 0.4, "lines": 0.4, "random": 0.1},
        "half_written": {"rate": 0.2, "max_lines": 8},
    }
)
PEER_SHARE = 0.1  # of the text: the peer takes its time


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes)
    dialect = load_dialect(FIM.dialect)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "tokenizer.json"))
        tokenizer = train(digits_apart=True)
        names = (dialect.eot, dialect.prefix, dialect.middle, dialect.suffix, dialect.pad)
        tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names if name])
        tokenizer.save(path)
        encoder, peer = load_encoder(path), reference_tokenizer(path)
        column = pa.array(texts, pa.large_string())
        encode = partial(encoder.encode, utf8_buffers(column))
        docs = _documents(texts, column, np.diff(encode().offsets))
        run = partial(
            synthesize,
            fim=FIM,
            dialect=dialect,
            sentinels=resolve_sentinels(dialect, FIM, encoder),
            encoder=encoder,
            seed=1,
        )
        run(docs.slice(0, 50))  # compiles what is not compiled
        samples = len(run(docs).sidecar)
        taken, alone = median_seconds(partial(run, docs)), median_seconds(encode)
        some = texts[: max(1, int(PEER_SHARE * len(texts)))]
        theirs = seconds_of(lambda: peer.encode_batch(some, add_special_tokens=False)) / size_of(some)
        loop = seconds_of(partial(megatron_loop, peer, encoder, some)) / size_of(some)
    size = size_of(texts)
    added = taken - alone
    return [
        Measurement(
            what="documents to samples",
            megabytes=size,
            seconds=taken,
            peer="tokenizers: decode, cut, encode",
            peer_megabytes_per_second=1 / loop,
            note=f"{samples:,} samples, {samples / taken:,.0f} a second",
        ),
        *(
            Measurement(
                what="what synthesis adds to encoding",
                megabytes=size,
                seconds=added,
                peer=f"encoding by {name}",
                peer_megabytes_per_second=size / seconds,
                note=f"adds {added / seconds:.0%} to the time of encoding",
            )
            for name, seconds in (("tokenizers", theirs * size), ("filters.tokens", alone))
        ),
    ]


def _documents(texts: list[str], column: pa.Array, n_tokens: np.ndarray) -> pa.Table:
    ids = [blake2b(text.encode(), digest_size=16).digest() for text in texts]
    names = {name: pa.array([name] * len(texts)) for name in ("repo", "path", "revision", "license", "lang")}
    return pa.table(
        {"content": column, "doc_id": pa.array(ids, pa.binary(16)), **names, "n_tokens": pa.array(n_tokens)}
    )


def megatron_loop(tokenizer: Tokenizer, encoder: Encoder, texts: list[str]) -> int:
    """FIM over windows of CONTEXT tokens of ids that are at hand; returns the number of tokens made."""
    draw = np.random.RandomState(1)
    ids = np.concatenate([[0], encoder.encode(utf8_buffers(pa.array(texts, pa.large_string()))).ids])
    made = 0
    for start in range(0, len(ids), CONTEXT):
        window = ids[start : start + CONTEXT]
        if draw.binomial(1, FIM.rate):
            text = tokenizer.decode(window.tolist(), skip_special_tokens=False)
            low, high = sorted(draw.randint(0, len(text) + 1, size=2))
            parts = (text[:low], text[low:high], text[high:])
            encoded = [np.array(tokenizer.encode(part, add_special_tokens=False).ids) for part in parts]
            window = np.concatenate([[1], encoded[0], [2], encoded[2], [3], encoded[1]])
        made += len(window)
    return made
