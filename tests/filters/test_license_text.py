"""The license_text filter: what a document states of its own licence."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.license_text import LicenseText, mentions
from filters.licenses.identification import identify
from filters.licenses.index import build, load_index
from filters.licenses.notices import table
from filters.licenses.statement import comments_of, kind_of
from filters.licenses.words import bigrams, plain_words
from filters.text import utf8_buffers
from tests.filters.license_texts import LAYOUTS, commented, texts

APACHE = (
    'Licensed under the Apache License, Version 2.0 (the "License");\nyou may not use this file except in'
)
GPL = (
    "This program is free software; you can redistribute it and/or modify it under the terms of the GNU "
    "General Public License as published by the Free Software Foundation; "
)


def signals(content: str, path: str | None = "a.py", policy: str = "permissive-strict") -> dict[str, object]:
    docs = pa.table({"content": [content], "max_stars_repo_path": pa.array([path], pa.string())})
    row: dict[str, object] = LicenseText(policy=policy)(docs).to_pylist()[0]
    return row


@pytest.mark.parametrize("source", ["spdx", "independent"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_license_texts_are_told_in_every_layout(source: str, layout: str) -> None:
    path, lay_out = LAYOUTS[layout]
    documents = texts(source)
    assert len(documents) == 35
    table = pa.table(
        {"content": [lay_out(text) for text in documents.values()], "max_stars_repo_path": [path] * 35}
    )
    found = LicenseText(policy="the-stack-v1", head_bytes=65_536)(table)["text_license"].to_pylist()
    wrong = {name: f for name, f in zip(documents, found, strict=True) if f != name}
    # Its text in ScanCode's collection begins with a sentence that compares PostgreSQL's licence with others.
    expected = {"PostgreSQL"} if (source, layout) == ("independent", "readme") else set()
    assert set(wrong) == expected, wrong


@pytest.mark.parametrize(
    ("text", "license_id"),
    [
        (APACHE, "Apache-2.0 AND LicenseRef-unidentified"),  # cut short
        (APACHE + " compliance with the License.", "Apache-2.0"),
        (GPL + "either version 2 of the License, or (at your option) any later version.", "GPL-2.0-or-later"),
        (GPL + "version 2 of the License.", "GPL-2.0-only"),
        (GPL.replace("General", "Lesser General") + "version 2.1", "LGPL-2.1-only"),
        ("Released under the GPLv3+.", "GPL-3.0-or-later"),
        ("Distributed under the terms of version 3 of the GNU AGPL.", "AGPL-3.0-only"),
        ("Dual licensed under the MIT and GPL licenses.", "GPL-1.0-or-later OR MIT"),
        ("Licensed under the MIT license and the Apache License 2.0.", "Apache-2.0 AND MIT"),
        (
            "Licensed under either of Apache License, Version 2.0 (LICENSE-APACHE or\n"
            "http://www.apache.org/licenses/LICENSE-2.0) or MIT license (LICENSE-MIT) at your option.",
            "Apache-2.0 OR MIT",
        ),
        (
            "This file is subject to the terms of the GNU General Public License version 2.\n"
            "Alternatively, this software may be distributed under the terms of the BSD license.",
            "BSD-3-Clause OR GPL-2.0-only",
        ),
        (
            "Part of the LLVM Project, under the Apache License v2.0 with LLVM Exceptions.",
            "Apache-2.0 WITH LLVM-exception",
        ),
        (
            "This source code is governed by a BSD-style license that can be found\nin the LICENSE file.",
            "BSD-3-Clause",
        ),
        ("Subject to the terms of the Mozilla Public\n# License, v. 2.0.", "MPL-2.0"),
        ("available under the terms of the Eclipse Public License v1.0", "EPL-1.0"),
        ("@license MIT", "MIT"),
        ("License: Apache-2.0 OR MIT", "Apache-2.0 OR MIT"),
        (":license: BSD, see LICENSE for more details.", "BSD-3-Clause"),
        ("License: 3-clause BSD.  The full text is available at example.org", "BSD-3-Clause"),
        ("License: MIT. You must not use it commercially.", "LicenseRef-unidentified AND MIT"),
        ("Copyright 2020 A. Person", "none"),
        ("Copyright 2020 A. Person. All rights reserved. See LICENSE for details.", "none"),
        ("Licensed under the same license as Perl itself.", "none"),
        ("Copyright 2020 A. Person. All rights reserved.", "unknown"),
        ("Licensed under the Frob license.", "unknown"),
        ("It was licensed under the MIT license.", "unknown"),
    ],
)
def test_notices(text: str, license_id: str) -> None:
    assert (
        signals("".join(f"# {line}\n" for line in text.splitlines()) + "x = 1\n")["text_license"]
        == license_id
    )


@pytest.mark.parametrize(
    ("tag", "license_id"),
    [
        ("# SPDX-License-Identifier: MIT", "MIT"),
        ("/* SPDX-License-Identifier: GPL-2.0-or-later */", "GPL-2.0-or-later"),
        ("<!-- SPDX-License-Identifier: Apache-2.0 -->", "Apache-2.0"),
        ("// SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT",
         "GPL-2.0-only WITH Linux-syscall-note OR MIT"),
        ("# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: ISC", "ISC AND MIT"),
        ("# SPDX-License-Identifier: Foo", "LicenseRef-Foo"),
        ("# SPDX-License-Identifier: */", "LicenseRef-unidentified"),
    ],
)  # fmt: skip
def test_tags(tag: str, license_id: str) -> None:
    row = signals(tag + "\n")
    assert (row["text_license"], row["text_license_method"]) == (license_id, "tag")


@pytest.mark.parametrize(
    ("path", "content", "license_id"),
    [
        ("pyproject.toml", '[project]\nlicense = "MIT"\n', "MIT"),
        ("pyproject.toml", '[project]\nlicense = {file = "LICENSE"}\n', "none"),
        ("pyproject.toml", '[project]\nlicense = {text = "BSD"}\n', "BSD-3-Clause"),
        ("pyproject.toml", '[tool.poetry]\nlicense = "GPL-3.0-only"\n', "GPL-3.0-only"),
        ("a/package.json", '{"license": "MIT"}', "MIT"),
        ("a/package.json", '{"licenses": [{"type": "MIT"}, {"type": "Apache-2.0"}]}', "Apache-2.0 AND MIT"),
        ("a/package.json", '{"license": "SEE LICENSE IN x"}', "unknown"),
        ("a/package.json", '{"license": ' + "[" * 100_000, "unknown"),
        ("composer.json", '{"license": ["MIT", "GPL-2.0-only"]}', "GPL-2.0-only OR MIT"),
        ("Cargo.toml", '[package]\nlicense = "MIT/Apache-2.0"\n', "Apache-2.0 OR MIT"),
        ("setup.cfg", "[metadata]\nlicense = BSD-3-Clause\n", "BSD-3-Clause"),
        ("PKG-INFO", "Metadata-Version: 2.1\nLicense: GPLv3\n\nText", "GPL-3.0-only"),
    ],
)
def test_package_metadata(path: str, content: str, license_id: str) -> None:
    assert signals(content, path)["text_license"] == license_id


def test_vendored_file_is_dropped_from_a_permissive_repository() -> None:
    docs = pa.table(
        {
            "content": [
                "x = 1\n",
                "# Licensed under the MIT license.\nx = 1\n",
                f"# {GPL}version 2\nx = 1\n",
                commented(texts("independent")["MPL-2.0"]),
                "/* Proprietary and confidential. */\n",
            ],
            "max_stars_repo_path": ["a.py", "b.py", "vendor/c.py", "vendor/d.py", "vendor/e.c"],
        }
    )
    found = LicenseText(policy="permissive-strict")(docs)
    assert found["text_license_class"].to_pylist() == [
        "none",
        "permissive",
        "copyleft",
        "weak_copyleft",
        "unknown",
    ]
    kept = [c in ("none", "permissive") for c in found["text_license_class"].to_pylist()]
    assert kept == [True, True, False, False, False]


def test_texts_of_two_licenses_are_joined_by_and() -> None:
    both = texts("spdx")["MIT"] + "\n\n" + texts("spdx")["BSD-3-Clause"]
    assert signals(both, "LICENSE")["text_license"] == "BSD-3-Clause AND MIT"


def test_near_twins_are_told_apart() -> None:
    for name in ("BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "MIT", "MIT-0", "JSON", "0BSD", "ISC"):
        assert signals(texts("spdx")[name], "LICENSE")["text_license"] == name


def test_lgpl_3_with_the_gpl_that_it_adds_to_is_lgpl_3() -> None:
    both = texts("independent")["LGPL-3.0-only"] + "\n\n" + texts("independent")["GPL-3.0-only"]
    assert signals(both, "COPYING")["text_license"] == "LGPL-3.0-only"


def test_strings_of_code_are_not_statements() -> None:
    assert (
        signals("X = 'Licensed under the GPL'\nY = '''\nLicensed under the GPL\n'''\n")["text_license"]
        == "none"
    )


def test_license_file_without_a_known_license_is_unknown() -> None:
    assert signals("Ask first.", "LICENSE")["text_license"] == "unknown"
    assert signals("", "LICENSE")["text_license"] == "none"


def test_only_the_head_is_read_and_a_longer_license_file_is_not_trusted() -> None:
    late = "x = 1\n" * 5_000 + "# Licensed under the GPLv3\n"
    assert signals(late)["text_license"] == "none"
    assert signals(texts("spdx")["MIT"] + " \n" * 200_000, "LICENSE")["text_license_class"] == "unknown"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a",
        "\0",
        "licen" * 10_000_000,
        "# licen" + "\u2028" * 1000,
        "\ufeff# SPDX-License-Identifier: MIT",
        "/* license " + "*" * 100_000,
        '"""' * 50_001 + "license",
        "license " + "(" * 100_000,
        "𝕃icense: MIT\r\rlicense:\r\n",
        "under the terms of the " * 20_000 + "license",
        "license: " * 30_000,
    ],
)
@pytest.mark.parametrize(
    "path", ["a.py", "LICENSE", "README.md", "package.json", "pyproject.toml", "setup.cfg", None]
)
def test_hostile_text_gives_an_answer_that_is_no_license(content: str, path: str | None) -> None:
    row = signals(content, path)
    assert row["text_license_class"] in ("none", "unknown") or "SPDX" in content


