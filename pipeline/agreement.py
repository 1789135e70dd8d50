"""Whether a run's samples are of the kinds and orders that the recipe asks for.

What is asked is weighed by the languages of the samples, since `fim.languages` may ask otherwise of some.
What was *drawn* is compared with it by Pearson's chi-square test: the kind that a sample got in the end may
be another, where the drawn one had no place. A mix over languages varies less than the test supposes, so its
p is then too large rather than too small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from scipy.special import chdtrc

from filters.language import canonical_languages
from pipeline.config import Fim
from pipeline.synthesize.rates import Rates, rates_by_language

Shares = dict[str, float]


def asked_kinds(fim: Fim, samples: Mapping[str, int]) -> Shares:
    """The share of samples of each kind that the recipe asks for; `samples` are counts by language."""
    return _over_languages(fim, samples, lambda rates: _shares("plain", rates.rate, rates.kinds))


def asked_orders(fim: Fim, samples: Mapping[str, int]) -> Shares:
    """The share of samples in each order that the recipe asks for; `samples` are counts by language."""
    return _over_languages(fim, samples, lambda rates: _shares("none", rates.rate, rates.orders))


def _shares(uncut: str, rate: float, weights: Mapping[Any, float]) -> Shares:
    total = sum(weights.values())
    return {uncut: 1 - rate, **{name: rate * weight / total for name, weight in weights.items()}}


def _over_languages(fim: Fim, samples: Mapping[str, int], of: Callable[[Rates], Shares]) -> Shares:
    """The mean of what is asked of each language, weighed by its samples."""
    rates = rates_by_language(fim)
    names = canonical_languages(pa.chunked_array([list(samples)], pa.string())).to_pylist()
    counts = dict.fromkeys(rates, 0)
    for name, count in zip(names, samples.values(), strict=True):
        counts[name if name in rates else ""] += count
    if not sum(counts.values()):
        counts[""] = 1
    mixed: Shares = {}
    for language, count in counts.items():
        for name, share in of(rates[language]).items():
            mixed[name] = mixed.get(name, 0.0) + share * count / sum(counts.values())
    return mixed


def agreement(asked: Shares, drawn: Mapping[str, int]) -> dict[str, float]:
    """Pearson's `chi_square`, its `degrees_of_freedom`, and `p`: how often chance alone gives as much.

    >>> {name: round(value, 3) for name, value in agreement({"a": 0.5, "b": 0.5}, {"a": 60, "b": 40}).items()}
    {'chi_square': 4.0, 'degrees_of_freedom': 1, 'p': 0.046}
    """
    samples = sum(drawn.values())
    expected = {name: share * samples for name, share in asked.items() if share > 0}
    freedom = max(0, len(expected) - 1)
    if not set(expected).issuperset(name for name, count in drawn.items() if count):
        return {"chi_square": float("inf"), "degrees_of_freedom": freedom, "p": 0.0}
    terms = ((drawn.get(name, 0) - mean) ** 2 / mean for name, mean in expected.items() if mean > 0)
    statistic = sum(terms, 0.0)
    p = float(chdtrc(freedom, statistic)) if freedom else 1.0
    return {"chi_square": statistic, "degrees_of_freedom": freedom, "p": p}
