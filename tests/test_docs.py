"""The documentation keeps up with the code: links resolve; filters, recipe keys and dependencies are told."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from filters import REGISTRY
from pipeline.config import Recipe

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "requirements").glob("*.md")])
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PICTURE = re.compile(r"^!\[[^]]+\]\(([^)\s]+)\)", re.MULTILINE)
PASTED_RUN = r"^    \$ infill filter {name} .*\n(?:(?:    .*)?\n)*    in \d+ files? +\d"
"""A command and, below it in the same block, the funnel that it printed."""
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
IN_TOML_UNDER_ITS_OWN_NAMES = {"select.where", "filters", "gate"}


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def local_links(path: Path) -> list[str]:
    prose = INLINE_CODE.sub("", FENCE.sub("", path.read_text(encoding="utf-8")))
    return [link for link in LINK.findall(prose) if "://" not in link and not link.startswith("mailto:")]


def anchors(path: Path) -> set[str]:
    """GitHub's names of a page's headings: lower case, no punctuation, spaces as hyphens."""
    headings = HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def recipe_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a model and of the models in it, without the sections themselves."""
    for name, field in model.model_fields.items():
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        key = f"{prefix}{name}"
        if not nested or not field.is_required():
            yield key
        for inner in nested:
            yield from recipe_keys(inner, f"{key}.")


def run_dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in project["dependencies"]]


def test_the_checks_find_what_they_check() -> None:
    assert len(PAGES) > 15
    assert sum(len(local_links(path)) for path in PAGES) > 30
    assert {"fim.dialect", "fim.half_written.rate", "tokenizer.train.vocab_size"} <= set(recipe_keys(Recipe))
    assert "pyarrow" in run_dependencies()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(path: Path) -> None:
    broken = []
    for link in local_links(path):
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", REGISTRY)
def test_every_filter_has_a_page(name: str) -> None:
    assert (ROOT / "docs" / "filters" / f"{name}.md").is_file()


@pytest.mark.parametrize("name", REGISTRY)
def test_every_filters_page_shows_a_run_and_its_picture(name: str) -> None:
    told = page(f"filters/{name}.md")
    assert re.search(PASTED_RUN.format(name=name), told, re.MULTILINE)
    pictures = [ROOT / "docs" / "filters" / link for link in PICTURE.findall(told)]
    assert any(picture.name == f"filter-{name}.png" for picture in pictures)
    for picture in pictures:
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert picture.stat().st_size < 60_000


def test_every_recipe_key_is_told() -> None:
    told = page("recipes.md")
    sections = {"source", "tokenizer", "select", "fim", "shards", "engine"}
    keys = set(recipe_keys(Recipe)) - IN_TOML_UNDER_ITS_OWN_NAMES - sections
    assert sorted(key for key in keys if f"`{key}`" not in told) == []
    assert sorted(name for name in {*sections, "filters", "gate"} if f"[{name}" not in told) == []


def test_every_dependency_has_a_row() -> None:
    rows = re.findall(r"^\| ([\w-]+) \|", page("dependencies.md"), re.MULTILINE)
    assert sorted(set(run_dependencies()) - set(rows)) == []
