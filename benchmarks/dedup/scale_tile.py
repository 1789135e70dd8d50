"""The groups of a scale corpus: how many near-duplicates, copies and repeated ids each has."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

BASE, NEAR, COPY, REPEAT = range(4)
"""Roles: stays; near-duplicate of the base; a member's text again; a member's id again."""
TILE_GROUPS: Final = 1 << 15
LARGEST_GROUP: Final = 50
POWER: Final = 2.5
NEAR_GROUPS: Final = 0.06
"""The share of groups with near-duplicates, which makes about a fifth of all documents theirs."""
COPIES: Final = 0.055
REPEATS: Final = 0.005
"""Chances that a member has a copy, and that its id comes again."""


class Tile(NamedTuple):
    """Small groups laid out one after another: each slot's place in its group, and the group's size."""

    place: Ints
    size: Ints
    role: Ints
    target: Ints
    """Place of the target."""


def make_tile(seed: int) -> Tile:
    """Groups whose number of near-duplicates follows a power law: a size s is as often as 1 / s^2.5."""
    generator = np.random.default_rng(seed)
    sizes = np.arange(2, LARGEST_GROUP + 1)
    chances = 1.0 / sizes**POWER
    near = np.where(
        generator.random(TILE_GROUPS) < NEAR_GROUPS,
        generator.choice(sizes, TILE_GROUPS, p=chances / chances.sum()),
        1,
    )
    rows: list[tuple[int, int, int, int]] = []
    for members in near.tolist():
        copies = np.flatnonzero(generator.random(members) < COPIES).tolist()
        repeats = np.flatnonzero(generator.random(members) < REPEATS).tolist()
        own = [(BASE, 0), *((NEAR, place) for place in range(1, members))]
        own += [(COPY, place) for place in copies] + [(REPEAT, place) for place in repeats]
        rows += [(place, len(own), role, target) for place, (role, target) in enumerate(own)]
    return Tile(*np.array(rows, np.int64).T)
