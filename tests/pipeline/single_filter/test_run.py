import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from filters import REGISTRY, Filter, filter_class
from filters.comments import Comments
from filters.language import Language
from filters.license import License
from filters.size import Size
from filters.stars import Stars
from pipeline.single_filter.run import FilterRun, run_filter

ROOT = Path(__file__).parents[3]
LONG_ENOUGH = "size_bytes >= 3"


def documents(*texts: str | None, **others: list) -> pa.Table:
    count = range(len(texts))
    columns = {
        "content": pa.array(texts, pa.string()),
        "lang": ["Python"] * len(texts),
        "max_stars_repo_name": ["owner/repo"] * len(texts),
        "max_stars_repo_path": [f"{index}.py" for index in count],
        "note": list(count),
    }
    return pa.table(columns | others)


def write(path: Path, table: pa.Table) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".jsonl", ".json.gz")):
        text = "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    elif path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        new = pa.ipc.new_stream if path.stem == "stream" else pa.ipc.new_file
        with new(path, table.schema) as writer:
            writer.write_table(table)
    return str(path)


def run(fltr: Filter, *inputs: str, **options: Any) -> dict[str, Any]:
    return run_filter(fltr, inputs, FilterRun(**options))


def with_bytes(table: pa.Table, column: str, values: list[bytes]) -> pa.Table:
    """The table with a text column that holds any bytes, as a Parquet file may."""
    binary = pa.array(values, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(values), binary.buffers())
    return table.set_column(table.schema.get_field_index(column), column, text)


def test_result_counts_documents_bytes_and_languages(tmp_path: Path) -> None:
    table = documents("abcd", "a", "abc", lang=["C", "Python", None])
    result = run(Size(), write(tmp_path / "a.parquet", table), where=LONG_ENOUGH)
    assert result["where"] == LONG_ENOUGH
    assert (result["files"], result["documents"], result["kept"], result["unusable"]) == (1, 3, 2, 0)
    assert (result["bytes_in"], result["bytes_kept"]) == (8, 7)
    assert result["languages"] == {"C": [1, 1], "Python": [1, 0], "unknown": [1, 1]}
    assert result["histograms"]["size_bytes"] == [("1", 1), ("2–3", 1), ("4–7", 1)]
    assert result["out"] is None


def test_examples_are_the_first_five_of_each_side(tmp_path: Path) -> None:
    table = documents(*["abc", "a"] * 7)
    examples = run(Size(), write(tmp_path / "a.parquet", table), where=LONG_ENOUGH)["examples"]
    assert [example["path"] for example in examples["kept"]] == [
        f"owner/repo:{n}.py" for n in (0, 2, 4, 6, 8)
    ]
    signals = {"size_bytes": 1, "n_chars": 1}
    assert examples["dropped"][0] == {"path": "owner/repo:1.py", "signals": signals, "text": "a"}
    assert len(examples["dropped"]) == 5


def test_a_document_without_a_path_is_named_by_its_row(tmp_path: Path) -> None:
    table = documents("abc", "abcd").drop_columns(["max_stars_repo_path"])
    file = write(tmp_path / "a.parquet", table)
    assert run(Size(), file)["examples"]["kept"][1]["path"] == f"{file} row 1"


@pytest.mark.parametrize("name", ["a.parquet", "file.arrow", "stream.arrow", "a.jsonl", "a.json.gz"])
def test_every_format_gives_the_same_result_and_survivors(tmp_path: Path, name: str) -> None:
    table = documents("abcd", "a", "é\n€")
    out = tmp_path / "out.parquet"
    result = run(Size(), write(tmp_path / name, table), where=LONG_ENOUGH, out=out)
    expected = run(Size(), write(tmp_path / "expected.parquet", table), where=LONG_ENOUGH)
    assert {**result, "out": None} == expected
    assert pq.read_table(out).to_pylist() == table.take([0, 2]).to_pylist()


def test_survivors_keep_columns_order_and_schema(tmp_path: Path) -> None:
    table = documents("abcd", "a", "abcde").replace_schema_metadata({"huggingface": "{}"})
    run(Size(), write(tmp_path / "a.parquet", table), where=LONG_ENOUGH, out=tmp_path / "new" / "kept")
    survivors = pq.read_table(tmp_path / "new" / "kept" / "part-00000.parquet")
    assert survivors.equals(table.take([0, 2]))
    assert survivors.schema.metadata == table.schema.metadata


def test_annotated_output_has_every_document_and_replaces_columns_of_a_signals_name(tmp_path: Path) -> None:
    table = documents("abcd", "a").append_column("n_chars", pa.array(["old", "old"]))
    out = tmp_path / "out.parquet"
    run(Size(), write(tmp_path / "a.parquet", table), where=LONG_ENOUGH, out=out, annotated=True)
    annotated = pq.read_table(out)
    assert annotated.column_names == [*table.column_names[:-1], "size_bytes", "n_chars"]
    assert annotated["n_chars"].to_pylist() == [4, 1]
    assert annotated["note"].to_pylist() == [0, 1]


