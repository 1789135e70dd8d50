"""What must never be called permissive: 144 statements, and copyleft texts cut short anywhere."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest

from filters.license_text import LicenseText
from tests.filters.license_texts import commented, texts

DATA = tomllib.loads((Path(__file__).parent / "license_negatives.toml").read_text(encoding="utf-8"))
CASES = DATA["case"]
POLICIES = ("the-stack-v1", "permissive-strict", "blueoak")


def altered(license_id: str, old: str, new: str) -> str:
    """A licence's text with one change; the words to change must be there."""
    text = " ".join(texts("spdx")[license_id].split())
    assert old in text, f"{license_id} has no {old!r}"
    return text.replace(old, new, 1)


@cache
def inserts() -> dict[str, str]:
    """What `{name}` stands for."""
    found = {name: texts("spdx")[license_id] for name, license_id in DATA["whole"].items()}
    found |= {name: altered(e["license"], e["old"], e["new"]) for name, e in DATA["altered"].items()}
    return found | {"mit_commented_no_sell": commented(found["mit_no_sell"])}


def classes_of(documents: list[tuple[str, str]], policy: str) -> list[str]:
    columns = {
        "content": [text for _, text in documents],
        "max_stars_repo_path": [path for path, _ in documents],
    }
    return LicenseText(policy=policy)(pa.table(columns))["text_license_class"].to_pylist()


def documents() -> list[tuple[str, str]]:
    filled = []
    for case in CASES:
        text = case["text"]
        for name, words in inserts().items():
            text = text.replace(f"{{{name}}}", words)
        filled.append((case["path"], text))
    return filled


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_less_than_a_permissive_licence_is_called_permissive(policy: str) -> None:
    assert len(CASES) >= 100
    classes = classes_of(documents(), policy)
    assert [case for case, c in zip(documents(), classes, strict=True) if c == "permissive"] == []


def test_the_same_texts_unaltered_are_permissive() -> None:
    names = ("mit", "apache", "bsd3")
    assert (
        classes_of([("LICENSE", inserts()[name]) for name in names], "permissive-strict")
        == ["permissive"] * 3
    )


COPYLEFT = (
    "GPL-1.0-only",
    "GPL-2.0-only",
    "GPL-3.0-only",
    "LGPL-2.1-only",
    "AGPL-3.0-only",
    "MPL-2.0",
    "EPL-2.0",
    "SSPL-1.0",
)


@pytest.mark.parametrize("license_id", COPYLEFT)
def test_copyleft_text_cut_anywhere_is_never_permissive(license_id: str) -> None:
    text = texts("independent")[license_id]
    cuts = [
        (path, text[start : start + len(text) // 5])
        for start in range(0, len(text), len(text) // 10)
        for path in ("LICENSE", "README.md")
    ]
    assert "permissive" not in classes_of(cuts, "the-stack-v1")
