"""Dialects: the sentinels and orders of one model family, as TOML data under `dialects/`.

`load_dialect` reads one, `check_fim` holds a recipe against it before any work starts, and
`resolve_sentinels` turns its sentinel texts into the token ids of one tokenizer, refusing any that is not
exactly one id. The ids of a dialect are distinct (only pad may equal end-of-text), so a sample's parts can be
told apart. Costs milliseconds, once a run.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Protocol

from pipeline.config import Fim

_FOLDER: Final = Path(__file__).with_name("dialects")
_ROLES: Final = ("prefix", "suffix", "middle", "pad", "eot")


class Vocabulary(Protocol):
    """What of an encoder is needed to look sentinels up."""

    vocab_size: int

    def token_id(self, token: str) -> int | None:
        """The id of exactly this token, or None."""
        ...


@dataclass(frozen=True)
class Sentinels:
    """Token ids of a dialect's sentinels in one tokenizer."""

    prefix: int
    suffix: int
    middle: int
    pad: int
    eot: int


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The sentinels' texts and what a model family does with them."""

    name: str
    prefix: str
    suffix: str
    middle: str
    pad: str
    eot: str
    orders: tuple[str, ...]
    """The orders that the family was trained on: keys of `layout.TEMPLATES`."""
    cut_margins: tuple[int, int]
    """Characters that a random cut keeps clear at the window's start and end."""
    ids: dict[str, int] = field(default_factory=dict)
    """Ids of sentinels (by role) that the family's tokenizer file does not hold."""


def load_dialect(name: str) -> Dialect:
    """The dialect of that name. Raises ValueError, naming the nearest and all of them, for an unknown one."""
    known = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    if name not in known:
        nearest = get_close_matches(name, known, n=1, cutoff=0.0)
        raise ValueError(
            f"there is no dialect {name!r}; did you mean {nearest[0]!r}? The dialects are {', '.join(known)}"
        )
    data = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    start_margin, end_margin = data.pop("cut_margins")
    return Dialect(
        name=name, orders=tuple(data.pop("orders")), cut_margins=(start_margin, end_margin), **data
    )


def check_fim(fim: Fim, dialect: Dialect) -> None:
    """Raise ValueError if the recipe asks for an order that the dialect does not have."""
    foreign = [order for order in fim.orders if order not in dialect.orders]
    if foreign:
        raise ValueError(
            f"fim.orders asks for {', '.join(foreign)}, but dialect {dialect.name!r} has only "
            f"{', '.join(dialect.orders)}: remove the order or choose another dialect"
        )


def special_tokens(dialect: Dialect) -> list[str]:
    """The special tokens of a tokenizer to be trained, in StarCoder's order of ids; each text once."""
    texts = [dialect.eot, dialect.prefix, dialect.middle, dialect.suffix, dialect.pad]
    return list(dict.fromkeys(texts))


def resolve_sentinels(dialect: Dialect, encoder: Vocabulary) -> Sentinels:
    """The ids of the dialect's sentinels in this tokenizer.

    A fixed id of the dialect serves only if the tokenizer lacks the token and leaves the id unused. Raises
    ValueError that lists every sentinel without an id of its own.
    """
    ids = {role: _sentinel_id(role, dialect, encoder) for role in _ROLES}
    missing = [f"{role} {getattr(dialect, role)!r}" for role in _ROLES if ids[role] is None]
    if missing:
        raise ValueError(
            f"dialect {dialect.name!r}: not exactly one id in the tokenizer ({encoder.vocab_size} entries): "
            f"{', '.join(missing)}; add each as a special token to tokenizer.json, or choose the dialect "
            "that the tokenizer was made for"
        )
    found = {role: value for role, value in ids.items() if value is not None}
    _refuse_shared_ids(dialect, found)
    return Sentinels(**found)


def _sentinel_id(role: str, dialect: Dialect, encoder: Vocabulary) -> int | None:
    own = encoder.token_id(getattr(dialect, role))
    if own is not None:
        return own
    fixed = dialect.ids.get(role)
    return fixed if fixed is not None and fixed >= encoder.vocab_size else None


def _refuse_shared_ids(dialect: Dialect, ids: dict[str, int]) -> None:
    roles = {role: value for role, value in ids.items() if role != "pad"}
    if len(set(roles.values())) < len(roles) or ids["pad"] in {ids["prefix"], ids["suffix"], ids["middle"]}:
        raise ValueError(
            f"dialect {dialect.name!r}: two sentinels share an id ({ids}); only pad may equal eot: "
            "give each its own special token in tokenizer.json"
        )
