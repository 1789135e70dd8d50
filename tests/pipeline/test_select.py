"""Selecting rows by predicates over signals, and the funnel that tells what each predicate did."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine import Engine
from pipeline.select import evaluate, funnel, merge_funnels, select_split, select_units
from pipeline.sources import Split
from pipeline.units import Product, Receipt, Runner

FRAME = pl.DataFrame(
    {
        "stars": [0, 5, 9, None, 7, 1],
        "size_bytes": [10, 20, 40, 80, 160, 320],
        "n_tokens": [1, 2, 4, 8, 16, 32],
        "lang": ["C", "C", "Go", "Go", "C", "Go"],
    }
)
Steps = list[dict[str, int | str | None]]
WHERE = {"stars": "stars >= 5", "large": "size_bytes >= 20", "c": "lang = 'C'"}


def steps(frame: pl.DataFrame, where: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {str(step["name"]): dict(step) for step in funnel(frame, evaluate(frame, where))}


def test_funnel_tells_what_each_predicate_leaves_and_what_it_alone_drops() -> None:
    found = steps(FRAME, WHERE)
    assert list(found) == ["in", "stars", "large", "c"]
    assert found["in"] == {
        "name": "in",
        "documents": 6,
        "bytes": 630,
        "tokens": 63,
        "dropped": 0,
        "dropped_only": 0,
    }
    # rows 1, 2 and 4 have five stars; rows 0, 3 and 5 fail another predicate too
    assert found["stars"] == {
        "name": "stars", "documents": 3, "bytes": 220, "tokens": 22, "dropped": 3, "dropped_only": 0,
    }  # fmt: skip
    assert found["large"] == {**found["stars"], "name": "large", "dropped": 0, "dropped_only": 0}
    assert found["c"] == {
        "name": "c",
        "documents": 2,
        "bytes": 180,
        "tokens": 18,
        "dropped": 1,
        "dropped_only": 1,
    }


def test_dropped_only_does_not_depend_on_the_order() -> None:
    where = {"large": "size_bytes >= 20", "stars": "stars >= 0"}
    forward, backward = steps(FRAME, where), steps(FRAME, dict(reversed(where.items())))
    assert {name: step["dropped_only"] for name, step in forward.items()} == {"in": 0, "large": 1, "stars": 1}
    assert {name: step["dropped_only"] for name, step in backward.items()} == {
        "in": 0,
        "stars": 1,
        "large": 1,
    }


def test_unknown_verdict_is_a_no() -> None:
    verdicts = evaluate(FRAME, {"any": "stars >= 0", "none": "NOT stars >= 0", "null": "NULL"})
    assert verdicts["any"].tolist() == [True, True, True, False, True, True]
    assert not verdicts["none"].any()
    assert not verdicts["null"].any()


def test_constant_predicate_judges_every_row() -> None:
    verdicts = evaluate(FRAME, {"yes": "TRUE", "no": "FALSE"})
    assert verdicts["yes"].tolist() == [True] * 6
    assert verdicts["no"].tolist() == [False] * 6
    assert evaluate(FRAME, {}) == {}


def test_empty_split_has_a_funnel_of_zeros() -> None:
    found = steps(FRAME.clear(), WHERE)
    assert [step["documents"] for step in found.values()] == [0, 0, 0, 0]
    assert found["in"]["bytes"] == 0


def test_declared_sizes_stand_in_before_text_is_read_and_one_unknown_makes_all_unknown() -> None:
    frame = pl.DataFrame({"stars": [1, 2, 3], "declared_bytes": [10, 20, -1]})
    found = steps(frame, {"few": "stars < 3"})
    assert (found["in"]["bytes"], found["in"]["tokens"]) == (None, None)
    assert found["few"]["bytes"] == 30


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.floats(-2, 2)), max_size=30),
    st.integers(-3, 3),
    st.integers(0, 3),
    st.floats(-2, 2),
)
@settings(deadline=None, max_examples=50)
def test_stricter_predicate_keeps_a_subset(
    rows: list[tuple[int, float]], threshold: int, more: int, ratio: float
) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.Int64, "b": pl.Float64}, orient="row")
    kept = [
        np.logical_and.reduce(list(evaluate(frame, where).values()))
        for where in (
            {"a": f"a >= {threshold}"},
            {"a": f"a >= {threshold + more}"},
            {"a": f"a >= {threshold + more}", "b": f"b < {ratio:.6f}"},
        )
    ]
    for wide, narrow in itertools.pairwise(kept):
        assert not (narrow & ~wide).any()


def test_funnels_of_splits_are_summed_and_unknown_stays_unknown() -> None:
    first: Steps = [
        {"name": "in", "documents": 3, "bytes": 10, "tokens": None, "dropped": 0, "dropped_only": 0}
    ]
    second: Steps = [
        {"name": "in", "documents": 4, "bytes": None, "tokens": None, "dropped": 1, "dropped_only": 1}
    ]
    assert merge_funnels([first, [], second, first]) == [
        {"name": "in", "documents": 10, "bytes": None, "tokens": None, "dropped": 1, "dropped_only": 1}
    ]
    assert merge_funnels([]) == []


def write_part(path: Path, **columns: Any) -> Path:
    """A signal part of six documents with its receipt."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = pa.array([bytes([number]) * 16 for number in range(6)], pa.binary(16))
    pq.write_table(pa.table({"row": np.arange(6), "doc_id": ids, **columns}), path)
    Product(path.with_suffix(".json"), "k").commit(Receipt("k", 6, 6, digest=path.parent.name))
    return path


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, ...]:
    about = {name: ["x"] * 6 for name in ("repo", "declared_license", "lang")}
    return (
        write_part(tmp_path / "identity" / "part-00000.parquet", **about),
        write_part(tmp_path / "stars" / "part-00000.parquet", stars=[0, 5, 9, 3, 7, 1]),
        write_part(tmp_path / "size" / "part-00000.parquet", size_bytes=[10, 20, 40, 80, 160, 320]),
    )


