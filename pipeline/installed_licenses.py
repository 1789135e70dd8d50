"""The licence of every distribution installed in this environment, and its class under a policy.

`python -m pipeline.installed_licenses [POLICY]` prints them by class. A distribution's metadata speaks first
(SPDX expression, classifiers, License field); if it is silent, its licence files do, read as the
`license_text` filter reads them. 100 distributions take two seconds.
"""

from __future__ import annotations

import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

from filters.licenses.expressions import classify
from filters.licenses.identification import identify_all
from filters.licenses.package_metadata import from_package_metadata

_NAMES: Final = ("LICENSE", "LICENCE", "COPYING")


def installed_licenses() -> dict[str, str]:
    """SPDX expressions, or "unknown", by the distribution's name in lower case."""
    named = {str(d.metadata["Name"]).lower(): d for d in distributions() if d.metadata["Name"]}
    return {name: license_of(named[name]) for name in sorted(named)}


def license_of(distribution: Distribution) -> str:
    """The licence of one distribution: an SPDX expression, or "unknown"."""
    metadata = distribution.metadata
    expressions, fields = metadata.get_all("License-Expression") or [], metadata.get_all("License") or []
    classifiers = metadata.get_all("Classifier") or []
    expression = from_package_metadata(
        expressions[0] if expressions else None, classifiers, fields[0] if fields else None
    )
    return expression or identify_all([*_texts(distribution), *fields[:1]])


def _texts(distribution: Distribution) -> list[str]:
    paths = [Path(str(path.locate())) for path in distribution.files or () if ".dist-info" in str(path)]
    licenses = [path for path in paths if path.name.upper().startswith(_NAMES) and path.is_file()]
    return [path.read_text("utf-8", "replace") for path in licenses]


def main(policy: str) -> None:
    """Print every distribution with its class and licence, by class."""
    rows = sorted((classify(found, policy), name, found) for name, found in installed_licenses().items())
    for license_class, name, found in rows:
        sys.stdout.write(f"{license_class:14} {name:32} {found}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "permissive-strict")
