"""Histograms of signals, filled batch by batch; bins do not depend on the order of documents or on batches.

Fractions none of which is above 1 are shares, in twentieths; whole numbers stand in powers of two; other
fractions in quarters of a power of two, or whole ones where quarters would be too many to read; texts by
value, the most frequent first. A bin holds its lower edge and not its upper one, but 1.0 is in the last
twentieth. -1 is `unknown`, apart from the bins. Memory is constant; a number costs about 50 ns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Labelled = list[tuple[str, int]]
Scale = Literal["whole", "shares", "quarters", "powers"]
Counts = npt.NDArray[np.int64]

SHARE_EDGES: Final = np.arange(21) / 20
WHOLE_EDGES: Final = np.array([0, *(1 << power for power in range(63))], np.int64)
FRACTION_EDGES: Final = np.array(
    [0.0, 0.25, 0.5, 0.75, *(2.0**power * quarter / 4 for power in range(60) for quarter in range(4, 8))]
)
MAX_QUARTERS: Final = 40
MAX_TEXTS: Final = 1 << 16
"""Distinct texts that are told apart, to bound memory; one that comes after them is among the others."""
TOP_TEXTS: Final = 20


class Bin(NamedTuple):
    """Numbers in [low, high), or a text value: how many documents, and how many of those in a part."""

    label: str
    low: float
    high: float
    documents: int
    part: int


def _no_shares() -> Counts:
    return np.zeros(len(SHARE_EDGES), np.int64)


@dataclass
class NumberHistogram:
    """Counts of a numeric signal; `edges` are WHOLE_EDGES or FRACTION_EDGES."""

    edges: npt.NDArray[Any]
    bins: Counts
    shares: Counts = field(default_factory=_no_shares)
    largest: float = 0.0
    unknown: int = 0
    negative: int = 0
    not_a_number: int = 0

    def add(self, column: pa.ChunkedArray) -> None:
        """Count the values of a column without nulls."""
        values = column.to_numpy()
        known = values[values >= 0]
        unknown, negative = int((values == -1).sum()), int((values < 0).sum())
        self.unknown += unknown
        self.negative += negative - unknown
        self.not_a_number += len(values) - len(known) - negative
        self.bins += _count(known, self.edges)
        self.shares += _count(known, SHARE_EDGES)
        self.largest = max(self.largest, float(known.max(initial=0)))

    def counts_by_bin(self) -> dict[str, Any]:
        """What has been counted, as plain values: only bins that are not empty."""
        sparse = {name: _sparse(getattr(self, name)) for name in ("bins", "shares")}
        apart = {name: getattr(self, name) for name in ("largest", "unknown", "negative", "not_a_number")}
        return {"edges": "whole" if self.edges is WHOLE_EDGES else "fraction", **sparse, **apart}

    def absorb(self, counted: Mapping[str, Any]) -> None:
        """Add what another histogram of the same signal counted."""
        for name in ("bins", "shares"):
            for bin_number, count in counted[name].items():
                getattr(self, name)[int(bin_number)] += count
        self.largest = max(self.largest, counted["largest"])
        self.unknown += counted["unknown"]
        self.negative += counted["negative"]
        self.not_a_number += counted["not_a_number"]

    def labelled(self) -> Labelled:
        """Bins in order, from the first that is not empty to the last, and after them what is in none."""
        return [(own.label, own.documents) for own in self.divided(self)]

    def divided(self, part: NumberHistogram) -> list[Bin]:
        """The same bins, with how much of each is in the histogram of a part of the documents."""
        scale = self._scale()
        edges = [*_scale_edges(self.edges, scale).tolist(), 1.0 if scale == "shares" else np.inf]
        counts, counts_of_part = self._counts_on(scale), part._counts_on(scale)
        labels = _labels(edges, scale)
        filled = np.flatnonzero(counts)
        bins = [
            Bin(labels[i], edges[i], edges[i + 1], int(counts[i]), int(counts_of_part[i]))
            for i in (range(filled[0], filled[-1] + 1) if len(filled) else ())
        ]
        return bins + [
            Bin(label, np.nan, np.nan, getattr(self, name), getattr(part, name))
            for label, name in APART.items()
            if getattr(self, name)
        ]

    def _scale(self) -> Scale:
        if self.edges is WHOLE_EDGES:
            return "whole"
        if self.largest <= 1:
            return "shares"
        filled = np.flatnonzero(self.bins)
        return "quarters" if filled[-1] - filled[0] < MAX_QUARTERS else "powers"

    def _counts_on(self, scale: Scale) -> Counts:
        if scale == "shares":  # 1.0 is in the last twentieth
            return self.shares[:-1] + np.append(np.zeros(19, np.int64), self.shares[-1])
        return self.bins.reshape(-1, 4).sum(axis=1) if scale == "powers" else self.bins


APART: Final = {"unknown": "unknown", "below 0": "negative", "NaN": "not_a_number"}
"""What is in no bin, by its label."""


def _sparse(counts: Counts) -> dict[str, int]:
    return {str(index): int(counts[index]) for index in np.flatnonzero(counts)}


def _count(values: npt.NDArray[Any], edges: npt.NDArray[Any]) -> Counts:
    """How many values are at or above each edge and below the next: i64[len(edges)]."""
    return np.bincount(np.searchsorted(edges, values, "right") - 1, minlength=len(edges)).astype(np.int64)


def _scale_edges(edges: npt.NDArray[Any], scale: Scale) -> npt.NDArray[Any]:
    """The lower edges of a scale's bins."""
    if scale == "shares":
        return SHARE_EDGES[:-1]
    return edges[::4] if scale == "powers" else edges


