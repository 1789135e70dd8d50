"""The licence that a package's own metadata file states: pyproject.toml, setup.cfg, package.json,
Cargo.toml and kin.

Each file is read by the parser of its format and judged as package_metadata.py judges installed packages. A
field that names no licence we know gives "unknown", no field gives "". Text is bounded by the caller.
"""

from __future__ import annotations

import configparser
import email.parser
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any, Final

from filters.licenses.expressions import UNKNOWN, join, normalise
from filters.licenses.identification import stated_license
from filters.licenses.package_metadata import from_package_metadata

_ELSEWHERE: Final = re.compile(
    r"file:|licen[cs]e(?:\.\w+)?$|copying$", re.IGNORECASE
)  # it names the licence's file


def license_of_metadata(path: str, text: str) -> str:
    """The licence that a metadata file states, in normal form; "" if it has no such field.

    "unknown" if the field names no licence that we know, or if the file does not parse.

    >>> license_of_metadata("Cargo.toml", '[package]\\nlicense = "MIT/Apache-2.0"')
    'Apache-2.0 OR MIT'
    """
    reader = _READERS[PurePosixPath(path).name.lower()]
    try:
        return reader(text)
    except (ValueError, RecursionError, configparser.Error):
        return UNKNOWN


def _pyproject(text: str) -> str:
    table = tomllib.loads(text)
    project = _table(table.get("project"))
    tools = _table(table.get("tool"))
    poetry, flit = _table(tools.get("poetry")), _table(_table(tools.get("flit")).get("metadata"))
    return _first(_classified(t.get("license"), t.get("classifiers")) for t in (project, poetry, flit))


def _cargo(text: str) -> str:
    table = tomllib.loads(text)
    packages = (_table(table.get("package")), _table(_table(table.get("workspace")).get("package")))
    stated = [p.get("license") for p in packages if isinstance(p.get("license"), str)]
    return _named(str(stated[0]).replace("/", " OR ")) if stated else ""


def _package_json(text: str, operator: str = " AND ") -> str:
    table = _table(json.loads(text.removeprefix("\ufeff")))
    stated = table.get("license") or table.get("licenses")
    values = stated if isinstance(stated, list) else [stated]
    names = [
        value.get("type") or value.get("name") if isinstance(value, dict) else value
        for value in values
        if value
    ]
    licenses = [_named(str(name)) for name in names]
    if UNKNOWN in licenses:
        return UNKNOWN
    return normalise(operator.join(f"({license_id})" for license_id in licenses if license_id))


def _setup_cfg(text: str) -> str:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    section = parser["metadata"] if parser.has_section("metadata") else {}
    classifiers = str(section.get("classifiers", section.get("classifier", ""))).splitlines()
    return _classified(section.get("license_expression") or section.get("license"), classifiers)


def _core_metadata(text: str) -> str:
    headers = email.parser.HeaderParser().parsestr(text)
    stated = headers.get("License-Expression") or headers.get("License")
    return _classified(stated, headers.get_all("Classifier") or [])


_READERS: Final[dict[str, Callable[[str], str]]] = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "package.json": _package_json,
    "bower.json": _package_json,
    "composer.json": lambda text: _package_json(text, " OR "),  # its manual: a list offers a choice
    "cargo.toml": _cargo,
    "pkg-info": _core_metadata,
    "metadata": _core_metadata,
}
METADATA_NAMES: Final = tuple(_READERS)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(found: Iterable[str]) -> str:
    return next((license_id for license_id in found if license_id), "")


def _classified(stated: Any, classifiers: Any) -> str:
    """A license field (a name, or a table with `text`) and trove classifiers."""
    name = _table(stated).get("text", "") if isinstance(stated, dict) else stated or ""
    lines = (
        [line.strip() for line in classifiers if isinstance(line, str)]
        if isinstance(classifiers, list)
        else []
    )
    by_classifiers = from_package_metadata(None, lines, None)
    return (
        join([_named(str(name)), by_classifiers])
        if _named(str(name)) != UNKNOWN
        else by_classifiers or UNKNOWN
    )


def _named(name: str) -> str:
    """The licence of a name; "" for none or for the name of a file, "unknown" for one that we do not know."""
    if not name.strip() or _ELSEWHERE.match(name.strip()):
        return ""
    return stated_license(name) or UNKNOWN
