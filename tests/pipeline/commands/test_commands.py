"""The commands as a user meets them: what they print, where they print it, and the codes they exit with."""

from __future__ import annotations

import io
import json
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from pipeline.commands.main import _run
from pipeline.lock import locked
from tests.pipeline.stack import RECIPE, Row, stack_row, stdlib_rows, write_corpus, write_recipe
from tests.pipeline.test_job import digests

TEXT = "# Add two numbers, as slowly as they deserve.\ndef add(a, b):\n    return a + b\n" * 4
ROUTE = TEXT.replace("add", "route").replace("numbers", "paths")
PLANTED = [
    stack_row(TEXT, repo="ann/tools", path="once.py", stars=1),
    stack_row(TEXT, repo="bob/copy", path="twice.py", stars=9),
    stack_row("x = 1\ny = 2\n" * 20, repo="ann/tools", path="bare.py"),
    stack_row(TEXT, repo="eve/closed", path="gpl.py", licenses=["GPL-3.0-only"]),
    stack_row(ROUTE, repo="next/app", path="app/[id]/route.py"),
    stack_row(ROUTE.replace("a + b", "b - a * 2 + b ** 2"), repo="odd/names", path="a"),
]
REPORT = {
    *("shards", "tokens", "samples", "documents", "splits", "funnel", "kinds", "orders", "agreement"),
    *("bands", "alarms", "losses", "synthesis"),
    *("languages", "licenses", "histograms", "stages", "quarantined", "peak_memory_bytes", "seconds"),
}
STAGE = {"name", "seconds", "units", "units_cached", "rows_in", "rows_out", "dropped", "quarantined"}


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def infill(*arguments: object) -> Ran:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.argv", ["infill", *map(str, arguments)])
        code = _run()
    return Ran(code, out.getvalue(), err.getvalue())


class Finished(NamedTuple):
    recipe: Path
    out: Path
    rows: list[Row]
    ran: Ran

    def explain(self, document: str) -> Any:
        return json.loads(infill("explain", self.recipe, document, "--out", self.out, "--json").out)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("commands")
    rows = [*stdlib_rows(24), *PLANTED]
    recipe = write_recipe(folder, write_corpus(folder / "corpus", rows))
    ran = infill("run", recipe, "--out", folder / "out", "--workers", 0, "--json")
    return Finished(recipe, folder / "out", rows, ran)


def small(folder: Path, *extra: Row) -> Path:
    return write_recipe(folder, write_corpus(folder / "corpus", [*stdlib_rows(4), *extra], files=1))


def test_run_prints_its_report_as_json_and_nothing_else_on_stdout(finished: Finished) -> None:
    assert finished.ran.code == 0
    report = json.loads(finished.ran.out)
    assert set(report) == REPORT
    assert report["shards"] == str(finished.out / "shards")
    assert min(report["tokens"], report["samples"], report["documents"], report["peak_memory_bytes"]) > 0
    for step in report["funnel"]:
        assert set(step) == {"name", "documents", "bytes", "tokens", "dropped", "dropped_only"}
    for stage in report["stages"]:
        assert set(stage) == STAGE
        assert stage["rows_in"] == stage["rows_out"] + stage["dropped"] + stage["quarantined"]
    for group in ("kinds", "orders"):
        assert all(set(share) == {"asked", "got", "samples"} for share in report[group].values())
    for group, test in report["agreement"].items():
        assert set(test) == {"chi_square", "degrees_of_freedom", "p"}
        assert test["degrees_of_freedom"] == sum(share["asked"] > 0 for share in report[group].values()) - 1
        assert 0.001 < test["p"] <= 1
    assert "annotate" in finished.ran.err
    assert json.loads((finished.out / "report.json").read_text()) == report


def test_run_prints_tables_for_people_on_stdout(finished: Finished) -> None:
    ran = infill("run", finished.recipe, "--out", finished.out, "--workers", 0)
    assert ran.code == 0
    for text in (
        "near_duplicate",
        "spm-v2",
        "tokens by language",
        "kinds drawn as asked: chi²",
        f"shards: {finished.out / 'shards'}\n",
    ):
        assert text in ran.out


