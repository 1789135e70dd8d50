"""Licence notices: what a sentence or a header says about the licence, found in plain words.

A notice is a lead ("licensed under the terms of"), then names with "and" or "or" between. Names and leads
are patterns of filters/data/license_notices.toml; the GNU family's versions and "or any later version" are
read here. A lead after "not" or "formerly" is no notice. Every pattern is bounded, so time is linear.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

_BEFORE: Final = 120  # characters before a lead in which negations and subjects count
_NEAR_WORDS: Final = 12
_PUBLISHED: Final = r"as published by the (?:free software foundation|fsf)(?: inc)?"
_LATER: Final = (
    r" (?:and|or) (?:at your (?:option|choice|discretion) )?(?:any |all )?"
    r"(?:later|newer|higher|above|greater|subsequent)(?: versions?)?"
)
_GNU_TAIL: Final = (
    rf"(?: (?:license|lgpl|agpl|gpl|fdl|gfdl|{_PUBLISHED}|either|the|only|gnu|its|terms)){{0,6}}"
    r"(?:(?: version| versions| v|) ?v?(?P<major>[1-3])(?: ?(?P<minor>[0-3])\b)?(?: 0\b)?\b(?: only)?"
    r"(?: june 1991| 29 june 2007)?"
    rf"(?: of (?:the|that|this) (?:license|gnu \w+|gpl|lgpl)| {_PUBLISHED}| license){{0,2}}"
    rf"(?P<later>{_LATER})?)?"
)
_GNU_HEAD: Final = (
    rf"(?:version |v)(?P<major>[1-3])(?: ?(?P<minor>[0-3]))?(?P<later>{_LATER})?(?: of)? (?:the )?"
)


class Notice(NamedTuple):
    """An expression, and where in the words it stands."""

    expression: str
    start: int
    end: int


class _Patterns(NamedTuple):
    leads: re.Pattern[str]
    filler: re.Pattern[str]
    connector: re.Pattern[str]
    negations: re.Pattern[str]
    subject: re.Pattern[str]
    dual: re.Pattern[str]
    alternatively: re.Pattern[str]
    names: Sequence[tuple[re.Pattern[str], str | dict[str, Any]]]


@cache
def table() -> dict[str, Any]:
    """The patterns as the data file has them."""
    return tomllib.loads((files("filters") / "data" / "license_notices.toml").read_text(encoding="utf-8"))


@cache
def _patterns() -> _Patterns:
    data = table()
    names: list[tuple[re.Pattern[str], str | dict[str, Any]]] = []
    for family in data["gnu"]:
        names.append((re.compile(rf"{_GNU_HEAD}(?:{family['names']})\b"), family))
        names.append((re.compile(rf"(?:{family['names']})(?:\b|(?=v?[1-3])){_GNU_TAIL}"), family))
    names += [
        (re.compile(rf"(?:{pattern})\b(?: licen[cs]e)?"), name) for name, pattern in data["names"].items()
    ]
    return _Patterns(
        leads=re.compile(rf"\b(?:{'|'.join(data['leads'])})\b"),
        filler=re.compile(rf"(?: (?:{data['filler']})\b){{0,8}}"),
        connector=re.compile(rf"(?: (?:{data['connector']})\b){{0,10}}"),
        negations=re.compile(data["negations"]),
        subject=re.compile(data["subject"]),
        dual=re.compile(data["dual"]),
        alternatively=re.compile(data["alternatively"]),
        names=names,
    )


def notices(words: str, *, needs_subject: bool) -> Iterator[Notice]:
    """The notices in plain words, in order; with `needs_subject` only those that speak of "this project"."""
    patterns, at = _patterns(), 0
    while lead := patterns.leads.search(words, at):
        at = lead.end()
        before = words[max(0, lead.start() - _BEFORE) : lead.start()]
        near = " ".join(before.rpartition("|")[2].split(" ")[-_NEAR_WORDS:])
        if patterns.negations.search(near) or (needs_subject and not patterns.subject.search(before)):
            continue
        listed = _names_after(words, lead.end(), patterns)
        if listed is None:
            continue
        licenses, connectors, at = listed
        either = patterns.dual.search(words[lead.start() : at])
        operator = " OR " if either or _offers_choice(connectors) else " AND "
        expression = operator.join(f"({name})" for name in licenses)
        choice = patterns.alternatively.search(before)
        yield Notice(f"OR {expression}" if choice else expression, lead.start(), at)


def _offers_choice(connectors: Sequence[str]) -> bool:
    """Whether every connector says "or" and none says "and"."""
    return bool(connectors) and all("or" in c.split() and "and" not in c.split() for c in connectors)


def _names_after(words: str, at: int, patterns: _Patterns) -> tuple[list[str], list[str], int] | None:
    """Names that follow a lead: the licences, what joins them, and where they end; None if there is none."""
    licenses: list[str] = []
    connectors: list[str] = []
    filler = patterns.filler.match(words, at)
    between = filler[0] if filler else ""
    start = at + len(between)
    while True:
        found = _name_at(words, start, patterns)
        if found is None:
            # the filler may have eaten the first words of a name ("license" of "license mit")
            return (licenses, connectors, at) if licenses else None
        name, at = found
        if licenses and name != licenses[-1]:
            connectors.append(between)
        between = "" if not licenses or name != licenses[-1] else between  # "MIT license (LICENSE-MIT) or"
        if not licenses or name != licenses[-1]:
            licenses.append(name)
        joined = patterns.connector.match(words, at)
        start = joined.end() if joined else at
        between += words[at:start]


def _name_at(words: str, at: int, patterns: _Patterns) -> tuple[str, int] | None:
    """The longest name that starts there, after a space."""
    best: tuple[str, int] | None = None
    if at < len(words) and words[at] == " ":
        for pattern, name in patterns.names:
            match = pattern.match(words, at + 1)
            if match and match.end() > (best[1] if best else at + 1):
                best = (name if isinstance(name, str) else _gnu(name, match), match.end())
    return best


def named(words: str) -> str:
    """The licence that words name from first to last ("mit license"); "" if they say anything else."""
    listed = _names_after(f" {words}", 0, _patterns())
    if listed is None or listed[2] != len(words) + 1:
        return ""
    operator = " OR " if _offers_choice(listed[1]) else " AND "
    return operator.join(f"({name})" for name in listed[0])


def _gnu(family: dict[str, Any], match: re.Match[str]) -> str:
    """A GNU licence with its version; without one, the least that it may be."""
    if not match["major"]:
        return str(family["least"])
    version = f"{match['major']}.{match['minor'] or '0'}"
    if version not in family["versions"]:
        return str(family["least"])
    return f"{family['id']}-{version}-{'or-later' if match['later'] else 'only'}"
