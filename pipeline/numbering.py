"""Numbers of splits that stay: parts of signals are named by them, so a new file does not move the others.

OUT/splits.json maps each split's digest to its number. A split keeps its number while it is part of the
source; a new or changed one takes the lowest that is free. Numbers name files and nothing else: no output
byte depends on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from pipeline.sources import Split
from pipeline.store import read_json, write_json


def number_splits(splits: Sequence[Split], register: Path, *, remember: bool) -> tuple[Split, ...]:
    """The splits with their numbers; with `remember`, the register holds them from now on."""
    try:
        known: dict[str, int] = read_json(register)
    except FileNotFoundError:
        known = {}
    names = _names(splits)
    taken = {known[name] for name in names if name in known}
    free = (number for number in count() if number not in taken)
    numbers = {name: known[name] if name in known else next(free) for name in names}
    if remember and numbers != known:
        write_json(register, numbers)
    return tuple(replace(split, number=numbers[name]) for split, name in zip(splits, names, strict=True))


def _names(splits: Sequence[Split]) -> list[str]:
    """Digests, with a count behind those of files that are copies of each other."""
    seen: Counter[str] = Counter()
    names = []
    for split in splits:
        names.append(f"{split.digest}-{seen[split.digest]}" if seen[split.digest] else split.digest)
        seen[split.digest] += 1
    return names
