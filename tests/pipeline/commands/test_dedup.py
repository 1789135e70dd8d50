"""`infill dedup`: what it reads, what it removes and tells, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.store import file_digest
from tests.pipeline.commands.test_commands import infill
from tests.pipeline.stack import Row, stack_row, write_stack

REPORT = {
    *("inputs", "preset", "columns", "left_out", "documents", "kept", "removed", "quarantined", "bands"),
    *("alarms", "losses", "threshold", "verify", "funnel", "stages", "paths", "peak_memory_bytes", "seconds"),
}
LOSS = {
    *("group", "name", "documents", "duplicate_id", "exact_duplicate", "near_duplicate", "split_leak"),
    *("kept", "bytes", "bytes_kept", "alarm"),
}


def text(name: str, *, lines: int = 40, changed: int = 0) -> str:
    """A text of its own words; `changed` lines at its end are others, so its Jaccard is known about."""
    words = [f"{name}_{i} = compute_{name}(value_{i}, other_{i})" for i in range(lines - changed)]
    return (
        "\n".join([*words, *(f"new_{name}_{i} = quite_another({i}, thing)" for i in range(changed))]) + "\n"
    )


def run(out: Path, *arguments: object, code: int = 0) -> Any:
    """The report of `infill dedup … --json`."""
    ran = infill("dedup", *arguments, "--out", out, "--workers", 0, "--json")
    assert ran.code == code, ran.err
    return json.loads(ran.out)


def refused(out: Path, *arguments: object) -> str:
    ran = infill("dedup", *arguments, "--out", out, "--workers", 0)
    assert ran.code == 2, ran
    assert "Traceback" not in ran.err
    return ran.err


def plain(path: Path, rows: dict[str, str]) -> Path:
    """A file of nothing but text and path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"content": list(rows.values()), "path": list(rows)}), path)
    return path


def kept_paths(report: Any) -> list[str]:
    """Paths in the copies of the kept rows."""
    folder = Path(report["paths"]["kept"])
    tables = [pq.read_table(path) for path in sorted(folder.rglob("*.parquet"))]
    columns = [t["path" if "path" in t.column_names else "max_stars_repo_path"] for t in tables]
    return [name for column in columns for name in column.to_pylist()]


