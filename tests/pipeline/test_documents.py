"""Reading documents: what reaches a filter, what is set aside, and what names a document."""

from __future__ import annotations

import dataclasses
import itertools
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Source
from pipeline.documents import Reading, read_batches
from pipeline.sources import Split, column_mapping, plan_splits
from pipeline.units import BadInput, Quarantine
from tests.pipeline.stack import Row, stack_row, write_stack

CONTENT = ("content",)
PLAIN = {"content": "content", "max_stars_repo_path": "path"}


def reading(**changes: Any) -> Reading:
    base = Reading("path", column_mapping(Source(path="-")), max_document_bytes=1000, batch_bytes=1 << 20)
    return dataclasses.replace(base, **changes)


def only_split(path: Path, *, columns: Any = "stack-v1", limit: int | None = None) -> Split:
    source = Source(path=str(path), columns=columns)
    (split,) = plan_splits(source, CONTENT, split_bytes=1 << 40, limit=limit).splits
    return split


def read(
    split: Split, how: Reading, columns: tuple[str, ...] = CONTENT, rows: list[int] | None = None
) -> tuple[pa.Table, list[Quarantine]]:
    """All documents of a split as one table, and all quarantine records."""
    wanted = None if rows is None else np.array(rows, np.int64)
    batches = list(read_batches(split, how, columns, rows=wanted))
    records = [record for batch in batches for record in batch.quarantine]
    return pa.concat_tables([batch.documents for batch in batches]), records


def write_content(path: Path, content: pa.Array, **columns: Any) -> Split:
    """A file of the given contents with paths 0.py, 1.py, …"""
    paths = [f"{number}.py" for number in range(len(content))]
    pq.write_table(pa.table({"content": content, "path": paths, **columns}), path)
    return only_split(path, columns=PLAIN)


@pytest.fixture
def split(tmp_path: Path) -> Split:
    """Thirty documents of growing size in row groups of four."""
    rows = [stack_row(f"x = {number}\n" * number, path=f"{number}.py", stars=number) for number in range(30)]
    return only_split(write_stack(tmp_path / "a.parquet", rows, row_group_size=4))


def test_documents_come_in_order_with_canonical_types(split: Split) -> None:
    documents, quarantine = read(split, reading(), ("content", "max_stars_count", "max_stars_repo_licenses"))
    assert quarantine == []
    assert documents["row"].to_pylist() == list(range(30))
    assert documents["content"].to_pylist() == [f"x = {number}\n" * number for number in range(30)]
    assert documents["max_stars_count"].to_pylist() == list(range(30))
    assert documents["max_stars_repo_licenses"].to_pylist() == [["MIT"]] * 30
    assert documents.schema.field("content").type == pa.large_string()
    assert documents.schema.field("doc_id").type == pa.binary(16)


def test_unusable_text_is_set_aside_and_its_neighbours_are_unharmed(tmp_path: Path) -> None:
    content = [
        b"good",
        None,
        b"\xff\xfe",
        b"ok \xed\xa0\x80 lone surrogate",
        b"x" * 1001,
        b"",
        b"\xc3",
        "naïve 中文".encode(),
    ]
    found = write_content(tmp_path / "a.parquet", pa.array(content, pa.binary()))
    documents, quarantine = read(found, reading(mapping=PLAIN))
    assert documents["row"].to_pylist() == [0, 5, 7]
    assert documents["content"].to_pylist() == ["good", "", "naïve 中文"]
    assert documents["max_stars_repo_path"].to_pylist() == ["0.py", "5.py", "7.py"]
    reasons = {record.row: record.reason for record in quarantine}
    assert reasons == {
        1: "content_null",
        2: "content_not_utf8",
        3: "content_not_utf8",
        4: "document_too_large",
        6: "content_not_utf8",
    }
    for record in quarantine:
        assert record.file == found.file
        assert f"row {record.row} of the split" in record.message
    messages = {record.row: record.message for record in quarantine}
    assert "byte at offset 3 that is not UTF-8" in messages[3]
    assert "decode the file with its own encoding" in messages[3]
    assert "found 1001 bytes of text, expected at most 1000; raise source.max_document_bytes" in messages[4]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_every_kind_of_text_column_gives_the_same_documents(tmp_path: Path, kind: pa.DataType) -> None:
    found = write_content(tmp_path / "a.parquet", pa.array(["a", "b", None, "a"], kind))
    documents, quarantine = read(found, reading(mapping=PLAIN))
    assert documents["content"].to_pylist() == ["a", "b", "a"]
    assert documents.schema.field("content").type == pa.large_string()
    assert [record.row for record in quarantine] == [2]


