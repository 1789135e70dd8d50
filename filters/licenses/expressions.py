"""SPDX licence expressions: one spelling for each, and the class that a policy gives them.

`normalise` renders what `license-expression` parses with AND and OR flattened, sorted and without
repetitions; it never simplifies by logic, and what it cannot parse becomes a LicenseRef, never a guess. A
policy is a TOML file of ids by class; OR takes the best class of its alternatives, AND the worst of its
parts. Parsing takes about 20 µs.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from license_expression import ExpressionError, LicenseWithExceptionSymbol, get_spdx_licensing

UNKNOWN: Final = "unknown"
CLASSES: Final = ("permissive", "weak_copyleft", "copyleft", "other", UNKNOWN)  # from best to worst
_LISTED: Final = CLASSES[:-1]
_MAX_CHARACTERS: Final = 2_000  # of one expression: the parser's stack and time stay bounded


@cache
def _spdx() -> Any:
    """The parser with SPDX's list: built once, for it takes 70 ms and a parse 50 µs."""
    return get_spdx_licensing()


def normalise(text: str) -> str:
    """The normal form of one licence string; "" for a blank one.

    >>> normalise("mit or (Apache-2.0 or MIT)"), normalise("GPL-2.0+"), normalise("MIT License")
    ('Apache-2.0 OR MIT', 'GPL-2.0-or-later', 'LicenseRef-MIT-License')
    """
    tree = _parse(text)
    return _render(tree) if tree is not None else _reference(text)


def join(expressions: Iterable[str]) -> str:
    """The AND of normal forms; "" for none. Parts of which one is itself an AND are flattened."""
    distinct = {expression for expression in expressions if expression}
    return normalise(" AND ".join(f"({expression})" for expression in sorted(distinct)))


def is_known(expression: str) -> bool:
    """Whether every id of a licence string is SPDX's (or ScanCode's LicenseRef), and the string parses."""
    tree = _parse(expression)
    return tree is not None and not _spdx().unknown_license_keys(tree)


def ids_of(expression: str) -> frozenset[str]:
    """The single licences of an expression, each with its exception; empty for what does not parse."""
    tree = _parse(expression)
    return frozenset() if tree is None else frozenset(_render_license(part) for part in _singles(tree))


def _singles(tree: Any) -> list[Any]:
    return [tree] if tree.isliteral else [part for argument in tree.args for part in _singles(argument)]


def _parse(text: str) -> Any:
    """The parse tree, or None for what is not an expression."""
    if not text.strip() or len(text) > _MAX_CHARACTERS:
        return None
    try:
        return _spdx().parse(text)
    except (ExpressionError, RecursionError):
        return None


def _reference(text: str) -> str:
    """A LicenseRef that keeps what a string said, as far as SPDX's alphabet for references allows."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", text.removeprefix("LicenseRef-")).strip("-")[:100]
    return f"LicenseRef-{words or 'unreadable'}" if text.strip() else ""


def _operator(tree: Any) -> str:
    """AND, OR, or "" for a single licence (with or without an exception)."""
    return "" if tree.isliteral else tree.operator.strip()


def _render(tree: Any) -> str:
    operator, members = _gather(tree)
    return f" {operator} ".join(sorted(members))


def _gather(tree: Any) -> tuple[str, frozenset[str]]:
    """An operator and the distinct texts that it joins, at least two; or "" and one licence."""
    operator = _operator(tree)
    if not operator:
        return "", frozenset([_render_license(tree)])
    gathered = {_gather(argument) for argument in tree.args}
    if len(gathered) == 1:
        return gathered.pop()
    joined: frozenset[str] = frozenset()
    for inner, members in gathered:
        in_brackets = frozenset([f"({f' {inner} '.join(sorted(members))})"])
        joined |= members if inner in ("", operator) else in_brackets
    return operator, joined


def _render_license(tree: Any) -> str:
    """An id or `id WITH exception`; an id that SPDX does not know becomes a LicenseRef."""
    text = tree.render()
    if not _spdx().unknown_license_keys(tree) or isinstance(tree, LicenseWithExceptionSymbol):
        return text
    if text.endswith("+") and is_known(text[:-1]):  # SPDX's "or later" of an id without an -or-later twin
        return text
    return text if text.startswith("DocumentRef-") else _reference(text)


@cache
def load_policy(policy: str) -> dict[str, str]:
    """Class by lower-case normal form of each licence that a policy lists.

    `policy` is the name of a file in filters/data/licenses/ or a path to a TOML file of the same shape.
    Where a class is a table of tiers, `NAME:TIER` takes its tiers from the first to that one; the rest is
    `other`. Raises ValueError for an unknown name, tier or class, for ids that SPDX does not know (but for
    LicenseRef-…), and for an id under two classes.
    """
    name, tier = _name_and_tier(policy)
    table = tomllib.loads(_policy_data(name).decode("utf-8"))
    _check_tier(policy, table, tier)
    return _index(policy, {license_class: _listed(ids, tier) for license_class, ids in table.items()})


def policy_digest(policy: str) -> str:
    """A digest of all that a policy's answers depend on: its data and the tier, 32 hexadecimal digits."""
    name, tier = _name_and_tier(policy)
    return blake2b(_policy_data(name) + f":{tier}".encode(), digest_size=16).hexdigest()


