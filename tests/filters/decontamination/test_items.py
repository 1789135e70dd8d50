"""Benchmark files are read in their shapes, and yield the strings that BigCode's script searches for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.decontamination.items import Item, docstring_of, read_items, with_full_path
from tests.filters.decontamination.problems import humaneval, write_lines

HELPER = 'def double(x):\n    """Twice."""\n    return 2 * x\n\n\n'


def items_of(tmp_path: Path, *rows: dict[str, Any], name: str = "made") -> list[tuple[str, str]]:
    path = write_lines(tmp_path / "rows.jsonl", rows)
    return [(item.task, item.text) for item in read_items(with_full_path(f"{name}={path}"))]


@pytest.mark.parametrize(
    ("prompt", "docstring"),
    [
        ('def f():\n    """ One. """\n', "One."),
        ("def f():\n    ''' One. '''\n", "One."),
        (HELPER + 'def f():\n    """\n    Two.\n    """\n', "Two."),
    ],
)
def test_docstring_is_the_last_of_at_most_two(prompt: str, docstring: str) -> None:
    assert docstring_of(prompt) == docstring


@pytest.mark.parametrize("prompt", ["def f():\n", '"""', 3 * '"""a"""'])
def test_prompt_without_a_clear_docstring_is_an_error_that_names_the_task(
    prompt: str, tmp_path: Path
) -> None:
    row = {"task_id": "Made/7", "prompt": prompt, "canonical_solution": "pass"}
    with pytest.raises(ValueError, match=r"rows.jsonl: row 0 \(Made/7\) is not of the shape humaneval"):
        items_of(tmp_path, row)


@pytest.mark.parametrize(
    "solution", ["    return x + y\n", "return len(string)", "return n**2", "return ''.join(strings)"]
)
def test_generic_solutions_are_left_out(solution: str, tmp_path: Path) -> None:
    row = humaneval()[0] | {"canonical_solution": solution}
    assert [text[:13] for _, text in items_of(tmp_path, row)] == ["For each of t"]


def test_humaneval_gives_docstring_and_solution(tmp_path: Path) -> None:
    (task, docstring), (_, solution) = items_of(tmp_path, humaneval()[3])
    assert (task, docstring[:10], solution[:9]) == ("Made/3", "Cars wait ", "trips = -")


def test_mbpp_gives_text_and_code_of_its_test_tasks(tmp_path: Path) -> None:
    rows = [
        {"task_id": number, "text": f"text {number}", "code": f"code {number}"}
        for number in (10, 11, 510, 511)
    ]
    assert items_of(tmp_path, *rows) == [
        ("11", "text 11"),
        ("11", "code 11"),
        ("510", "text 510"),
        ("510", "code 510"),
    ]


@pytest.mark.parametrize("mark", ["# SOLUTION START", "### BEGIN SOLUTION"])
def test_ds1000_prompt_ends_before_the_solution(mark: str, tmp_path: Path) -> None:
    row = {"prompt": f"Problem\nA:\n{mark}\nx = 1", "reference_code": "x = 1"}
    assert items_of(tmp_path, row) == [("#0", f"Problem\nA:\n{mark.split(maxsplit=1)[0]} ")]


@pytest.mark.parametrize(
    ("row", "task", "text"),
    [
        ({"question": "How many?", "answer": "3"}, "#0", "How many?"),
        ({"problem_id": 4000, "question": "Given n", "solutions": "[]"}, "4000", "Given n"),
        ({"name": "HumanEval_0_cpp", "prompt": "// Do it", "tests": "}"}, "HumanEval_0_cpp", "// Do it"),
        ({"text": "plain", "id": "a"}, "a", "plain"),
    ],
)
def test_shape_is_told_by_the_columns(row: dict[str, Any], task: str, text: str, tmp_path: Path) -> None:
    assert items_of(tmp_path, row) == [(task, text)]


def test_shape_may_be_given(tmp_path: Path) -> None:
    row = {"task_id": 1, "text": "a", "code": "b", "question": "c"}
    assert items_of(tmp_path, row, name="x:text") == [("1", "a")]
    assert items_of(tmp_path, row, name="x:apps") == [("1", "c")]


def test_empty_strings_are_left_out(tmp_path: Path) -> None:
    assert items_of(tmp_path, {"text": " \n"}, {"text": "a"}) == [("#1", "a")]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "json", "json.gz", "parquet"])
def test_every_kind_of_file_gives_the_same_items(suffix: str, tmp_path: Path) -> None:
    rows, path = [{"text": "eins\u2028zwei"}, {"text": "drei"}], tmp_path / f"made.{suffix}"
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"
    data = (lines if "jsonl" in suffix else json.dumps(rows)).encode()
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    found = read_items(with_full_path(str(path)))
    assert found == [Item("made", "#0", "eins\u2028zwei"), Item("made", "#1", "drei")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": 1}', r"row 0 \(#0\) is not of the shape text"),
        ('{"wrong": 1}', "no known shape has the columns wrong"),
        ("[1]", "row 0 is 1, not an object"),
        ("{", "neither Parquet nor JSON"),
        ("\xff", "no known shape|neither Parquet nor JSON"),
        ("", "'made' holds no strings"),
        ('{"text": ""}', "'made' holds no strings"),
    ],
)
def test_unusable_file_is_an_error_that_names_it(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"made.jsonl.*(?:{message})"):
        read_items(with_full_path(str(path)))


def test_missing_file_and_unknown_shape_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no benchmark file nowhere\.jsonl"):
        with_full_path("x=nowhere.jsonl")
    path = write_lines(tmp_path / "a.jsonl", [{"text": "a"}])
    with pytest.raises(ValueError, match="no shape 'humanevil'; the shapes are humaneval"):
        with_full_path(f"x:humanevil={path}")
