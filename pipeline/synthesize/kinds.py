"""The kinds of cuts: name to function. Their order is the order that draws read their weights in.

A kind added at the end changes no sample of a recipe that does not use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pipeline.keyed import Rng
from pipeline.synthesize.blocks import block_cut
from pipeline.synthesize.cuts import Cut, Limits, empty_cut, line_cut, lines_cut, random_cut
from pipeline.synthesize.refact import refact_cut

KINDS: Final[dict[str, Callable[[str, Rng, Limits], Cut | None]]] = {
    "random": random_cut,
    "empty": empty_cut,
    "line": line_cut,
    "lines": lines_cut,
    "block": block_cut,
    "refact-v2": refact_cut,
}

# What is tried in turn where a kind has no place, before the window is left plain.
FALL_BACKS: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(KINDS, ("random",)) | {
    "random": (),
    "block": ("lines", "random"),
}