def select(
    folder: Path, parts: tuple[Path, ...], where: dict[str, str], **options: Any
) -> tuple[Receipt, pa.Table, int]:
    """The receipt and survivors of one split, and how much of it was cached."""
    split = Split("a.parquet", (0,), 6, 630, "digest")
    units = select_units(folder, [split], [parts], options.get("gates"), where, options.get("keep", ()))
    report = Runner(Engine(workers=0)).run_stage("select", select_split, units)
    return report.receipts[0][0], pq.read_table(units[0].products[0].path), report.units_cached


def test_survivors_carry_what_later_stages_read(tmp_path: Path, parts: tuple[Path, ...]) -> None:
    receipt, kept, _ = select(tmp_path / "out", parts, {"stars": "stars >= 5"}, keep=("stars desc", "doc_id"))
    assert kept["row"].to_pylist() == [1, 2, 4]
    assert kept["key_0"].to_pylist() == [5, 9, 7]
    assert kept["key_1"].to_pylist() == kept["doc_id"].to_pylist() == [bytes([n]) * 16 for n in (1, 2, 4)]
    assert {"repo", "license", "lang", "size_bytes"} <= set(kept.schema.names)
    assert (receipt.rows_in, receipt.rows_out, receipt.dropped) == (6, 3, {"stars": 3})


def test_gate_bounds_what_is_looked_at(tmp_path: Path, parts: tuple[Path, ...]) -> None:
    gate = tmp_path / "gate.parquet"
    pq.write_table(pa.table({"row": [0, 1, 2]}), gate)
    receipt, kept, _ = select(tmp_path / "out", parts, {"stars": "stars >= 5"}, gates=[gate])
    assert kept["row"].to_pylist() == [1, 2]
    assert receipt.rows_in == 3


def test_selection_without_predicates_keeps_all(tmp_path: Path, parts: tuple[Path, ...]) -> None:
    receipt, kept, _ = select(tmp_path / "out", parts, {})
    assert kept["row"].to_pylist() == list(range(6))
    assert receipt.dropped == {}


def test_same_question_is_answered_from_the_cache_and_another_is_not(
    tmp_path: Path, parts: tuple[Path, ...]
) -> None:
    ordered = {"stars": "stars >= 5", "size": "size_bytes > 20"}
    assert select(tmp_path / "out", parts, ordered)[2] == 0
    assert select(tmp_path / "out", parts, ordered)[2] == 1
    assert select(tmp_path / "out", parts, {"stars": "stars >= 6", "size": "size_bytes > 20"})[2] == 0
    assert select(tmp_path / "out", parts, ordered)[2] == 0
    assert select(tmp_path / "out", parts, dict(reversed(ordered.items())))[2] == 0, "the funnel has an order"


def test_split_whose_text_could_not_be_read_gives_nothing(tmp_path: Path, parts: tuple[Path, ...]) -> None:
    lost = tmp_path / "lost" / "part-00000.parquet"
    Product(lost.with_suffix(".json"), "k").commit(Receipt("k", 6, 0, quarantined=6, facts={"failed": True}))
    receipt, kept, _ = select(tmp_path / "out", (*parts, lost), {"stars": "stars >= 5"})
    assert len(kept) == 0
    assert (receipt.rows_in, receipt.facts["funnel"]) == (0, [])
