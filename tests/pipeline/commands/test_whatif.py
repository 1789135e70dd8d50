from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.pipeline.commands.test_commands import infill
from tests.pipeline.stack import RECIPE, stdlib_rows, write_corpus, write_recipe

VARY = ("--vary", "comment_ratio=0.005..0.2:3")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("whatif")
    recipe = write_recipe(
        folder,
        write_corpus(folder / "corpus", stdlib_rows(20)),
        RECIPE.replace('"comment_ratio > 0.01"', '"comment_ratio > 0.01 AND comment_ratio < 0.8"'),
    )
    assert infill("run", recipe, "--out", folder / "out", "--workers", 0).code == 0
    return recipe, folder / "out"


def test_table_marks_the_recipes_row_and_tells_what_is_counted(finished: tuple[Path, Path]) -> None:
    recipe, out = finished
    ran = infill("whatif", recipe, "--out", out, *VARY)
    assert ran.code == 0, ran.err
    told = json.loads(infill("whatif", recipe, "--out", out, *VARY, "--json").out)
    rows = [line.split() for line in ran.out.splitlines() if line.strip().startswith("0.")]
    assert [row[0] for row in rows] == ["0.005", "0.01", "0.1025", "0.2"]
    assert [row[1] for row in rows] == [str(row["documents"]) for row in told["rows"]]
    assert [row[4] for row in rows] == [f"{row['tokens']:,}" for row in told["rows"]]
    assert [row[0] for row in rows if "◂" in row] == ["0.01"]
    assert "select.comments  comment_ratio > 0.01 AND comment_ratio < 0.8" in ran.out
    assert f"of 23 documents, {told['annotated']} passed the gate and could be read" in ran.out
    assert "counted before dedup" in ran.out
    assert f"it kept {told['dedup']['documents']} of {told['dedup']['documents_in']} documents" in ran.out


def test_json_is_one_object_with_the_promised_keys(finished: tuple[Path, Path]) -> None:
    recipe, out = finished
    told = json.loads(infill("whatif", recipe, "--out", out, *VARY, "--vary", "line_length=80", "--json").out)
    assert list(told) == ["vary", "source", "annotated", "rows", "dedup"]
    assert told["vary"] == [
        {"predicate": "select.comments", "where": "comment_ratio > 0.01 AND comment_ratio < 0.8",
         "signal": "comment_ratio", "operator": ">", "recipe": 0.01, "values": [0.005, 0.01, 0.1025, 0.2]},
        {"predicate": "select.line_length", "where": "max_line_length <= 1000",
         "signal": "max_line_length", "operator": "<=", "recipe": 1000, "values": [80, 1000]},
    ]  # fmt: skip
    assert list(told["rows"][0]) == ["values", "recipe", "documents", "bytes", "tokens", "unread"]
    assert [row["values"] for row in told["rows"] if row["recipe"]] == [[0.01, 1000]]


def test_a_looser_gate_is_marked_as_not_wholly_known(finished: tuple[Path, Path]) -> None:
    recipe, out = finished
    stars = ("--set", 'gate.stars="stars >= 5"')
    assert infill("run", recipe, "--out", out.parent / "gated", "--workers", 0, *stars).code == 0
    ran = infill("whatif", recipe, "--out", out.parent / "gated", *stars, "--vary", "stars=3,5,7")
    first, own, stricter = (line for line in ran.out.splitlines() if line.strip()[:2] in ("3 ", "5 ", "7 "))
    assert "+" in first
    assert "+" not in own.replace("◂", "") + stricter
    assert "+: up to " in ran.out


def test_missing_signals_are_told_with_the_command_that_makes_them(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    recipe, out = finished
    ran = infill("whatif", recipe, "--out", tmp_path / "none", *VARY)
    assert ran.code == 2
    assert f"run `infill run {recipe} --out {tmp_path / 'none'}` first" in ran.err
    ran = infill("whatif", recipe, "--out", out, "--limit", 9, "--set", "filters.minhash.seed=5", *VARY)
    command = shlex.join(["infill", "run", str(recipe), "--out", str(out), "--limit", "9"])
    assert (ran.code, f"run `{command} --set filters.minhash.seed=5` first" in ran.err) == (2, True)


def test_wrong_usage_exits_with_2(finished: tuple[Path, Path]) -> None:
    recipe, out = finished
    assert infill("whatif", recipe, "--out", out).code == 2
    ran = infill("whatif", recipe, "--out", out, "--vary", "comment_ratio=0..1")
    assert ran.code == 2
    assert "choose from 'select.comments.comment_ratio>' (now 0.01)" in ran.err
