import dataclasses
import io
import json
from pathlib import Path
from typing import Any, ClassVar

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from filters import REGISTRY, filter_class
from pipeline.commands.filter import filter_, filters_
from pipeline.commands.filter_options import field_option, fields_given
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
        "histograms", "histograms_kept", "examples", "out", "plot",
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
        "bytes_in": None, "bytes_kept": None, "languages": {}, "out": None, "plot": None,
        "histograms": {"n": [("0", 1), ("1", 1000), ("2–3", 0)]},
        "histograms_kept": {"n": [("0", 0), ("1", 900), ("2–3", 0)]},
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


def test_all_gives_every_signal_that_its_columns_and_flags_allow(tmp_path: Path) -> None:
    out = tmp_path / "all.parquet"
    asked = ("all", corpus(tmp_path), "--out", str(out), "--without", "minhash", "--json")
    told = json.loads(invoke(*asked, "--license.policy", "the-stack-v1").stdout)
    annotated = pq.read_table(out)
    assert (annotated.num_rows, told["kept"]) == (3, 2)
    ran = [filter_class(name) for name in REGISTRY if name not in told["left_out"]]
    expected = {signal for cls in ran for signal in cls.schema.names}
    assert expected <= set(annotated.column_names)
    assert "license_class" in expected
    assert told["left_out"]["minhash"] == "--without"
    assert told["left_out"]["fertility"] == "needs --fertility.tokenizer"
    assert "has no column 'max_stars_count'" in told["left_out"]["stars"]
    kept = json.loads(invoke(*asked, "--where", "n_chars > 9", "--no-annotate").stdout)
    assert kept["left_out"]["license"] == "needs --license.policy"
    assert pq.read_table(out).column_names == pq.read_table(corpus(tmp_path)).column_names


def test_all_tells_each_signal_on_a_line_and_what_was_left_out(tmp_path: Path) -> None:
    told = json.loads(invoke("all", corpus(tmp_path), "--json").stdout)
    rows = printed(*report_lines(told))
    assert max(map(len, rows)) <= WIDTH
    for name, histogram in told["histograms"].items():
        assert any(row.startswith(f"{name} ") for row in rows) == bool(histogram)
    text = " ".join(" ".join(rows).split())
    for name, reason in told["left_out"].items():
        assert f"left out {name}: {reason}" in text


def test_plot_writes_a_picture_and_tells_where(tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    result = invoke("size", corpus(tmp_path), "--plot", str(picture))
    assert result.exit_code == 0
    assert "".join(result.stdout.split()).endswith(f"writtento{picture}")
    assert picture.read_text(encoding="utf-8").startswith("<?xml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Odd:
    """A filter with a field of every type."""

    name: ClassVar[str] = "odd_one"
    needed: tuple[int, ...] = dataclasses.field(metadata={"help": "numbers"})
    switch: bool = False
    words: tuple[str, ...] = ("a",)
    share: float | None = None


def test_every_type_of_field_has_a_flag_alone_and_among_many() -> None:
    for of, flags in (
        ("", ["--needed", "1", "--needed", "2", "--switch", "--words", "x", "--share", "0.5"]),
        ("odd_one", ["--odd-one.needed", "1", "--odd-one.needed", "2", "--odd-one.switch",
                     "--odd-one.words", "x", "--odd-one.share", "0.5"]),
    ):  # fmt: skip
        options: list[click.Parameter] = [field_option(field, of=of) for field in dataclasses.fields(Odd)]
        got: dict[str, Any] = {}
        command = click.Command("x", params=options, callback=lambda got=got, **values: got.update(values))
        assert CliRunner().invoke(command, flags).exit_code == 0
        values = {name.removeprefix("odd_one__"): value for name, value in got.items()}
        assert values == {"needed": (1, 2), "switch": True, "words": ("x",), "share": 0.5}
    nothing = {f"odd_one__{name}": value for name, value in {**values, "needed": ()}.items()}
    assert fields_given(Odd, nothing)[1] == ["--odd-one.needed"]


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
    assert (listed["comments"]["reads_text"], listed["stars"]["reads_text"]) == (True, False)
    assert listed["comments"]["details"].startswith("The comments filter: ")
    assert all({"name", "version", "about", "details"} <= set(entry) for entry in listed.values())


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
