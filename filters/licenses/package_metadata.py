"""The licence of a package from what its metadata says: an SPDX expression, or "" when nothing is sure.

Three tiers, of which the first that says anything answers: the License-Expression field; trove classifiers;
a License field that is itself an SPDX expression or a known name. All licences that a tier names are joined
by AND, so a mention of copyleft is never lost to a permissive neighbour. Names are a table,
filters/data/license_names.toml. Licence texts are read by identification.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from filters.licenses.expressions import is_known, join, normalise

_MAX_FIELD_CHARACTERS: Final = 200  # a longer License field is a licence's text, not its name


def from_package_metadata(
    license_expression: str | None,
    classifiers: Sequence[str],
    license_field: str | None,
) -> str:
    """The licence of a package as a normalised SPDX expression; "" when it is unknown.

    >>> from_package_metadata(None, ["License :: OSI Approved :: MIT License"], None)
    'MIT'
    >>> from_package_metadata(None, [], "Apache 2.0")
    'Apache-2.0'
    """
    return (
        normalise(license_expression or "")
        or _from_classifiers(classifiers)
        or _from_name((license_field or "").strip())
    )


@cache
def _names() -> dict[str, Any]:
    return tomllib.loads((files("filters") / "data" / "license_names.toml").read_text(encoding="utf-8"))


def _from_classifiers(classifiers: Sequence[str]) -> str:
    """The AND of the licence classifiers; one that the table lacks stays, as an unknown LicenseRef."""
    known = _names()["classifiers"]
    licenses = [
        entry.removeprefix("License :: ").strip() for entry in classifiers if entry.startswith("License :: ")
    ]
    names = [entry.removeprefix("OSI Approved :: ") for entry in licenses]
    return join(known.get(name, normalise(f"LicenseRef-{name}")) for name in names)


def _from_name(stated: str) -> str:
    if len(stated) > _MAX_FIELD_CHARACTERS:
        return ""
    name = " ".join(stated.lower().split())
    listed = _names()["names"].get(name)
    if listed is not None:
        return str(listed)
    return normalise(stated) if is_known(stated) else ""
