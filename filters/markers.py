"""The phrases of filters/data/markers.toml, and which of them stands first in the list among those that a
text's first lines hold.

One pass of the automaton of filters/needles.py over those lines.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import pyarrow as pa

from filters.needles import Needles, compile_needles, count_needles, first_lines_ends
from filters.text import Texts

FIRST_LINES: Final = 5  # CodeParrot's `scan_width`; StarCoder2 reads as many


@cache
def marker_phrases(name: str) -> tuple[str, ...]:
    """The phrases of that list."""
    table = tomllib.loads((files("filters") / "data" / "markers.toml").read_text(encoding="utf-8"))
    return tuple(table[name])


@cache
def _each_apart(name: str) -> Needles:
    return compile_needles([[phrase] for phrase in marker_phrases(name)], ignore_case=True)


def first_marker(texts: Texts, name: str, lines: int) -> pa.Array:
    """The first phrase of the list that the first `lines` lines of each text hold, in any case, or ""."""
    counts = count_needles(texts, _each_apart(name), first_lines_ends(texts.data, texts.offsets, lines))
    found = counts > 0
    numbers = np.where(found.any(axis=0), found.argmax(axis=0), len(found))
    return pa.array([*marker_phrases(name), ""], pa.string()).take(pa.array(numbers))
