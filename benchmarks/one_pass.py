"""All signals of the SantaCoder recipes on one core: one call of each filter beside the parts in common use.

license, stars, lines, comments, fertility and minhash on the same documents in The Stack's schema, with a
byte-level BPE of StarCoder's kind that is trained in the run. The peers compute the same signals: comment
shares by `tokenize` and `ast`, tokens by `tokenizers`, signatures by datasketch, line statistics by Python's
string methods; licences and stars are left out of theirs. Python files only, since those peers of comments
read nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
from tokenizers import Tokenizer

from benchmarks.comments import tokenize_ratio
from benchmarks.encoder import train
from benchmarks.lines import statistics_of
from benchmarks.measurement import Measurement, median_seconds, seconds_of
from benchmarks.signatures import shingles_of, sign
from benchmarks.source_text import documents, read_texts, size_of
from filters import Filter
from filters.comments import Comments
from filters.fertility import Fertility
from filters.license import License
from filters.lines import Lines
from filters.minhash import MinHash
from filters.stars import Stars

PEER_MEGABYTES = 2.0  # the peers take a second for each


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes, ("Python",))
    table = _with_metadata(documents(texts))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        tokenizer = train(digits_apart=True)
        tokenizer.save(str(path))
        tokenizer.encode_special_tokens = True
        filters: list[Filter] = [
            License(policy="permissive-strict"),
            Stars(null_as=0),
            Lines(),
            Comments(),
            Fertility(tokenizer=str(path)),
            MinHash(num_perm=256, ngram=5, seed=42),
        ]
        for fltr in filters:
            fltr(table.slice(0, 2))  # compiles the kernels
        size, few = size_of(texts), read_texts(PEER_MEGABYTES, ("Python",))
        seconds = median_seconds(lambda: [fltr(table) for fltr in filters])
        each = [f"{fltr.name} {seconds_of(partial(fltr, table)):.3f}" for fltr in filters]
        peer_seconds = seconds_of(lambda: _peers(few, tokenizer))
    return [
        Measurement(
            what="all signals of SantaCoder's recipes",
            megabytes=size,
            seconds=seconds,
            peer="string methods, tokenize and ast, tokenizers, datasketch",
            peer_megabytes_per_second=size_of(few) / peer_seconds,
            note=f"seconds: {', '.join(each)}",
        )
    ]


def _with_metadata(table: pa.Table) -> pa.Table:
    licenses = [["MIT"], ["Apache-2.0", "MIT"], ["GPL-3.0"], []]
    rows = range(len(table))
    return table.append_column(
        "max_stars_repo_licenses", pa.array([licenses[row % 4] for row in rows], pa.list_(pa.string()))
    ).append_column("max_stars_count", pa.array([None if row % 3 else row for row in rows], pa.int64()))


def _peers(texts: Sequence[str], tokenizer: Tokenizer) -> None:
    for text in texts:
        statistics_of(text)
        tokenize_ratio(text)
        sign(shingles_of(text.encode()))
        len(tokenizer.encode(text, add_special_tokens=False))
