"""The kind `refact-v2`: the four splitters of Refact's public fine-tuning code, for comparison.

Rules and probabilities are those of `refact_data_pipeline/filters_fim_v2.py` as first published in September
2023, but prefix + middle + suffix stays the window; docs/fim.md lists every difference. A row is a line with
its end, drawn in proportion to its length. Linear in the window, about 10 µs for 200 lines.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final

from pipeline.keyed import Rng
from pipeline.synthesize.cuts import Cut, Limits, finished_lines
from pipeline.synthesize.lines import line_body

_TRIES: Final = 3
_MAX_EXTRA_ROWS: Final = 32


def refact_cut(text: str, rng: Rng, limits: Limits) -> Cut | None:
    """A cut of one of the four splitters; None in a window of one row, or where three rows do not suit it."""
    rows = finished_lines(text, whole_end=limits.whole_end)
    if len(rows) < 2:
        return None
    ends = list(accumulate(map(len, rows)))
    splitter, tries = _SPLITTERS[rng.choose(_WEIGHTS)]
    for _ in range(tries):
        row = bisect_right(ends, rng.below(ends[-1]))  # the row of a uniform place
        cut = splitter(rows, row, rng)
        if cut is not None:
            start = ends[row] - len(rows[row])
            return Cut(start + cut.start, start + cut.end)
    return None


def _inside_row(rows: Sequence[str], row: int, rng: Rng) -> Cut | None:
    """Two cuts inside a row of 3 or more characters, neither of them at its end."""
    if len(rows[row]) < 3:
        return None
    body = len(line_body(rows[row]))
    one, other = rng.below(body), rng.below(body)
    return Cut(min(one, other), max(one, other))


def _to_row_end(rows: Sequence[str], row: int, rng: Rng) -> Cut | None:
    """From a place in a row, its end included, to that end."""
    body = len(line_body(rows[row]))
    return Cut(min(rng.below(len(rows[row])), body), body)


def _over_rows(rows: Sequence[str], row: int, rng: Rng) -> Cut | None:
    """From a place in a row to the end of the next blank row if that is near, else of a later row."""
    following = rows[row + 1 : row + 2 + _MAX_EXTRA_ROWS]
    if not following:
        return None
    blank = next((number for number, line in enumerate(following) if line.isspace()), None)
    extra = min(_MAX_EXTRA_ROWS, 1 + rng.below(len(rows) - row - 1)) if blank is None else blank + 1
    start = min(rng.below(len(rows[row])), len(line_body(rows[row])))
    return Cut(start, sum(map(len, rows[row : row + extra])) + len(line_body(rows[row + extra])))


def _nothing(rows: Sequence[str], row: int, rng: Rng) -> Cut | None:
    """An empty middle before some character of a row."""
    body = len(line_body(rows[row]))
    if not body:
        return None
    cursor = rng.below(body)
    return Cut(cursor, cursor)


_SPLITTERS: Final[tuple[tuple[Callable[[Sequence[str], int, Rng], Cut | None], int], ...]] = (
    (_inside_row, _TRIES),
    (_to_row_end, _TRIES),
    (_over_rows, _TRIES),
    (_nothing, 1),
)
_WEIGHTS: Final = (0.2, 0.399, 0.4, 0.001)
