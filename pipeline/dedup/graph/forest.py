"""Kernels of connected components: spanning forests of a stream of edges, and the two steps of star rounds.

Edges are rows of two numbers, 0 or more. A forest's rows are (node, root), root the smallest of its tree; it
is grown by union-find with path halving, and the smaller root stays. Nodes are found by linear probing in
tables at most two thirds full: 22 bytes a node for forests, 24 for the least neighbours of nodes. A random
edge costs about 0.4 µs in tables of hundreds of megabytes: its cache misses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int64]
Slots = npt.NDArray[np.int32]
_MIXED = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # SplitMix64's finaliser
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class Forest(NamedTuple):
    """Slots of nodes (key: node + 1, 0: free) and of their parents, and the nodes' slots in order of arrival.

    Rows leave in that order: in the order of slots they would crowd one end of the next table.
    """

    keys: Ints
    parents: Slots
    arrivals: Slots


class Least(NamedTuple):
    """A map from nodes (key: node + 1, 0: free) to the smallest of their smaller neighbours."""

    keys: Ints
    values: Ints


def _slots(nodes: int) -> int:
    slots = nodes + nodes // 2 + 2
    assert slots < 1 << 31  # parents are int32, and a slot is found by 32 bits of a hash
    return slots


def _empty_forest(nodes: int) -> Forest:
    slots = _slots(nodes)
    return Forest(np.zeros(slots, np.int64), np.zeros(slots, np.int32), np.zeros(nodes, np.int32))


def spanning(chunks: Iterable[Ints], nodes: int) -> Iterator[Ints]:
    """Forests, of at most `nodes` (two or more) nodes each, that connect what the chunks of edges connect.

    A forest has fewer rows than nodes, no more rows than the edges that it stands for, and no node twice.
    """
    forest, count = _empty_forest(nodes), 0
    for rows in chunks:
        at = 0
        while at < len(rows):
            count, at = _join(*forest, count, rows, at)
            if at < len(rows):
                yield _members(*forest, 0, count, False)
                forest.keys[:] = 0
                count = 0
    if count:
        yield _members(*forest, 0, count, False)


def labels(chunks: Iterable[Ints], nodes: int, most: int) -> Iterator[Ints]:
    """Rows (node, root) of all nodes of the chunks of edges, at most `nodes`; at most `most` rows at once."""
    forest, count = _empty_forest(nodes), 0
    for rows in chunks:
        count, done = _join(*forest, count, rows, 0)
        assert done == len(rows)
    for start in range(0, count, most):
        yield _members(*forest, start, min(start + most, count), True)


def least_of(rows: Ints) -> tuple[Least, int]:
    """The smallest neighbour of each node of `rows` (node, smaller neighbour).

    Also returns how often a row told another neighbour than those before it: 0 if each node has just one.
    """
    least = Least(np.zeros(_slots(len(rows)), np.int64), np.zeros(_slots(len(rows)), np.int64))
    return least, _note(*least, rows)


def small_star(least: Least, rows: Ints) -> Ints:
    """Ties the smaller neighbours of each node, and the node itself, to the smallest of them; row by row."""
    return _small_star(*least, rows)


def large_star(least: Least, rows: Ints) -> tuple[Ints, int]:
    """Ties the larger neighbours of `rows` (node, larger neighbour) to the node's least, if it has one.

    Returns a row for each, and how many of them are new.
    """
    return _large_star(*least, rows)


def entries(least: Least) -> Ints:
    """The map as rows (node, least)."""
    used = least.keys > 0
    return np.stack([least.keys[used] - 1, least.values[used]], axis=1)


@njit(cache=True, nogil=True)
def partition_of(nodes: Ints, partitions: int) -> Ints:
    """The partition of each node: by other bits of its hash than those that choose its slot in a table."""
    found = np.empty(len(nodes), np.int64)
    for i in range(len(nodes)):
        found[i] = np.int64(((_mix(nodes[i]) & _LOW) * np.uint64(partitions)) >> _S32)
    return found


@njit(cache=True, nogil=True)
def _mix(node: int) -> Any:
    state = np.uint64(node)
    state = (state ^ (state >> _S30)) * _MIXED[0]
    state = (state ^ (state >> _S27)) * _MIXED[1]
    return state ^ (state >> _S31)


@njit(cache=True, nogil=True)
def _slot(keys: Ints, node: int) -> int:
    """The slot of a node, or the free one where it belongs (linear probing)."""
    at: Any = np.int64(((_mix(node) >> _S32) * np.uint64(len(keys))) >> _S32)
    while keys[at] != 0 and keys[at] != node + 1:
        at = at + 1 if at + 1 < len(keys) else 0
    return at


@njit(cache=True, nogil=True)
def _root(parents: Slots, at: int) -> int:
    while parents[at] != at:
        parents[at] = parents[parents[at]]
        at = parents[at]
    return at


@njit(cache=True, nogil=True)
def _join(keys: Ints, parents: Slots, arrivals: Slots, count: int, rows: Ints, at: int) -> tuple[int, int]:
    """Join the two ends of each row from `at` on, until a row might not fit; gives the count and that row."""
    for row in range(at, len(rows)):
        if count + 2 > len(arrivals):
            a, b = _slot(keys, rows[row, 0]), _slot(keys, rows[row, 1])
            if count + (keys[a] == 0) + (keys[b] == 0) > len(arrivals):
                return count, row
        a, count = _placed(keys, parents, arrivals, count, rows[row, 0])
        b, count = _placed(keys, parents, arrivals, count, rows[row, 1])
        a, b = _root(parents, a), _root(parents, b)
        if keys[a] < keys[b]:
            parents[b] = a
        else:
            parents[a] = b
    return count, len(rows)


@njit(cache=True, nogil=True)
def _placed(keys: Ints, parents: Slots, arrivals: Slots, count: int, node: int) -> tuple[int, int]:
    """The slot of a node, which becomes a tree of its own if it is new, and the count of nodes."""
    at = _slot(keys, node)
    if keys[at] == 0:
        keys[at], parents[at], arrivals[count] = node + 1, at, at
        count += 1
    return at, count


@njit(cache=True, nogil=True)
def _members(keys: Ints, parents: Slots, arrivals: Slots, start: int, stop: int, with_roots: bool) -> Ints:
    """Rows (node, root) of the nodes that arrived from `start` on and before `stop`."""
    rows = np.empty((stop - start, 2), np.int64)
    count = 0
    for arrival in range(start, stop):
        at = arrivals[arrival]
        if with_roots or parents[at] != at:
            rows[count, 0] = keys[at] - 1
            rows[count, 1] = keys[_root(parents, at)] - 1
            count += 1
    return rows[:count]


@njit(cache=True, nogil=True)
def _note(keys: Ints, values: Ints, rows: Ints) -> int:
    others = 0
    for row in range(len(rows)):
        at = _slot(keys, rows[row, 0])
        if keys[at] == 0:
            keys[at], values[at] = rows[row, 0] + 1, rows[row, 1]
        elif values[at] != rows[row, 1]:
            values[at] = min(values[at], rows[row, 1])
            others += 1
    return others


@njit(cache=True, nogil=True)
def _small_star(keys: Ints, values: Ints, rows: Ints) -> Ints:
    tied = np.empty_like(rows)
    for row in range(len(rows)):
        least = values[_slot(keys, rows[row, 0])]
        tied[row, 0] = rows[row, 0] if rows[row, 1] == least else rows[row, 1]
        tied[row, 1] = least
    return tied


@njit(cache=True, nogil=True)
def _large_star(keys: Ints, values: Ints, rows: Ints) -> tuple[Ints, int]:
    tied = np.empty_like(rows)
    changed = 0
    for row in range(len(rows)):
        at = _slot(keys, rows[row, 0])
        tied[row, 0], tied[row, 1] = rows[row, 1], rows[row, 0]
        if keys[at] != 0:
            tied[row, 1] = values[at]
            changed += 1
    return tied, changed
