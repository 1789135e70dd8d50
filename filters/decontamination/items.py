"""Benchmark files as items: the strings that must not stand in training data, each with its task.

A file is Parquet, JSON lines or one JSON list, the latter two possibly gzipped, in one of the shapes below;
the shape is the one whose columns the file has, unless it is given. Which strings a shape yields follows
BigCode's script (bigcode-dataset, decontamination/benchmark_data.py); docs/filters/decontaminate.md lists
them. A benchmark is named `NAME=PATH`, `NAME:SHAPE=PATH`, or PATH alone, whose stem is then its name.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow.parquet as pq

Row = Mapping[str, Any]


class Item(NamedTuple):
    """One string of a benchmark: `task` is the row's own id, or `#` and its number."""

    benchmark: str
    task: str
    text: str


class Shape(NamedTuple):
    """The columns that tell a shape, and the strings of a row."""

    columns: frozenset[str]
    texts: Callable[[Row], Sequence[str]]


TOO_GENERIC: Final = ("return x + y", "return len(string)", "return n**2", "return ''.join(strings)")
"""HumanEval solutions that honest code holds too."""
MBPP_TASKS: Final = range(11, 511)
"""The test split; the other tasks are for prompts, validation and training."""
_QUOTES: Final = ('"""', "'''")
_SOLUTION_MARKS: Final = ("SOLUTION START", "BEGIN SOLUTION")
_TASK_COLUMNS: Final = ("task_id", "problem_id", "id", "name")


def docstring_of(prompt: str) -> str:
    """The docstring of a HumanEval prompt: the last one, of at most two. Raises ValueError for none."""
    for quotes in _QUOTES:
        pieces = prompt.split(quotes)
        if len(pieces) in (3, 5):  # a prompt may open with a helper function, which has a docstring too
            return pieces[-2].strip()
    raise ValueError("its prompt has neither one nor two docstrings; see docs/filters/decontaminate.md")


def _humaneval(row: Row) -> list[str]:
    solution = row["canonical_solution"].strip()
    return [docstring_of(row["prompt"]), *([] if solution in TOO_GENERIC else [solution])]


def _mbpp(row: Row) -> list[str]:
    return [row["text"], row["code"]] if int(row["task_id"]) in MBPP_TASKS else []


def _ds1000(row: Row) -> list[str]:
    prompt = row["prompt"]
    for mark in _SOLUTION_MARKS:
        prompt = prompt.partition(mark)[0]
    return [prompt]


def _prompt(row: Row) -> list[str]:
    return [row["prompt"]]


def _question(row: Row) -> list[str]:
    return [row["question"]]


def _text(row: Row) -> list[str]:
    return [row["text"]]


SHAPES: Final[dict[str, Shape]] = {
    "humaneval": Shape(frozenset({"prompt", "canonical_solution"}), _humaneval),
    "mbpp": Shape(frozenset({"task_id", "text", "code"}), _mbpp),
    "ds1000": Shape(frozenset({"prompt", "reference_code"}), _ds1000),
    "multipl-e": Shape(frozenset({"prompt", "tests"}), _prompt),
    "gsm8k": Shape(frozenset({"question", "answer"}), _question),
    "apps": Shape(frozenset({"question"}), _question),
    "text": Shape(frozenset({"text"}), _text),
}
"""In the order of trial: a shape comes before those whose columns it has too."""


def with_full_path(benchmark: str) -> str:
    """`NAME=PATH` or `NAME:SHAPE=PATH` with an absolute path; PATH alone gets the file's name up to its dot.

    Raises ValueError for a file that is not there, and for a shape that is not known.
    """
    head, _, path = benchmark.partition("=")
    if Path(benchmark).is_file():
        head, path = Path(benchmark).name.split(".")[0].replace("=", "-"), benchmark
    shape = head.partition(":")[2]
    if shape and shape not in SHAPES:
        raise ValueError(f"{benchmark}: there is no shape {shape!r}; the shapes are {', '.join(SHAPES)}")
    if not head or not Path(path).is_file():
        raise ValueError(
            f"there is no benchmark file {path or benchmark}; give PATH, NAME=PATH or NAME:SHAPE=PATH"
        )
    return f"{head}={Path(path).absolute()}"


def split_name(benchmark: str) -> tuple[str, str, Path]:
    """(name, shape or "" for any, path) of what `with_full_path` gives."""
    head, _, path = benchmark.partition("=")
    name, _, shape = head.partition(":")
    return name, shape, Path(path)


def read_items(benchmark: str) -> list[Item]:
    """The items of one benchmark, as `with_full_path` gives it, in the file's order, without empty ones.

    Raises ValueError for a file that cannot be read, has another shape, or yields nothing.
    """
    name, given, path = split_name(benchmark)
    items: list[Item] = []
    for number, row in enumerate(_rows(path)):
        if not isinstance(row, dict):
            raise ValueError(f"{path}: row {number} is {row!r}, not an object of named columns")
        shape = given or shape_of(row, path)
        task = str(next((row[column] for column in _TASK_COLUMNS if column in row), f"#{number}"))
        try:
            items += [Item(name, task, text) for text in SHAPES[shape].texts(row) if text.strip()]
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: row {number} ({task}) is not of the shape {shape}: {error}") from error
    if not items:
        raise ValueError(f"{path}: the benchmark {name!r} holds no strings to search for")
    return items


def shape_of(row: Row, path: Path) -> str:
    """The first shape whose columns a row has. Raises ValueError if there is none."""
    for name, shape in SHAPES.items():
        if shape.columns <= row.keys():
            return name
    known = "; ".join(f"{name}: {', '.join(sorted(shape.columns))}" for name, shape in SHAPES.items())
    raise ValueError(f"{path}: no known shape has the columns {', '.join(row)}; shapes and columns: {known}")


def _rows(path: Path) -> Iterator[Row]:
    if path.suffix == ".parquet":
        yield from pq.read_table(path).to_pylist()
        return
    data = path.read_bytes()
    try:
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
        whole = text.lstrip().startswith("[")
        lines = (line for line in text.split("\n") if line.strip())
        yield from json.loads(text) if whole else map(json.loads, lines)
    except (OSError, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is neither Parquet nor JSON lines nor a JSON list: {error}") from error
