"""Cuts moved to borders of the window's own tokens, for recipes with `tokenization = "snap"`.

A cut moves to the nearest border that the rule of its kind allows, and stays where there is none. It costs a
look-up in the sorted borders.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from pipeline.synthesize.cuts import Cut
from pipeline.synthesize.lines import visible_part


def snap(cut: Cut, kind: str, text: str, borders: Sequence[int], margins: tuple[int, int]) -> Cut:
    """The cut with its places moved to the nearest of `borders`, as far as the rule of its kind allows.

    `random` moves both places, within its margins; `line` and `lines` move the cursor, within the visible
    part of its line; the others have no place to choose. Of two borders as near, the earlier is taken.
    """
    if kind == "random":
        low, high = margins[0], len(text) - margins[1]
        return Cut(_nearest(borders, cut.start, low, high), _nearest(borders, cut.end, low, high))
    if kind in {"line", "lines"}:
        first, last = visible_part(text, cut.start)
        return cut._replace(start=_nearest(borders, cut.start, first, last))
    return cut


def _nearest(borders: Sequence[int], place: int, low: int, high: int) -> int:
    """The border within low..high that is nearest to `place`, or `place` if there is none."""
    after = bisect_left(borders, place)
    near = [border for border in borders[max(0, after - 1) : after + 1] if low <= border <= high]
    return min(near, key=lambda border: (abs(border - place), border), default=place)
