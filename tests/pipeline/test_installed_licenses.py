"""The licences of what is installed here."""

from filters.licenses.expressions import classify
from pipeline.installed_licenses import installed_licenses

UNKNOWN_HERE: set[str] = set()
"""Distributions whose licence is neither stated in their metadata nor told by their licence files."""


def test_every_installed_distribution_has_a_licence_that_is_known() -> None:
    found = installed_licenses()
    assert len(found) > 60
    unknown = {
        name for name, expression in found.items() if classify(expression, "the-stack-v1") == "unknown"
    }
    assert unknown <= UNKNOWN_HERE, "read their licences, and list them above if they stay unknown"


def test_well_known_distributions_have_their_licence() -> None:
    found = installed_licenses()
    names = ("pyarrow", "pytest", "click", "certifi", "tokenizers")
    assert [found[name] for name in names] == [
        *("Apache-2.0", "MIT", "BSD-3-Clause", "MPL-2.0", "Apache-2.0"),
    ]