def test_unusable_text_never_passes_and_is_told(tmp_path: Path) -> None:
    table = with_bytes(documents("", "", "abc"), "content", [b"ok", b"\xff\xfe", b"abc"])
    files = [write(tmp_path / "a.parquet", table), write(tmp_path / "b.parquet", documents(None))]
    out = tmp_path / "out.parquet"
    result = run(Size(), *files, where="size_bytes >= 0", out=out, annotated=True)
    assert (result["documents"], result["kept"], result["unusable"], result["bytes_in"]) == (4, 2, 2, 5)
    assert result["histograms"]["size_bytes"] == [("2–3", 2)]
    assert [example["reason"] for example in result["examples"]["unusable"]] == [
        "content_not_utf8",
        "content_null",
    ]
    assert result["examples"]["dropped"] == []
    assert pq.read_table(out)["size_bytes"].to_pylist() == [2, None, 3, None]


def test_batches_do_not_change_the_result(tmp_path: Path) -> None:
    texts = ["x" * (index % 7) * 400_000 for index in range(40)]  # 48 MB: several batches
    rows = list(range(40))
    whole = write(tmp_path / "whole.parquet", documents(*texts, note=rows))
    halves = [documents(*texts, note=rows).slice(start, 20) for start in (0, 20)]
    parts = [write(tmp_path / f"{index}.arrow", half) for index, half in enumerate(halves)]
    got = [
        run(Size(), *files, where="size_bytes > 800000", out=tmp_path / f"{len(files)}.parquet")
        for files in ([whole], parts)
    ]
    assert {**got[0], "files": 2, "out": None} == {**got[1], "out": None}
    survivors = [pq.read_table(tmp_path / f"{count}.parquet") for count in (1, 2)]
    assert survivors[0].equals(survivors[1])
    assert survivors[0]["note"].to_pylist() == [row for row in rows if row % 7 > 2]
    assert pq.ParquetFile(tmp_path / "1.parquet").num_row_groups <= 2  # of 45 MB, however many the batches


def test_rows_are_counted_over_batches(tmp_path: Path) -> None:
    table = documents(*[chr(97 + row) * 1_000_000 for row in range(20)], "short").drop_columns(
        ["max_stars_repo_path"]
    )
    file = write(tmp_path / "a.parquet", table)
    assert run(Size(), file, where="size_bytes < 9")["examples"]["kept"][0]["path"] == f"{file} row 20"


def test_filter_of_metadata_reads_no_text_and_takes_declared_bytes(tmp_path: Path) -> None:
    table = documents(None, "abc", size=[10, 20], max_stars_count=[None, 7])
    result = run(Stars(), write(tmp_path / "a.parquet", table))
    assert (result["kept"], result["unusable"], result["bytes_in"], result["bytes_kept"]) == (1, 0, 30, 20)
    undeclared = run(Stars(), write(tmp_path / "b.parquet", table.drop_columns(["size"])))
    assert (undeclared["bytes_in"], undeclared["bytes_kept"]) == (None, None)


def test_no_documents_give_a_whole_empty_output(tmp_path: Path) -> None:
    table = documents()
    result = run(Size(), write(tmp_path / "a.parquet", table), out=tmp_path / "out.parquet")
    assert (result["documents"], result["histograms"]["size_bytes"]) == (0, [])
    assert pq.read_table(tmp_path / "out.parquet").schema.names == table.column_names


def test_files_of_different_columns_go_into_one_output(tmp_path: Path) -> None:
    first = documents("abc")
    second = documents("abcd").drop_columns(["note"]).append_column("more", pa.array([1.5]))
    files = [write(tmp_path / "a.parquet", first), write(tmp_path / "b.parquet", second)]
    run(Size(), *files, out=tmp_path / "out.parquet")
    got = pq.read_table(tmp_path / "out.parquet")
    assert got.select(["note", "more"]).to_pylist() == [
        {"note": 0, "more": None},
        {"note": None, "more": 1.5},
    ]


def test_files_whose_types_do_not_go_together_are_refused_for_output_only(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.parquet", documents("abc")),
        write(tmp_path / "b.parquet", documents("abc", note=["text"])),
    ]
    assert run(Size(), *files)["documents"] == 2
    with pytest.raises(ValueError, match=r"b\.parquet does not fit .* note .*by itself"):
        run(Size(), *files, out=tmp_path / "out.parquet")


