"""What the tests of synthesis share: documents, settings, and readers of samples that know only ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from filters.text import pack_texts
from filters.tokens.encoder import Encoder
from pipeline.config import Fim
from pipeline.synthesize import dialects
from pipeline.synthesize.dialects import Dialect, load_dialect
from pipeline.synthesize.samples import Samples, synthesize
from pipeline.synthesize.sentinels import Sentinels, resolve_sentinels

DIALECTS = tuple(sorted(path.stem for path in Path(dialects.__file__).with_name("dialects").glob("*.toml")))
SHAPES = ("codellama", "codestral", "fim-neox", "refact", "santacoder", "starcoder")
"""Dialects that among them have every layout of samples without leads."""
KINDS = ("random", "empty", "line", "lines")
LITERALS = tuple(
    sorted(
        {
            text
            for dialect in map(load_dialect, DIALECTS)
            for role in ("prefix", "suffix", "middle", "pad", "eot", "bos")
            for text in (getattr(dialect, role), *dialect.controls)
            if text
        }
    )
)
CODE = (
    "import os\n\n\ndef total(prices, tax):\n    result = 0\n    for price in prices:\n"
    "        if price > 0:\n            result += price\n        else:\n"
    "            raise ValueError('price')\n\n    return result * tax\n"
    "\n\nclass Shop:\n\tname = 'corner'\n\n\tdef open(self):\n\t\treturn os.path.join(self.name, 'é')\n"
)

_PIECES = st.one_of(
    st.sampled_from(
        [
            "\n",
            "\n\n",
            "\r\n",
            "\r",
            "    ",
            "\t",
            " ",
            "def f(x):\n",
            "    return x\n",
            "\u2028",
            "\x0c",
            "é",
            "e\u0301",
            "😀",
        ]
    ),
    st.sampled_from(LITERALS),
    st.text(alphabet="ab_1(=,.\x00漢", min_size=1, max_size=12),
)
TEXTS = st.lists(_PIECES, min_size=0, max_size=60).map("".join)


def fim(dialect: str = "starcoder", **changes: Any) -> Fim:
    """Settings in which every order of the dialect and every kind has the same weight."""
    orders = dict.fromkeys(load_dialect(dialect).orders, 1.0)
    settings = {
        "rate": 0.9,
        "orders": orders,
        "kinds": dict.fromkeys(KINDS, 1.0),
        "context": 128,
        "max_lines": 6,
    }
    return Fim.model_validate({"dialect": dialect, **settings, **changes})


def documents(texts: Sequence[str], encoder: Encoder, n_tokens: Sequence[int] | None = None) -> pa.Table:
    """A batch; a document's id depends on its text alone. `n_tokens` overrides the true counts."""
    if n_tokens is None:
        n_tokens = np.diff(encoder.encode(pack_texts([text.encode() for text in texts])).offsets).tolist()
    ids = [blake2b(text.encode(), digest_size=16).digest() for text in texts]
    names = {
        name: [f"{name}-{index}" for index in range(len(texts))] for name in ("repo", "path", "revision")
    }
    return pa.table(
        {
            "content": pa.array(texts, pa.large_string()),
            "doc_id": pa.array(ids, pa.binary(16)),
            **{name: pa.array(values, pa.string()) for name, values in names.items()},
            "license": pa.array(["mit"] * len(texts), pa.string()),
            "lang": pa.array(["Python"] * len(texts), pa.string()),
            "n_tokens": pa.array(n_tokens, pa.int64()),
        }
    )


def make(docs: pa.Table, settings: Fim, encoder: Encoder, seed: int = 0) -> Samples:
    """`synthesize` with the dialect that the settings name."""
    dialect = load_dialect(settings.dialect)
    sentinels = resolve_sentinels(dialect, settings, encoder)
    return synthesize(docs, fim=settings, dialect=dialect, sentinels=sentinels, encoder=encoder, seed=seed)


class Sample(NamedTuple):
    """One sample: its ids and its sidecar row."""

    ids: list[int]
    row: dict[str, Any]


def split_samples(samples: Samples) -> list[Sample]:
    """The samples of a batch, by the lengths in the sidecar."""
    rows = samples.sidecar.to_pylist()
    ends = np.cumsum([row["n_tokens"] for row in rows], dtype=np.int64).tolist()
    assert (ends[-1] if ends else 0) == len(samples.tokens)
    return [
        Sample(samples.tokens[end - row["n_tokens"] : end].tolist(), row)
        for row, end in zip(rows, ends, strict=True)
    ]


def window_parts(text: str, row: dict[str, Any]) -> tuple[str, str, str, str]:
    """Prefix, middle, deleted and suffix, as the sidecar's schema defines them."""
    kept_from = row["cut_end"] + row["deleted"]
    return (
        text[row["window_start"] : row["cut_start"]],
        text[row["cut_start"] : row["cut_end"]],
        text[row["cut_end"] : kept_from],
        text[kept_from : row["window_end"]],
    )


def render(ids: Sequence[int], dialect: Dialect, sentinels: Sentinels, encoder: Encoder) -> str:
    """A sample as text, control ids as the dialect writes them; a ▁ in front is SentencePiece's space."""
    roles = ("prefix", "suffix", "middle", "eot", "bos")
    names = {getattr(sentinels, role): re.sub("^▁", " ", getattr(dialect, role)) for role in roles}
    names |= {number: text for text, number in sentinels.lead.items()}
    text, run = "", []
    for token in ids:
        if token not in names:
            run.append(token)
            continue
        text += encoder.decode(np.array(run, np.int32)) + names[token]
        run = []
    return text + encoder.decode(np.array(run, np.int32))
