"""Comparisons of a signal with a number in an SQL predicate: found, and written again with other numbers.

Found are `signal < 5`, `5 > signal` and `signal BETWEEN 1 AND 5`, which is two. Signal and number must stand
alone: there is none in `2 * signal < 5` and `abs(signal) < 5`, where the number is no threshold of the
signal. What stands in quotes is not looked at, but for a quoted name. Costs microseconds; the predicate is
not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

TOKEN: Final = re.compile(
    r"""(?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<operator><=|>=|<>|!=|==|<|>|=)
      | (?P<other>\S)""",
    re.VERBOSE,
)
BEFORE: Final = {"", "(", "AND", "OR", "NOT", "WHEN", "THEN", "ELSE"}
"""What may stand before a comparison; anything else is arithmetic on its left side."""
AFTER: Final = {"", ")", "AND", "OR", "THEN", "ELSE", "END", "WHEN"}
MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Comparison(NamedTuple):
    """`signal operator number`; the number stands at [start, end) of the predicate."""

    signal: str
    operator: str
    """As if the signal stood on the left."""
    number: float
    start: int
    end: int

    @property
    def side(self) -> str:
        """`>` for a lower bound, `<` for an upper one; `=` or `<>` for none."""
        return self.operator if self.operator == "<>" else self.operator[0]


class _Token(NamedTuple):
    kind: str
    text: str
    """In capitals if it is a name or a keyword, which SQL does not tell apart by case."""
    own: str
    """As the predicate has it."""
    start: int
    end: int


_NOTHING: Final = _Token("", "", "", 0, 0)


def comparisons(predicate: str) -> list[Comparison]:
    """The comparisons of a signal with a number, in the order of their numbers."""
    tokens = [_NOTHING, *_tokens(predicate), _NOTHING, _NOTHING, _NOTHING, _NOTHING]
    found: list[Comparison] = []
    for at in range(1, len(tokens) - 4):
        if tokens[at - 1].text in BEFORE:
            found += _between(tokens[at : at + 6]) or _plain(tokens[at : at + 4])
    return sorted(found, key=lambda comparison: comparison.start)


def replaced(predicate: str, numbers: Mapping[Comparison, float]) -> str:
    """The predicate with other numbers in place of those of some of its comparisons."""
    for comparison in sorted(numbers, key=lambda comparison: -comparison.start):
        text = number_text(numbers[comparison])
        predicate = predicate[: comparison.start] + text + predicate[comparison.end :]
    return predicate


def number_text(value: float) -> str:
    """A number as SQL reads it; whole ones without a point."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


def _tokens(predicate: str) -> Iterator[_Token]:
    """The predicate's tokens; a sign that cannot be a subtraction belongs to its number."""
    matches = list(TOKEN.finditer(predicate))
    before = _NOTHING
    signed = -1
    for place, match in enumerate(matches):
        kind, own, start = str(match.lastgroup), match.group(), match.start()
        follows = matches[place + 1] if place + 1 < len(matches) else None
        starts_value = before.kind in ("", "operator") or before.text in (*BEFORE, "BETWEEN")
        if own in "+-" and starts_value and follows is not None and follows.lastgroup == "number":
            signed = start
            continue
        if kind == "number" and signed >= 0:
            own, start = predicate[signed] + own, signed
        signed = -1
        text = own.upper() if kind == "name" else own
        before = _Token(kind, text, own, start, match.end())
        yield before


def _plain(tokens: Sequence[_Token]) -> list[Comparison]:
    """`signal < 5` or `5 > signal` at the first three of the tokens, and its end at the fourth."""
    left, operator, right, after = tokens
    if operator.kind != "operator" or after.text not in AFTER:
        return []
    sign = {"==": "=", "!=": "<>"}.get(operator.text, operator.text)
    if _is_name(left) and right.kind == "number":
        return [_comparison(left, sign, right)]
    if left.kind == "number" and _is_name(right):
        return [_comparison(right, MIRRORED.get(sign, sign), left)]
    return []


def _between(tokens: Sequence[_Token]) -> list[Comparison]:
    """`signal BETWEEN 1 AND 5` at the first five of the tokens, and its end at the sixth."""
    if len(tokens) < 6:
        return []
    name, between, low, conjunction, high, after = tokens
    shape = (between.text, low.kind, conjunction.text, high.kind)
    if not _is_name(name) or shape != ("BETWEEN", "number", "AND", "number") or after.text not in AFTER:
        return []
    return [_comparison(name, ">=", low), _comparison(name, "<=", high)]


def _is_name(token: _Token) -> bool:
    return token.kind == "quoted" or (token.kind == "name" and token.text not in BEFORE | AFTER)


def _comparison(name: _Token, operator: str, number: _Token) -> Comparison:
    signal = name.own[1:-1].replace('""', '"') if name.kind == "quoted" else name.own
    return Comparison(signal, operator, float(number.own), number.start, number.end)
