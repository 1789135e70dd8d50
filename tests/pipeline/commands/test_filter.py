import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from filters import REGISTRY
from pipeline.commands.filter import filter_, filters_
from pipeline.commands.filter_report import filter_table, report_lines

WIDTH = 100
WHERE = "comment_ratio between 0 and 0.9"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(filter_, arguments)


def corpus(folder: Path) -> str:
    paths = ["[bold]a.py", "deep/" * 30 + "name.py", "c.py"]
    table = pa.table({
        "content": ["# only\n", "x = 1  # half\n", None], "lang": ["Python", "[red]", "Python"],
        "max_stars_repo_name": ["owner/repo"] * 3, "max_stars_repo_path": paths,
        "max_stars_repo_licenses": [["MIT"], ["Apache-2.0", "GPL-3.0-only"], []],
    })  # fmt: skip
    pq.write_table(table, folder / "corpus.parquet")
    return str(folder / "corpus.parquet")


def printed(*rows: Any) -> list[str]:
    console = Console(width=WIDTH, file=io.StringIO(), color_system=None)
    console.print(*rows, sep="\n")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_json_is_one_object_with_the_promised_keys(tmp_path: Path) -> None:
    out = tmp_path / "kept"
    result = invoke("comments", corpus(tmp_path), "--where", WHERE, "--out", str(out), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert list(told) == [
        "where", "files", "documents", "kept", "unusable", "bytes_in", "bytes_kept", "languages",
        "histograms", "examples", "out",
    ]  # fmt: skip
    assert told["where"] == WHERE
    assert (told["documents"], told["kept"], told["unusable"]) == (3, 1, 1)
    assert told["histograms"] == {"comment_ratio": [["0.85–0.90", 1], ["unknown", 1]]}
    assert pq.read_table(told["out"])["content"].to_pylist() == ["# only\n"]


def test_tables_fit_the_terminal_and_show_hostile_names_as_they_are(tmp_path: Path) -> None:
    told = json.loads(invoke("comments", corpus(tmp_path), "--json").stdout)
    rows = printed(*report_lines(told))
    assert max(map(len, rows)) <= WIDTH
    text = "\n".join(rows)
    for shown in ("owner/repo:[bold]a.py", "[red]", "/name.py", "unusable", "in 1 file ", told["where"]):
        assert shown in text


def test_longest_bar_is_the_largest_bin_and_a_small_one_is_seen() -> None:
    result = {
        "where": "true", "files": 2, "documents": 0, "kept": 0, "unusable": 0,
        "bytes_in": None, "bytes_kept": None, "languages": {}, "out": None,
        "histograms": {"n": [("0", 1), ("1", 1000), ("2–3", 0)]},
        "examples": {"kept": [], "dropped": [], "unusable": []},
    }  # fmt: skip
    rows = printed(*report_lines(result))
    assert [row.count("█") for row in rows[1:4]] == [0, 40, 0]
    assert "▏" in rows[1]
    assert "▏" not in rows[3]


def test_fields_are_flags_with_their_help(tmp_path: Path) -> None:
    about = " ".join(invoke("license", "--help").output.split())
    assert "--policy" in about
    assert "SPDX" in about
    assert "license_class = 'permissive'" in about
    assert "Missing option '--policy'" in invoke("license", corpus(tmp_path)).output
    told = json.loads(invoke("license", corpus(tmp_path), "--policy", "the-stack-v1", "--json").stdout)
    assert told["kept"] == 1
    assert told["histograms"]["license"][0] == ["Apache-2.0 AND GPL-3.0-only", 1]


def test_every_filter_has_a_command() -> None:
    listing = invoke("--help").output
    for name in REGISTRY:
        assert f"  {name} " in listing
        assert invoke(name, "--help").exit_code == 0


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    file = corpus(tmp_path)
    for arguments, message in (
        (("comment", file), "there is no filter 'comment'"),
        (("size", file, "--annotate"), "add --out"),
        (("size",), "Missing argument"),
        (("fertility", file, "--tokenizer", str(tmp_path / "none.json")), "does not exist"),
    ):
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert message in result.output


def test_filters_json_describes_each_filter() -> None:
    listed = {entry["name"]: entry for entry in json.loads(CliRunner().invoke(filters_, ["--json"]).stdout)}
    assert list(listed) == list(REGISTRY)
    assert listed["comments"]["columns"] == ["content", "lang"]
    assert listed["comments"]["signals"] == {"comment_ratio": "double"}
    assert listed["comments"]["default_where"] == "comment_ratio > 0.01 and comment_ratio < 0.8"
    assert listed["minhash"]["fields"]["ngram"] == {
        "type": "int", "required": False, "default": 5, "help": "words in a shingle",
    }  # fmt: skip
    assert listed["license"]["fields"]["policy"]["required"] is True


def test_filters_table_leaves_nothing_out() -> None:
    listed = json.loads(CliRunner().invoke(filters_, ["--json"]).stdout)
    rows = printed(filter_table(listed))
    assert max(map(len, rows)) <= WIDTH
    text = " ".join(" ".join(rows).split())
    for entry in listed:
        assert entry["default_where"] in text
        for field in entry["fields"].values():
            assert field["help"] in text
    assert "…" not in text


@pytest.mark.parametrize("name", list(REGISTRY))
def test_every_field_has_a_help(name: str) -> None:
    (entry,) = (e for e in json.loads(CliRunner().invoke(filters_, ["--json"]).stdout) if e["name"] == name)
    assert all(field["help"] for field in entry["fields"].values())
