"""Package metadata to SPDX expressions."""

import pytest

from filters.licenses.expressions import classify
from filters.licenses.identification import identify_all
from filters.licenses.package_metadata import from_package_metadata

from .license_texts import texts


def test_license_expression_wins() -> None:
    found = from_package_metadata("MIT or Apache-2.0", ["License :: OSI Approved :: BSD License"], "GPL")
    assert found == "Apache-2.0 OR MIT"


@pytest.mark.parametrize(
    ("classifiers", "found"),
    [
        (["License :: OSI Approved :: MIT License"], "MIT"),
        (["License :: OSI Approved :: BSD License"], "BSD-3-Clause"),
        (["License :: OSI Approved"], ""),
        (["Programming Language :: Python"], ""),
        (
            ["License :: OSI Approved :: MIT License", "License :: OSI Approved :: Apache Software License"],
            "Apache-2.0 AND MIT",
        ),
        (["License :: OSI Approved :: GNU General Public License v2 or later (GPLv2+)"], "GPL-2.0-or-later"),
        (["License :: Other/Proprietary License"], "LicenseRef-Proprietary"),
        (["License :: Aladdin Free Public License (AFPL)"], "LicenseRef-Aladdin-Free-Public-License-AFPL"),
    ],
)
def test_classifiers(classifiers: list[str], found: str) -> None:
    assert from_package_metadata(None, classifiers, None) == found


def test_unlisted_classifier_spoils_a_permissive_one() -> None:
    classifiers = ["License :: OSI Approved :: MIT License", "License :: Nobody Knows"]
    assert classify(from_package_metadata(None, classifiers, None), "permissive-strict") == "unknown"


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("MIT", "MIT"),
        ("bsd-3-clause", "BSD-3-Clause"),
        ("Apache  2.0", "Apache-2.0"),
        ("MPL-2.0 AND MIT", "MIT AND MPL-2.0"),
        ("BSD", "BSD-3-Clause"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("UNKNOWN", ""),
        ("Custom, see the web site", ""),
        ("", ""),
    ],
)
def test_license_field(field: str, found: str) -> None:
    assert from_package_metadata(None, [], field) == found


def test_license_field_that_is_a_text_is_no_name() -> None:
    assert from_package_metadata(None, [], texts("independent")["MIT"]) == ""


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["MIT"], "MIT"),
        (["BSD-3-Clause"], "BSD-3-Clause"),
        (["ISC"], "ISC"),
        (["GPL-3.0-only"], "GPL-3.0-only"),
        (["LGPL-3.0-only"], "LGPL-3.0-only"),
        (["MPL-2.0"], "MPL-2.0"),
        (["Apache-2.0", "MIT"], "Apache-2.0 AND MIT"),
        ([], "unknown"),
    ],
)
def test_texts_are_joined(names: list[str], found: str) -> None:
    assert identify_all(texts("independent")[name] for name in names) == found


def test_one_text_that_is_not_understood_spoils_the_others() -> None:
    mit = texts("independent")["MIT"]
    assert identify_all([mit, "All rights reserved. Redistribution is prohibited."]) == "unknown"
    assert (
        classify(identify_all([mit + "\nParts are under the GNU General Public License."]), "the-stack-v1")
        != "permissive"
    )
    assert identify_all([mit, "Thanks to all."]) == "MIT"
