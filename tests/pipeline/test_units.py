"""The stage loop: what is done again, what is not, and that every row is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import Engine, Outcome, UnitLost
from pipeline.units import Pending, Product, Quarantine, Receipt, Runner, Unit, read_receipt


def make(work: Path, pending: tuple[Product, ...]) -> list[Receipt]:
    """Take three rows in, drop one; note each call in the file `work`."""
    with work.open("a", encoding="utf-8") as calls:
        calls.write(" ".join(product.receipt.stem for product in pending) + "\n")
    return [product.commit(Receipt(product.key, 3, 2, {"short": 1})) for product in pending]


def lose_rows(work: Any, pending: tuple[Product, ...]) -> list[Receipt]:
    return [product.commit(Receipt(product.key, 3, 1, {"short": 1})) for product in pending]


def fail(work: Any, pending: tuple[Product, ...]) -> list[Receipt]:
    raise ValueError("this unit cannot be made")


def unit(folder: Path, *names: str, key: str = "k1", rows: int = 3) -> Unit:
    products = tuple(Product(folder / f"{name}.json", key) for name in names)
    return Unit("+".join(names), folder / "calls.txt", products, rows)


def calls(folder: Path) -> list[str]:
    path = folder / "calls.txt"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def runner() -> Runner:
    return Runner(Engine(workers=0))


def test_finished_product_is_not_made_again(tmp_path: Path, runner: Runner) -> None:
    units = [unit(tmp_path, "a"), unit(tmp_path, "b")]
    first = runner.run_stage("s", make, units)
    again = runner.run_stage("s", make, units)
    assert calls(tmp_path) == ["a", "b"]
    assert (first.units, first.units_cached) == (2, 0)
    assert (again.units, again.units_cached) == (2, 2)
    assert again.receipts == first.receipts


def test_changed_key_is_made_again_and_says_why(tmp_path: Path, runner: Runner) -> None:
    runner.run_stage("s", make, [unit(tmp_path, "a"), unit(tmp_path, "b")])
    report = runner.run_stage(
        "s", make, [unit(tmp_path, "a"), unit(tmp_path, "b", key="k2"), unit(tmp_path, "c")]
    )
    assert calls(tmp_path) == ["a", "b", "b", "c"]
    assert report.units_cached == 1
    assert report.stale == {"settings or inputs changed": 1, "no receipt yet": 1}


def test_only_the_missing_products_of_a_unit_are_made(tmp_path: Path, runner: Runner) -> None:
    runner.run_stage("s", make, [unit(tmp_path, "a")])
    report = runner.run_stage("s", make, [unit(tmp_path, "a", "b", "c")])
    assert calls(tmp_path) == ["a", "b c"]
    assert report.units_cached == 1
    assert len(report.receipts[0]) == 3


def test_unit_may_judge_for_itself_what_is_done(tmp_path: Path, runner: Runner) -> None:
    runner.run_stage("s", make, [unit(tmp_path, "a")])
    strict = Unit(
        "a", tmp_path / "calls.txt", (Product(tmp_path / "a.json", "k1"),), 3, lambda product, receipt: False
    )
    runner.run_stage("s", make, [strict])
    assert calls(tmp_path) == ["a", "a"]


def test_receipt_comes_back_as_it_was_written(tmp_path: Path) -> None:
    product = Product(tmp_path / "a.json", "k1")
    bad = Quarantine("data.parquet", 4, "content_null", "found no content")
    receipt = Receipt("k1", 7, 4, {"short": 2}, 1, (bad,), "d1", {"gate_digest": "g", "tokens": [1, 2]})
    product.commit(receipt)
    assert read_receipt(product.receipt) == receipt
    assert product.path == tmp_path / "a.parquet"


def test_missing_receipt_is_none(tmp_path: Path) -> None:
    assert read_receipt(tmp_path / "a.json") is None


def test_report_counts_the_rows_of_each_unit_once(tmp_path: Path, runner: Runner) -> None:
    report = runner.run_stage("s", make, [unit(tmp_path, "a", "b"), unit(tmp_path, "c")])
    assert (report.units, report.rows_in, report.rows_out, report.dropped) == (3, 6, 4, 2)
    assert report.peak_memory_bytes > 10_000_000


def test_rows_that_do_not_add_up_are_an_error(tmp_path: Path, runner: Runner) -> None:
    with pytest.raises(
        RuntimeError, match=r"a\.json: 3 rows in, but 1 out \+ 1 dropped \+ 0 quarantined = 2"
    ):
        runner.run_stage("s", lose_rows, [unit(tmp_path, "a")])


def test_rows_that_do_not_add_up_are_an_error_from_the_cache_too(tmp_path: Path, runner: Runner) -> None:
    lose_rows(None, unit(tmp_path, "a").products)
    with pytest.raises(RuntimeError, match="3 rows in"):
        runner.run_stage("s", make, [unit(tmp_path, "a")])


def test_error_in_a_unit_stops_the_stage_and_keeps_what_is_done(tmp_path: Path, runner: Runner) -> None:
    runner.run_stage("s", make, [unit(tmp_path, "a")])
    with pytest.raises(ValueError, match="this unit cannot be made"):
        runner.run_stage("s", fail, [unit(tmp_path, "a"), unit(tmp_path, "b")])
    assert read_receipt(tmp_path / "a.json") is not None


def test_planning_stops_at_the_first_stage_with_work(tmp_path: Path, runner: Runner) -> None:
    runner.run_stage("s", make, [unit(tmp_path, "a")])
    planner = Runner(Engine(workers=0), planning=True)
    assert planner.run_stage("done", make, [unit(tmp_path, "a")]).units_cached == 1
    with pytest.raises(Pending) as raised:
        planner.run_stage("waiting", make, [unit(tmp_path, "a"), unit(tmp_path, "b")])
    assert (raised.value.report.name, raised.value.report.units, raised.value.report.units_cached) == (
        "waiting",
        2,
        1,
    )
    assert calls(tmp_path) == ["a"]
    assert [report.name for report in planner.reports] == ["done", "waiting"]


@dataclass
class MortalEngine(Engine):
    """An engine whose workers die on the first job and do the others."""

    def map_units(
        self, work: Callable[..., Any], jobs: Sequence[tuple[int, tuple[Any, ...]]], *, cpus: int = 1
    ) -> Iterator[tuple[int, Outcome | UnitLost]]:
        yield jobs[0][0], UnitLost("its worker died 4 times")
        yield from Engine(workers=0).map_units(work, jobs[1:])


def test_lost_unit_is_told_counted_and_tried_again_next_time(tmp_path: Path, runner: Runner) -> None:
    units = [unit(tmp_path, "a", rows=5), unit(tmp_path, "b")]
    report = Runner(MortalEngine(workers=0)).run_stage("s", make, units)
    assert report.lost == [Quarantine("a", -1, "worker_died", "its worker died 4 times")]
    assert report.receipts[0] == []
    assert (report.rows_in, report.rows_out, report.quarantined) == (3, 2, 5)
    assert runner.run_stage("s", make, units).units_cached == 1
    assert calls(tmp_path) == ["b", "a"]


def test_progress_ends_at_the_number_of_products(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    runner = Runner(Engine(workers=0), lambda stage, done, total: seen.append((stage, done, total)))
    runner.run_stage("s", make, [unit(tmp_path, "a", "b"), unit(tmp_path, "c")])
    runner.run_stage("s", make, [unit(tmp_path, "a", "b"), unit(tmp_path, "c"), unit(tmp_path, "d")])
    assert seen == [("s", 0, 3), ("s", 2, 3), ("s", 3, 3), ("s", 3, 4), ("s", 4, 4)]
