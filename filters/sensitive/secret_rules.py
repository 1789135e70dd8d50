"""The rules of the secrets filter: filters/data/secrets.toml as tables for the kernel, patterns and checks.

A rule is anchors, what must stand around them, a pattern that is matched where the kernel points, and a check
that judges the value (filters/sensitive/secret_checks.py). A pattern sees at most the rule's `window`, every
quantifier has a bound, and those that could try one byte often are possessive. Reading them takes some 50 ms
a process.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.sensitive.secret_checks import CHECKS, Match, secrets_data
from filters.sensitive.secret_kernel import Tables

_CLASSES: Final = {  # the first four have their bits by name in filters/sensitive/secret_kernel.py
    "word": rb"[A-Za-z0-9_]",
    "quote": rb"[\"'`]",
    "graph": rb"[!#-&(-_a-~\x80-\xff]",
    "digit": rb"[0-9]",
    "alnum": rb"[A-Za-z0-9]",
    "url": rb"[A-Za-z0-9_-]",
    "base64": rb"[A-Za-z0-9+/]",
    "hex": rb"[A-Fa-f0-9]",
    "scheme": rb"[A-Za-z0-9+.-]",
}
_LETTERS: Final = 64  # room for letters of the automaton's alphabet: a power of two


class Rule(NamedTuple):
    """A shape of keys; see filters/data/secrets.toml."""

    kind: str
    pattern: re.Pattern[bytes]
    window: int
    check: Callable[[Match], bool]
    named: bool
    """Whether the value has a shape of its own; else what stands around makes it a key."""


class Anchor(NamedTuple):
    """A literal, in lower case, and what must stand around it: `Tables.asks` after the length."""

    literal: bytes
    asks: tuple[int, int, int, int, int, int]


class Rules(NamedTuple):
    """All shapes: what the kernel reads, the rules that each of its anchors belongs to, public prefixes."""

    tables: Tables
    by_anchor: tuple[tuple[Rule, ...], ...]
    prefixes: Mapping[str, tuple[str, ...]]
    """By kind, what such values begin with and may be shown, longest first."""


@cache
def load_rules() -> Rules:
    """The rules, read once a process."""
    owners: dict[Anchor, list[Rule]] = {}
    prefixes: dict[str, set[str]] = {}
    for own in secrets_data()["rule"]:
        rule = _rule(own)
        for literal in own["anchors"]:
            owners.setdefault(_anchor(literal, own), []).append(rule)
            if own.get("public"):
                prefixes.setdefault(rule.kind, set()).add(literal)
    longest_first = {kind: tuple(sorted(own, key=lambda p: (-len(p), p))) for kind, own in prefixes.items()}
    return Rules(_tables(list(owners)), tuple(map(tuple, owners.values())), longest_first)


def _rule(own: Mapping[str, Any]) -> Rule:
    pattern = re.compile(own["pattern"].encode())
    check = CHECKS[own.get("check", "shape")]
    named = not (own.get("assigned", False) or own.get("context", False))
    return Rule(own["kind"], pattern, own.get("window", 400), check, named)


def _anchor(literal: str, own: Mapping[str, Any]) -> Anchor:
    bits = {name: 1 << number for number, name in enumerate(_CLASSES)}
    before, least_before = own.get("before", ("word", 0))
    after, least_after = own.get("after", ("word", 0))
    whole, assigned = int(not own.get("inner", False)), int(own.get("assigned", False))
    asks = (whole, bits[before], least_before, bits[after], least_after, assigned)
    return Anchor(literal.lower().encode(), asks)


def _tables(anchors: Sequence[Anchor]) -> Tables:
    """The kernel's tables; one literal with several demands is several anchors that end in one state."""
    literals = [anchor.literal for anchor in anchors]
    letters = np.zeros(256, np.uint8)
    for number, byte in enumerate(sorted(set(b"".join(literals))), start=1):
        letters[[byte, *bytes([byte]).upper()]] = number
    step, ends, links = _automaton([letters[list(literal)].tolist() for literal in literals])
    shorter = np.full(len(anchors), -1, np.int32)
    anchor_at = np.full(len(step), -1, np.int32)
    for state, link in links.items():  # a state comes after its suffix link
        anchor_at[state] = anchor_at[link]
        for anchor in ends.get(state, ()):
            shorter[anchor], anchor_at[state] = anchor_at[state], anchor
    order = np.argsort(anchor_at >= 0, kind="stable")  # states that end an anchor last
    assert letters.max() < _LETTERS, "the anchors have too many different letters"
    assert len(step) * _LETTERS <= 1 << 16, "the automaton outgrew 16 bits"
    place = np.empty(len(order), np.uint16)
    place[order] = np.arange(len(order)) * _LETTERS
    classes = np.zeros(256, np.uint32)
    for number, pattern in enumerate(_CLASSES.values()):
        members = [byte for byte in range(256) if re.fullmatch(pattern, bytes([byte]))]
        classes[members] |= np.uint32(1 << number)
    return Tables(
        letters=letters,
        step=np.ascontiguousarray(place[step[order]].ravel()),
        quiet=int((anchor_at < 0).sum()) * _LETTERS,
        anchor_at=anchor_at[order],
        shorter=shorter,
        asks=np.array([(len(anchor.literal), *anchor.asks) for anchor in anchors], np.int64),
        classes=classes,
    )


def _automaton(
    literals: Sequence[Sequence[int]],
) -> tuple[npt.NDArray[np.int32], dict[int, list[int]], dict[int, int]]:
    """Aho and Corasick's automaton of literals, each a list of letters.

    Next states i32[states, 64], the literals that end in each state, and each state's
    suffix link, by breadth.
    """
    children: list[dict[int, int]] = [{}]
    ends: dict[int, list[int]] = {}
    for number, literal in enumerate(literals):
        state = 0
        for letter in literal:
            if letter not in children[state]:
                children[state][letter] = len(children)
                children.append({})
            state = children[state][letter]
        ends.setdefault(state, []).append(number)
    step = np.zeros((len(children), _LETTERS), np.int32)
    links = {0: 0}
    queue = deque([0])
    while queue:
        state = queue.popleft()
        if state:
            step[state] = step[links[state]]
        for letter, child in children[state].items():
            links[child] = int(step[links[state], letter]) if state else 0
            step[state, letter] = child
            queue.append(child)
    return step, ends, links
