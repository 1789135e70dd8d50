"""Sentinels: the ids of a dialect's control tokens in one tokenizer.

A token that is not exactly one id is refused by name. Ids are distinct, so that a sample's parts can be told
apart; only pad may equal end-of-text, and end-of-text may stand between the files of a context. Costs
microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.config import Fim
from pipeline.synthesize.dialects import Dialect


class Vocabulary(Protocol):
    """What of an encoder is needed to look sentinels up."""

    vocab_size: int

    def token_id(self, token: str) -> int | None:
        """The id of exactly this token, or None."""
        ...


@dataclass(frozen=True)
class Sentinels:
    """Ids of a dialect's control tokens in one tokenizer, as tokenizer/sentinels.json holds them."""

    prefix: int
    suffix: int
    middle: int | None
    """None in a dialect that marks no middle."""
    pad: int
    eot: int
    bos: int | None = None
    """The first token of every sample, or None."""
    lead: dict[str, int] = field(default_factory=dict)
    """By their texts, the control tokens of metadata and repository context that the recipe uses."""

    def placed(self) -> list[int]:
        """The ids that samples may hold by plan, which text must never give."""
        own = [self.prefix, self.suffix, self.middle, self.eot, self.bos, *self.lead.values()]
        return [number for number in own if number is not None]


def special_tokens(dialect: Dialect, fim: Fim) -> list[str]:
    """The special tokens of a tokenizer to be trained, in StarCoder's order of ids; each text once."""
    texts = [dialect.eot, dialect.prefix, dialect.middle, dialect.suffix, dialect.pad, dialect.bos]
    return list(dict.fromkeys(text for text in [*texts, *dialect.lead_tokens(fim)] if text))


def missing_tokens(dialect: Dialect, fim: Fim, encoder: Vocabulary) -> list[str]:
    """The control tokens that the recipe needs and that have no id, in the order of `special_tokens`."""
    found = _look_up(dialect, fim, encoder)
    lacking = {text for _, text, number in found if number is None}
    return [text for text in special_tokens(dialect, fim) if text in lacking]


def resolve_sentinels(dialect: Dialect, fim: Fim, encoder: Vocabulary) -> Sentinels:
    """The ids of the dialect's control tokens in this tokenizer.

    A fixed id of the dialect serves only if the tokenizer lacks the token and leaves the id unused. Raises
    ValueError that lists every token without an id of its own.
    """
    found = _look_up(dialect, fim, encoder)
    missing = [f"{role} {text!r}" for role, text, number in found if number is None]
    if missing:
        raise ValueError(
            f"dialect {dialect.name!r}: not exactly one id in the tokenizer ({encoder.vocab_size} entries): "
            f"{', '.join(missing)}; set fim.add_sentinels = true to add each as a special token, or choose "
            "the dialect that the tokenizer was made for"
        )
    roles: dict[str, Any] = {role: number for role, _, number in found if role != "lead"}
    lead = {text: number for role, text, number in found if role == "lead" and number is not None}
    sentinels = Sentinels(**{"middle": None, "bos": None} | roles, lead=lead)
    _refuse_shared_ids(dialect, sentinels)
    return sentinels


def _look_up(dialect: Dialect, fim: Fim, encoder: Vocabulary) -> list[tuple[str, str, int | None]]:
    """(role, text, id) of every control token that the recipe needs."""
    roles = ("prefix", "suffix", "middle", "pad", "eot", "bos")
    texts = [(role, getattr(dialect, role)) for role in roles if getattr(dialect, role)]
    leads = [("lead", text) for text in dialect.lead_tokens(fim)]
    return [(role, text, _token_id(role, text, dialect, encoder)) for role, text in [*texts, *leads]]


def _token_id(role: str, text: str, dialect: Dialect, encoder: Vocabulary) -> int | None:
    own = encoder.token_id(text)
    if own is not None:
        return own
    fixed = dialect.ids.get(role)
    return fixed if fixed is not None and fixed >= encoder.vocab_size else None


def _refuse_shared_ids(dialect: Dialect, found: Sentinels) -> None:
    lead = [number for text, number in found.lead.items() if text != dialect.eot]
    marks = [number for number in (found.prefix, found.suffix, found.middle, found.bos) if number is not None]
    distinct = [*marks, *lead, found.eot]
    if len(set(distinct)) < len(distinct) or found.pad in [*marks, *lead]:
        raise ValueError(
            f"dialect {dialect.name!r}: two sentinels share an id ({found}); only pad may equal eot: "
            "give each its own special token in tokenizer.json"
        )
