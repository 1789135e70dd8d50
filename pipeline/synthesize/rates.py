"""How often a window is cut, and which orders and kinds it is given: by the language of its document.

`fim.languages` may say otherwise than `fim` for a language, named by any spelling that filters/language.py
knows. Looked up once a language, not once a window.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from filters.language import canonical_languages
from pipeline.config import Fim, Kind, LanguageFim, Order


class Rates(NamedTuple):
    """The share that is cut, and the weights of orders and kinds, not normalised."""

    rate: float
    orders: dict[Order, float]
    kinds: dict[Kind, float]


def rates_by_language(fim: Fim) -> dict[str, Rates]:
    """Rates by The Stack's name of a language; those under "" are for all others."""
    names = list(fim.languages)
    canonical = canonical_languages(pa.chunked_array([names], pa.string())).to_pylist()
    twice = sorted({name for name in canonical if canonical.count(name) > 1})
    if twice:
        raise ValueError(f"fim.languages names {', '.join(twice)} twice, in two spellings: keep one")
    own = {
        language: _rates(fim, fim.languages[name]) for language, name in zip(canonical, names, strict=True)
    }
    return {**own, "": Rates(fim.rate, fim.orders, fim.kinds)}


def _rates(fim: Fim, own: LanguageFim) -> Rates:
    return Rates(
        fim.rate if own.rate is None else own.rate,
        fim.orders if own.orders is None else own.orders,
        fim.kinds if own.kinds is None else own.kinds,
    )


def cuts_blocks(fim: Fim) -> bool:
    """Whether some window may be given the kind `block`, so that the parser's version counts."""
    return any(rates.kinds.get("block", 0.0) > 0 for rates in rates_by_language(fim).values())
