"""Package metadata to SPDX expressions."""

import pytest

from filters.license_detection import from_package_metadata
from filters.license_expressions import classify

MIT = """MIT License

Copyright (c) 2026 A. Person

Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal.
The above copyright notice and this permission notice shall be included in all copies.
THE SOFTWARE IS PROVIDED "AS IS".
"""
BSD_2 = """Redistributions of source code must retain the above copyright notice.
Redistributions in binary form must reproduce the above copyright notice.
"""
BSD_3 = (
    BSD_2
    + """Neither the name of the holder may be used to endorse or promote products derived from this
software without specific prior written permission.
"""
)
APACHE = "Apache License\n   Version 2.0, January 2004\n http://www.apache.org/licenses/"
GPL_3 = "GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007\n ... GNU Affero General Public License ..."
LGPL_3 = "GNU LESSER GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007 ... the GNU General Public License"
MPL = "Mozilla Public License Version 2.0\n=====\n\n1. Definitions ... GNU General Public License"
ISC = """Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee
is hereby granted, provided that the above copyright notice and this permission notice appear in all
copies."""


def test_license_expression_wins() -> None:
    found = from_package_metadata(
        "MIT or Apache-2.0", ["License :: OSI Approved :: BSD License"], "GPL", [GPL_3]
    )
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
    assert from_package_metadata(None, classifiers, None, []) == found


def test_unlisted_classifier_spoils_a_permissive_one() -> None:
    classifiers = ["License :: OSI Approved :: MIT License", "License :: Nobody Knows"]
    assert classify(from_package_metadata(None, classifiers, None, []), "permissive-strict") == "unknown"


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
    assert from_package_metadata(None, [], field, []) == found


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([MIT], "MIT"),
        ([BSD_2], "BSD-2-Clause"),
        ([BSD_3], "BSD-3-Clause"),
        ([BSD_3 + "All advertising materials mentioning features"], "BSD-4-Clause"),
        ([APACHE], "Apache-2.0"),
        ([ISC], "ISC"),
        ([GPL_3], "GPL-3.0-only"),
        ([LGPL_3], "LGPL-3.0-only"),
        ([MPL], "MPL-2.0"),
        ([APACHE, MIT], "Apache-2.0 AND MIT"),
        ([MIT + "\nParts are under the GNU General Public License."], "GPL-1.0-or-later AND MIT"),
        (["All rights reserved."], ""),
        ([], ""),
    ],
)
def test_texts(texts: list[str], found: str) -> None:
    assert from_package_metadata(None, [], None, texts) == found


def test_text_in_the_license_field_is_read_as_a_text() -> None:
    assert from_package_metadata(None, [], MIT, []) == "MIT"
