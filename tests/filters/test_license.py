"""Licence expressions, policies, and the licence filter."""

import dataclasses
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.license import License
from filters.licenses.expressions import (
    CLASSES,
    classify,
    ids_of,
    join,
    load_policy,
    normalise,
    policy_digest,
)

POLICIES = ("the-stack-v1", "permissive-strict", "blueoak")
IDS = ("MIT", "Apache-2.0", "GPL-3.0-only", "MPL-2.0", "LicenseRef-x", "CC-BY-NC-4.0")
expressions = st.recursive(
    st.sampled_from(IDS),
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({' '.join(t)})"),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("mit", "MIT"),
        (" MIT or Apache-2.0 ", "Apache-2.0 OR MIT"),
        ("MIT AND (MIT OR GPL-2.0)", "(GPL-2.0-only OR MIT) AND MIT"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPL-2.0 WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("MIT License", "LicenseRef-MIT-License"),
        ("Foo-1.0", "LicenseRef-Foo-1.0"),
        ("LicenseRef-acme", "LicenseRef-acme"),
        ("(MIT", "LicenseRef-MIT"),
        ("漢", "LicenseRef-unreadable"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert normalise(text) == normal


@given(expressions)
def test_normal_form_is_stable_and_keeps_the_class(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert classify(normalise(text), "the-stack-v1") == classify(text, "the-stack-v1")


@given(expressions, expressions)
def test_or_takes_the_best_class_and_and_the_worst(left: str, right: str) -> None:
    ranks = [CLASSES.index(classify(side, "permissive-strict")) for side in (left, right)]
    assert classify(f"{left} OR {right}", "permissive-strict") == CLASSES[min(ranks)]
    assert classify(f"{left} AND {right}", "permissive-strict") == CLASSES[max(ranks)]
    assert classify(join([normalise(left), normalise(right)]), "permissive-strict") == CLASSES[max(ranks)]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    ("text", "license_class"),
    [
        ("MIT", "permissive"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("Apache-2.0+", "permissive"),
        ("LGPL-2.1", "weak_copyleft"),
        ("MPL-2.0", "weak_copyleft"),
        ("EPL-2.0", "weak_copyleft"),
        ("CDDL-1.0", "weak_copyleft"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "weak_copyleft"),
        ("GPL-3.0-only WITH Autoconf-exception-3.0", "copyleft"),
        ("GPL-2.0", "copyleft"),
        ("AGPL-3.0-or-later", "copyleft"),
        ("SSPL-1.0", "copyleft"),
        ("EUPL-1.2", "copyleft"),
        ("OSL-3.0", "copyleft"),
        ("BUSL-1.1", "other"),
        ("CC-BY-NC-4.0", "other"),
        ("OFL-1.1", "other"),
    ],
)
def test_common_licenses_have_their_class(policy: str, text: str, license_class: str) -> None:
    assert classify(text, policy) == license_class


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "text",
    [
        "MIT License",
        "Foo-1.0",
        "MIT AND Foo",
        "MIT WITH Commons-Clause",
        "MIT WITH Apache-2.0",
        "NONE",
        "漢",
        "(MIT",
        "(" * 3000 + "MIT" + ")" * 3000,
        "",
    ],
)
def test_unknown_license_is_never_permissive(policy: str, text: str) -> None:
    assert classify(text, policy) == "unknown"
    assert classify(join(["MIT", normalise(text)]), policy) in ({"unknown"} if text else {"permissive"})


def test_strict_policy_drops_what_the_wide_one_allows() -> None:
    for text in ("CC-BY-4.0", "WTFPL", "Font-exception-2.0", "MS-PL", "ADSL"):
        assert classify(text, "the-stack-v1") == "permissive"
        assert classify(text, "permissive-strict") != "permissive"


def test_surrogate_list_has_its_171_licenses() -> None:
    classes = load_policy("the-stack-v1")
    assert sum(license_class == "permissive" for license_class in classes.values()) == 168  # 3 are synonyms


def test_policy_of_ones_own_is_a_toml_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('permissive = ["LicenseRef-acme"]\ncopyleft = ["MIT"]\n')
    docs = pa.table({"max_stars_repo_licenses": [["LicenseRef-acme"], ["MIT"], ["ISC"]]})
    assert License(policy=str(path))(docs)["license_class"].to_pylist() == ["permissive", "copyleft", "other"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('permisive = ["MIT"]', "classes are permissive"),
        ('permissive = ["MIT"]\nother = ["mit"]', "lists mit as"),
        ('permissive = ["MIT", "Apache2", "Mit License"]', "does not know: Apache2, Mit License; correct"),
        ('copyleft = ["LicenseRef-x", "GPL-9.0"]', "does not know: GPL-9.0; correct"),
    ],
)
def test_wrong_policy_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        License(policy=str(path))


def test_unknown_policy_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="permissive-strict, the-stack-v1"):
        License(policy="gpl-only")


def test_list_column_is_joined_sorted_and_deduplicated() -> None:
    rows = [["MIT", "Apache-2.0", "mit"], ["GPL-2.0 OR MIT", "ISC"], [], None, ["MIT", None], [""]]
    signals = License(policy="permissive-strict")(pa.table({"max_stars_repo_licenses": rows}))
    assert signals["license"].to_pylist() == [
        "Apache-2.0 AND MIT",
        "(GPL-2.0-only OR MIT) AND ISC",
        *["unknown"] * 4,
    ]
    assert signals["license_class"].to_pylist() == ["permissive"] * 2 + ["unknown"] * 4


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_string_column_is_read_too(kind: pa.DataType) -> None:
    docs = pa.table({"max_stars_repo_licenses": pa.array(["MIT OR GPL-2.0", None, ""], kind)})
    signals = License(policy="permissive-strict")(docs)
    assert signals["license"].to_pylist() == ["GPL-2.0-only OR MIT", "unknown", "unknown"]


def test_all_null_column_is_unknown() -> None:
    docs = pa.table({"max_stars_repo_licenses": pa.nulls(2)})
    assert License(policy="permissive-strict")(docs)["license_class"].to_pylist() == ["unknown", "unknown"]


def test_blueoak_is_taken_down_to_a_tier() -> None:
    licenses = ("BlueOak-1.0.0", "BSD-2-Clause-Patent", "MIT", "BSD-3-Clause", "WTFPL", "GPL-2.0-only")
    kept = {
        policy: [classify(license_id, policy) == "permissive" for license_id in licenses].index(False)
        for policy in ("blueoak:model", "blueoak:gold", "blueoak:silver", "blueoak:bronze", "blueoak")
    }
    assert list(kept.values()) == [1, 2, 3, 4, 5]
    assert classify("WTFPL", "blueoak:bronze") == "other"


def test_unknown_tier_is_refused() -> None:
    with pytest.raises(ValueError, match="tier 'iron'; its tiers are model, gold, silver, bronze, lead"):
        License(policy="blueoak:iron")
    with pytest.raises(ValueError, match="tier 'gold'; its tiers are none"):
        License(policy="permissive-strict:gold")


def test_digest_of_a_policy_follows_its_data_and_tier(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('permissive = ["MIT"]\n')
    before = policy_digest(str(path))
    assert policy_digest(str(path)) == before
    path.write_text('permissive = ["ISC"]\n')
    assert policy_digest(str(path)) != before
    named = [policy_digest(name) for name in (*POLICIES, "blueoak:gold", "blueoak:silver")]
    assert len(set(named)) == len(named)


@pytest.mark.parametrize("policy", [*POLICIES, "blueoak:silver"])
def test_policies_of_the_field_carry_their_digest(policy: str) -> None:
    (field,) = [f for f in dataclasses.fields(License) if f.name == "policy"]
    assert field.metadata["digest"](policy) == policy_digest(policy)


def test_single_licenses_of_an_expression() -> None:
    assert ids_of("MIT AND (ISC OR GPL-2.0+ WITH Classpath-exception-2.0)") == {
        *("MIT", "ISC", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
    }
    assert ids_of("(MIT") == frozenset()


BIGQUERY = pa.struct([("list", pa.list_(pa.struct([("item", pa.string())])))])


def test_lists_as_bigquery_exports_them_are_read() -> None:
    rows = [["MIT", "Apache-2.0"], [], None, ["MIT", None], ["ISC"]]
    structs = [None if row is None else {"list": [{"item": item} for item in row]} for row in rows]
    array = pa.array([*structs, {"list": None}], BIGQUERY)
    plain = pa.array([*rows, None], pa.list_(pa.string()))
    fltr = License(policy="permissive-strict")
    for start, stop in ((0, 6), (1, 6), (3, 5), (0, 0)):
        parts = pa.chunked_array([array[start:stop]], BIGQUERY)
        expected = fltr(pa.table({"max_stars_repo_licenses": plain[start:stop]}))
        assert fltr(pa.table({"max_stars_repo_licenses": parts})).equals(expected)


def test_struct_of_another_shape_is_an_error() -> None:
    docs = pa.table({"max_stars_repo_licenses": pa.array([{"name": "MIT"}])})
    with pytest.raises(ValueError, match=r"struct<name: string>; expected a list"):
        License(policy="permissive-strict")(docs)
