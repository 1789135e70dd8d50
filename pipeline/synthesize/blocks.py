"""The kind `block`: a complete node of the window's syntax tree, or a run of neighbours that belong together.

Half of the cuts are a node drawn in proportion to its size; half are aligned to a random span: of the
smallest node that holds it, the run of children, or the node itself, that has the greatest intersection over
union with the span (Gong et al. 2025, arXiv 2506.00204). A middle holds no error of the parser. About 50 µs
a window of 200 lines, beside the parse.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from pipeline.keyed import Rng
from pipeline.synthesize.cuts import Cut, Limits
from pipeline.synthesize.syntax_trees import Nodes

_TRIES: Final = 64


class _Bounds(NamedTuple):
    """Where middles may lie: up to `stop`, and not over all that is visible, from `first` to `last`."""

    first: int
    last: int
    stop: int

    def admit(self, start: int, end: int) -> bool:
        return end <= self.stop and not (start <= self.first and end >= self.last)


def block_cut(text: str, rng: Rng, limits: Limits) -> Cut | None:
    """A node drawn by size or, as often, what is aligned to a random span; None without a tree or a node."""
    nodes = limits.nodes
    if nodes is None or not text:
        return None
    last_line = 0 if limits.whole_end else max(text.rfind("\n"), text.rfind("\r")) + 1
    stop = len(text) if limits.whole_end else last_line
    bounds = _Bounds(len(text) - len(text.lstrip()), len(text.rstrip()), stop)
    aligned = rng.below(2) == 1
    cut = _aligned_cut(text, rng, nodes, bounds) if aligned else None
    return cut or _node_cut(text, rng, nodes, bounds)


def _node_cut(text: str, rng: Rng, nodes: Nodes, bounds: _Bounds) -> Cut | None:
    """A node drawn with a probability in proportion to its characters."""
    start, end = nodes.start, nodes.end
    everything = (start <= bounds.first) & (end >= bounds.last)
    usable = ~nodes.broken & (end <= bounds.stop) & ~everything
    sizes = np.cumsum(np.where(usable, end - start, 0))
    total = int(sizes[-1])
    for _ in range(_TRIES if total else 0):
        row = int(np.searchsorted(sizes, rng.below(total), "right"))
        cut = Cut(int(start[row]), int(end[row]))
        if not text[cut.start : cut.end].isspace():
            return cut
    return None


def _aligned_cut(text: str, rng: Rng, nodes: Nodes, bounds: _Bounds) -> Cut | None:
    """The run of neighbours, or the node, that fits a random span best; the first one of equals."""
    one, other = rng.below(len(text) + 1), rng.below(len(text))
    other += other >= one  # so all pairs of two different places are equally likely
    span = Cut(min(one, other), max(one, other))
    best, best_shared, best_union = None, 0, 1
    for cut in sorted(_candidates(text, nodes, bounds, span)):
        shared = min(span.end, cut.end) - max(span.start, cut.start)
        union = max(span.end, cut.end) - min(span.start, cut.start)
        if shared * best_union > best_shared * union:
            best, best_shared, best_union = cut, shared, union
    return best


def _candidates(text: str, nodes: Nodes, bounds: _Bounds, span: Cut) -> Iterator[Cut]:
    """The smallest node that holds the span, and runs of its children: all that can be best.

    A run that leaves out a child that lies in the span, or reaches beyond the first that lies outside, is
    worse than one that does not; so three children at each end of the span need to be looked at.
    """
    holding = np.flatnonzero((nodes.start <= span.start) & (nodes.end >= span.end))
    smallest = int(holding[-1]) if len(holding) else 0  # a root may begin after the text's first blanks
    whole = Cut(int(nodes.start[smallest]), int(nodes.end[smallest]))
    if not nodes.broken[smallest] and bounds.admit(*whole) and text[whole.start : whole.end].strip():
        yield whole
    for stretch in _stretches(text, nodes, smallest):
        first = bisect_right(stretch, span.start, key=lambda run: run.end)
        last = bisect_left(stretch, span.end, key=lambda run: run.start) - 1
        starts, ends = stretch[max(0, first - 1) : first + 2], stretch[max(0, last - 1) : max(0, last + 2)]
        for opening, closing in product(starts, ends):
            if opening <= closing and bounds.admit(opening.start, closing.end):
                yield Cut(opening.start, closing.end)


def _stretches(text: str, nodes: Nodes, parent: int) -> list[list[Cut]]:
    """The visible children of a node, divided where one has an error."""
    depth = nodes.depth[parent]
    after = np.flatnonzero(nodes.depth[parent + 1 :] <= depth)
    stop = parent + 1 + int(after[0]) if len(after) else len(nodes.depth)
    rows = parent + 1 + np.flatnonzero(nodes.depth[parent + 1 : stop] == depth + 1)
    stretches: list[list[Cut]] = [[]]
    for start, end, broken in zip(
        nodes.start[rows].tolist(), nodes.end[rows].tolist(), nodes.broken[rows].tolist(), strict=True
    ):
        if broken:
            stretches.append([])
        elif text[start:end].strip():
            stretches[-1].append(Cut(start, end))
    return stretches
