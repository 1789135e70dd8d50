"""`infill preview`: which samples it shows, and that a page or a terminal shows them whole and unharmed."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.commands.preview import KINDS
from pipeline.commands.preview_marks import pieces, visible
from pipeline.config import Kind
from tests.pipeline.commands.test_commands import Finished, infill
from tests.pipeline.stack import RECIPE, stack_row, write_corpus, write_recipe

HOSTILE = (
    "# \u202e reversed \u2066 </script><script>alert(1)</script> &amp; <!-- \x1b[31m \x00 \u2028\r\n"
    "def total(prices):\r\n\tresult = 0\n    return [result]  # [bold]not markup[/bold]\n\n\n"
)
GO = "package main\n\nfunc add(a int, b int) int {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn a + b\n}\n"
ROWS = [
    stack_row(HOSTILE * 9, repo="eve/<b>", path="\u202eyp.a/<script>.py"),
    *(
        stack_row(f"// Number {n}.\n{GO}" * 9, repo=f"bob/{n}", path="add.go") | {"lang": "go"}
        for n in range(16)
    ),
]
CHANGES = {
    "random = 0.3, empty = 0.1, line = 0.3, lines = 0.3": "line = 0.5, block = 0.5",
    "half_written = {{ rate = 0.2, max_lines = 4 }}": (
        "half_written = {{ rate = 0.5, max_lines = 4 }}\n"
        "metadata = {{ repository = 0.5, path = 1, stars = 0 }}"
    ),
    "rate = 0.8": "rate = 0.95",
    '[select.dedup]\nthreshold = 0.7\nkeep = ["stars desc", "doc_id"]\n': "",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("preview")
    text = RECIPE
    for old, new in CHANGES.items():
        assert old in text
        text = text.replace(old, new)
    recipe = write_recipe(folder, write_corpus(folder / "corpus", ROWS, files=2), text)
    ran = infill("run", recipe, "--out", folder / "out", "--workers", 0)
    assert ran.code == 0, ran.err
    return Finished(recipe, folder / "out", ROWS, ran)


def preview(finished: Finished, *options: object) -> list[dict[str, Any]]:
    ran = infill("preview", finished.recipe, "--out", finished.out, *options, "--json")
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = json.loads(ran.out)
    return found


class Page(HTMLParser):
    """The text of each `article`'s code, by the class of the span it stands in; and every start tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.code: list[dict[str, str]] = []
        self._spans: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "article":
            self.code.append({})
        if tag == "span":
            self._spans.append(dict(attrs).get("class") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "span":
            self._spans.pop()

    def handle_data(self, data: str) -> None:
        part = next((name for name in self._spans if name.startswith("t-")), None)
        if part and self.code:
            self.code[-1][part[2:]] = self.code[-1].get(part[2:], "") + data


def write_page(finished: Finished, folder: Path, *options: object) -> str:
    path = folder / "page.html"
    ran = infill("preview", finished.recipe, "--out", finished.out, "-n", 999, *options, "--html", path)
    assert (ran.code, ran.out) == (0, "")
    return path.read_text(encoding="utf-8")


def test_every_kind_can_be_asked_for() -> None:
    assert set(KINDS) == {"plain", *get_args(Kind)}


def test_deleted_text_and_counts_are_those_of_the_document(finished: Finished) -> None:
    texts = {row["max_stars_repo_name"]: row["content"] for row in ROWS}
    samples = preview(finished, "-n", 999)
    assert sum(sample["deleted"] > 0 for sample in samples) > 5
    for sample in samples:
        window = texts[sample["repo"]][sample["window_start"] : sample["window_end"]]
        parts = [sample[name] for name in ("prefix", "middle", "deleted_text", "suffix")]
        assert "".join(parts) == window
        assert len(sample["deleted_text"]) == sample["deleted"]
        counts = dict(sample["tokens"])
        assert (counts.pop("deleted") > 0) == (sample["deleted"] > 0)
        sentinels = 1 if sample["order"] == "none" else 4
        assert sum(counts.values()) + sentinels == sample["n_tokens"]


def test_metadata_stand_in_the_header_as_they_are_written(finished: Finished) -> None:
    for sample in preview(finished, "-n", 99):
        assert f"<filename>{sample['path']}" in sample["header"]


def test_samples_can_be_chosen_by_kind_and_language(finished: Finished) -> None:
    everything = preview(finished, "-n", 999)
    for spelling in ("Go", "go", "golang"):
        chosen = preview(finished, "-n", 999, "--lang", spelling, "--kind", "block")
        assert chosen == [s for s in everything if (s["lang"], s["kind"]) == ("go", "block")]
    assert len(chosen) > 3
    ran = infill("preview", finished.recipe, "--out", finished.out, "--lang", "Ada")
    assert (ran.code, ran.out) == (0, "")
    assert "no sample to show" in ran.err


def test_shards_of_another_recipe_are_not_shown(finished: Finished) -> None:
    ran = infill("preview", finished.recipe, "--out", finished.out, "--json", "--set", "fim.rate=0.0")
    assert "is not up to date (synthesize has work to do): running the recipe on 200 documents" in ran.err
    assert {sample["kind"] for sample in json.loads(ran.out)} == {"plain"}


def test_a_preview_without_a_run_is_what_the_run_makes(finished: Finished, tmp_path: Path) -> None:
    ran = infill("preview", finished.recipe, "--out", tmp_path / "none", "-n", 999, "--json")
    assert json.loads(ran.out) == preview(finished, "-n", 999)


def test_a_terminal_is_not_made_to_obey(finished: Finished) -> None:
    ran = infill("preview", finished.recipe, "--out", finished.out, "-n", 999, "--lang", "python")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ran.out)
    assert "⟨ESC⟩[31m ⟨NUL⟩" in ran.out
    assert "[bold]not markup[/bold]" in ran.out