def _name_and_tier(policy: str) -> tuple[str, str]:
    name, _, tier = policy.partition(":")
    return (name, tier) if name in _shipped() else (policy, "")


def _shipped() -> list[str]:
    folder = files("filters") / "data" / "licenses"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def _policy_data(name: str) -> bytes:
    if name in _shipped():
        return (files("filters") / "data" / "licenses" / f"{name}.toml").read_bytes()
    if not Path(name).is_file():
        raise ValueError(
            f"no licence policy {name!r}: give a path to a TOML file, or one of {', '.join(_shipped())}"
        )
    return Path(name).read_bytes()


def _check_tier(policy: str, table: dict[str, Any], tier: str) -> None:
    tiers = [name for ids in table.values() if isinstance(ids, dict) for name in ids]
    if tier and tier not in tiers:
        raise ValueError(
            f"policy {policy!r} asks for tier {tier!r}; its tiers are {', '.join(tiers) or 'none'}"
        )


def _listed(ids: list[str] | dict[str, list[str]], tier: str) -> list[str]:
    """The ids of a class; of one with tiers, down to `tier`, or all."""
    if isinstance(ids, list):
        return ids
    names = list(ids)
    return [i for name in names[: names.index(tier) + 1 if tier else None] for i in ids[name]]


def _index(policy: str, table: dict[str, list[str]]) -> dict[str, str]:
    classes: dict[str, str] = {}
    for license_class, licenses in table.items():
        if license_class not in _LISTED:
            raise ValueError(
                f"policy {policy!r} has class {license_class!r}; classes are {', '.join(_LISTED)}"
            )
        for license_id in licenses:
            key = normalise(license_id).lower()
            if classes.setdefault(key, license_class) != license_class:
                raise ValueError(
                    f"policy {policy!r} lists {license_id} as {classes[key]} and as {license_class}"
                )
    strange = [
        i for ids in table.values() for i in ids if not i.startswith("LicenseRef-") and not is_known(i)
    ]
    if strange:
        raise ValueError(
            f"policy {policy!r} lists what SPDX does not know: {', '.join(strange)}; "
            "correct the spelling, or write LicenseRef-NAME for a licence of your own"
        )
    return classes


def classify(expression: str, policy: str) -> str:
    """The class of a licence string under a policy: one of `CLASSES`.

    >>> classify("MIT OR GPL-3.0-only", "permissive-strict")
    'permissive'
    >>> classify("MIT AND GPL-3.0-only", "permissive-strict")
    'copyleft'
    """
    tree = _parse(expression)
    return UNKNOWN if tree is None else _class_of(tree, load_policy(policy))


def _class_of(tree: Any, classes: dict[str, str]) -> str:
    operator = _operator(tree)
    if not operator:
        return _class_of_license(tree, classes)
    choose = min if operator == "OR" else max
    return choose((_class_of(argument, classes) for argument in tree.args), key=CLASSES.index)


def _class_of_license(tree: Any, classes: dict[str, str]) -> str:
    text = _render_license(tree).lower()
    if text in classes:
        return classes[text]
    if isinstance(tree, LicenseWithExceptionSymbol):
        # An exception that SPDX knows only adds permissions; another may take some away (Commons Clause).
        known = tree.exception_symbol.key in _spdx().known_symbols and tree.exception_symbol.is_exception
        return _class_of_license(tree.license_symbol, classes) if known else UNKNOWN
    if text.endswith("+") and is_known(text[:-1]):
        return classes.get(text[:-1], "other")
    return "other" if is_known(text) else UNKNOWN
