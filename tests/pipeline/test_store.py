"""Committed files, canonical keys, and the rubbish that killed writers leave."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from pipeline.store import (
    committed,
    file_digest,
    filesystem_of,
    key_of,
    read_json,
    remove_temporaries,
    write_json,
    write_table,
)


def test_committed_file_appears_whole_under_its_name_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "part.bin"
    with committed(path) as temporary:
        temporary.write_bytes(b"half")
        assert not path.exists()
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def fail_to_write(path: Path) -> None:
    with committed(path) as temporary:
        temporary.write_bytes(b"new")
        raise KeyError


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        fail_to_write(tmp_path / "part.bin")
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "part.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyError):
        fail_to_write(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "part.bin"
    with committed(path) as first, committed(path) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first"  # the one that ended last
    assert list(tmp_path.iterdir()) == [path]


def test_json_and_tables_come_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2.5, None], "a": "naïve"})
    assert read_json(tmp_path / "a.json") == {"a": "naïve", "b": [1, 2.5, None]}
    assert (tmp_path / "a.json").read_text(encoding="utf-8").index('"a"') < 10
    table = pa.table({"x": [1, 2, 3]})
    write_table(tmp_path / "a.parquet", table)
    assert pq.read_table(tmp_path / "a.parquet").equals(table)


def test_file_digest_is_xxh3_128_of_all_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000  # more than one chunk
    (tmp_path / "a").write_bytes(data)
    assert file_digest(tmp_path / "a") == xxhash.xxh3_128_hexdigest(data)


def test_key_is_that_of_every_earlier_run() -> None:
    assert key_of("a", 1, [1.5, None, True], {"b": "é", "a": []}) == "a24f40561c767750cf89a061703a14b3"


def test_key_does_not_depend_on_the_order_of_a_mapping() -> None:
    assert key_of({"a": 1, "b": {"c": 2, "d": 3}}) == key_of({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("ab", "c"), ("a", "bc")),
        (("a",), ("a", "")),
        ((1,), ("1",)),
        ((1,), (1.5,)),
        ((True,), (1,)),
        ((None,), ("null",)),
        ((["a", "b"],), (["b", "a"],)),
        ((["a"], "b"), (["a", "b"],)),
    ],
)
def test_different_values_have_different_keys(left: tuple[Any, ...], right: tuple[Any, ...]) -> None:
    assert key_of(*left) != key_of(*right)


@pytest.mark.parametrize(
    "value", [{1, 2}, b"bytes", Path("a"), object(), pa.int64(), {("a", "b"): 1}], ids=repr
)
def test_key_refuses_what_it_cannot_hash(value: Any) -> None:
    with pytest.raises(TypeError):
        key_of("stage", {"nested": [value]})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_key_refuses_numbers_that_json_does_not_have(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        key_of(value)


def test_key_takes_file_names_that_are_not_utf8() -> None:
    assert key_of("caf\udce9.py") != key_of("caf\udce8.py")


def test_temporaries_are_removed_and_nothing_else(tmp_path: Path) -> None:
    kept = tmp_path / "signals" / "part-00000.parquet"
    left = tmp_path / "signals" / ".tmp-0a1b2c0a1b2c-part-00001.parquet"
    kept.parent.mkdir()
    for path in (kept, left, tmp_path / ".tmp-999999999999-report.json"):
        path.write_bytes(b"x")
    assert remove_temporaries(tmp_path) == 2
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]


@pytest.mark.parametrize("url", ["gs://bucket/deep/part-?[0].parquet", "gcs://bucket/deep/part-?[0].parquet"])
def test_cloud_urls_need_no_package_of_their_own(url: str) -> None:
    filesystem, path = filesystem_of(url)
    assert path == "bucket/deep/part-?[0].parquet"
    assert filesystem_of(filesystem.unstrip_protocol(path))[1] == path


def test_other_paths_and_urls_are_those_of_fsspec(tmp_path: Path) -> None:
    assert filesystem_of(str(tmp_path))[1] == str(tmp_path)
    assert filesystem_of("memory://corpus/a.parquet")[1] == "/corpus/a.parquet"
