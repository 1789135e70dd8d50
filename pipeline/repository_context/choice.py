"""Choice: which files of a repository stand before one of them, and in which order.

`imports`: what the file imports, and what that imports in turn, nearest first, as much as fits; in the order
of DeepSeek-Coder, each file after those that it depends on (Guo et al. 2024, arXiv 2401.14196, algorithm 1:
the file with the fewest unplaced dependencies comes next, so cycles break where they are weakest; of equals
here the one farther from the document, then the first by path). Before them, as far as there is room, the
rest as paths are sorted, so that the neighbour is near. `random`: a keyed order. A choice depends on the
repository's files alone; it looks at 256 of them at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Final

from pipeline.keyed import Rng

MAX_LOOKED_AT: Final = 256


@dataclass(frozen=True)
class Candidates:
    """The files of a repository that may stand before others, numbered as their paths are sorted."""

    sizes: Sequence[int]
    """Bytes of path and text, also of what is not kept of a text."""
    dependencies: Callable[[int], Sequence[int]]


def by_imports(candidates: Candidates, own: Sequence[int], *, place: int, skip: int, room: int) -> list[int]:
    """The files before a document that imports `own`, the nearest last.

    The document is, or would stand, at `place` among the candidates; `skip` is its number there, or -1. Files
    of `room` bytes are taken, or one alone that is longer.
    """
    distances = _distances(own, candidates.dependencies, skip)
    needed = _fitting(distances, candidates.sizes, room) or list(islice(distances, 1))
    left = room - sum(candidates.sizes[number] for number in needed)
    count = len(candidates.sizes)
    before = (number % count for number in range(place - 1 + count, place - 1, -1))
    rest = (number for number in before if number not in distances and number != skip)
    near = list(islice(rest, MAX_LOOKED_AT))
    taken = _fitting(near, candidates.sizes, left)
    if not needed and not taken:
        return near[:1]
    return taken[::-1] + dependency_order(needed, candidates.dependencies, distances)


def by_draw(candidates: Candidates, rng: Rng, *, skip: int, room: int) -> list[int]:
    """Files of `room` bytes before a document, in random order; `skip` is its own number, or -1."""
    shuffled = (number for number in _shuffled(len(candidates.sizes), rng) if number != skip)
    drawn = list(islice(shuffled, MAX_LOOKED_AT))
    return _fitting(drawn, candidates.sizes, room)[::-1] or drawn[:1]


def dependency_order(
    chosen: Iterable[int], dependencies: Callable[[int], Sequence[int]], distances: Mapping[int, int]
) -> list[int]:
    """The chosen files, each after its dependencies among them unless they depend on each other.

    >>> imports = {1: [2], 2: [3], 3: [], 4: [1], 5: []}
    >>> dependency_order([1, 2, 3, 4, 5], imports.__getitem__, dict.fromkeys(imports, 1))
    [3, 2, 1, 4, 5]
    """
    waiting = dict.fromkeys(chosen, 0)
    dependents: dict[int, list[int]] = {number: [] for number in waiting}
    for number in waiting:
        for needed in dependencies(number):
            if needed in waiting and needed != number:
                dependents[needed].append(number)
                waiting[number] += 1
    heap = [(count, -distances[number], number) for number, count in waiting.items()]
    heapify(heap)
    order: list[int] = []
    while heap:
        count, _, number = heappop(heap)
        if waiting.get(number) != count:
            continue  # it has a later entry, or its place
        del waiting[number]
        order.append(number)
        for dependent in dependents[number]:
            if dependent in waiting:
                waiting[dependent] -= 1
                heappush(heap, (waiting[dependent], -distances[dependent], dependent))
    return order


def _distances(own: Sequence[int], dependencies: Callable[[int], Sequence[int]], skip: int) -> dict[int, int]:
    """How many imports away a file is, for the nearest, in the order in which they are met."""
    distances = dict.fromkeys(islice((n for n in own if n != skip), MAX_LOOKED_AT), 1)
    waiting = deque(distances)
    while waiting and len(distances) < MAX_LOOKED_AT:
        number = waiting.popleft()
        for needed in dependencies(number):
            if needed not in distances and needed != skip and len(distances) < MAX_LOOKED_AT:
                distances[needed] = distances[number] + 1
                waiting.append(needed)
    return distances


def _fitting(numbers: Iterable[int], sizes: Sequence[int], room: int) -> list[int]:
    """Those that fit, in their order, each if there is still room for it."""
    taken: list[int] = []
    for number in numbers:
        if sizes[number] <= room:
            taken.append(number)
            room -= sizes[number]
    return taken


def _shuffled(count: int, rng: Rng) -> Iterator[int]:
    """0..count-1 in random order, drawn only as far as they are asked for (Fisher and Yates)."""
    moved: dict[int, int] = {}
    for start in range(count):
        place = start + rng.below(count - start)
        yield moved.get(place, place)
        moved[place] = moved.get(start, start)