def _labels(edges: Sequence[float], scale: Scale) -> list[str]:
    """A label for each pair of neighbouring edges, of which the last is infinite."""
    if scale == "whole":
        spans = zip(edges[:-1], [edge - 1 for edge in edges[1:-1]] + [(1 << 63) - 1], strict=True)
        return [f"{low:,}" if low == high else f"{low:,}–{high:,}" for low, high in spans]
    if scale == "shares":
        return [f"{k / 20:.2f}–{(k + 1) / 20:.2f}" for k in range(20)]
    names = [f"{edge:,.2f}".rstrip("0").rstrip(".") for edge in edges[:-1]]
    return [f"{low}–{high}" for low, high in zip(names, [*names[1:], "∞"], strict=True)]


@dataclass
class TextHistogram:
    """Counts of a text signal's values."""

    counts: Counter[str] = field(default_factory=Counter)
    others: int = 0

    def add(self, column: pa.ChunkedArray) -> None:
        """Count the values of a column without nulls."""
        for pair in pc.value_counts(column.cast(pa.large_string())):
            text, count = pair["values"].as_py(), pair["counts"].as_py()
            if text in self.counts or len(self.counts) < MAX_TEXTS:
                self.counts[text] += count
            else:
                self.others += count

    def counts_by_bin(self) -> dict[str, Any]:
        """What has been counted, as plain values."""
        return {"counts": dict(sorted(self.counts.items())), "others": self.others}

    def absorb(self, counted: Mapping[str, Any]) -> None:
        """Add what another histogram of the same signal counted."""
        self.counts.update(counted["counts"])
        self.others += counted["others"]

    def labelled(self) -> Labelled:
        """The most frequent values, equal ones by name, and the sum of the others."""
        return [(own.label, own.documents) for own in self.divided(self)]

    def divided(self, part: TextHistogram) -> list[Bin]:
        """The same values, with how much of each is in the histogram of a part of the documents."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:TOP_TEXTS]
        bins = [Bin(text, np.nan, np.nan, count, part.counts[text]) for text, count in ranked]
        others, others_of_part = (
            own.others + own.counts.total() - sum(own.counts[text] for text, _ in ranked)
            for own in (self, part)
        )
        other_values = Bin("other values", np.nan, np.nan, others, others_of_part)
        return [*bins, other_values] if others else bins


Histogram = NumberHistogram | TextHistogram


def new_histogram(kind: pa.DataType) -> Histogram | None:
    """An empty histogram for signals of an Arrow type; None for bytes, which have no readable one."""
    if pa.types.is_integer(kind):
        return NumberHistogram(WHOLE_EDGES, np.zeros(len(WHOLE_EDGES), np.int64))
    if pa.types.is_floating(kind):
        return NumberHistogram(FRACTION_EDGES, np.zeros(len(FRACTION_EDGES), np.int64))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        return TextHistogram()
    return None


def restored(counted: Mapping[str, Any]) -> Histogram:
    """An empty histogram of the kind whose `counts_by_bin` these are."""
    if "counts" in counted:
        return TextHistogram()
    edges = WHOLE_EDGES if counted["edges"] == "whole" else FRACTION_EDGES
    return NumberHistogram(edges, np.zeros(len(edges), np.int64))


def divided(every: Histogram, part: Histogram) -> list[Bin]:
    """The bins of a histogram, with how much of each is in that of a part of the documents."""
    if isinstance(every, TextHistogram):
        assert isinstance(part, TextHistogram)
        return every.divided(part)
    assert isinstance(part, NumberHistogram)
    return every.divided(part)
