"""Arrow string columns as flat UTF-8 buffers, the form that every kernel reads.

`utf8_buffers` gives one byte array and n + 1 offsets without copying when the column is a single large_string
chunk; otherwise one copy is made. Kernels are numba functions over (data, offsets): document i is
`data[offsets[i]:offsets[i + 1]]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Texts(NamedTuple):
    """`n` UTF-8 texts back to back: `data` u8[bytes], `offsets` i64[n + 1]; text i is
    data[offsets[i]:offsets[i+1]].
    """

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    @property
    def height(self) -> int:
        """The number of texts."""
        return len(self.offsets) - 1


def utf8_buffers(column: pa.ChunkedArray | pa.Array) -> Texts:
    """View a string column (string, large_string or dictionary of them) without nulls as `Texts`.

    Raises ValueError for nulls or for another type: the pipeline quarantines such rows before it calls a
    filter.
    """
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # combine_chunks of zero chunks, or of more than fits one array
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], pa.large_string())
    if array.null_count:
        raise ValueError(f"text column has {array.null_count} nulls; drop them before calling a filter")
    if not pa.types.is_large_string(array.type):
        array = array.cast(pa.large_string())
    _, offsets, data = array.buffers()
    if len(array) == 0:
        return pack_texts([])
    starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return Texts(np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8), starts)


def characters_before(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """For each byte of a text, and for its end, the characters that begin before it: i64[bytes + 1]."""
    begins = data & 0xC0 != 0x80  # a character is a byte that does not continue one
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(begins)))


def pack_texts(parts: Sequence[bytes]) -> Texts:
    """Lay byte strings back to back as `Texts` (one copy)."""
    lengths = np.fromiter((len(part) for part in parts), np.int64, len(parts))
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    offsets.setflags(write=False)  # as Arrow's own buffers are: else numba would compile each kernel twice
    return Texts(np.frombuffer(b"".join(parts), np.uint8), offsets)
