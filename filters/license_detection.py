"""The licence of a package from what its metadata says: an SPDX expression, or "" when nothing is sure.

Four tiers, of which the first that says anything answers: the License-Expression field; trove classifiers;
a License field that is itself an SPDX expression or a known name; the texts of the licence files, by
phrases. All licences that a tier names are joined by AND, so a mention of copyleft is never lost to a
permissive neighbour. The tables are filters/data/license_names.toml and license_phrases.toml. Texts cost
about 40 MB/s.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from filters.license_expressions import is_known, join, normalise

_MAX_FIELD_CHARACTERS: Final = 200  # a longer License field is a licence's text, not its name
_MAX_TEXT_CHARACTERS: Final = 1_000_000


def from_package_metadata(
    license_expression: str | None,
    classifiers: Sequence[str],
    license_field: str | None,
    license_texts: Sequence[str],
) -> str:
    """The licence of a package as a normalised SPDX expression; "" when it is unknown.

    >>> from_package_metadata(None, ["License :: OSI Approved :: MIT License"], None, [])
    'MIT'
    >>> from_package_metadata(None, [], "Apache 2.0", [])
    'Apache-2.0'
    """
    stated = (license_field or "").strip()
    texts = [*license_texts, stated] if len(stated) > _MAX_FIELD_CHARACTERS else license_texts
    return (
        normalise(license_expression or "")
        or _from_classifiers(classifiers)
        or _from_name(stated)
        or join(_recognise(text) for text in texts)
    )


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((files("filters") / "data" / name).read_text(encoding="utf-8"))


def _from_classifiers(classifiers: Sequence[str]) -> str:
    """The AND of the licence classifiers; one that the table lacks stays, as an unknown LicenseRef."""
    known = _table("license_names.toml")["classifiers"]
    licenses = [
        entry.removeprefix("License :: ").strip() for entry in classifiers if entry.startswith("License :: ")
    ]
    names = [entry.removeprefix("OSI Approved :: ") for entry in licenses]
    return join(known.get(name, normalise(f"LicenseRef-{name}")) for name in names)


def _from_name(stated: str) -> str:
    if len(stated) > _MAX_FIELD_CHARACTERS:
        return ""
    name = " ".join(stated.lower().split())
    listed = _table("license_names.toml")["names"].get(name)
    if listed is not None:
        return str(listed)
    return normalise(stated) if is_known(stated) else ""


def _recognise(text: str) -> str:
    """The AND of the licences whose phrases a text holds."""
    words = re.sub(r"[^a-z0-9]+", " ", text[:_MAX_TEXT_CHARACTERS].lower())
    matched = [rule for rule in _table("license_phrases.toml")["rule"] if _matches(rule, words)]
    hidden = {license_id for rule in matched for license_id in rule.get("hides", [])}
    return join(rule["license"] for rule in matched if rule["license"] not in hidden)


def _matches(rule: dict[str, Any], words: str) -> bool:
    return all(phrase in words for phrase in rule["all"]) and not any(
        p in words for p in rule.get("none", [])
    )