@pytest.mark.parametrize("name", ["run", "plan", "preview"])
def test_a_missing_recipe_is_wrong_usage(name: str, tmp_path: Path) -> None:
    ran = infill(name, tmp_path / "none.toml")
    assert ran.code == 2
    assert f"there is no recipe {tmp_path / 'none.toml'}" in ran.err
    assert ran.out == ""


def test_an_unknown_key_is_wrong_usage_and_the_nearest_is_named(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, tmp_path, RECIPE.replace("rate = 0.8", "rat = 0.8"))
    ran = infill("run", recipe, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "fim.rat: unknown key; did you mean 'rate'?" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_missing_column_is_wrong_usage_and_named_with_its_file(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    file = tmp_path / "corpus" / "data-0.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["max_stars_repo_licenses"]), file)
    ran = infill("run", recipe, "--out", tmp_path / "out", "--workers", 0)
    assert ran.code == 2
    assert "'max_stars_repo_licenses'" in ran.err
    assert str(file) in ran.err
    assert "Traceback" not in ran.err


def test_an_unknown_option_is_wrong_usage(finished: Finished) -> None:
    ran = infill("run", finished.recipe, "--wrokers", 2)
    assert ran.code == 2
    assert "--wrokers" in ran.err


def test_a_quarantined_row_is_told_and_gives_three(tmp_path: Path) -> None:
    ran = infill("run", small(tmp_path, stack_row(None)), "--out", tmp_path / "out", "--workers", 0)
    assert ran.code == 3
    assert f"1 records quarantined: see {tmp_path / 'out' / 'quarantine' / 'records.parquet'}\n" in ran.err


def test_a_source_that_loses_much_raises_an_alarm_and_gives_three(tmp_path: Path) -> None:
    recipe = small(tmp_path, *PLANTED[:2])
    alarm = ("--set", "select.dedup.alarm=0.1", "--set", "select.dedup.alarm_documents=2")
    ran = infill("run", recipe, "--out", tmp_path / "out", "--workers", 0, *alarm, "--json")
    assert ran.code == 3
    assert "ALARM: source path loses " in ran.err
    report = json.loads(ran.out)
    assert [(own["group"], own["name"]) for own in report["alarms"]] == [
        ("language", "Python"),
        ("source", "path"),
    ]
    ran = infill("run", recipe, "--out", tmp_path / "out", "--workers", 0)
    assert (ran.code, "ALARM" in ran.err) == (0, False)
    assert "losses by language" in ran.out


def test_a_defect_shows_where_it_is_and_gives_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "signals").write_text("a file where a folder belongs")
    ran = infill("run", small(tmp_path), "--out", tmp_path / "out", "--workers", 0)
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "failed:" in ran.err.splitlines()[-1]


def test_a_second_run_on_a_folder_names_the_first(finished: Finished) -> None:
    with locked(finished.out):
        ran = infill("run", finished.recipe, "--out", finished.out, "--workers", 0)
    assert ran.code == 2
    assert f"in use by another run (process {os.getpid()} on " in ran.err


def test_sound_shards_verify(finished: Finished) -> None:
    report = json.loads(finished.ran.out)
    ran = infill("verify", finished.out / "shards", "--json")
    result = json.loads(ran.out)
    assert ran.code == 0
    assert result == {
        **result,
        "ok": True,
        "samples": report["samples"],
        "tokens": report["tokens"],
        "problems": [],
    }
    assert infill("verify", finished.out / "shards").out.startswith("ok: ")


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def swap_two_rows(path: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table.take([1, 0, *range(2, table.num_rows)]), path)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("train-00000.bin", flip_a_byte),
        ("train-00000.idx", Path.unlink),
        ("train-00000.parquet", swap_two_rows),
    ],
)
def test_damage_is_found_and_the_file_named(
    finished: Finished, tmp_path: Path, name: str, damage: Any
) -> None:
    shutil.copytree(finished.out / "shards", tmp_path / "shards")
    damage(tmp_path / "shards" / name)
    ran = infill("verify", tmp_path / "shards", "--json")
    assert ran.code == 1
    assert name in {problem["file"] for problem in json.loads(ran.out)["problems"]}
    told = infill("verify", tmp_path / "shards")
    assert told.code == 1
    assert f"{name}: " in told.err


