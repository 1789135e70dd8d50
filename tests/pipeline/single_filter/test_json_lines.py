import io
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.single_filter.json_lines import json_batches, json_schema


def read(text: str, block_bytes: int = 1 << 20) -> pa.Table:
    data = text.encode()
    schema = json_schema(io.BytesIO(data), "x.jsonl", block_bytes=block_bytes)
    stream = io.BytesIO(data)
    batches = list(json_batches(stream, "x.jsonl", schema, schema.names, block_bytes=block_bytes))
    return pa.Table.from_batches(batches, schema)


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_key_that_comes_or_is_filled_in_a_later_block_is_read() -> None:
    rows = [{"a": None, "n": 1}, {"a": "x", "n": 1.5}, {"b": ["y"], "n": None}]
    assert read(lines(*rows), block_bytes=4).to_pylist() == [
        {"a": None, "n": 1.0, "b": None}, {"a": "x", "n": 1.5, "b": None}, {"a": None, "n": None, "b": ["y"]},
    ]  # fmt: skip


def test_text_that_looks_like_a_time_stays_a_text() -> None:
    row = {"a": "2020-01-01", "b": ["2020-01-01 10:00:00"], "c": {"d": "2020-01-01T10:00:00Z"}}
    assert read(lines(row)).to_pylist() == [row]


def test_blank_lines_and_a_missing_last_line_end_are_no_rows() -> None:
    assert read('{"a": 1}\n\n  \r\n{"a": 2}').to_pylist() == [{"a": 1}, {"a": 2}]
    assert read("").num_rows == 0
    assert read("\n\n").num_rows == 0


@pytest.mark.parametrize("block_bytes", [1, 10, 1 << 20])
def test_line_that_is_no_object_is_told_by_its_number(block_bytes: int) -> None:
    for broken in ('{"a":', "[1]", "3", '{"a": "\\ud800"}'):
        with pytest.raises(ValueError, match=r"x\.jsonl, line 3: found .*expected one JSON object a line"):
            read('{"a": "1"}\n\n' + broken + '\n{"a": "2"}\n', block_bytes)


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
def test_key_of_two_types_is_told_with_its_lines(block_bytes: int) -> None:
    with pytest.raises(ValueError, match=r"x\.jsonl, lines from \d: found .*a.*type"):
        read(lines({"a": 1}, {"a": "x"}), block_bytes)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20), st.integers(min_value=1, max_value=200))
def test_any_texts_in_any_blocks_come_back(texts: list[str], block_bytes: int) -> None:
    rows = [{"content": text, "row": index} for index, text in enumerate(texts)]
    assert read(lines(*rows), block_bytes).to_pylist() == rows
