"""Layout: from encoded parts to the token ids of samples, sentinels put in as ids.

An order is a tuple of slots; formatting is a gather of the slots' tokens in that order. Text never passes
through the tokenizer together with a sentinel, so a sample holds exactly the control ids of its template. The
kernel copies each token once, about 1 GB/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.synthesize.dialects import Sentinels


class Slot(IntEnum):
    """What may stand in a sample: an encoded part, a sentinel, or nothing."""

    PREFIX = 0
    SUFFIX = 1
    MIDDLE = 2
    PRE = 3
    SUF = 4
    MID = 5
    EOT = 6
    NOTHING = 7


# Bavarian et al. 2022 (arXiv 2207.14255): psm and both forms of spm. A plain sample has its end marked only.
TEMPLATES: Final[dict[str, tuple[Slot, ...]]] = {
    "psm": (Slot.PRE, Slot.PREFIX, Slot.SUF, Slot.SUFFIX, Slot.MID, Slot.MIDDLE, Slot.EOT),
    "spm-v1": (Slot.SUF, Slot.SUFFIX, Slot.PRE, Slot.PREFIX, Slot.MID, Slot.MIDDLE, Slot.EOT),
    "spm-v2": (Slot.PRE, Slot.SUF, Slot.SUFFIX, Slot.MID, Slot.PREFIX, Slot.MIDDLE, Slot.EOT),
    "none": (Slot.PREFIX, Slot.EOT, *[Slot.NOTHING] * 5),
}
ORDERS: Final = ("psm", "spm-v1", "spm-v2")
_ORDER_CODES: Final = {order: code for code, order in enumerate(TEMPLATES)}
_TEMPLATE_TABLE: Final = np.array(list(TEMPLATES.values()), np.int64)


class Parts(NamedTuple):
    """Encoded prefix, suffix and middle: part p of sample i is ids[starts[i, p]:][:lengths[i, p]]."""

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


class Layout(NamedTuple):
    """Samples back to back, and per sample its length and where its middle begins (0 where plain)."""

    tokens: npt.NDArray[np.int32]
    n_tokens: npt.NDArray[np.int64]
    middle_start: npt.NDArray[np.int64]


def lay_out(parts: Parts, orders: Sequence[str], sentinels: Sentinels) -> Layout:
    """The samples of `parts`, each formatted in its order."""
    controls = np.array([sentinels.prefix, sentinels.suffix, sentinels.middle, sentinels.eot], np.int32)
    if np.isin(parts.ids, controls).any():
        raise ValueError(
            f"the tokenizer turned source text into a control id (one of {controls.tolist()}): "
            "its sentinels must be special tokens that ordinary text cannot produce; fix tokenizer.json"
        )
    codes = np.fromiter((_ORDER_CODES[order] for order in orders), np.int64, len(orders))
    slots = _TEMPLATE_TABLE[codes]
    starts, lengths = _slot_table(parts)
    starts, lengths = np.take_along_axis(starts, slots, 1), np.take_along_axis(lengths, slots, 1)
    ends = np.cumsum(lengths, axis=1)
    middle_start = np.where(slots == Slot.MIDDLE, ends - lengths, 0).sum(axis=1)
    tokens = np.empty(int(lengths.sum()), np.int32)
    _gather(np.concatenate((parts.ids, controls)), starts.ravel(), lengths.ravel(), tokens)
    return Layout(tokens, ends[:, -1] if len(orders) else np.zeros(0, np.int64), middle_start)


def _slot_table(parts: Parts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Starts and lengths by slot: the parts, the control ids that follow them in the source, and nothing."""
    samples = len(parts.starts)
    controls = np.tile(len(parts.ids) + np.arange(4), (samples, 1))
    nothing = np.zeros((samples, 1), np.int64)
    starts = np.hstack((parts.starts, controls, nothing))
    lengths = np.hstack((parts.lengths, np.ones((samples, 4), np.int64), nothing))
    return starts, lengths


@njit(cache=True, nogil=True)
def _gather(
    source: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
) -> None:
    """Copy the slices of `source` into `out` back to back; `out` holds exactly the sum of `lengths`."""
    position = 0
    for piece in range(starts.shape[0]):
        start = starts[piece]
        for offset in range(lengths[piece]):
            out[position + offset] = source[start + offset]
        position += lengths[piece]