def test_a_plan_of_a_finished_run_has_nothing_to_do(finished: Finished) -> None:
    before = digests(finished.out)
    ran = infill("plan", finished.recipe, "--out", finished.out, "--json")
    assert ran.code == 0
    stages = json.loads(ran.out)["stages"]
    for stage in stages:
        assert set(stage) == {"name", "key", "units", "cached", "why"}
        assert stage["units"] == stage["cached"] > 0
        assert len(stage["key"]) == 32
        assert stage["why"].startswith("nothing to do")
    ran_then = [s["name"] for s in json.loads(finished.ran.out)["stages"]]
    assert [s["name"] for s in stages] == [name for name in ran_then if not name.startswith("dedup: ")]
    assert digests(finished.out) == before


def test_a_plan_of_a_new_run_writes_nothing(finished: Finished, tmp_path: Path) -> None:
    ran = infill("plan", finished.recipe, "--out", tmp_path / "new", "--json")
    first, *rest = json.loads(ran.out)["stages"]
    assert (first["name"], first["cached"], first["key"]) == ("metadata", 0, None)
    assert "no receipt yet" in first["why"]
    assert {stage["why"] for stage in rest} == {"waits for metadata"}
    assert list(tmp_path.iterdir()) == []
    assert "waits for metadata" in infill("plan", finished.recipe, "--out", tmp_path / "new").out


def test_a_kept_document_is_explained_by_path_and_by_id(finished: Finished) -> None:
    kept = finished.explain("bob/copy:twice.py")
    assert kept["fate"] == "kept"
    assert {p["name"]: p["passes"] for p in kept["predicates"]} == {
        "gate.license": True,
        "select.line_length": True,
        "select.comments": True,
    }
    assert kept["signals"]["stars"] == 9
    assert finished.explain(kept["signals"]["doc_id"][:12]) == kept


def test_a_path_that_looks_like_the_start_of_an_id_is_a_path(finished: Finished) -> None:
    assert finished.explain("a")["document"] == "odd/names:a"


@pytest.mark.parametrize(("path", "predicate"), [("bare.py", "select.comments"), ("gpl.py", "gate.license")])
def test_a_dropped_document_names_the_predicate(finished: Finished, path: str, predicate: str) -> None:
    assert finished.explain(path)["fate"] == f"dropped by {predicate}"


def test_a_duplicate_names_what_stays_instead(finished: Finished) -> None:
    kept = finished.explain("twice.py")["signals"]["doc_id"]
    fate = finished.explain("once.py")["fate"]
    assert fate.startswith("dropped as exact_duplicate")
    assert f"{kept} stays instead" in fate


def test_brackets_in_a_path_are_shown_to_people(finished: Finished) -> None:
    ran = infill("explain", finished.recipe, "app/[id]/route.py", "--out", finished.out)
    assert ran.code == 0
    assert "next/app:app/[id]/route.py: kept" in ran.out


def test_an_unknown_document_is_wrong_usage(finished: Finished) -> None:
    ran = infill("explain", finished.recipe, "nowhere.py", "--out", finished.out)
    assert ran.code == 2
    assert "no document matches 'nowhere.py'" in ran.err


def test_nothing_is_explained_before_the_run(finished: Finished, tmp_path: Path) -> None:
    ran = infill("explain", finished.recipe, "bare.py", "--out", tmp_path / "new")
    assert ran.code == 2
    assert f"run `infill run {finished.recipe}` first" in ran.err