def test_content_without_any_text_is_all_set_aside(tmp_path: Path) -> None:
    found = write_content(tmp_path / "a.parquet", pa.nulls(3))
    documents, quarantine = read(found, reading(mapping=PLAIN))
    assert len(documents) == 0
    assert [record.reason for record in quarantine] == ["content_null"] * 3


def test_absent_columns_read_as_null(tmp_path: Path) -> None:
    found = write_content(tmp_path / "a.parquet", pa.array(["a"]))
    documents, _ = read(found, reading(mapping=PLAIN), ("content", "max_stars_count", "lang"))
    assert documents["max_stars_count"].to_pylist() == [None]
    assert documents["lang"].to_pylist() == [None]


def test_one_column_may_serve_twice(tmp_path: Path) -> None:
    found = write_content(tmp_path / "a.parquet", pa.array(["a"]))
    twice = {**PLAIN, "max_stars_repo_name": "path"}
    documents, _ = read(found, reading(mapping=twice), ("content", "max_stars_repo_name"))
    assert (
        documents["max_stars_repo_name"].to_pylist()
        == documents["max_stars_repo_path"].to_pylist()
        == ["0.py"]
    )


def test_count_that_is_not_a_number_is_unknown(tmp_path: Path) -> None:
    stars = pa.array([7.0, float("nan"), None, float("inf"), 1e300])
    found = write_content(tmp_path / "a.parquet", pa.array(["a"] * 5), stars=stars)
    how = reading(mapping={**PLAIN, "max_stars_count": "stars"})
    documents, _ = read(found, how, ("max_stars_count",))
    assert documents["max_stars_count"].to_pylist() == [7, None, None, None, None]


def test_single_license_reads_as_a_list_of_one(tmp_path: Path) -> None:
    found = write_content(tmp_path / "a.parquet", pa.array(["a", "b"]), license=["MIT", None])
    how = reading(mapping={**PLAIN, "max_stars_repo_licenses": "license"})
    documents, _ = read(found, how, ("max_stars_repo_licenses",))
    assert documents["max_stars_repo_licenses"].to_pylist() == [["MIT"], None]


def test_licences_as_bigquery_exports_them_are_lists(tmp_path: Path) -> None:
    struct = pa.struct([("list", pa.list_(pa.struct([("item", pa.string())])))])
    licenses = pa.array([{"list": [{"item": "MIT"}, {"item": "ISC"}]}, {"list": []}, None], struct)
    found = write_content(tmp_path / "a.parquet", pa.array(["a", "b", "c"]), licenses=licenses)
    how = reading(mapping={**PLAIN, "max_stars_repo_licenses": "licenses"})
    documents, _ = read(found, how, ("max_stars_repo_licenses",))
    assert documents["max_stars_repo_licenses"].to_pylist() == [["MIT", "ISC"], [], None]


def test_metadata_that_is_not_utf8_is_shown_repaired_and_identifies_by_its_bytes(tmp_path: Path) -> None:
    paths = pa.array([b"caf\xe9.py", b"caf\xe8.py"])
    licenses = pa.array([[b"MIT", b"\xff"], None], pa.list_(pa.binary()))
    pq.write_table(
        pa.table({"content": ["a", "b"], "path": paths, "licenses": licenses}), tmp_path / "a.parquet"
    )
    mapping = {**PLAIN, "max_stars_repo_licenses": "licenses"}
    found = only_split(tmp_path / "a.parquet", columns=mapping)
    documents, quarantine = read(found, reading(mapping=mapping), ("content", "max_stars_repo_licenses"))
    assert quarantine == []
    assert documents["max_stars_repo_path"].to_pylist() == ["caf\ufffd.py"] * 2
    assert documents["max_stars_repo_licenses"].to_pylist() == [["MIT", "\ufffd"], None]
    assert len(set(documents["doc_id"].to_pylist())) == 2


@pytest.mark.parametrize("rows", [[0], [29], [3, 4, 5], [0, 7, 8, 21, 29], list(range(30))], ids=str)
@pytest.mark.parametrize("batch_bytes", [1, 100, 1 << 20])
def test_chosen_rows_are_the_same_documents(split: Split, rows: list[int], batch_bytes: int) -> None:
    everything, _ = read(split, reading())
    chosen, _ = read(split, reading(batch_bytes=batch_bytes), rows=rows)
    assert chosen.equals(everything.take(pa.array(rows)))


def test_no_rows_read_nothing(split: Split) -> None:
    gone = dataclasses.replace(split, file=split.file + ".gone")
    assert list(read_batches(gone, reading(), CONTENT, rows=np.array([], np.int64))) == []


