"""Windows: consecutive pieces of a document, each of which fits the context before it is cut.

A document that fits is one window. A longer one is filled greedily from *atoms*: its lines, or, of a line of
more than a quarter of the budget in bytes, pieces of at most that, divided between code points (a byte-level
token is at least one byte, so a piece fits). The windows of a document, in order, are the document. Costs one
more encoding of the documents that do not fit, nothing for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.text import Texts, pack_texts
from filters.tokens.encoder import Encoder

SENTINELS_AND_EOT: Final = 4
# Parts are encoded apart, and each of the two cuts may split tokens; what slack does not cover, fitting does.
_RETOKENIZATION_SLACK: Final = 16
_LF: Final = 0x0A
_CR: Final = 0x0D


class Window(NamedTuple):
    """Characters start..end of document `document` of a batch; its `part`-th window."""

    document: int
    part: int
    start: int
    end: int


def plan_windows(
    texts: Sequence[str], n_tokens: Sequence[int], *, context: int, encoder: Encoder
) -> list[Window]:
    """The windows of every non-empty text, in order; `n_tokens` are the token counts of the whole texts."""
    budget = context - SENTINELS_AND_EOT - _RETOKENIZATION_SLACK
    long = [index for index, count in enumerate(n_tokens) if count > budget and texts[index]]
    borders = dict(zip(long, _borders([texts[index] for index in long], budget, encoder), strict=True))
    windows = []
    for document, text in enumerate(texts):
        start = 0
        for part, end in enumerate(borders.get(document, [len(text)] if text else [])):
            windows.append(Window(document, part, start, end))
            start = end
    return windows


def _borders(texts: list[str], budget: int, encoder: Encoder) -> list[list[int]]:
    """For each text the ends of its windows, in characters; the atoms of all are encoded in one call."""
    if not texts:
        return []
    packed = pack_texts([text.encode() for text in texts])
    atoms = [
        first + _atom_offsets(packed.data[first:last], budget // 4)
        for first, last in pairwise(packed.offsets.tolist())
    ]
    offsets = np.concatenate([*(of_text[:-1] for of_text in atoms), packed.offsets[-1:]])
    tokens_before = encoder.encode(Texts(packed.data, offsets)).offsets
    borders, first_atom = [], 0
    for text, of_text in zip(texts, atoms, strict=True):
        last_atom = first_atom + len(of_text) - 1
        ends = of_text[_fill(tokens_before[first_atom : last_atom + 1], budget)]
        borders.append(_in_characters(text, packed.data, [int(of_text[0]), *ends.tolist()]))
        first_atom = last_atom
    return borders


def _fill(tokens_before: npt.NDArray[np.int64], budget: int) -> list[int]:
    """Ends, as atom numbers, of windows that take atoms while these fit the budget, and at least one."""
    ends, at, last = [], 0, len(tokens_before) - 1
    while at < last:
        fitting = int(np.searchsorted(tokens_before, tokens_before[at] + budget, "right")) - 1
        at = max(at + 1, fitting)
        ends.append(at)
    return ends


def _in_characters(text: str, data: npt.NDArray[np.uint8], borders: list[int]) -> list[int]:
    """The byte positions `borders` of `text`, which begins at the first, in characters; without the first."""
    if len(text) == borders[-1] - borders[0]:
        return [border - borders[0] for border in borders[1:]]
    # A character is a byte that does not continue one.
    characters = [np.count_nonzero(data[a:b] & 0xC0 != 0x80) for a, b in pairwise(borders)]
    return [int(total) for total in np.cumsum(characters)]


def _atom_offsets(data: npt.NDArray[np.uint8], max_bytes: int) -> npt.NDArray[np.int64]:
    """Where the atoms of a non-empty text begin, and where the last one ends."""
    is_end = data == _LF
    lone_return = data == _CR
    if lone_return.any():
        lone_return[:-1] &= data[1:] != _LF
        is_end |= lone_return
    is_end[-1] = True
    offsets = np.concatenate((np.zeros(1, np.int64), np.flatnonzero(is_end) + 1))
    long = np.flatnonzero(np.diff(offsets) > max_bytes).tolist()
    inner = [_inner_borders(data, int(offsets[line]), int(offsets[line + 1]), max_bytes) for line in long]
    return np.sort(np.concatenate([offsets, *inner])) if inner else offsets


def _inner_borders(
    data: npt.NDArray[np.uint8], start: int, end: int, max_bytes: int
) -> npt.NDArray[np.int64]:
    r"""Where to divide one line into pieces of at most `max_bytes` (8 or more); \r\n stays in one piece."""
    line = data[start:end].tobytes()
    borders, at = [], max_bytes
    while at < len(line):
        while line[at] & 0xC0 == 0x80 or line[at - 1 : at + 1] == b"\r\n":
            at -= 1
        borders.append(start + at)
        at += max_bytes
    return np.array(borders, np.int64)