def check_samples(samples: list[dict[str, Any]], rows: list[Row]) -> None:
    texts = {(row["max_stars_repo_name"], row["max_stars_repo_path"]): row["content"] for row in rows}
    for sample in samples:
        text = texts[sample["repo"], sample["path"]]
        deleted = text[sample["cut_end"] : sample["cut_end"] + sample["deleted"]]
        window = text[sample["window_start"] : sample["window_end"]]
        assert sample["prefix"] + sample["middle"] + deleted + sample["suffix"] == window


def test_previewed_samples_are_whole(finished: Finished) -> None:
    ran = infill("preview", finished.recipe, "--out", finished.out, "-n", 3, "--json")
    samples = json.loads(ran.out)
    assert (ran.code, len(samples)) == (0, 3)
    check_samples(samples, finished.rows)


def test_a_preview_shows_prefix_middle_and_suffix(finished: Finished) -> None:
    options = ("--out", finished.out, "-n", 3, "--kind", "lines")
    samples = json.loads(infill("preview", finished.recipe, *options, "--json").out)
    ran = infill("preview", finished.recipe, *options)
    assert ran.code == 0
    for sample in samples:
        assert sample["kind"] == "lines"
        assert (
            f"{sample['order']} · {sample['n_tokens']} tokens · {sample['repo']}:{sample['path']}" in ran.out
        )
        before, after = sample["prefix"].splitlines()[-3:], sample["suffix"].splitlines()[:3]
        assert sample["middle"] in ran.out
        assert all(line in ran.out for line in before + after)


def test_a_preview_without_a_run_makes_its_own_samples(finished: Finished, tmp_path: Path) -> None:
    ran = infill("preview", finished.recipe, "--out", tmp_path / "new", "-n", 2, "--json")
    samples = json.loads(ran.out)
    assert (ran.code, len(samples)) == (0, 2)
    check_samples(samples, finished.rows)
    assert "has no shards yet" in ran.err
    assert not (tmp_path / "new").exists()


def test_a_folder_is_ingested(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "main.py").write_text(TEXT)
    (project / "empty.py").touch()
    (project / "latin.py").write_bytes(b"# caf\xe9\n")
    ran = infill("ingest", project, "--out", tmp_path / "out", "--workers", 0, "--json")
    assert ran.code == 0
    assert json.loads(ran.out) == {
        "out": str(tmp_path / "out"),
        "repositories": 1,
        "files": 3,
        "documents": 1,
        "dropped": {"empty": 1, "too_large": 0, "not_utf8": 1},
    }
    (row,) = pq.read_table(tmp_path / "out" / "project.parquet").to_pylist()
    assert (row["max_stars_repo_name"], row["max_stars_repo_path"]) == ("project", "src/main.py")
    assert (row["content"], row["lang"]) == (TEXT, "Python")


def test_a_source_that_is_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    ran = infill("ingest", tmp_path / "none", "--out", tmp_path / "out")
    assert ran.code == 2
    assert "neither `env` nor a folder" in ran.err


def test_filters_are_listed_with_their_fields_and_signals() -> None:
    from filters import REGISTRY

    ran = infill("filters", "--json")
    listed = {entry["name"]: entry for entry in json.loads(ran.out)}
    assert ran.code == 0
    assert set(listed) == set(REGISTRY)
    assert listed["minhash"]["signals"] == {"minhash": "binary", "n_shingles": "int32", "n_words": "int32"}
    assert listed["minhash"]["fields"]["num_perm"]["default"] == 256
    assert all(entry["default_where"] and entry["about"] for entry in listed.values())


def test_a_preview_can_be_a_picture(finished: Finished, tmp_path: Path) -> None:
    ran = infill("preview", finished.recipe, "--out", finished.out, "-n", 1, "--svg", tmp_path / "p.svg")
    assert (ran.code, ran.out) == (0, "")
    picture = (tmp_path / "p.svg").read_text(encoding="utf-8")
    sample = json.loads(infill("preview", finished.recipe, "--out", finished.out, "-n", 1, "--json").out)[0]
    assert picture.startswith("<svg")
    assert sample["path"] in picture
