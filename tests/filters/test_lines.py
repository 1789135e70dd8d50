"""The line statistics against Python's own str methods."""

import sysconfig
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.lines import Lines

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def reference(text: str) -> dict[str, float]:
    lengths = [len(line) for line in text.splitlines()]
    characters = max(len(text), 1)
    return {
        "avg_line_length": float(np.mean(lengths)) if lengths else 0.0,
        "max_line_length": max(lengths, default=0),
        "alphanum_fraction": sum(map(str.isalnum, text)) / characters,
        "n_lines": len(lengths),
        "alpha_fraction": sum(map(str.isalpha, text)) / characters,
    }


def measure(texts: list[str]) -> list[dict[str, float]]:
    return list(Lines()(pa.table({"content": pa.array(texts, pa.large_string())})).to_pylist())


def test_empty_document_is_all_zeros() -> None:
    assert measure([""]) == [dict.fromkeys(reference(""), 0)]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(st.one_of(st.sampled_from(LINE_ENDS + "aé漢_ 1²"), st.characters(codec="utf-8")))))
def test_any_text_measures_as_in_python(texts: list[str]) -> None:
    assert measure(texts) == [reference(text) for text in texts]


def test_every_code_point_counts_as_in_python() -> None:
    planes = ["".join(map(chr, range(first, first + 0x800))) for first in range(0, 0x110000, 0x800)]
    texts = [plane for plane in planes if not "\ud800" <= plane[0] <= "\udfff"]
    assert measure(texts) == [reference(text) for text in texts]


def test_standard_library_measures_as_in_python() -> None:
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:60]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in paths]
    assert len(texts) > 20
    assert measure(texts) == [reference(text) for text in texts]


def test_one_line_of_fifty_megabytes() -> None:
    row = measure(["a" * 50_000_000])[0]
    assert (row["max_line_length"], row["n_lines"], row["alphanum_fraction"]) == (50_000_000, 1, 1.0)
