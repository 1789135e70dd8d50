"""`infill explain` on duplicates: what stays instead, the cluster, and the two texts side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.pipeline.commands.test_commands import infill
from tests.pipeline.commands.test_dedup import plain, run, text
from tests.pipeline.stack import stack_row, write_corpus, write_recipe

NEAR = text("one").replace("one_20 = compute_one", "one_20 = \u202e[bold]\x1b[31m")
DOCUMENTS = {
    "long.py": text("one") + "end_of_one = 1\n",
    "near.py": NEAR,
    "copy.py": text("two"),
    "other.py": text("two"),
    "alone.py": text("three"),
}


class Made(NamedTuple):
    """A finished `infill dedup`."""

    folder: Path
    source: Path

    def explain(self, document: str) -> Any:
        ran = infill("explain", self.folder, document, "--json")
        assert ran.code == 0, ran.err
        return json.loads(ran.out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("explain")
    source = plain(folder / "plain.parquet", DOCUMENTS)
    run(folder / "out", source, "--keep", "n_chars desc", "--keep", "path", "--where", "n_chars > 10")
    return Made(folder / "out", source)


def test_a_near_duplicate_has_all_that_is_known_of_it(made: Made) -> None:
    found = made.explain("near.py")
    kept = made.explain("long.py")["signals"]["doc_id"]
    assert list(found) == [
        "document", "signals", "predicates", "fate", "duplicate", "cluster", "stands_for", "diff",
    ]  # fmt: skip
    assert set(found["duplicate"]) == {
        *("reason", "jaccard", "containment", "measure", "kept_in", "cluster_size", "kept_doc_id", "kept"),
    }
    duplicate = found["duplicate"]
    assert (duplicate["reason"], duplicate["measure"], duplicate["kept"]) == (
        "near_duplicate",
        "exact",
        "long.py",
    )
    assert 0.7 < duplicate["jaccard"] < duplicate["containment"] < 1
    assert duplicate["kept_doc_id"] == kept
    assert found["fate"].startswith(
        f"dropped as near_duplicate (Jaccard {duplicate['jaccard']:.3f}, cluster of 2)"
    )
    assert found["fate"].endswith(f"{kept} stays instead")
    assert found["predicates"] == [{"name": "select.where", "predicate": "n_chars > 10", "passes": True}]


def test_the_difference_of_a_near_duplicate_is_a_unified_diff(made: Made) -> None:
    diff = made.explain("near.py")["diff"]
    assert set(diff) == {"left", "right", "equal", "notes", "unified"}
    lines = diff["unified"].splitlines()
    assert lines[:3] == ["--- near.py", "+++ long.py", "@@ -19,5 +19,5 @@"]
    assert [line for line in lines[2:] if line.startswith("-")] == [f"-{NEAR.splitlines()[20]}"]
    assert [line for line in lines[2:] if line.startswith("+")] == [
        f"+{text('one').splitlines()[20]}",
        "+end_of_one = 1",
    ]


def test_the_two_texts_are_shown_side_by_side_and_harmless(made: Made) -> None:
    out = infill("explain", made.folder, "near.py").out
    for shown in ("removed: near.py", "kept: long.py", "end_of_one = 1", "⟨U+202E⟩[bold]⟨ESC⟩[31m"):
        assert shown in out
    assert "\x1b" not in out
    assert "one_10 = compute" not in out
    assert "stays instead: long.py; Jaccard 0." in out


def test_an_exact_duplicate_has_no_difference(made: Made) -> None:
    found = made.explain("other.py")
    assert found["duplicate"]["reason"] == "exact_duplicate"
    assert found["duplicate"]["kept"] == "copy.py"
    assert (found["diff"]["equal"], found["diff"]["unified"]) == (True, "")
    assert "the two texts are equal, byte for byte" in infill("explain", made.folder, "other.py").out


def test_a_kept_document_lists_its_cluster_and_what_went_for_it(made: Made) -> None:
    found = made.explain("copy.py")
    assert (found["fate"], found["duplicate"], found["diff"]) == ("kept", None, None)
    assert found["cluster"]["size"] == 2
    members = [(own["document"], own["verdict"]) for own in found["cluster"]["members"]]
    assert members == [("copy.py", "kept"), ("other.py", "exact_duplicate")]
    assert found["stands_for"]["documents"] == 1
    (lost,) = found["stands_for"]["shown"]
    assert (lost["document"], lost["reason"], lost["jaccard"]) == ("other.py", "exact_duplicate", 1.0)
    out = infill("explain", made.folder, "copy.py").out
    for shown in ("cluster of 2", "stays instead of 1", "copy.py: kept"):
        assert shown in out


def test_a_document_like_no_other_has_no_cluster(made: Made) -> None:
    found = made.explain("alone.py")
    assert (found["fate"], found["cluster"], found["stands_for"]) == ("kept", None, None)


def test_a_folder_that_is_no_dedup_is_refused(made: Made, tmp_path: Path) -> None:
    ran = infill("explain", tmp_path, "a.py")
    assert ran.code == 2
    assert "is not the output of a finished `infill dedup`" in ran.err
    ran = infill("explain", made.folder, "a.py", "--limit", 3)
    assert "--limit and --set go with recipes" in ran.err


def test_a_changed_input_is_told(tmp_path: Path) -> None:
    source = plain(tmp_path / "plain.parquet", {"a.py": text("one")})
    run(tmp_path / "out", source)
    plain(source, {"a.py": text("two"), "b.py": text("two")})
    ran = infill("explain", tmp_path / "out", "a.py")
    assert ran.code == 2
    assert "an input has changed; run `infill dedup` again" in ran.err


def test_documents_of_one_path_are_told_apart_by_their_ids(tmp_path: Path) -> None:
    inputs = [plain(tmp_path / f"{name}.parquet", {"main.py": text(name)}) for name in ("one", "two")]
    run(tmp_path / "out", *inputs)
    ran = infill("explain", tmp_path / "out", "main.py")
    assert ran.code == 2
    assert "2 documents match 'main.py', among them main.py (id " in ran.err
    doc_id = ran.err.split("(id ")[1].split(")")[0]
    assert infill("explain", tmp_path / "out", doc_id).code == 0


def test_what_an_index_has_is_told_without_its_text(tmp_path: Path) -> None:
    run(tmp_path / "old", plain(tmp_path / "old.parquet", {"old.py": text("one")}))
    new = plain(tmp_path / "new.parquet", {"new.py": text("one", changed=2), "b.py": text("two")})
    run(tmp_path / "new", new, "--against", tmp_path / "old")
    ran = infill("explain", tmp_path / "new", "new.py")
    assert ran.code == 0, ran.err
    assert "what stays is known from the index" in ran.out
    assert " stays instead in the index " in ran.out
    found = json.loads(infill("explain", tmp_path / "new", "new.py", "--json").out)
    assert (found["duplicate"]["kept"], found["diff"]) == (None, None)
    assert found["duplicate"]["kept_in"]


def test_of_rows_that_share_an_id_the_one_that_stays_is_explained(tmp_path: Path) -> None:
    rows = [stack_row(text("one"), path="a.py"), stack_row(text("one"), path="a.py", stars=9)]
    run(tmp_path / "out", write_corpus(tmp_path / "corpus", rows, files=1))
    ran = infill("explain", tmp_path / "out", "ann/tools:a.py", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert (found["fate"], found["signals"]["stars"]) == ("kept", 9)
    assert found["stands_for"]["shown"][0]["reason"] == "duplicate_id"


def test_a_near_duplicate_of_a_recipes_run_is_shown_beside_what_stays(tmp_path: Path) -> None:
    texts = {"one.py": text("one", lines=80), "near.py": text("one", lines=80, changed=2)}
    rows = [
        stack_row(
            f"# {name} is one of two that are alike, and both say so here.\n{own}" * 4,
            path=name,
            stars=len(name),
        )
        for name, own in texts.items()
    ]
    rows += [
        stack_row(
            f"# Other {i}, which is like none of them, with a comment.\n{text(f'other{i}')}" * 4,
            path=f"other{i}.py",
        )
        for i in range(6)
    ]
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows, files=2))
    ran = infill("run", recipe, "--out", tmp_path / "out", "--workers", 0)
    assert ran.code == 0, ran.err
    found = json.loads(infill("explain", recipe, "one.py", "--out", tmp_path / "out", "--json").out)
    assert found["duplicate"]["kept"] == "ann/tools:near.py"
    assert "new_one_0" in found["diff"]["unified"]
