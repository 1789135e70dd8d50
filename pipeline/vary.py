"""`--vary TARGET=VALUES`: which comparison of the recipe is meant, and the numbers to put in its place.

A target is the name of a signal or of a predicate, or PREDICATE.SIGNAL; `<` or `>` after it keeps to upper
or lower bounds. Of several comparisons that answer to it, the one whose own number lies within the values is
meant; what is still not one is an error that lists the choices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.comparisons import Comparison, comparisons, number_text

DEFAULT_VALUES: Final = 10
MAX_VALUES: Final = 2_000
VARY: Final = re.compile(r"\s*(?P<target>[^<>=]+?)\s*(?P<side>[<>]?)\s*=\s*(?P<values>[^<>=]+)")
RANGE: Final = re.compile(r"(?P<low>[^:]+?)\.\.(?P<high>[^:]+?)(?::(?P<count>\d+))?")
Known = Sequence[tuple[str, Comparison]]
EXPECTED: Final = "expected NAME=LOW..HIGH, NAME=LOW..HIGH:COUNT or NAME=NUMBER,NUMBER,…"


@dataclass(frozen=True)
class Axis:
    """One comparison of the recipe, and the numbers to put in its place: ascending, its own among them."""

    key: str
    """The predicate it stands in, such as select.comments."""
    comparison: Comparison
    values: tuple[float, ...]


def parse_vary(text: str, predicates: Mapping[str, str]) -> Axis:
    """The axis that a `--vary` means. Raises ValueError unless it names one comparison."""
    match = VARY.fullmatch(text)
    if match is None:
        raise ValueError(f"--vary {text!r}: found no name and values; {EXPECTED}")
    target, side = match["target"], match["side"]
    known = [(key, own) for key, predicate in predicates.items() for own in comparisons(predicate)]
    fitting = [(key, own) for key, own in known if target in _names(key, own) and side in ("", own.side)]
    values = _values(text, match["values"])
    within = [(key, own) for key, own in fitting if values[0] <= own.number <= values[-1]]
    if len(fitting) != 1 and len(within) != 1:
        raise ValueError(_not_one(text, fitting, known))
    key, comparison = fitting[0] if len(fitting) == 1 else within[0]
    if all(value.is_integer() for value in (values[0], values[-1], comparison.number)):
        values = [float(round(value)) for value in values]  # steps between whole numbers are whole
    return Axis(key, comparison, tuple(sorted({*values, comparison.number})))


def _names(key: str, comparison: Comparison) -> set[str]:
    """What a comparison answers to."""
    name = key.partition(".")[2]
    return {comparison.signal, name, key, f"{name}.{comparison.signal}", f"{key}.{comparison.signal}"}


def _values(text: str, values: str) -> list[float]:
    """LOW..HIGH:COUNT evenly spaced, or a list of numbers; ascending."""
    try:
        match = RANGE.fullmatch(values)
        if match is None:
            return sorted(_number(value) for value in values.split(","))
        low, high = _number(match["low"]), _number(match["high"])
        count = int(match["count"] or DEFAULT_VALUES)
    except ValueError as error:
        raise ValueError(f"--vary {text!r}: {error}; {EXPECTED}") from error
    if low >= high or not 2 <= count <= MAX_VALUES:
        found = f"found {number_text(low)} to {number_text(high)} in {count} steps"
        raise ValueError(f"--vary {text!r}: {found}, expected LOW < HIGH and 2 to {MAX_VALUES:,} steps")
    # Twelve digits, so that 0.005..0.05 has 0.015 in it and not 0.015000000000000001.
    return [float(f"{value:.12g}") for value in np.linspace(low, high, count).tolist()]


def _number(text: str) -> float:
    value = float(text)
    if not np.isfinite(value):
        raise ValueError(f"found {text.strip()}, expected a finite number")
    return value


def _not_one(text: str, fitting: Known, known: Known) -> str:
    several = f"{len(fitting)} comparisons of that name, and not just one of them within the values"
    found = several if fitting else "no comparison of that name with a number"
    choices = fitting or known
    listed = [f"'{key}.{own.signal}{own.side}' (now {number_text(own.number)})" for key, own in choices]
    choose = f"choose from {', '.join(listed)}" if listed else "no predicate compares a signal with a number"
    return f"--vary {text!r}: found {found} in the recipe; {choose}"
