"""The size filter: UTF-8 bytes and code points of each document.

`size_bytes` is a difference of Arrow offsets; `n_chars` counts the bytes that do not continue a code point,
which equals len(str) for valid UTF-8. One pass that LLVM vectorises, at several GB/s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from filters.text import utf8_buffers


@njit(cache=True, nogil=True)
def count_code_points(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Code points of each text: i64[n]."""
    counts = np.zeros(len(offsets) - 1, np.int64)
    for document in range(len(counts)):
        count = np.int64(0)
        for byte in data[offsets[document] : offsets[document + 1]]:  # by index LLVM would not vectorise it
            count += np.int64((byte & 0xC0) != 0x80)
        counts[document] = count
    return counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Signals `size_bytes` and `n_chars` (code points).

    >>> Size()(pa.table({"content": ["añb"]})).to_pylist()
    [{'size_bytes': 4, 'n_chars': 3}]
    """

    name: ClassVar[str] = "size"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("size_bytes", pa.int64(), nullable=False),
            pa.field("n_chars", pa.int64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "size_bytes between 1 and 1000000"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Sizes of `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        columns = [pa.array(np.diff(texts.offsets)), pa.array(count_code_points(texts.data, texts.offsets))]
        return pa.table(columns, schema=self.schema)
