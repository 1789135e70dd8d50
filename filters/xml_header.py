"""The xml filter: where the first XML declaration of a document begins.

BigCode drops a file if `'<?xml version=' in content[:100]`, and spares XSLT. The position, in code points,
lets a recipe say both. A scan for one fixed string, at most once over the text: 5 GB/s or more on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from filters.text import utf8_buffers

_DECLARATION: Final = np.frombuffer(b"<?xml version=", np.uint8)
_BLOCK: Final = 64  # bytes, so that LLVM compares many at once


@njit(cache=True, nogil=True)
def _first_declaration(data: npt.NDArray[np.uint8], start: int, end: int) -> int:
    """The byte at which the first declaration begins, or `end`. Its rarest byte, "?", is looked for."""
    for block in range(start, end, _BLOCK):
        stop = min(block + _BLOCK, end)
        marks = np.int64(0)
        for byte in data[block:stop]:
            marks += np.int64(byte == 0x3F)
        if marks == 0:
            continue
        for at in range(max(start, block - 1), min(stop - 1, end - len(_DECLARATION) + 1)):
            matched = 0
            while matched < len(_DECLARATION) and data[at + matched] == _DECLARATION[matched]:
                matched += 1
            if matched == len(_DECLARATION):
                return at
    return end


@njit(cache=True, nogil=True)
def _first_positions(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Code points before the first declaration of each text, or -1: i64[n]."""
    positions = np.full(len(offsets) - 1, -1, np.int64)
    for text in range(len(positions)):
        start, end = offsets[text], offsets[text + 1]
        found = _first_declaration(data, start, end)
        if found < end:
            positions[text] = 0
            for byte in data[start:found]:
                positions[text] += (byte & 0xC0) != 0x80
    return positions


@dataclass(frozen=True, kw_only=True, slots=True)
class Xml:
    """Signal `xml_header_at`: code points before the first `<?xml version=`; -1 where there is none.

    >>> docs = pa.table({"content": ['<?xml version="1.0"?><a/>', "é <?xml version='1.1'?>", "<a/>"]})
    >>> Xml()(docs)["xml_header_at"].to_pylist()
    [0, 2, -1]
    """

    name: ClassVar[str] = "xml"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("xml_header_at", pa.int64(), nullable=False)])
    default_where: ClassVar[str] = "xml_header_at < 0 or xml_header_at > 86"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Positions in `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        return pa.table([_first_positions(texts.data, texts.offsets)], schema=self.schema)
