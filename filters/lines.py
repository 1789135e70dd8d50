"""The lines filter: The Stack's line statistics and character shares, recomputed from the text.

Bit for bit what `str.splitlines()`, `len`, `str.isalnum` and `str.isalpha` give in Python: every line end
that splitlines knows, lengths in code points, "\r\n" as one end, and 0 for an empty document. ASCII bytes
cost one table look-up each; other code points are decoded and looked up in a table of all of Unicode (built
once, 0.2 s). Several hundred MB/s of ASCII code on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from filters.text import utf8_buffers

_ALNUM: Final = 1
_ALPHA: Final = 2
_LINE_END: Final = 4
_LINE_ENDS: Final = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_CODE_POINTS: Final = 0x110000


@cache
def character_classes() -> npt.NDArray[np.uint8]:
    """Python's view of every code point: u8[0x110000] of the bits above."""
    classes = np.zeros(_CODE_POINTS, np.uint8)
    for code_point, character in enumerate(map(chr, range(_CODE_POINTS))):
        if character.isalnum():
            classes[code_point] = _ALNUM | (_ALPHA if character.isalpha() else 0)
    for character in _LINE_ENDS:
        classes[ord(character)] |= _LINE_END
    return classes


@njit(cache=True, nogil=True)
def _measure(
    data: npt.NDArray[np.uint8], start: int, end: int, classes: npt.NDArray[np.uint8]
) -> tuple[int, int, int, int, int, int]:
    """(lines, longest, sum of lengths, characters, alphanumeric, alphabetic) of a text, in code points."""
    lines = longest = total = characters = alnum = alpha = length = 0
    at = start
    while at < end:
        byte = int(data[at])
        at += 1
        if byte < 0x80:
            kind = int(classes[byte])
        else:  # valid UTF-8 has no stray or cut sequence; the bounds keep one harmless all the same
            extra = 3 if byte >= 0xF0 else (2 if byte >= 0xE0 else 1)
            code_point = byte & (0x3F >> extra)
            stop = min(at + extra, end)
            while at < stop:
                code_point = (code_point << 6) | int(data[at] & 0x3F)
                at += 1
            kind = int(classes[min(code_point, _CODE_POINTS - 1)])
        characters += 1
        if kind & _LINE_END:
            lines += 1
            total += length
            longest = max(longest, length)
            length = 0
            if byte == 0x0D and at < end and data[at] == 0x0A:
                at += 1
                characters += 1
        else:
            length += 1
            alnum += kind & _ALNUM
            alpha += kind >> 1
    if length > 0:
        lines += 1
    return lines, max(longest, length), total + length, characters, alnum, alpha


@njit(cache=True, nogil=True)
def _measure_all(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], classes: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """`_measure` of every text: i64[6, n]."""
    measures = np.zeros((6, len(offsets) - 1), np.int64)
    for document in range(measures.shape[1]):
        found = _measure(data, offsets[document], offsets[document + 1], classes)
        for index in range(6):
            measures[index, document] = found[index]
    return measures


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """Signals `avg_line_length`, `max_line_length`, `alphanum_fraction`, `alpha_fraction`, `n_lines`.

    >>> Lines()(pa.table({"content": ["ab c\\n\\n(1)\\n"]})).to_pylist()[0]["avg_line_length"]
    2.3333333333333335
    """

    name: ClassVar[str] = "lines"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("avg_line_length", pa.float64(), nullable=False),
            pa.field("max_line_length", pa.int64(), nullable=False),
            pa.field("alphanum_fraction", pa.float64(), nullable=False),
            pa.field("n_lines", pa.int64(), nullable=False),
            pa.field("alpha_fraction", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = (
        "max_line_length <= 1000 and avg_line_length <= 100 and alphanum_fraction >= 0.25"
    )

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Line statistics of `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        lines, longest, total, characters, alnum, alpha = _measure_all(
            texts.data, texts.offsets, character_classes()
        )
        at_least_one_line, at_least_one_character = np.maximum(lines, 1), np.maximum(characters, 1)
        columns = [
            total / at_least_one_line,
            longest,
            alnum / at_least_one_character,
            lines,
            alpha / at_least_one_character,
        ]
        return pa.table([pa.array(column) for column in columns], schema=self.schema)
