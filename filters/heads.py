"""The first characters of each text, as Python strings: what the filters of prose look at.

Their cost per document is thereby bounded, whatever its size. Arrow cuts between code points, so no character
is torn.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def heads_of(column: pa.ChunkedArray, max_chars: int) -> list[str]:
    """At most `max_chars` code points of each text. Raises ValueError for nulls, as `utf8_buffers` does."""
    if column.null_count:
        raise ValueError(f"text column has {column.null_count} nulls; drop them before calling a filter")
    heads: list[str] = pc.utf8_slice_codeunits(column.cast(pa.large_string()), 0, max_chars).to_pylist()
    return heads
