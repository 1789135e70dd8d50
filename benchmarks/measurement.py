"""One measurement: how long ours and a peer take, as a row of a table and of out/bench.json.

Both sides are timed alike: the median of up to five calls, of which no further one starts after two seconds.
MB are 10^6 bytes of UTF-8 text. Compare ratios, not figures: both sides share the machine and its moods.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.table import Table

MOST_CALLS = 5
ENOUGH_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was done, at what rate, and at what rate the peer did it."""

    what: str
    megabytes: float
    seconds: float
    peer: str
    peer_megabytes_per_second: float
    note: str = ""

    @property
    def megabytes_per_second(self) -> float:
        return self.megabytes / self.seconds

    @property
    def ratio(self) -> float:
        return self.megabytes_per_second / self.peer_megabytes_per_second


def median_seconds(call: Callable[[], object]) -> float:
    """The median time of `call`, which is called at least once."""
    taken: list[float] = []
    while len(taken) < MOST_CALLS and sum(taken) < ENOUGH_SECONDS:
        taken.append(seconds_of(call))
    return statistics.median(taken)


def seconds_of(call: Callable[[], object]) -> float:
    """The time of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def table_of(measurements: Sequence[Measurement]) -> Table:
    """Measurements for people."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("what")
    for heading in ("MB", "seconds", "MB/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("peer")
    for heading in ("peer MB/s", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note")
    for m in measurements:
        peer, ratio = f"{m.peer_megabytes_per_second:,.2f}", f"{m.ratio:,.1f}×"
        if math.isnan(m.ratio):  # a peer that is not there
            peer = ratio = "–"
        ours = f"{m.megabytes:,.1f}", f"{m.seconds:,.3f}", f"{m.megabytes_per_second:,.1f}"
        table.add_row(m.what, *ours, m.peer, peer, ratio, m.note)
    return table
