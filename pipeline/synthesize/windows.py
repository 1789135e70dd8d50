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
_LINE_ENDS: Final = (_LF, _CR)
_WHITE: Final = tuple(b" \t\r\n\f\v")
_CLOSING: Final = tuple(b")]}")


class Window(NamedTuple):
    """Characters start..end of document `document` of a batch; its `part`-th window."""

    document: int
    part: int
    start: int
    end: int


def plan_windows(
    texts: Sequence[str],
    n_tokens: Sequence[int],
    *,
    rooms: Sequence[int],
    encoder: Encoder,
    at_blocks: bool = False,
) -> list[Window]:
    """The windows of every non-empty text, in order; `n_tokens` are the token counts of the whole texts.

    `rooms` are the tokens that a sample of each text may have, sentinels and end-of-text included. With
    `at_blocks` a window ends before a top-level block if one begins in the second half of its room.
    """
    budgets = [room - SENTINELS_AND_EOT - _RETOKENIZATION_SLACK for room in rooms]
    long = [index for index, count in enumerate(n_tokens) if count > budgets[index] and texts[index]]
    divided = _borders(
        [texts[index] for index in long], [budgets[index] for index in long], encoder, at_blocks
    )
    borders = dict(zip(long, divided, strict=True))
    windows = []
    for document, text in enumerate(texts):
        start = 0
        for part, end in enumerate(borders.get(document, [len(text)] if text else [])):
            windows.append(Window(document, part, start, end))
            start = end
    return windows


def _borders(texts: list[str], budgets: list[int], encoder: Encoder, at_blocks: bool) -> list[list[int]]:
    """For each text the ends of its windows, in characters; the atoms of all are encoded in one call."""
    if not texts:
        return []
    packed = pack_texts([text.encode() for text in texts])
    atoms = [
        first + _atom_offsets(packed.data[first:last], budget // 4)
        for (first, last), budget in zip(pairwise(packed.offsets.tolist()), budgets, strict=True)
    ]
    offsets = np.concatenate([*(of_text[:-1] for of_text in atoms), packed.offsets[-1:]])
    tokens_before = encoder.encode(Texts(packed.data, offsets)).offsets
    borders, first_atom = [], 0
    for text, of_text, budget in zip(texts, atoms, budgets, strict=True):
        last_atom = first_atom + len(of_text) - 1
        opening = _block_openings(packed.data, of_text) if at_blocks else np.empty(0, np.int64)
        ends = of_text[_fill(tokens_before[first_atom : last_atom + 1], budget, opening)]
        borders.append(_in_characters(text, packed.data, [int(of_text[0]), *ends.tolist()]))
        first_atom = last_atom
    return borders


def _fill(tokens_before: npt.NDArray[np.int64], budget: int, preferred: npt.NDArray[np.int64]) -> list[int]:
    """Ends, as atom numbers, of windows that take atoms while these fit the budget, and at least one.

    The last of the `preferred` ends that leaves a window more than half full goes before the last that fits.
    """
    ends: list[int] = []
    at, last = 0, len(tokens_before) - 1
    while at < last:
        half_full = tokens_before[at] + budget // 2
        fitting = int(np.searchsorted(tokens_before, tokens_before[at] + budget, "right")) - 1
        at = max(at + 1, fitting)
        nearest = int(np.searchsorted(preferred, at, "right")) - 1
        if at < last and nearest >= 0 and tokens_before[preferred[nearest]] > half_full:
            at = int(preferred[nearest])
        ends.append(at)
    return ends


def _block_openings(data: npt.NDArray[np.uint8], atoms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The atoms that begin a top-level block: a line without indent, after one that is blank, indented, or
    begins with a closing bracket, and not such a one itself.
    """
    first = data[atoms[:-1]]
    inner = np.isin(first, _WHITE + _CLOSING)
    at_line = np.isin(data[atoms[1:-1] - 1], _LINE_ENDS)
    return np.flatnonzero(at_line & ~inner[1:] & inner[:-1]) + 1


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