@pytest.mark.parametrize("batch_bytes", [1, 7, 100, 1000])
def test_batches_bound_memory_and_change_nothing(split: Split, batch_bytes: int) -> None:
    assert read(split, reading(batch_bytes=batch_bytes))[0].equals(read(split, reading())[0])
    batches = list(read_batches(split, reading(batch_bytes=batch_bytes), CONTENT))
    average = split.text_bytes / split.rows
    assert max(len(batch.documents) for batch in batches) <= max(1, batch_bytes / average) + 1


def test_quarantine_does_not_depend_on_batches_or_chosen_rows(tmp_path: Path) -> None:
    content = pa.array([None if number % 3 == 0 else str(number) for number in range(20)])
    found = write_content(tmp_path / "a.parquet", content)
    whole = read(found, reading(mapping=PLAIN))[1]
    assert [record.row for record in whole] == [0, 3, 6, 9, 12, 15, 18]
    assert read(found, reading(mapping=PLAIN, batch_bytes=1))[1] == whole
    assert read(found, reading(mapping=PLAIN), rows=[2, 3, 4, 18])[1] == [whole[1], whole[6]]


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 29])
def test_limited_split_gives_its_first_rows(split: Split, limit: int) -> None:
    first, _ = read(only_split(Path(split.file), limit=limit), reading())
    assert first.equals(read(split, reading())[0].slice(0, limit))


@pytest.mark.parametrize("compression", ["none", "zstd", "snappy"])
def test_damaged_page_is_bad_input_that_names_the_file(tmp_path: Path, compression: str) -> None:
    rows = [stack_row(f"value_{number} = {number**5}\n" * 9, path=f"{number}.py") for number in range(200)]
    path = tmp_path / "a.parquet"
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, path, compression=compression, use_dictionary=False, write_page_checksum=True)
    column = pq.read_metadata(path).row_group(0).column(table.schema.names.index("content"))
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 16] = bytes(255 - byte for byte in data[middle : middle + 16])
    path.write_bytes(data)
    with pytest.raises(BadInput) as raised:
        read(only_split(path), reading(max_document_bytes=10**6))
    record = raised.value.record
    assert (record.file, record.row, record.reason) == (str(path), -1, "parquet_corrupt")
    assert str(path) in record.message
    assert "row 0 and after cannot be decoded" in record.message


def test_file_that_is_gone_stops_the_run_and_is_not_held_against_the_file(split: Split) -> None:
    Path(split.file).unlink()
    with pytest.raises(FileNotFoundError):
        read(split, reading())


def identities(tmp_path: Path, *rows: Row, source: str = "path") -> list[bytes]:
    split = only_split(write_stack(tmp_path / "ids.parquet", list(rows)))
    ids: list[bytes] = read(split, reading(source_name=source))[0]["doc_id"].to_pylist()
    return ids


def test_doc_id_is_the_documented_hash(tmp_path: Path) -> None:
    (found,) = identities(tmp_path, stack_row("x", repo="ann/tools", path="é.py"), source="mine")
    packed = b"4:mine" + b"9:ann/tools" + b"5:\xc3\xa9.py" + b"6:c0ffee"
    assert found == blake2b(packed, digest_size=16).digest()


def test_doc_id_depends_on_each_part_and_on_nothing_else(tmp_path: Path) -> None:
    base = stack_row("x")
    others = [
        {**base, "max_stars_repo_name": "bob/tools"},
        {**base, "max_stars_repo_path": "b.py"},
        {**base, "max_stars_repo_head_hexsha": "deadbeef"},
    ]
    found = identities(tmp_path, base, *others)
    (elsewhere,) = identities(tmp_path, base, source="other")
    assert len({*found, elsewhere}) == 5
    assert identities(tmp_path, {**base, "content": "y", "max_stars_count": 9, "lang": "C"}) == found[:1]


def test_doc_id_does_not_depend_on_the_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert (
        identities(tmp_path, stack_row("x"))
        == identities(tmp_path / "elsewhere", stack_row("y"), stack_row("x", path="q"))[:1]
    )


def test_doc_id_parts_cannot_blend(tmp_path: Path) -> None:
    """No way of moving characters, digits and colons between the parts gives the same id."""
    parts = ["", "a", "1:a", "a1:", "1:", ":"]
    rows = [
        {
            **stack_row("x"),
            "max_stars_repo_name": repo,
            "max_stars_repo_path": path,
            "max_stars_repo_head_hexsha": revision,
        }
        for repo, path, revision in itertools.product(parts, parts, parts)
    ]
    assert len(set(identities(tmp_path, *rows))) == len(rows)