def evidence(report: Any) -> list[Row]:
    return pl.read_parquet(report["paths"]["evidence"]).to_dicts()


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two inputs of one file name: `b` has an equal text and a near-duplicate of what is in `a`."""
    first = [stack_row(text("one"), path="one.py", stars=1), stack_row(text("two"), path="two.py", stars=1)]
    again = {"repo": "bob/copy", "stars": 9}
    second = [
        stack_row(text("one"), path="again.py", **again),
        stack_row(text("two", changed=3), path="near.py", **again),
        stack_row(text("three"), path="three.py", **again),
    ]
    a = write_stack(tmp_path / "a" / "data.parquet", first)
    return a.parent, write_stack(tmp_path / "b" / "data.parquet", second).parent


def test_every_input_is_a_source_of_the_losses(two: tuple[Path, Path], tmp_path: Path) -> None:
    report = run(tmp_path / "out", *two)
    assert set(report) == REPORT
    assert (report["documents"], report["kept"]) == (5, 3)
    assert report["removed"] == {
        "duplicate_id": 0, "exact_duplicate": 1, "near_duplicate": 1, "split_leak": 0,
    }  # fmt: skip
    losses = {(row["group"], row["name"]): row for row in report["losses"]}
    assert all(set(row) == LOSS for row in losses.values())
    assert set(losses) == {("source", str(two[0])), ("source", str(two[1])), ("language", "Python")}
    assert (losses["source", str(two[0])]["kept"], losses["source", str(two[1])]["kept"]) == (0, 3)
    assert report["bands"] == [36, 7]
    assert report["alarms"] == []
    assert Path(report["paths"]["index"]).is_dir()
    assert report["paths"]["kept"] is None
    stages = {stage["name"]: stage for stage in report["stages"]}
    assert {"metadata", "gate", "annotate", "select", "dedup"} <= set(stages)


def test_inputs_in_another_order_give_the_same_documents(two: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = run(tmp_path / "x", *two), run(tmp_path / "y", *two[::-1])
    assert evidence(one) == evidence(other)
    assert file_digest(tmp_path / "x" / "losses.parquet") == file_digest(tmp_path / "y" / "losses.parquet")


def test_the_keep_order_decides_who_stays(two: tuple[Path, Path], tmp_path: Path) -> None:
    report = run(tmp_path / "out", *two, "--keep", "stars", "--keep", "doc_id", "--copy")
    assert sorted(kept_paths(report)) == ["one.py", "three.py", "two.py"]
    report = run(tmp_path / "out", *two, "--keep", "stars desc", "--copy")
    assert sorted(kept_paths(report)) == ["again.py", "near.py", "three.py"]


def test_files_of_text_and_path_alone_are_enough(tmp_path: Path) -> None:
    rows = {"a.py": text("one"), "b.py": text("one", changed=2), "c.py": text("two")}
    report = run(tmp_path / "out", plain(tmp_path / "plain.parquet", rows))
    assert report["removed"]["near_duplicate"] == 1
    assert report["columns"] == {"content": "content", "max_stars_repo_path": "path"}
    assert list(report["left_out"]) == ["license_class = 'permissive' desc", "stars desc"]
    assert "max_stars_count" in report["left_out"]["stars desc"]
    ran = infill("dedup", tmp_path / "plain.parquet", "--out", tmp_path / "out", "--workers", 0)
    assert "left out of keep: stars desc (stars is made of the column" in ran.out


def test_equal_paths_of_two_inputs_are_two_documents(tmp_path: Path) -> None:
    one = plain(tmp_path / "one.parquet", {"main.py": text("one")})
    two = plain(tmp_path / "two.parquet", {"main.py": text("two")})
    assert run(tmp_path / "out", one, two)["kept"] == 2


def test_columns_of_other_names_can_be_told(tmp_path: Path) -> None:
    table = pa.table({"body": [text("one"), text("one")], "file": ["a.py", "b.py"]})
    pq.write_table(table, tmp_path / "odd.parquet")
    message = refused(tmp_path / "out", tmp_path / "odd.parquet")
    assert "the files share the columns body, file: add --columns content=COLUMN" in message
    names = "content=body,max_stars_repo_path=file"
    assert run(tmp_path / "out", tmp_path / "odd.parquet", "--columns", names)["kept"] == 1


def test_an_order_that_the_files_do_not_bear_is_refused_if_it_was_given(tmp_path: Path) -> None:
    path = plain(tmp_path / "plain.parquet", {"a.py": text("one")})
    assert "stars is made of the column 'max_stars_count'" in refused(
        tmp_path / "o", path, "--keep", "stars desc"
    )
    assert "did you mean 'n_chars'?" in refused(tmp_path / "o", path, "--keep", "n_char desc")
    assert "compare it with something" in refused(tmp_path / "o", path, "--where", "n_chars")
    assert not (tmp_path / "o").exists()


def test_a_filter_that_is_read_can_be_told_its_fields(two: tuple[Path, Path], tmp_path: Path) -> None:
    out, order = tmp_path / "out", ("--keep", "license_class desc")
    assert "add --set license.policy=VALUE" in refused(out, *two, *order)
    policy = ("--set", "license.policy=the-stack-v1")
    assert "no --keep and no --where reads this filter" in refused(out, *two, *policy, "--keep", "doc_id")
    assert run(out, *two, *order, *policy)["kept"] == 3
    assert run(out, *two, *policy)["left_out"] == {}


def test_another_threshold_computes_no_signal_again(two: tuple[Path, Path], tmp_path: Path) -> None:
    assert run(tmp_path / "out", *two, "--threshold", 0.7)["removed"]["near_duplicate"] == 1
    report = run(tmp_path / "out", *two, "--threshold", 0.95)
    assert report["removed"]["near_duplicate"] == 0
    stages = {stage["name"]: stage for stage in report["stages"]}
    for name in ("metadata", "gate", "annotate", "select"):
        assert stages[name]["units_cached"] == stages[name]["units"] > 0, name
    assert stages["dedup"]["units_cached"] == 0


def test_the_same_command_again_has_nothing_to_do(two: tuple[Path, Path], tmp_path: Path) -> None:
    run(tmp_path / "out", *two, "--copy")
    before = file_digest(tmp_path / "out" / "manifest.json")
    report = run(tmp_path / "out", *two, "--copy")
    assert all(stage["units_cached"] == stage["units"] for stage in report["stages"])
    assert file_digest(tmp_path / "out" / "manifest.json") == before


def test_a_source_that_loses_much_raises_an_alarm_and_gives_three(tmp_path: Path) -> None:
    rows = {f"{name}.py": text("one") for name in "abc"} | {"d.py": text("two")}
    path = plain(tmp_path / "plain.parquet", rows)
    options = ("--alarm", 0.4, "--alarm-documents", 4)
    ran = infill("dedup", path, "--out", tmp_path / "out", "--workers", 0, *options)
    assert ran.code == 3
    assert f"ALARM: source {path} loses 50% of its 4 documents (more than 40%)\n" in ran.err
    assert "ALARM: language (none) loses" in ran.err
    assert "raise the threshold" in ran.err
    report = run(tmp_path / "out", path, *options, code=3)
    assert [alarm["group"] for alarm in report["alarms"]] == ["language", "source"]
    assert {"group", "name", "documents", "removed", "share"} == set(report["alarms"][0])
    assert all(row["alarm"] for row in report["losses"])
    again = run(tmp_path / "out", path, "--alarm", 0.6, "--alarm-documents", 4)
    assert again["alarms"] == []
    assert {s["name"]: s["units_cached"] for s in again["stages"]}["dedup"] == 1


def test_copies_hold_the_kept_rows_with_all_their_columns(two: tuple[Path, Path], tmp_path: Path) -> None:
    extra = pq.read_table(two[1] / "data.parquet").append_column("own", pa.array([[1], [2, 3], []]))
    pq.write_table(extra.replace_schema_metadata({"made by": "me"}), two[1] / "data.parquet")
    report = run(tmp_path / "out", *two, "--keep", "stars", "--keep", "n_chars desc", "--copy")
    folder = tmp_path / "out" / "kept"
    first = pq.read_table(folder / "input-00000" / "data.parquet")
    assert first.equals(pq.read_table(two[0] / "data.parquet"))
    second = pq.read_table(folder / "input-00001" / "data.parquet")
    assert second.schema.equals(pq.read_schema(two[1] / "data.parquet"), check_metadata=True)
    assert second["own"].to_pylist() == [[]]
    assert first.num_rows + second.num_rows == report["kept"]


def test_copies_of_other_settings_do_not_stay(two: tuple[Path, Path], tmp_path: Path) -> None:
    run(tmp_path / "out", two[1], "--copy")
    copy = tmp_path / "out" / "kept" / "data.parquet"
    assert copy.exists()
    run(tmp_path / "out", two[1])
    assert copy.exists()
    run(tmp_path / "out", two[1], "--where", "n_chars < 1")
    assert not copy.exists()


def test_a_predicate_removes_before_dedup(two: tuple[Path, Path], tmp_path: Path) -> None:
    report = run(tmp_path / "out", *two, "--where", "stars < 5", "--where", "path <> 'two.py'", "--copy")
    assert kept_paths(report) == ["one.py"]
    assert (report["removed"]["where"], report["removed"]["where_2"]) == (3, 1)
    assert report["removed"]["exact_duplicate"] == 0


def test_the_manifest_has_what_is_needed_to_trust_the_result(two: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = run(out, *two, "--copy")
    manifest = json.loads((out / "manifest.json").read_text())
    for name in ("documents", "kept", "removed", "bands", "funnel", "losses", "alarms"):
        assert manifest[name] == report[name]
    assert set(manifest["minhash"]) == {"num_perm", "seed", "scheme", "permutation_digest"}
    assert list(manifest["inputs"]) == sorted(map(str, two))
    (split,) = manifest["inputs"][str(two[1])]
    rows = pq.read_table(two[1] / "data.parquet").take(pq.read_table(out / split["survivors"])["row"])
    assert sorted(rows["max_stars_repo_path"].to_pylist()) == ["again.py", "near.py", "three.py"]
    results = [
        *(path for path in out.glob("*/part-*.parquet") if path.parent.name != "quarantine"),
        *out.glob("kept/**/*.parquet"),
        *(path for path in out.glob("index/**/*") if path.is_file()),
        out / "losses.parquet",
    ]
    assert manifest["files"] == {str(path.relative_to(out)): file_digest(path) for path in results}


def test_lists_of_inputs_that_were_left_out_do_not_stay(two: tuple[Path, Path], tmp_path: Path) -> None:
    run(tmp_path / "out", *two)
    assert len(list((tmp_path / "out" / "survivors").iterdir())) == 2
    run(tmp_path / "out", two[0])
    assert len(list((tmp_path / "out" / "survivors").iterdir())) == 1


def test_no_index_leaves_none(two: tuple[Path, Path], tmp_path: Path) -> None:
    run(tmp_path / "out", *two)
    assert (tmp_path / "out" / "index").is_dir()
    assert run(tmp_path / "out", *two, "--no-index")["paths"]["index"] is None
    assert not (tmp_path / "out" / "index").exists()


def test_what_is_like_an_earlier_delivery_goes(two: tuple[Path, Path], tmp_path: Path) -> None:
    old, new = two
    run(tmp_path / "old", old)
    report = run(tmp_path / "new", new, "--against", tmp_path / "old", "--copy")
    assert kept_paths(report) == ["three.py"]
    assert {(row["reason"], bool(row["kept_in"])) for row in evidence(report)} == {
        ("exact_duplicate", True),
        ("near_duplicate", True),
    }
    assert "replaces" in refused(tmp_path / "old", new, "--against", tmp_path / "old")
    assert "found no saved index there" in refused(tmp_path / "new", new, "--against", tmp_path)


@pytest.mark.parametrize("name", ["the-stack", "santacoder-alt", "starcoder", "the-stack-v2"])
def test_every_published_preset_runs_on_text_and_path(tmp_path: Path, name: str) -> None:
    rows = {"a.py": text("one"), "b.py": text("one"), "c.py": text("two"), "short.py": "x = 1\n"}
    report = run(tmp_path / "out", plain(tmp_path / "plain.parquet", rows), "--preset", name)
    assert report["preset"] == name
    assert report["removed"]["exact_duplicate"] == 1
    assert report["removed"].get("short", 0) == (1 if name == "santacoder-alt" else 0)
    assert report["kept"] == (2 if name == "santacoder-alt" else 3)


def test_unverified_presets_say_so(two: tuple[Path, Path], tmp_path: Path) -> None:
    ran = infill("dedup", *two, "--out", tmp_path / "out", "--workers", 0, "--preset", "starcoder")
    assert ran.code == 0, ran.err
    assert "not verified: candidates went as they met in a band" in ran.out
    assert "preset starcoder: threshold 0.7, 25 bands of 10" in ran.out


def test_tables_show_what_was_lost_and_where_results_lie(two: tuple[Path, Path], tmp_path: Path) -> None:
    ran = infill("dedup", *two, "--out", tmp_path / "out", "--workers", 0)
    for shown in ("losses by source", "losses by language", "40.0%", "3 of 5 documents stay"):
        assert shown in ran.out
    for name in ("survivors", "evidence", "clusters", "index"):
        assert f"{name}: {tmp_path / 'out' / name}\n" in ran.out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--preset", "cod"], "there is no dedup preset 'cod'; the presets are code, the-stack"),
        (["--bands", "25"], "expected BANDSxROWS such as 25x10"),
        (["--bands", "40x10"], "40 bands of 10 need 400 entries"),
        (["--threshold", "1.5"], "--threshold: Input should be less than 1"),
        (["--cluster", "extremes", "--verify", "none"], "compares texts"),
        (["--set", "policy=3"], "expected FILTER.FIELD=VALUE"),
        (["--num-perm", "0"], "num_perm = 0; it must be within"),
        (["--columns", "stack-v9"], "no preset 'stack-v9'"),
    ],
)
def test_wrong_options_are_refused(
    two: tuple[Path, Path], tmp_path: Path, options: list[str], told: str
) -> None:
    assert told in refused(tmp_path / "out", *two, *options)


def test_bands_can_be_datasketchs_choice(two: tuple[Path, Path], tmp_path: Path) -> None:
    assert run(tmp_path / "out", *two, "--bands", "auto", "--num-perm", 256)["bands"] == [25, 10]
    assert run(tmp_path / "out", *two, "--bands", "20x9")["bands"] == [20, 9]


def test_inputs_that_are_no_parquet_are_told_how_to_become_it(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"content": "x", "path": "a"}\n')
    message = refused(tmp_path / "out", tmp_path / "rows.jsonl")
    assert "infill filter size INPUT --where true --out FILE.parquet" in message
    made = tmp_path / "rows.parquet"
    asked = ("--where", "true", "--columns", "plain", "--out", made)
    assert infill("filter", "size", tmp_path / "rows.jsonl", *asked).code == 0
    assert run(tmp_path / "out", made)["kept"] == 1


def test_a_file_in_two_inputs_is_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    file = two[0] / "data.parquet"
    assert f"{file} is in the input {two[0]} and in {file}" in refused(tmp_path / "out", two[0], file)
    assert "found an input twice" in refused(tmp_path / "out", file, file)


def test_what_cannot_be_read_is_quarantined_and_gives_three(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "data.parquet", [stack_row(None), stack_row(text("one"), path="b.py")])
    report = run(tmp_path / "out", path, "--copy", code=3)
    assert (report["quarantined"], report["kept"]) == (1, 1)
    assert len(pq.read_table(tmp_path / "out" / "quarantine" / "records.parquet")) == 1
    assert kept_paths(report) == ["b.py"]


def test_flags_of_the_minhash_filter_are_among_the_options(two: tuple[Path, Path], tmp_path: Path) -> None:
    assert "--num-perm" in infill("dedup", "--help").out
    run(tmp_path / "out", *two, "--ngram", 3, "--no-index")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["request"]["filters"]["minhash"]["ngram"] == 3
