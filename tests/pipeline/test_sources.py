"""From a source to splits: which files, which columns, which row groups, and what is refused or set aside."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Source
from pipeline.sources import Plan, column_mapping, list_files, plan_splits, source_name
from tests.pipeline.stack import stack_row, write_stack

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


def plan(path: Path | str, *, split_bytes: int = 1, limit: int | None = None, **source: Any) -> Plan:
    columns = ["content", "max_stars_count"]
    return plan_splits(Source(path=str(path), **source), columns, split_bytes=split_bytes, limit=limit)


def write_table(path: Path, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        pa.table({"content": ["a"], "max_stars_repo_path": ["a.py"], "max_stars_count": [1], **columns}), path
    )
    return path


def names(urls: Sequence[str], root: Path) -> list[str]:
    return [os.path.relpath(url, root) for url in urls]


def test_nested_language_folders_are_read_in_order(tmp_path: Path) -> None:
    wanted = [
        "data/java/train-0000.parquet",
        "data/python/train-0000.parquet",
        "data/python/train-0001.parquet",
    ]
    for name in reversed(wanted):
        write_table(tmp_path / name)
    for other in ("README.md", "data/python/_SUCCESS.parquet", "data/.tmp-0.parquet"):
        (tmp_path / other).write_text("not data")
    assert names(list_files(Source(path=str(tmp_path))), tmp_path) == wanted


def test_hub_source_lists_the_files_of_its_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code that lists a hub dataset, on a folder laid out like one."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    wanted = ["data/java/train-00000-of-00001.parquet", "data/python/train-00000-of-00001.parquet"]
    for name in [*wanted, "docs/example.parquet.txt"]:
        write_table(tmp_path / name)
    (tmp_path / "README.md").write_text("---\nlicense: other\n---\n")
    assert names(list_files(Source(hub=str(tmp_path))), tmp_path) == wanted
    assert names(list_files(Source(hub=str(tmp_path), data_dir="data/python")), tmp_path) == wanted[1:]


def test_hub_source_that_cannot_be_listed_says_what_to_do(tmp_path: Path) -> None:
    write_table(tmp_path / "data" / "train-0.parquet")
    with pytest.raises(ValueError, match=r"source\.hub: cannot list .*data_dir data/rust.*hf auth login"):
        list_files(Source(hub=str(tmp_path), data_dir="data/rust"))


def test_remote_files_keep_their_protocol_and_are_read_through_it() -> None:
    remote = fsspec.filesystem("memory")
    root = "memory:///stack@main/data"
    wanted = [f"{root}/{language}/train-0000.parquet" for language in ("c", "python")]
    for url in wanted:
        with remote.open(url, "wb") as stream:
            pq.write_table(pa.Table.from_pylist([stack_row("text")]), stream)
    assert [split.file for split in plan(root).splits] == wanted


def test_glob_and_single_file_are_read(tmp_path: Path) -> None:
    for name in ("a-0.parquet", "a-1.parquet", "b-0.parquet"):
        write_table(tmp_path / name)
    assert names(list_files(Source(path=f"{tmp_path}/a-*.parquet")), tmp_path) == [
        "a-0.parquet",
        "a-1.parquet",
    ]
    assert names(list_files(Source(path=f"{tmp_path}/b-0.parquet")), tmp_path) == ["b-0.parquet"]


def test_folder_whose_name_looks_like_a_file_or_a_glob_is_a_folder(tmp_path: Path) -> None:
    write_table(tmp_path / "table.parquet" / "part-0.parquet")
    write_table(tmp_path / "[old]" / "part-1.parquet")
    assert names(list_files(Source(path=f"{tmp_path}/table.parquet")), tmp_path) == [
        "table.parquet/part-0.parquet"
    ]
    assert names(list_files(Source(path=f"{tmp_path}/[old]")), tmp_path) == ["[old]/part-1.parquet"]
    assert len(list_files(Source(path=str(tmp_path)))) == 2
    write_table(tmp_path / "plain.parquet")
    assert names(list_files(Source(path=f"{tmp_path}/*.parquet")), tmp_path) == ["plain.parquet"]


def test_links_into_a_cache_are_read(tmp_path: Path) -> None:
    blob = write_table(tmp_path / "blobs" / "1a2b")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "train.parquet").symlink_to(blob)
    assert [split.rows for split in plan(tmp_path / "snapshot").splits] == [1]


@pytest.mark.parametrize("path", ["", "none/*.parquet", "none.parquet"])
def test_source_without_files_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match=r"no Parquet file matches .*expected a folder, a glob or a file"):
        list_files(Source(path=f"{tmp_path}/{path}"))


def test_missing_column_names_column_file_and_mapping_key(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"], "max_stars_repo_path": ["p"], "max_stars_count": [1]}), path)
    message = (
        rf"^{path} has no column 'content' \(source\.columns\.content\); its columns are text, max_stars"
    )
    with pytest.raises(ValueError, match=message):
        plan(tmp_path)
    mapping = {"content": "text", "max_stars_repo_path": "max_stars_repo_path"}
    assert len(plan(tmp_path, columns=mapping).splits) == 1


def test_column_that_nothing_needs_may_be_missing(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet")  # has no lang, no licences
    assert len(plan(tmp_path).splits) == 1


@pytest.mark.parametrize(
    ("column", "values", "found", "expected"),
    [
        ("content", [1], "int64", "large_string"),
        ("max_stars_count", ["many"], "string", "int64"),
        ("max_stars_repo_licenses", [[1]], "list<element: int64>", "list<item: large_string>"),
        ("lang", [7], "int64", "large_string"),
    ],
)
def test_mistyped_column_is_refused(
    tmp_path: Path, column: str, values: list[Any], found: str, expected: str
) -> None:
    write_table(tmp_path / "a.parquet", **{column: values})
    problem = f"column {column!r} (source.columns.{column}) is {found}, expected {expected}"
    with pytest.raises(ValueError, match=re.escape(problem)):
        plan(tmp_path)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_every_kind_of_text_column_is_taken(tmp_path: Path, kind: pa.DataType) -> None:
    write_table(tmp_path / "a.parquet", content=pa.array(["a"], kind))
    assert plan(tmp_path).splits[0].text_bytes > 0


def test_damaged_files_are_set_aside_by_name_while_others_go_on(tmp_path: Path) -> None:
    write_table(tmp_path / "good.parquet")
    whole = write_table(tmp_path / "truncated.parquet").read_bytes()
    (tmp_path / "truncated.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "pointer.parquet").write_text(LFS_POINTER)
    (tmp_path / "broken-link.parquet").symlink_to("nowhere")
    found = plan(tmp_path)
    assert names([split.file for split in found.splits], tmp_path) == ["good.parquet"]
    aside = ["broken-link.parquet", "empty.parquet", "pointer.parquet", "truncated.parquet"]
    assert names([record.file for record in found.quarantine], tmp_path) == aside
    for record in found.quarantine:
        assert (record.row, record.reason) == (-1, "parquet_unreadable")
        assert record.file in record.message
        assert "write it again" in record.message


def test_source_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    (tmp_path / "b.parquet").write_text(LFS_POINTER)
    with pytest.raises(ValueError, match=r"none of its files is readable as Parquet.*a\.parquet"):
        plan(tmp_path)


def test_file_without_rows_is_no_damage(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.parquet", [])
    assert sum(split.rows for split in plan(tmp_path).splits) == 0
    assert plan(tmp_path).quarantine == ()


def test_row_groups_are_divided_by_their_text(tmp_path: Path) -> None:
    rows = [stack_row(f"{number:04d}" * 250, path=f"{number}.py") for number in range(12)]
    path = write_stack(tmp_path / "a.parquet", rows, row_group_size=2)
    sizes = [split.text_bytes for split in plan(tmp_path, split_bytes=1).splits]
    assert len(sizes) == 6
    assert all(2000 <= size < 10_000 for size in sizes)
    halves = plan(tmp_path, split_bytes=sum(sizes[:3])).splits
    assert [split.row_groups for split in halves] == [(0, 1, 2), (3, 4, 5)]
    assert [split.rows for split in halves] == [6, 6]
    assert [split.label for split in halves] == [f"{path} row groups 0–2", f"{path} row groups 3–5"]
    assert len(plan(tmp_path, split_bytes=10**9).splits) == 1


def test_text_is_measured_in_the_content_column_even_beside_nested_ones(tmp_path: Path) -> None:
    nested = pa.array([{"content": "x" * 9000}], pa.struct([("content", pa.string())]))
    table = pa.table(
        {"about": nested, "content": ["a"], "max_stars_repo_path": ["p"], "max_stars_count": [1]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert plan(tmp_path).splits[0].text_bytes < 100


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 7, 12, 13])
def test_limit_takes_the_first_rows(tmp_path: Path, limit: int) -> None:
    for number in range(2):
        rows = [stack_row("a", path=f"{number}-{row}.py") for row in range(6)]
        write_stack(tmp_path / f"{number}.parquet", rows, row_group_size=2)
    splits = plan(tmp_path, limit=limit).splits
    assert sum(split.rows for split in splits) == min(limit, 12)
    assert all(split.rows == 2 for split in splits[:-1])


def test_rows_without_text_are_divided_by_their_number(tmp_path: Path) -> None:
    """A million empty files are not one split: what later stages hold for a row would not be bounded."""
    write_stack(tmp_path / "a.parquet", [stack_row("") for _ in range(100)], row_group_size=10)
    splits = plan(tmp_path, split_bytes=256 * 20).splits
    assert [split.rows for split in splits] == [20] * 5


def test_limited_split_has_another_digest_than_the_whole(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.parquet", [stack_row("a"), stack_row("b")])
    (whole,), (part,) = plan(tmp_path).splits, plan(tmp_path, limit=1).splits
    assert whole.digest != part.digest
    assert plan(tmp_path, limit=2).splits[0].rows == whole.rows


def test_digest_changes_with_the_file_and_only_then(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet")
    other = write_table(tmp_path / "b.parquet", content=["b"])
    before = {split.file: split.digest for split in plan(tmp_path).splits}
    assert before == {split.file: split.digest for split in plan(tmp_path).splits}
    assert len(set(before.values())) == 2
    os.utime(path, ns=(0, 0))
    after = {split.file: split.digest for split in plan(tmp_path).splits}
    assert after[str(path)] != before[str(path)]
    assert after[str(other)] == before[str(other)]


def test_row_groups_of_one_file_have_their_own_digests(tmp_path: Path) -> None:
    write_stack(tmp_path / "a.parquet", [stack_row("a"), stack_row("a")], row_group_size=1)
    assert len({split.digest for split in plan(tmp_path).splits}) == 2


@pytest.mark.parametrize(
    "preset", ["stack-v1", "the-stack-smol", "starcoderdata", "stack-v2", "plain", "plain-text"]
)
def test_presets_name_text_and_path(preset: str) -> None:
    mapping = column_mapping(Source(path="-", columns=preset))
    assert {"content", "max_stars_repo_path"} <= set(mapping)


def test_preset_maps_the_datasets_own_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "path": ["p"]}), tmp_path / "a.parquet")
    source = Source(path=str(tmp_path), columns="plain-text")
    assert len(plan_splits(source, ["content"], split_bytes=1).splits) == 1


def test_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no preset 'stack'; the presets are stack-v1, the-stack-smol"):
        column_mapping(Source(path="-", columns="stack"))


def test_mapping_of_an_unknown_column_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"source\.columns\.text: not a canonical column; those are content, lang"
    ):
        column_mapping(Source(path="-", columns={"text": "content"}))


@pytest.mark.parametrize(
    ("mapping", "missing"),
    [
        ({"content": "content"}, "max_stars_repo_path"),
        ({"max_stars_repo_path": "max_stars_repo_path"}, "content"),
    ],
)
def test_mapping_without_text_or_path_is_refused(
    tmp_path: Path, mapping: dict[str, str], missing: str
) -> None:
    write_table(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=f"source.columns.{missing} is missing: name the column"):
        plan(tmp_path, columns=mapping)


def test_source_is_named_by_its_kind_unless_told() -> None:
    assert source_name(Source(env=True)) == "env"
    assert source_name(Source(path="/anywhere")) == "path"
    assert source_name(Source(hub="bigcode/the-stack")) == "bigcode/the-stack"
    assert source_name(Source(path="/anywhere", name="mine")) == "mine"
