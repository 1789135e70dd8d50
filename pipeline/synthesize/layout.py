"""Layout: from encoded parts to the token ids of samples, sentinels put in as ids.

An order is a tuple of slots; formatting is a gather of the slots' tokens in that order. Text never passes
through the tokenizer together with a sentinel, so a sample holds exactly the control ids of its template and
of its leads (see leads.py). The kernel copies each token once, about 1 GB/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.synthesize.sentinels import Sentinels


class Slot(IntEnum):
    """What may stand in a sample: a piece of tokens, a sentinel, or nothing."""

    PREFIX = 0
    SUFFIX = 1
    MIDDLE = 2
    LEAD = 3
    HEADER = 4
    PRE = 5
    SUF = 6
    MID = 7
    EOT = 8
    NOTHING = 9


# Bavarian et al. 2022 (arXiv 2207.14255): psm and both forms of spm. A plain sample has its end marked only.
# A lead is before everything, and a header is where the prefix begins, wherever that is.
TEMPLATES: Final[dict[str, tuple[Slot, ...]]] = {
    "psm": (
        *(Slot.LEAD, Slot.PRE, Slot.HEADER, Slot.PREFIX, Slot.SUF, Slot.SUFFIX),
        *(Slot.MID, Slot.MIDDLE, Slot.EOT),
    ),
    "spm-v1": (
        *(Slot.LEAD, Slot.SUF, Slot.SUFFIX, Slot.PRE, Slot.HEADER, Slot.PREFIX),
        *(Slot.MID, Slot.MIDDLE, Slot.EOT),
    ),
    "spm-v2": (
        *(Slot.LEAD, Slot.PRE, Slot.SUF, Slot.SUFFIX, Slot.MID, Slot.HEADER),
        *(Slot.PREFIX, Slot.MIDDLE, Slot.EOT),
    ),
    "none": (Slot.LEAD, Slot.HEADER, Slot.PREFIX, Slot.EOT, *[Slot.NOTHING] * 5),
}
ORDERS: Final = ("psm", "spm-v1", "spm-v2")
_ORDER_CODES: Final = {order: code for code, order in enumerate(TEMPLATES)}
_TEMPLATE_TABLE: Final = np.array(list(TEMPLATES.values()), np.int64)


class Parts(NamedTuple):
    """Encoded prefix, suffix and middle: part p of sample i is ids[starts[i, p]:][:lengths[i, p]]."""

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


class Leads(NamedTuple):
    """What stands before texts: of text t, piece p (lead, header) is ids[starts[t, p]:][:lengths[t, p]]."""

    ids: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


class Layout(NamedTuple):
    """Samples back to back, and per sample its length and where pieces begin (0 where there is none)."""

    tokens: npt.NDArray[np.int32]
    n_tokens: npt.NDArray[np.int64]
    middle_start: npt.NDArray[np.int64]
    lead_len: npt.NDArray[np.int64]
    header_start: npt.NDArray[np.int64]
    header_len: npt.NDArray[np.int64]


def neighbours(sentinels: Sentinels) -> frozenset[str]:
    """The orders in which nothing stands between prefix and middle."""
    absent = {Slot.MID} if sentinels.middle is None else set()
    slots = {order: [s for s in template if s not in absent] for order, template in TEMPLATES.items()}
    return frozenset(order for order, own in slots.items() if (Slot.PREFIX, Slot.MIDDLE) in pairwise(own))


def lay_out(
    parts: Parts, leads: Leads, documents: Sequence[int], orders: Sequence[str], sentinels: Sentinels
) -> Layout:
    """The samples of `parts`, each formatted in its order; sample i has the leads of text `documents[i]`."""
    refuse_controls_from_text(parts.ids, sentinels, planned=0)
    codes = np.fromiter((_ORDER_CODES[order] for order in orders), np.int64, len(orders))
    slots = _TEMPLATE_TABLE[codes]
    source, starts, lengths = _slot_table(parts, leads, np.array(documents, np.int64), sentinels)
    starts, lengths = np.take_along_axis(starts, slots, 1), np.take_along_axis(lengths, slots, 1)
    ends = np.cumsum(lengths, axis=1)
    begins = ends - lengths
    tokens = np.empty(int(lengths.sum()), np.int32)
    _gather(source, starts.ravel(), lengths.ravel(), tokens)
    header_len = np.where(slots == Slot.HEADER, lengths, 0).sum(axis=1)
    return Layout(
        tokens,
        ends[:, -1] if len(orders) else np.zeros(0, np.int64),
        np.where(slots == Slot.MIDDLE, begins, 0).sum(axis=1),
        np.where(slots == Slot.LEAD, lengths, 0).sum(axis=1),
        np.where(header_len > 0, np.where(slots == Slot.HEADER, begins, 0).sum(axis=1), 0),
        header_len,
    )


def refuse_controls_from_text(ids: npt.NDArray[np.int32], sentinels: Sentinels, *, planned: int) -> None:
    """Raise ValueError if `ids` hold more control ids than are there by plan."""
    if np.isin(ids, sentinels.placed()).sum() != planned:
        raise ValueError(
            f"the tokenizer turned source text into a control id (one of {sorted(sentinels.placed())}): "
            "its sentinels must be special tokens that ordinary text cannot produce; fix tokenizer.json"
        )


def _slot_table(
    parts: Parts, leads: Leads, documents: npt.NDArray[np.int64], sentinels: Sentinels
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All tokens, and starts and lengths by slot: parts, leads, the control ids after them, and nothing."""
    marks = [sentinels.prefix, sentinels.suffix, sentinels.middle, sentinels.eot]
    controls = np.array([0 if mark is None else mark for mark in marks], np.int32)
    widths = np.array([mark is not None for mark in marks], np.int64)
    first_lead, first_control = len(parts.ids), len(parts.ids) + len(leads.ids)
    samples = len(parts.starts)
    nothing = np.zeros((samples, 1), np.int64)
    control_starts = np.tile(first_control + np.arange(4), (samples, 1))
    starts = np.hstack((parts.starts, first_lead + leads.starts[documents], control_starts, nothing))
    lengths = np.hstack((parts.lengths, leads.lengths[documents], np.tile(widths, (samples, 1)), nothing))
    return np.concatenate((parts.ids, leads.ids, controls)), starts, lengths


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