@given(st.text(), st.sampled_from(["a.c", "LICENSE", "README.md", "Cargo.toml", None]))
def test_any_text_gives_one_of_the_classes(content: str, path: str | None) -> None:
    row = signals(content, path)
    assert row["text_license_class"] in ("none", "unknown")
    assert 0 <= float(str(row["text_license_score"])) <= 1


@given(st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), max_size=20))
def test_pairs_of_equal_words_have_equal_hashes(words: list[str]) -> None:
    pairs = bigrams(" ".join(words))
    assert len(pairs.hashes) == max(0, len(words) - 1)
    assert [" ".join(words)[start:].split(" ")[0] for start in pairs.starts] == words
    seen: dict[tuple[str, str], int] = {}
    for pair, number in zip(pairwise(words), pairs.hashes.tolist(), strict=True):
        assert seen.setdefault(pair, number) == number
    assert len(set(seen.values())) == len(seen)


@given(
    st.lists(st.sampled_from(["gp", "GPL", "lic", "licen", "CEN", "may not ", "be", "é", " "]), max_size=9)
)
def test_a_look_for_triggers_equals_a_search(parts: list[str]) -> None:
    content = "".join(parts)
    texts_of = utf8_buffers(pa.table({"content": [content]})["content"])
    (found,) = mentions(texts_of, np.array([1 << 20]))
    assert found == any(trigger in content.lower() for trigger in table()["triggers"])


