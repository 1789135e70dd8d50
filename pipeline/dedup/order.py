"""The keep order as integers: sort keys of fixed width that compare as the recipe's terms do.

A document's key is a row of int64 words: its terms, best first, then its id, its text's hash and a hash of
its language and licence. Comparing rows word by word, as unsigned numbers, is the order of `keep` with
unknown values last; rows that tie are of documents that no output tells apart. Of a string the first 24 bytes
count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import xxhash

Words = npt.NDArray[np.int64]
TEXT_BYTES: Final = 24
TAIL_WORDS: Final = 5  # document id, content hash, language and licence


def key_words(frame: pl.DataFrame, descending: Sequence[bool]) -> Words:
    """Sort keys of the documents in `frame` (key_0 …, doc_id, content_hash, lang, license): int64[n, k]."""
    n = len(frame)
    columns = [_term(frame[f"key_{i}"], down) for i, down in enumerate(descending)]
    used = sum(column.shape[1] for column in columns)
    columns.append(np.zeros((n, -used % 8), np.uint8))
    names = list(zip(frame["lang"].fill_null(""), frame["license"].fill_null(""), strict=True))
    digests = {own: xxhash.xxh3_64_digest("\0".join(own).encode()) for own in set(names)}
    tails = b"".join([digests[own] for own in names])
    for blob in (*(b"".join(frame[name]) for name in ("doc_id", "content_hash")), tails):
        columns.append(np.frombuffer(blob, np.uint8).reshape(n, len(blob) // n if n else 8))
    packed = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return packed.view(">u8").astype(np.uint64).view(np.int64).reshape(n, packed.shape[1] // 8)


def _term(values: pl.Series, descending: bool) -> npt.NDArray[np.uint8]:
    """One term as bytes that compare as its values do: a byte that puts the unknown last, then the value."""
    unknown = values.is_null().to_numpy()
    if values.dtype in (pl.String, pl.Binary):
        body = _text(values)
    else:
        body = _number(values).astype(">u8").view(np.uint8).reshape(len(values), 8)
    body = np.where(unknown[:, None], np.uint8(0), ~body if descending else body)
    return np.concatenate([unknown[:, None].astype(np.uint8), body], axis=1)


def _text(values: pl.Series) -> npt.NDArray[np.uint8]:
    raw = (
        value.encode() if isinstance(value, str) else value
        for value in values.fill_null("" if values.dtype == pl.String else b"")
    )
    blob = b"".join(value[:TEXT_BYTES].ljust(TEXT_BYTES, b"\0") for value in raw)
    return np.frombuffer(blob, np.uint8).reshape(len(values), TEXT_BYTES)


_SIGN = np.uint64(1 << 63)


def _number(values: pl.Series) -> npt.NDArray[np.uint64]:
    """Numbers as unsigned integers of the same order; NaN stands above every number."""
    if values.dtype in (pl.Float32, pl.Float64):
        floats = values.fill_null(0.0).to_numpy().astype(np.float64) + 0.0  # no negative zero
        floats = np.where(np.isnan(floats), np.nan, floats)  # one NaN
        bits = floats.view(np.uint64)
        return np.where(bits >= _SIGN, ~bits, bits | _SIGN)
    if values.dtype == pl.UInt64:
        return values.fill_null(0).to_numpy()
    if values.dtype == pl.Boolean or values.dtype.is_integer() or values.dtype == pl.Null:
        return values.cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64) ^ _SIGN
    raise ValueError(
        f"select.dedup.keep: cannot sort by a term of type {values.dtype}; make it a number or a text"
    )


def sorted_rows(words: Words) -> npt.NDArray[np.int64]:
    """The positions of rows in ascending order, word by word as unsigned numbers; equal rows keep theirs."""
    if len(words) == 0:
        return np.empty(0, np.int64)
    unsigned = words.view(np.uint64)
    varied = [i for i in range(words.shape[1]) if (unsigned[:, i] != unsigned[0, i]).any()]
    if not varied:
        return np.arange(len(words))
    frame = pl.DataFrame({str(i): unsigned[:, i] for i in varied})
    order = frame.select(pl.arg_sort_by([str(i) for i in varied], maintain_order=True)).to_series()
    return order.to_numpy().astype(np.int64)


def first_at_least(words: Words, bound: Words) -> int:
    """The first of ascending rows that is not before `bound` int64[k], by bisection (rows may be a memory
    map).
    """
    low, high = 0, len(words)
    wanted = tuple(bound.view(np.uint64).tolist())
    while low < high:
        middle = (low + high) // 2
        row = np.ascontiguousarray(words[middle]).view(np.uint64)
        if tuple(row.tolist()) < wanted:
            low = middle + 1
        else:
            high = middle
    return low
