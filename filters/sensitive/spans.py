"""Spans: which pieces of a document a filter found, as a column of lists of (kind, start, end).

Positions are code points of the document, as everywhere in infill: `text[start:end]` in Python. A list is in
order of position. The value itself never stands in a signal. Kernels find bytes; a byte's number becomes a
code point's by counting, once over each document that has a span and is not all ASCII.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.text import Texts

SPANS: Final = pa.list_(
    pa.struct([pa.field("kind", pa.string()), pa.field("start", pa.int64()), pa.field("end", pa.int64())])
)
"""The Arrow type of a column of spans."""


class Span(NamedTuple):
    """A piece of a text: what it is, and where it stands (code points, end exclusive)."""

    kind: str
    start: int
    end: int


def spans_column(found: Mapping[int, Sequence[Span]], texts: Texts) -> pa.Array:
    """`SPANS` of every text; `found` holds spans of bytes, counted from the text's start, by its number."""
    counts = np.zeros(texts.height + 1, np.int64)
    rows: list[Span] = []
    for document in sorted(found):
        counts[document + 1] = len(found[document])
        own = texts.data[texts.offsets[document] : texts.offsets[document + 1]]
        rows += _in_code_points(own, sorted(found[document], key=lambda span: span[1:]))
    kinds, starts, ends = ([row[field] for row in rows] for field in range(3))
    values = pa.StructArray.from_arrays(
        [pa.array(kinds, pa.string()), pa.array(starts, pa.int64()), pa.array(ends, pa.int64())],
        fields=list(SPANS.value_type),
    )
    offsets = pa.array(np.cumsum(counts).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, values, type=SPANS)


def _in_code_points(data: npt.NDArray[np.uint8], spans: Sequence[Span]) -> list[Span]:
    """The same spans with code points for bytes: a byte that continues a character starts none."""
    if (data < 0x80).all():
        return list(spans)
    bounds = np.array([bound for span in spans for bound in span[1:]], np.int64)
    order = np.argsort(bounds, kind="stable")
    edges = np.concatenate([np.zeros(1, np.int64), bounds[order]])
    steps = [np.count_nonzero(data[a:b] & 0xC0 != 0x80) for a, b in pairwise(edges)]
    characters = np.empty(len(bounds), np.int64)
    characters[order] = np.cumsum(steps)
    return [Span(s.kind, int(a), int(b)) for s, (a, b) in zip(spans, characters.reshape(-1, 2), strict=True)]