def squeezed(text: str) -> str:
    """Without white space: a terminal's tabs are spaces."""
    return "".join(text.split())


def test_without_colours_middle_and_deleted_text_are_marked(finished: Finished) -> None:
    ran = infill("preview", finished.recipe, "--out", finished.out, "-n", 999, "--lang", "go")
    for sample in preview(finished, "-n", 999, "--lang", "go"):
        if sample["kind"] != "plain":
            deleted = f"[-{sample['deleted_text']}-]" if sample["deleted"] else ""
            assert squeezed(f"{{+{sample['middle']}+}}{deleted}") in squeezed(ran.out)


def test_a_page_holds_every_part_whole(finished: Finished, tmp_path: Path) -> None:
    page = Page(write_page(finished, tmp_path))
    samples = preview(finished, "-n", 999)
    assert len(page.code) == len(samples) > 10
    for code, sample in zip(page.code, samples, strict=True):
        for part in ("header", "prefix", "middle", "suffix"):
            assert code.get(part, "") == visible(sample[part])
        assert code.get("deleted", "") == visible(sample["deleted_text"])


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(finished: Finished, tmp_path: Path) -> None:
    text = write_page(finished, tmp_path)
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "base", "form", "a"}
    attributes = {name for _, own in page.tags for name in own}
    assert attributes <= {"class", "style", "title", "lang", "charset", "content", "http-equiv", "name"}
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_a_picture_needs_nothing_from_elsewhere(finished: Finished, tmp_path: Path) -> None:
    path = tmp_path / "p.svg"
    assert infill("preview", finished.recipe, "--out", finished.out, "-n", 9, "--svg", path).code == 0
    text = path.read_text(encoding="utf-8")
    assert "font-face" not in text
    assert set(re.findall(r"https?://[^\"' <]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }
    assert "line-through" in text


def test_one_form_is_asked_for_at_a_time(finished: Finished, tmp_path: Path) -> None:
    options = ("--html", tmp_path / "p.html", "--svg", tmp_path / "p.svg")
    ran = infill("preview", finished.recipe, "--out", finished.out, *options)
    assert ran.code == 2
    assert "give one of --html, --svg and --json" in ran.err


def test_what_would_be_obeyed_or_hidden_is_written_out() -> None:
    assert list(pieces("")) == []
    assert list(pieces("a\tb\n")) == [("a\tb\n", False)]
    assert visible("\r\n\x7f\x85\u2028\u200b\ufeff") == "⟨CR⟩\n⟨DEL⟩⟨U+0085⟩⟨U+2028⟩⟨U+200B⟩⟨U+FEFF⟩"
    assert visible("é漢字\U0001f600 عربي") == "é漢字\U0001f600 عربي"
