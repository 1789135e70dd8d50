r"""The encoded filter: how much of a document is base64, lists of hex bytes or Unicode escapes.

The three patterns are StarCoder2's (Lozhkov et al., 2024, arXiv 2402.19173, section 2.1); matches are those
of Python's `re.finditer` on str, leftmost and not overlapping. No unit of the hex pattern can match in two
ways that lead on, so no scan ever goes back: linear in any text. 300 to 900 MB/s on one core.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from filters.lines import character_classes
from filters.text import utf8_buffers

_WORD: Final = 1  # of `\b`: alphanumeric or "_"
_SPACE: Final = 2  # of `\s`
_DIGIT: Final = 4  # hexadecimal
_MAY_BE: Final = (8, 16, 32)  # in a match of each kind, as a byte
_KINDS: Final = 3  # base64, hex bytes, Unicode escapes
_UNITS: Final = 8  # of hex bytes or Unicode escapes
_SHORTEST: Final = (64, 23, 48)  # match of each kind, in bytes; hex bytes: seven of "41," and "41"


@cache
def _classes() -> npt.NDArray[np.uint8]:
    """The bits above of every code point, those of `_MAY_BE` of every byte: u8[0x110000]."""
    classes = np.array(character_classes() & _WORD, np.uint8)  # str.isalnum
    classes[ord("_")] |= _WORD
    for code_point in range(0x3001):  # the last space is U+3000
        if chr(code_point).isspace():
            classes[code_point] |= _SPACE
    for byte in range(0x100):
        character = chr(byte)
        if character in string.hexdigits:
            classes[byte] |= _DIGIT
        if (byte < 0x80 and character.isalnum()) or character in "+/\n=":
            classes[byte] |= _MAY_BE[0]
        if byte >= 0x80 or character in string.hexdigits + "\\x," or character.isspace():
            classes[byte] |= _MAY_BE[1]
        if character in string.hexdigits + "\\u":
            classes[byte] |= _MAY_BE[2]
    return classes


@njit(cache=True, nogil=True)
def _code_point(data: npt.NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """The code point at a byte of valid UTF-8, and its size."""
    byte = int(data[at])
    if byte < 0x80:
        return byte, 1
    extra = 3 if byte >= 0xF0 else (2 if byte >= 0xE0 else 1)
    code_point = byte & (0x3F >> extra)
    for index in range(at + 1, min(at + 1 + extra, end)):
        code_point = (code_point << 6) | int(data[index] & 0x3F)
    return min(code_point, 0x10FFFF), extra + 1


@njit(cache=True, nogil=True)
def _word_before(data: npt.NDArray[np.uint8], at: int, start: int, classes: npt.NDArray[np.uint8]) -> bool:
    """Whether a word character stands before `at`."""
    if at == start:
        return False
    before = at - 1
    while before > start and data[before] & 0xC0 == 0x80:
        before -= 1
    return classes[_code_point(data, before, at)[0]] & _WORD != 0


@njit(cache=True, nogil=True)
def _hex_unit(
    data: npt.NDArray[np.uint8], at: int, bounds: tuple[int, int], classes: npt.NDArray[np.uint8]
) -> int:
    r"""The end of `\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)` at `at`, or -1.

    Of `,` and `\b\s*` only one can be followed by another unit, and so only all of the spaces: a unit begins
    with a word character or, just after one, with a backslash.
    """
    digits, end = at, bounds[1]
    if at + 1 < end and data[at + 1] == 0x78 and (data[at] == 0x30 or data[at] == 0x5C):  # 0x, \x
        digits += 2
    if digits + 2 > end:
        return -1
    if not (classes[data[digits]] & _DIGIT and classes[data[digits + 1]] & _DIGIT):
        return -1
    if (data[at] != 0x5C) == _word_before(data, at, bounds[0], classes):
        return -1
    after = digits + 2
    if after < end and data[after] == 0x2C:
        return after + 1
    space = True
    first = True
    while after < end and space:
        code_point, size = _code_point(data, after, end)
        if first and classes[code_point] & _WORD:
            return -1
        first = False
        space = classes[code_point] & _SPACE != 0
        if space:
            after += size
    return after


@njit(cache=True, nogil=True)
def _next_window(
    kind: int, data: npt.NDArray[np.uint8], at: int, known: int, end: int, classes: npt.NDArray[np.uint8]
) -> int:
    """The first place at or after `at` where as many bytes follow as the kind's shortest match has, each of
    which may be in one; or -1. Bytes from `at` to `known` may be: they are not looked at again.
    """
    length, bit = _SHORTEST[kind], _MAY_BE[kind]
    while at + length <= end:
        least = max(at, known)
        last = at + length
        while last > least and classes[data[last - 1]] & bit:
            last -= 1
        if last <= least:
            return at
        at = last  # the byte before is in no match
    return -1


@njit(cache=True, nogil=True)
def _escape_at(data: npt.NDArray[np.uint8], at: int, end: int, classes: npt.NDArray[np.uint8]) -> int:
    r"""The end of `\\u[0-9a-fA-F]{4}` at `at`, or -1."""
    if at + 6 > end or data[at] != 0x5C or data[at + 1] != 0x75:
        return -1
    for index in range(at + 2, at + 6):
        if not classes[data[index]] & _DIGIT:
            return -1
    return at + 6


@njit(cache=True, nogil=True)
def _chain(
    kind: int, data: npt.NDArray[np.uint8], at: int, bounds: tuple[int, int], classes: npt.NDArray[np.uint8]
) -> tuple[int, int]:
    """How many units of hex bytes (kind 1) or escapes follow each other from `at`, and where they end."""
    units = 0
    while at < bounds[1]:
        if kind == 1:
            after = _hex_unit(data, at, bounds, classes)
        else:
            after = _escape_at(data, at, bounds[1], classes)
        if after < 0:
            break
        units += 1
        at = after
    return units, at


@njit(cache=True, nogil=True)
def _next(
    kind: int, data: npt.NDArray[np.uint8], at: int, bounds: tuple[int, int], classes: npt.NDArray[np.uint8]
) -> tuple[int, int]:
    """The first match of a kind at or after `at`: (start, end), or twice the end of the text."""
    known, end = at, bounds[1]
    while True:
        at = _next_window(kind, data, at, known, end, classes)
        if at < 0:
            return end, end
        stop = known = at + _SHORTEST[kind]
        if kind == 0:
            while stop < end and classes[data[stop]] & _MAY_BE[0]:
                stop += 1
            return at, stop
        units, stop = _chain(kind, data, at, bounds, classes)
        if units >= _UNITS:
            return at, stop
        at = max(stop, at + 1)  # from a later unit of this chain there would be fewer still


@njit(cache=True, nogil=True)
def _characters(data: npt.NDArray[np.uint8], start: int, end: int) -> int:
    count = np.int64(0)
    for byte in data[start:end]:
        count += np.int64((byte & 0xC0) != 0x80)
    return int(count)


@njit(cache=True, nogil=True)
def _measure(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], classes: npt.NDArray[np.uint8]
) -> npt.NDArray[np.int64]:
    """Characters in all, in any match, of the longest match, and in matches of each kind: i64[6, n]."""
    measures = np.zeros((3 + _KINDS, len(offsets) - 1), np.int64)
    starts, stops = np.zeros(_KINDS, np.int64), np.zeros(_KINDS, np.int64)
    for text in range(measures.shape[1]):
        start, end = offsets[text], offsets[text + 1]
        measures[0, text] = _characters(data, start, end)
        for kind in range(_KINDS):
            starts[kind], stops[kind] = _next(kind, data, start, (start, end), classes)
        covered = start
        while starts.min() < end:
            kind = int(starts.argmin())
            first, stop = starts[kind], stops[kind]
            length = _characters(data, first, stop)
            measures[1, text] += _characters(data, max(first, covered), stop)
            measures[2, text] = max(measures[2, text], length)
            measures[3 + kind, text] += length
            covered = max(covered, stop)
            starts[kind], stops[kind] = _next(kind, data, stop, (start, end), classes)
    return measures


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """Signals `encoded_fraction`, `longest_encoded_chars`, and a fraction for each of three patterns.

    >>> docs = pa.table({"content": ["key = '" + "QUJD" * 20 + "'  # forty", "x = 1"]})
    >>> Encoded()(docs).select(["encoded_fraction", "longest_encoded_chars"]).to_pylist() == [
    ...     {"encoded_fraction": 80 / 97, "longest_encoded_chars": 80},
    ...     {"encoded_fraction": 0.0, "longest_encoded_chars": 0}]
    True
    """

    name: ClassVar[str] = "encoded"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("encoded_fraction", pa.float64(), nullable=False),
            pa.field("longest_encoded_chars", pa.int64(), nullable=False),
            pa.field("base64_fraction", pa.float64(), nullable=False),
            pa.field("hex_fraction", pa.float64(), nullable=False),
            pa.field("unicode_escape_fraction", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "encoded_fraction <= 0.5 and longest_encoded_chars <= 1024"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Encoded shares of `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        characters, covered, longest, *kinds = _measure(texts.data, texts.offsets, _classes())
        at_least_one = np.maximum(characters, 1)
        columns = [covered / at_least_one, longest, *(kind / at_least_one for kind in kinds)]
        return pa.table([pa.array(column) for column in columns], schema=self.schema)