def test_output_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "kept" / "part-00000.parquet"
    write(out, documents("old"))
    good = write(tmp_path / "a.parquet", documents("abc"))
    broken = tmp_path / "b.parquet"
    broken.write_bytes(Path(good).read_bytes()[:-200] + b"\0" * 200)
    with pytest.raises(ValueError, match=r"b\.parquet cannot be read"):
        run(Size(), good, str(broken), out=out.parent)
    assert pq.read_table(out)["content"].to_pylist() == ["old"]
    run(Size(), good, out=out.parent)
    assert pq.read_table(out)["content"].to_pylist() == ["abc"]
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_output_never_replaces_an_input(tmp_path: Path) -> None:
    file = write(tmp_path / "part-00000.parquet", documents("abc"))
    for out in (Path(file), tmp_path):
        with pytest.raises(ValueError, match="one of the inputs"):
            run(Size(), str(tmp_path), out=out)


@pytest.mark.parametrize("out", ["folder.parquet", "file.txt"])
def test_output_that_cannot_be_is_refused_before_any_work(tmp_path: Path, out: str) -> None:
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(ValueError, match=r"--out .*ends in \.parquet"):
        run(Size(), write(tmp_path / "a.parquet", documents("abc")), out=tmp_path / out)


def test_output_to_a_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="local path"):
        run(Size(), write(tmp_path / "a.parquet", documents("abc")), out=Path("s3://bucket/kept"))


def test_folder_stands_for_its_parquet_files_without_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path / "b" / "2.parquet", documents("bbb"))
    write(tmp_path / "a" / "1.parquet", documents("aaa"))
    for hidden in (".cache/3.parquet", "_old/4.parquet", "a/.tmp-5.parquet"):
        (tmp_path / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / hidden).write_text("no Parquet")
    (tmp_path / "dataset_info.json").write_text("{}")
    out = tmp_path / "out"
    result = run(Size(), str(tmp_path), str(tmp_path / "a" / "*.parquet"), out=out)
    assert result["files"] == 2  # a file that is named twice is read once
    assert pq.read_table(out / "part-00000.parquet")["content"].to_pylist() == ["aaa", "bbb"]


def test_files_of_a_remote_store_are_read_by_url_folder_and_glob(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    table = documents("aaa", "b")
    for name in ("a/1.parquet", "a/2.parquet", "b/1.json.gz", "b/2.arrow"):
        local = write(tmp_path / name.replace("/", "-"), table)
        store.pipe_file(f"/corpus/{name}", Path(local).read_bytes())
    url = "memory://corpus"
    for text, files in (("/a", 2), ("/a/2.parquet", 1), ("/*/2.*", 2), ("/b/1.json.gz", 1), ("/b", 1)):
        result = run(Size(), url + text)
        assert (result["files"], result["documents"]) == (files, 2 * files)
    out = tmp_path / "out.parquet"
    run(Size(), f"{url}/b/2.arrow", where=LONG_ENOUGH, out=out)
    assert pq.read_table(out).equals(table.take([0]))
    store.rm("/corpus", recursive=True)


def test_a_name_of_the_hub_is_looked_for_there_only_if_it_is_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "owner" / "name" / "1.parquet", documents("abc"))
    assert run(Size(), "owner/name")["files"] == 1
    with pytest.raises(ValueError, match=r"owner/other\.parquet: found no file there"):
        run(Size(), "owner/other.parquet")
    code = "from pipeline.single_filter.inputs import list_files; list_files(['owner/other'])"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-c", code]
    ran = subprocess.run(asked, check=False, env=environment, capture_output=True, text=True)
    assert "ValueError: owner/other is no path here; cannot list owner/other" in ran.stderr


def test_an_example_shows_the_first_line_that_says_something(tmp_path: Path) -> None:
    long = "y" * 200
    texts = ["\n\t# ---\n  x =\t1\x1b[31m  \n", "\r\n", "***\u2028" + long, "é" * 5000 + "\nx"]
    table = documents(*texts)
    shown = [
        e["text"] for e in run(Size(), write(tmp_path / "a.parquet", table), where="true")["examples"]["kept"]
    ]
    assert shown == ["x = 1[31m", "", "y" * 79 + "…", "é" * 79 + "…"]


def test_examples_of_a_filter_that_finds_secrets_show_no_text(tmp_path: Path) -> None:
    secret = "AKIAQWERTYUIOPASDFGH"
    file = write(tmp_path / "a.parquet", documents(f"key = '{secret}'\n", "x = 1\n"))
    hiding = [name for name in REGISTRY if any(pa.types.is_nested(s.type) for s in filter_class(name).schema)]
    assert hiding
    for name in hiding:
        result = run(filter_class(name)(), file, where="true")
        assert secret not in json.dumps(result)
        assert "x = 1" not in json.dumps(result)


