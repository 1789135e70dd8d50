"""Signals of splits: parts that are computed once, joined by document, good while they cover the gate."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters import Filter
from filters.license import License
from filters.licenses.expressions import policy_digest
from filters.size import Size
from filters.stars import Stars
from pipeline.annotate import (
    Identity,
    annotate_split,
    annotate_units,
    filter_fields,
    filter_key,
    read_signals,
)
from pipeline.config import Source
from pipeline.documents import Reading
from pipeline.engine import Engine
from pipeline.sources import Split, column_mapping, plan_splits
from pipeline.units import Receipt, Runner, StageReport
from tests.pipeline.stack import stack_row, write_stack

READING = Reading("path", column_mapping(Source(path="-")), 1000, 10**6)


@dataclass(frozen=True, kw_only=True)
class Shout:
    """Signal `loud`: whether the text has `word`; notes each call in the file `diary`."""

    name: ClassVar[str] = "shout"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("loud", pa.bool_(), nullable=False)])
    default_where: ClassVar[str] = "loud"

    word: str = "!"
    diary: str = ""

    def __call__(self, docs: pa.Table) -> pa.Table:
        if self.diary:
            with Path(self.diary).open("a", encoding="utf-8") as stream:
                stream.write(f"{len(docs)}\n")
        return pa.table(
            [pa.array([self.word in text for text in docs["content"].to_pylist()])], schema=self.schema
        )


@pytest.fixture
def splits(tmp_path: Path) -> tuple[Split, ...]:
    """Twelve documents in two splits; row 4 of the first has no text."""
    rows = [
        stack_row("!" * number if number != 4 else None, path=f"{number}.py", stars=number)
        for number in range(12)
    ]
    path = write_stack(tmp_path / "corpus" / "a.parquet", rows, row_group_size=6)
    return plan_splits(Source(path=str(path)), ["content"], split_bytes=1).splits


def annotate(
    out: Path, splits: tuple[Split, ...], *filters: Filter, gates: list[list[int]] | None = None
) -> tuple[list[tuple[Path, ...]], StageReport]:
    """Run the filters; returns each split's parts and the report."""
    paths = None
    if gates is not None:
        paths = [out / f"gate-{number}.parquet" for number in range(len(gates))]
        out.mkdir(exist_ok=True)
        for path, rows in zip(paths, gates, strict=True):
            pq.write_table(pa.table({"row": pa.array(rows, pa.int64())}), path)
    units = annotate_units(out, READING, splits, filters, paths)
    report = Runner(Engine(workers=0)).run_stage("annotate", annotate_split, units)
    return [tuple(product.path for product in unit.products) for unit in units], report


ALL = [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]


def test_parts_stand_side_by_side(tmp_path: Path, splits: tuple[Split, ...]) -> None:
    ((first, second), _), _ = annotate(tmp_path / "out", splits, Identity(), Stars())
    joined = read_signals([first, second], None)
    assert joined["row"].to_pylist() == list(range(6))
    assert joined["path"].to_pylist() == [f"{number}.py" for number in range(6)]
    assert joined["stars"].to_pylist() == list(range(6))
    assert joined["declared_license"].to_pylist() == ["MIT"] * 6
    assert joined["declared_bytes"].to_pylist() == [0, 1, 2, 3, -1, 5]
    assert joined.schema.names.count("doc_id") == 1


def test_chosen_rows_are_joined_alone(tmp_path: Path, splits: tuple[Split, ...]) -> None:
    (_, parts), _ = annotate(tmp_path / "out", splits, Identity(), Stars())
    joined = read_signals(parts, np.array([1, 4]))
    assert joined["row"].to_pylist() == [1, 4]
    assert joined["stars"].to_pylist() == [7, 10]


def test_row_without_usable_text_is_left_out_of_the_join(tmp_path: Path, splits: tuple[Split, ...]) -> None:
    (metadata, _), _ = annotate(tmp_path / "out", splits, Identity())
    (texts, _), report = annotate(tmp_path / "out", splits, Size(), gates=ALL)
    joined = read_signals([*metadata, *texts], np.array([3, 4, 5]))
    assert joined["path"].to_pylist() == ["3.py", "5.py"]
    assert joined["size_bytes"].to_pylist() == [3, 5]
    receipt = report.receipts[0][0]
    assert (receipt.rows_in, receipt.rows_out, receipt.quarantined) == (6, 5, 1)
    assert [(record.row, record.reason) for record in receipt.quarantine] == [(4, "content_null")]


def test_parts_of_other_documents_are_not_joined(tmp_path: Path, splits: tuple[Split, ...]) -> None:
    (first, second), _ = annotate(tmp_path / "out", splits, Stars())
    with pytest.raises(
        RuntimeError, match=r"its documents are not those of .* delete both, with their receipts"
    ):
        read_signals([*first, *second], None)


