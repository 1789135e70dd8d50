"""Text to token ids: filters.tokens.encoder beside `tokenizers`, and in how many documents they differ.

Two byte-level BPEs of 32,768 entries are trained in the run on 8 MB of source text: one of the StarCoder
kind (digits apart, then GPT-2's regex) and one of the GPT-2 kind (its regex alone). Cold is the first call of
a new object, compiled kernels apart; warm is any later call. One thread on both sides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers import __version__ as library_version

from benchmarks.measurement import Measurement, median_seconds, seconds_of
from benchmarks.source_text import read_texts, size_of
from filters.text import pack_texts
from filters.tokens.encoder import Encoder, Tokens, reference_tokenizer

VOCAB_SIZE = 32_768
TRAIN_MEGABYTES = 8.0


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes)
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("StarCoder", "GPT-2"):
            path = str(Path(folder, f"{kind}.json"))
            train(digits_apart=kind == "StarCoder").save(path)
            found += _measure(kind, path, texts)
    return found


def train(*, digits_apart: bool) -> Tokenizer:
    """A byte-level BPE trained on source text."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = [pre_tokenizers.Digits(individual_digits=True)] if digits_apart else []
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, byte_level]) if digits else byte_level
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=VOCAB_SIZE, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(read_texts(TRAIN_MEGABYTES), trainer)
    return tokenizer


def _measure(kind: str, path: str, texts: list[str]) -> list[Measurement]:
    packed = pack_texts([text.encode() for text in texts])
    Encoder(path).encode(packed)  # compiles the kernels, and is thrown away with its memo
    ours, peer = Encoder(path), reference_tokenizer(path)
    assert ours.engine == "kernel", ours.reason
    results: list[Tokens] = []
    expected: list[Any] = []
    cold = seconds_of(lambda: results.append(ours.encode(packed)))
    peer_cold = seconds_of(lambda: expected.extend(peer.encode_batch(texts, add_special_tokens=False)))
    warm = median_seconds(lambda: ours.encode(packed))
    peer_warm = median_seconds(lambda: peer.encode_batch(texts, add_special_tokens=False))
    ids, offsets = results[0]
    spans = zip(offsets[:-1], offsets[1:], expected, strict=True)
    differing = sum(not np.array_equal(ids[start:stop], other.ids) for start, stop, other in spans)
    size = size_of(texts)
    note = f"{differing} of {len(texts):,} documents differ"
    return [
        Measurement(
            what=f"tokens, {kind} kind, {name}",
            megabytes=size,
            seconds=seconds,
            peer=f"tokenizers {library_version}",
            peer_megabytes_per_second=size / peer_seconds,
            note=note,
        )
        for name, seconds, peer_seconds in (("cold", cold, peer_cold), ("warm", warm, peer_warm))
    ]
