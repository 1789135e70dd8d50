"""What-if counts against real runs of the recipe with the other thresholds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from pipeline.chain import run_job
from pipeline.engine import Engine
from pipeline.job import Job
from pipeline.recipe import load_recipe
from pipeline.report import funnel_of
from pipeline.units import Pending, Runner
from pipeline.whatif import what_if
from tests.pipeline.stack import RECIPE, stack_row, stdlib_rows, write_corpus, write_recipe

COUNTS = ("documents", "bytes", "tokens")
STARS = "stars >= 5"
UNREADABLE = stack_row(b"\xff".decode("latin-1"), path="odd.py", stars=2)


class Made(NamedTuple):
    recipe: Path
    out: Path

    def job(self, *overrides: str, planning: bool = True) -> Job:
        recipe = load_recipe(self.recipe, overrides)
        return Job(recipe, self.out, Runner(Engine(workers=0), planning=planning))

    def what_if(self, *vary: str, overrides: tuple[str, ...] = ()) -> dict[str, Any]:
        return what_if(self.job(*overrides), vary)

    def steps(self, *overrides: str) -> dict[str, Any]:
        """The funnel of a real run with these settings."""
        job = self.job(*overrides, planning=False)
        run_job(job)
        return {str(step["name"]): step for step in funnel_of(job)}

    def run(self, *overrides: str) -> dict[str, Any]:
        """The last step of its predicates."""
        return self.steps(*overrides)["comments"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("whatif")
    text = RECIPE.replace("[select]\n", f'stars = "{STARS}"\n[select]\n')
    corpus = write_corpus(folder / "corpus", [*stdlib_rows(40), stack_row(None, path="none.py", stars=9)])
    trained = Made(write_recipe(folder, corpus, text), folder / "trained")
    trained.run()  # its tokenizer would change with the gate, so the runs below are given it
    (tokenizer,) = trained.out.glob("tokenizer/*/*/tokenizer.json")
    text = text.replace("train = {{ vocab_size = 600, sample_bytes = 200000 }}", f'file = "{tokenizer}"')
    made = Made(write_recipe(folder, corpus, text), folder / "out")
    made.run()
    return made


def counts(row: dict[str, Any]) -> list[int]:
    return [row[name] for name in COUNTS]


def test_every_row_equals_a_run_with_its_threshold(made: Made) -> None:
    result = made.what_if("comment_ratio=0.05..0.3:3")
    assert [row["values"] for row in result["rows"]] == [[0.01], [0.05], [0.175], [0.3]]
    assert [row["recipe"] for row in result["rows"]] == [True, False, False, False]
    for row in result["rows"]:
        assert counts(row) == counts(made.run(f"select.comments=comment_ratio > {row['values'][0]}"))
    assert result["rows"][0]["documents"] > result["rows"][-1]["documents"] > 0


def test_a_grid_has_every_combination_and_stricter_keeps_less(made: Made) -> None:
    rows = made.what_if("comments=0.1,0.2", "max_line_length=80,90")["rows"]
    assert [row["values"] for row in rows] == [[a, b] for a in (0.01, 0.1, 0.2) for b in (80, 90, 1000)]
    for row in rows:
        for other in rows:
            if row["values"][0] <= other["values"][0] and row["values"][1] >= other["values"][1]:
                assert all(a >= b for a, b in zip(counts(row), counts(other), strict=True))
    wanted = made.run("select.comments=comment_ratio > 0.1", "select.line_length=max_line_length <= 80")
    assert counts(rows[3]) == counts(wanted)


def test_two_numbers_of_one_predicate_vary_together(made: Made) -> None:
    both = ("select.comments=comment_ratio > 0.01 AND comment_ratio < 0.8",)
    made.run(*both)
    rows = made.what_if("comments>=0.2,0.3", "comments<=0.5", overrides=both)["rows"]
    assert [row["values"] for row in rows if row["recipe"]] == [[0.01, 0.8]]
    (row,) = (row for row in rows if row["values"] == [0.2, 0.5])
    assert counts(row) == counts(made.run("select.comments=comment_ratio > 0.2 AND comment_ratio < 0.5"))


def test_stricter_gate_is_counted_and_what_a_looser_one_lets_through_is_told(made: Made) -> None:
    made.run()
    result = made.what_if("stars=0..20:3")
    rows = {row["values"][0]: row for row in result["rows"]}
    assert list(rows) == [0, 5, 10, 20]
    assert [row["unread"] for row in rows.values()][1:] == [0, 0, 0]
    for stars in (5, 10, 20):
        assert counts(rows[stars]) == counts(made.run(f"gate.stars=stars >= {stars}"))
    passing = [
        row
        for path in (made.recipe.parent / "corpus").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
        if row["max_stars_count"] in range(5) and row["max_stars_repo_licenses"] == ["MIT"]
    ]
    assert rows[0]["unread"] == len(passing) > 0


def test_shares_are_of_the_documents_that_passed_the_gate_and_could_be_read(made: Made) -> None:
    steps = made.steps()
    result = made.what_if("comment_ratio=0.1,0.2")
    assert result["source"] == steps["source"]["documents"] > result["annotated"]
    assert result["annotated"] == steps["readable"]["documents"]
    assert made.what_if("stars=1,2")["annotated"] == steps["readable"]["documents"]


def test_no_text_is_read(made: Made) -> None:
    made.run()
    before = made.what_if("comment_ratio=0.1,0.2")
    corpus = {path: path.read_bytes() for path in (made.recipe.parent / "corpus").glob("*.parquet")}
    try:
        for path, whole in corpus.items():
            footer = int.from_bytes(whole[-8:-4], "little") + 8
            rewrite(path, b"PAR1" + bytes(len(whole) - footer - 4) + whole[-footer:])
            with pytest.raises(OSError, match=r"Couldn't deserialize|Corrupt|invalid"):
                pq.read_table(path, columns=["content"])
        assert made.what_if("comment_ratio=0.1,0.2") == before
    finally:
        for path, whole in corpus.items():
            rewrite(path, whole)


def rewrite(path: Path, content: bytes) -> None:
    """Other bytes under the same time, by which a run knows a file again."""
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_dedup_of_the_recipes_run_is_told(made: Made) -> None:
    made.run()
    result = made.what_if("comment_ratio=0.1,0.2")
    (own,) = (row for row in result["rows"] if row["recipe"])
    assert result["dedup"]["documents_in"] == own["documents"]
    assert 0 < result["dedup"]["documents"] < own["documents"]
    unfinished = made.what_if("comment_ratio=0.1,0.2", overrides=("select.comments=comment_ratio > 0.15",))
    assert unfinished["dedup"] is None


def test_missing_signals_are_pending_and_a_wrong_axis_is_told_before(made: Made, tmp_path: Path) -> None:
    elsewhere = made._replace(out=tmp_path)
    with pytest.raises(Pending):
        elsewhere.what_if("comment_ratio=0.1,0.2")
    with pytest.raises(ValueError, match="no comparison of that name"):
        elsewhere.what_if("comment=0.1,0.2")
    assert list(tmp_path.iterdir()) == []


def test_one_comparison_twice_and_too_many_combinations_are_refused(made: Made) -> None:
    with pytest.raises(ValueError, match="one comparison twice"):
        made.what_if("comments=0.1,0.2", "comment_ratio=0.3,0.4")
    with pytest.raises(ValueError, match="found 10,000 combinations"):
        made.what_if("comments=0..1:99", "max_line_length=1..99:99")