def test_plain_words_hide_layout() -> None:
    plain = plain_words("a) The licence, version 2+.\n(b) Sub-licensing")
    assert plain_words("# * (a) THE  LICENSE\r\n# version 2+\n# b) sublicensing") == plain
    assert plain == "the license version 2 or later sublicensing"


def test_comments_of_source_are_found_without_its_language() -> None:
    text = '#!/bin/sh\n/* license\n a */ b\ncode\n-- copyright\n"""doc licence"""\nx = 1\n'
    text += '"""license"""\n; none\n'
    assert [line for line in comments_of(text).splitlines() if line != "|"] == [
        *("#!/bin/sh", "/* license", " a */ b", "-- copyright"),
    ]
    assert kind_of("docs/LICENSE-MIT") == "license"
    assert kind_of("") == "prose"


def test_reference_is_what_the_data_file_holds() -> None:
    shipped, rebuilt = load_index(), build({"MIT": texts("spdx")["MIT"]})
    row = shipped.names.index("MIT")
    assert (shipped.sizes[row], shipped.grants[row]) == (rebuilt.sizes[0], rebuilt.grants[0])
    assert len(set(shipped.names)) > 700


def test_identification_depends_on_the_text_alone() -> None:
    identify.cache_clear()
    first = identify("Released under the MIT license")
    assert identify("Released under the MIT license") == first
    assert first.score == 0.9


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="no licence policy 'gpl'"):
        LicenseText(policy="gpl")
    with pytest.raises(ValueError, match="head_bytes is 0"):
        LicenseText(policy="permissive-strict", head_bytes=0)