def test_name_with_glob_characters_is_a_name_first(tmp_path: Path) -> None:
    assert run(Size(), write(tmp_path / "a[1]*.parquet", documents("abc")))["documents"] == 1


@pytest.mark.parametrize("columns", ["plain-text,lang=language", "content=text,lang=language"])
def test_columns_are_mapped_by_preset_and_pairs(tmp_path: Path, columns: str) -> None:
    table = pa.table({"text": ["# all\n"], "language": ["Python"]})
    result = run(Comments(), write(tmp_path / "a.parquet", table), columns=columns)
    assert result["examples"]["dropped"][0]["signals"] == {"comment_ratio": pytest.approx(5 / 6)}


def test_missing_column_is_told_with_its_file_and_key(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("abc").drop_columns(["lang"]))
    with pytest.raises(
        ValueError, match=r"a\.parquet has no column 'lang' \(lang in --columns\).* add lang=COLUMN"
    ):
        run(Comments(), file)


def test_mistyped_column_is_told_before_any_work(tmp_path: Path) -> None:
    good = write(tmp_path / "a.parquet", documents("abc"))
    wrong = write(tmp_path / "b.parquet", pa.table({"content": [1]}))
    with pytest.raises(ValueError, match=r"b\.parquet.* column 'content' .*int64, expected large_string"):
        run(Size(), good, wrong)


def test_preset_without_the_filters_columns_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("abc"))
    with pytest.raises(ValueError, match="found no column for max_stars_repo_licenses, which filter license"):
        run(License(policy="the-stack-v1"), file, columns="starcoderdata")
    result = run(Language(), file, columns="the-stack-smol")  # it lists lang and no ext, which reads as null
    assert result["kept"] == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("stack-v9", "--columns: no preset 'stack-v9'"),
        ("body=text", r"--columns\.body: not a canonical column"),
        ("stack-v1,stack-v2", "found 2 presets"),
    ],
)
def test_wrong_columns_are_refused(tmp_path: Path, columns: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(Size(), write(tmp_path / "a.parquet", documents("abc")), columns=columns)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("size_bytes > 500_000", "underscores"),
        ("size > 5", "no filter gives the column 'size'"),
        ("size_bytes >", "not SQL"),
        ("size_bytes > 'a'", "cannot be evaluated"),
        ("size_bytes", "not a yes or no"),
        ("size_bytes > avg(size_bytes)", "many documents"),
        ("size_bytes > lag(size_bytes) over (order by n_chars)", "many documents"),
        ("", "not SQL"),
    ],
)
def test_wrong_predicate_is_refused(tmp_path: Path, where: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"--where.*{message}"):
        run(Size(), write(tmp_path / "a.parquet", documents("abc")), where=where)


def test_filters_own_error_is_told_with_its_file(tmp_path: Path) -> None:
    table = documents("abc", max_stars_count=[1])
    text = table.set_column(
        table.schema.get_field_index("max_stars_count"), "max_stars_count", pa.array(["many"])
    )
    with pytest.raises(ValueError, match=r"a\.parquet, rows from 0: .*'max_stars_count'"):
        run(Stars(), write(tmp_path / "a.parquet", text))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.jsonl.gz", "a.jsonl"])
def test_broken_file_is_told_with_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"{ broken")
    with pytest.raises(ValueError, match=rf"{name}(, line 1: found| cannot be read)"):
        run(Size(), str(tmp_path / name))


def test_arrow_file_with_offsets_out_of_its_data_is_refused(tmp_path: Path) -> None:
    file = Path(write(tmp_path / "a.arrow", pa.table({"content": ["abcdefg", "hij"]})))
    offsets = b"".join(value.to_bytes(4, "little") for value in (0, 7, 10))
    assert file.read_bytes().count(offsets) == 1
    forged = b"".join(value.to_bytes(4, "little") for value in (0, 7, 1 << 20))
    file.write_bytes(file.read_bytes().replace(offsets, forged))
    with pytest.raises(ValueError, match=r"a\.arrow cannot be read"):
        run(Size(), str(file))


def test_unknown_ending_missing_file_and_unknown_protocol_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(ValueError, match=r"a\.csv has a name of no known format; expected Parquet"):
        run(Size(), str(tmp_path / "a.csv"))
    with pytest.raises(ValueError, match="found no file there"):
        run(Size(), str(tmp_path / "none*"))
    with pytest.raises(ValueError, match="cannot be listed"):
        run(Size(), "gopher://host/path")


def test_progress_is_told_by_files(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.parquet", documents("abc")) for name in "ab"]
    told: list[tuple[str, int, int]] = []
    run_filter(Size(), files, FilterRun(), lambda *step: told.append(step))
    assert told == [("filter", 0, 2), ("filter", 1, 2), ("filter", 2, 2)]