def test_only_new_filters_are_computed(tmp_path: Path, splits: tuple[Split, ...]) -> None:
    out, diary = tmp_path / "out", tmp_path / "diary"
    annotate(out, splits, Shout(diary=str(diary)), gates=ALL)
    diary.rename(tmp_path / "diary-1")
    _, report = annotate(out, splits, Shout(diary=str(diary)), Size(), gates=ALL)
    assert (tmp_path / "diary-1").read_text().split() == ["5", "6"]
    assert not diary.exists()
    assert report.units_cached == 2


def test_part_that_covers_more_than_the_gate_asks_is_still_good(
    tmp_path: Path, splits: tuple[Split, ...]
) -> None:
    out = tmp_path / "out"
    annotate(out, splits, Size(), gates=ALL)
    parts, report = annotate(out, splits, Size(), gates=[[1, 4, 5], [0]])
    assert report.units_cached == 2, "row 4 has no text: that it was tried is what counts"
    assert read_signals(parts[0], np.array([1, 4, 5]))["size_bytes"].to_pylist() == [1, 5]


def test_part_that_covers_less_than_the_gate_asks_is_made_again(
    tmp_path: Path, splits: tuple[Split, ...]
) -> None:
    out = tmp_path / "out"
    annotate(out, splits, Size(), gates=[[1, 5], [0]])
    parts, report = annotate(out, splits, Size(), gates=[[1, 2, 5], [0]])
    assert report.units_cached == 1
    assert read_signals(parts[0], None)["row"].to_pylist() == [1, 2, 5]


def test_split_that_cannot_be_read_is_quarantined_whole(tmp_path: Path, splits: tuple[Split, ...]) -> None:
    path = Path(splits[0].file)
    column = pq.read_metadata(path).row_group(0).column(pq.read_schema(path).names.index("content"))
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + 30] = b"\xff" * 30
    path.write_bytes(data)
    parts, report = annotate(tmp_path / "out", splits, Size(), gates=ALL)
    bad, good = (own[0] for own in report.receipts)
    assert (bad.rows_in, bad.rows_out, bad.quarantined, bad.facts["failed"]) == (6, 0, 6, True)
    assert [record.reason for record in bad.quarantine] == ["parquet_corrupt"]
    assert not parts[0][0].exists()
    assert good.rows_out == 6
    assert annotate(tmp_path / "out", splits, Size(), gates=ALL)[1].units_cached == 2


def test_key_of_a_filter_is_its_name_version_and_fields(tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Newer(Shout):
        """The same filter, whose outputs have changed."""

        version: ClassVar[int] = 2

    assert filter_key(Shout(word="a")) == filter_key(Shout(word="a"))
    assert len({filter_key(f) for f in (Shout(word="a"), Shout(word="b"), Newer(word="a"), Stars())}) == 4


def test_file_that_a_filter_reads_counts_by_its_content(tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Reader(Shout):
        """A filter that reads a file."""

        table: str = field(default="", metadata={"file": True})

    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(text)
    a, b, c = (filter_key(Reader(table=str(tmp_path / name))) for name in "abc")
    assert a == b != c
    named = filter_key(License(policy="the-stack-v1"))  # a shipped policy counts by what it says
    assert filter_fields(License(policy="the-stack-v1")) == {"policy": policy_digest("the-stack-v1")}
    assert named != filter_key(License(policy="permissive-strict"))
    policy = Shout(word=str(tmp_path / "a"))  # a field that may name a file, as a licence policy
    before = filter_key(policy)
    (tmp_path / "a").write_text("3")
    assert filter_key(policy) != before


@dataclass(frozen=True, kw_only=True)
class Faulty(Shout):
    """A filter that breaks its contract in a chosen way."""

    fault: str = ""

    def __call__(self, docs: pa.Table) -> pa.Table:
        right = Shout.__call__(self, docs)
        wrong: dict[str, Any] = {
            "gave 5 rows for 6": right.slice(1),
            "not its schema": pa.table({"loud": right["loud"].cast(pa.int8())}),
            "gave nulls": pa.table([pa.array([None] * len(docs), pa.bool_())], schema=self.schema),
        }
        table: pa.Table = wrong[self.fault]
        return table


@pytest.mark.parametrize("fault", ["gave 5 rows for 6", "not its schema", "gave nulls"])
def test_filter_that_breaks_its_contract_is_stopped(
    tmp_path: Path, splits: tuple[Split, ...], fault: str
) -> None:
    with pytest.raises(AssertionError, match=fault):
        annotate(tmp_path / "out", splits[1:], Faulty(fault=fault), gates=ALL[1:])
    assert list((tmp_path / "out" / "signals").rglob("*.parquet")) == []


def test_receipts_tell_the_digest_of_their_part(tmp_path: Path, splits: tuple[Split, ...]) -> None:
    _, first = annotate(tmp_path / "one", splits, Size(), gates=ALL)
    _, second = annotate(tmp_path / "two", splits, Size(), gates=ALL)
    digests: list[list[Receipt]] = first.receipts
    assert [r.digest for own in digests for r in own] == [r.digest for own in second.receipts for r in own]
    assert len({r.digest for own in digests for r in own}) == 2
