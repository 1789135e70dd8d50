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
    Raises ValueError for an unknown name, an unknown class, or an id under two classes.
    """
    folder = files("filters") / "data" / "licenses"
    shipped = sorted(
        entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")
    )
    if policy not in shipped and not Path(policy).is_file():
        raise ValueError(
            f"no licence policy {policy!r}: give a path to a TOML file, or one of {', '.join(shipped)}"
        )
    source = folder / f"{policy}.toml" if policy in shipped else Path(policy)
    return _index(policy, tomllib.loads(source.read_text(encoding="utf-8")))


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
