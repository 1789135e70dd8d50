"""Connected components of edges in files, against a slow and obvious reference."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.exchange import read_slice, slice_sizes, write_slices
from pipeline.dedup.graph import components, stars
from pipeline.dedup.graph.components import connect
from pipeline.engine import Engine
from pipeline.units import Receipt, Runner, StageReport, read_receipt

Ints = npt.NDArray[np.int64]
Edges = list[tuple[int, int]]
BLOCKS = 3
FEW = 24  # nodes of random graphs, dealt to blocks in turn
EDGES = st.lists(st.tuples(st.integers(0, FEW - 1), st.integers(0, FEW - 1)), max_size=40)


def numbered(nodes: Ints) -> Ints:
    """Numbers of documents: block << 32 | index, in the order of `nodes`."""
    per_block = -(-(int(nodes.max(initial=0)) + 1) // BLOCKS)
    return (nodes // per_block << 32) | nodes % per_block


def rows_of(edges: Edges) -> Ints:
    rows = np.sort(numbered(np.array(edges, np.int64).reshape(-1, 2)), axis=1)
    return rows[rows[:, 0] < rows[:, 1]]


def write_edges(folder: Path, rows: Ints, files: int, slices: int = 1) -> list[Path]:
    paths = [folder / f"edges-{file}.slices" for file in range(files)]
    for file, path in enumerate(paths):
        own = rows[file::files]
        write_slices(path, own, np.arange(len(own)) % slices, slices)
    return paths


def joined(folder: Path, paths: Sequence[Path], rows_in_memory: int) -> tuple[Ints, list[StageReport]]:
    """Labels, sorted by node, and the reports of the stages; checks that each label stands in its block."""
    runner = Runner(Engine(workers=0))
    files = connect(
        lambda name, work, units: runner.run_stage(name, work, units).receipts,
        folder,
        "key",
        paths,
        BLOCKS,
        rows_in_memory,
    )
    parts = [np.empty((0, 2), np.int64)]
    for path in files:
        assert len(slice_sizes(path)) == BLOCKS
        for block in range(BLOCKS):
            part = read_slice(path, block)
            assert (part[:, 0] >> 32 == block).all()
            parts.append(part)
    labels = np.concatenate(parts)
    return labels[np.argsort(labels[:, 0], kind="stable")], runner.reports


def reference(rows: Ints) -> list[list[int]]:
    """Every node with the least of its component, by walking up a dict."""
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for left, right in rows.tolist():
        a, b = root(left), root(right)
        parent[max(a, b)] = min(a, b)
    return [[node, root(node)] for node in sorted(parent)]


@given(EDGES, st.sampled_from([5, 8, 15, 1000]), st.integers(1, 4), st.integers(1, 3))
@settings(deadline=None, max_examples=25)
def test_labels_are_those_of_the_reference(
    edges: Edges, rows_in_memory: int, files: int, slices: int
) -> None:
    rows = rows_of(edges)
    with tempfile.TemporaryDirectory() as folder:
        labels, _ = joined(Path(folder), write_edges(Path(folder), rows, files, slices), rows_in_memory)
    assert labels.tolist() == reference(rows)


@given(st.permutations(range(FEW)))
@settings(deadline=None, max_examples=5)
def test_path_in_any_order_of_numbers_is_one_component(order: list[int]) -> None:
    rows = rows_of(list(itertools.pairwise(order)))
    with tempfile.TemporaryDirectory() as folder:
        labels, reports = joined(Path(folder), write_edges(Path(folder), rows, 3), 10)
    assert labels.tolist() == reference(rows)
    assert len(reports) > 3  # rounds took place


@pytest.mark.parametrize("random", [True, False])
def test_long_path_takes_few_rounds(random: bool, tmp_path: Path) -> None:
    nodes = np.random.default_rng(1).permutation(10_000) if random else np.arange(10_000)
    rows = np.sort(numbered(np.stack([nodes[:-1], nodes[1:]], axis=1)), axis=1)
    labels, reports = joined(tmp_path, write_edges(tmp_path, rows, 2), 4_000)
    assert len(labels) == len(np.unique(labels[:, 0])) == 10_000
    assert (labels[:, 1] == 0).all()
    assert 4 < len(reports) <= 2 * np.log2(10_000) + 8


@pytest.mark.parametrize("centre", [0, 50_000, 99_999])
def test_star_is_one_component_wherever_its_centre_stands(centre: int, tmp_path: Path) -> None:
    leaves = np.delete(np.arange(100_000), centre)
    rows = np.sort(numbered(np.stack([np.full(len(leaves), centre), leaves], axis=1)), axis=1)
    labels, reports = joined(tmp_path, write_edges(tmp_path, rows, 4), 20_000)
    assert len(labels) == len(np.unique(labels[:, 0])) == 100_000
    assert (labels[:, 1] == 0).all()
    assert len(reports) < 10


def test_nodes_tied_to_two_roots_are_not_done(tmp_path: Path) -> None:
    """0 – 2 – 3 – 1, many times: small stars tie 2 to 0, and for 3 to 1; large stars would change nothing."""
    copies = [(4 * n + a, 4 * n + b) for n in range(30) for a, b in [(0, 2), (2, 3), (1, 3)]]
    rows = rows_of(copies)
    labels, reports = joined(tmp_path, write_edges(tmp_path, rows, 3), 20)
    assert labels.tolist() == reference(rows)
    assert len(reports) > 3


def test_small_graph_is_one_unit(tmp_path: Path) -> None:
    _, reports = joined(tmp_path, write_edges(tmp_path, rows_of([(0, 1), (2, 3), (1, 2)]), 3), 3)
    assert [(report.name, report.units, report.rows_out) for report in reports] == [("components", 1, 4)]


def test_repeated_edges_are_contracted_away_before_any_round(tmp_path: Path) -> None:
    rows = np.tile(rows_of([(0, 1), (1, 2), (0, 2)]), (100, 1))
    labels, reports = joined(tmp_path, write_edges(tmp_path, rows, 2), 10)
    assert labels.tolist() == reference(rows)
    counts = [(report.name, report.units, report.rows_in, report.rows_out) for report in reports]
    assert counts == [("components, round 1", 2, 300, 4), ("components", 1, 3, 3)]


@pytest.mark.parametrize("rows_in_memory", [30, 10_000])
def test_labels_do_not_depend_on_how_edges_are_divided(rows_in_memory: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = rows_of(list(map(tuple, rng.integers(0, 150, (100, 2)).tolist())))
    expected = reference(rows)
    for index, (files, slices) in enumerate([(1, 1), (4, 2), (9, 5)]):
        folder = tmp_path / str(index)
        paths = write_edges(folder, rng.permutation(rows), files, slices)
        assert joined(folder, paths[::-1], rows_in_memory)[0].tolist() == expected


@pytest.mark.parametrize("rows_in_memory", [30, 10_000])
def test_labels_do_not_depend_on_how_many_edges_are_handled_at_once(
    rows_in_memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stars, "STEP", 7)
    rows = rows_of([*((n, n + 1) for n in range(0, 200, 2)), *((200, n) for n in range(201, 260))])
    assert joined(tmp_path, write_edges(tmp_path, rows, 3, 4), rows_in_memory)[0].tolist() == reference(rows)


@pytest.mark.parametrize("files", [0, 1, 3])
def test_no_edges_give_no_labels_and_no_work(files: int, tmp_path: Path) -> None:
    labels, reports = joined(tmp_path, write_edges(tmp_path, rows_of([]), files) if files else [], 10)
    assert len(labels) == 0
    assert reports == []


def test_files_without_edges_among_others_change_nothing(tmp_path: Path) -> None:
    rows = rows_of([(n, n + 1) for n in range(0, 30, 2)])
    paths = [*write_edges(tmp_path / "a", rows_of([]), 2), *write_edges(tmp_path / "b", rows, 2)]
    assert joined(tmp_path, paths, 4)[0].tolist() == reference(rows)


def test_finished_work_is_not_done_again(tmp_path: Path) -> None:
    rows = rows_of(list(itertools.pairwise(np.random.default_rng(3).permutation(60).tolist())))
    paths = write_edges(tmp_path, rows, 3)
    first, before = joined(tmp_path, paths, 20)
    again, after = joined(tmp_path, paths, 20)
    assert again.tolist() == first.tolist()
    assert all(report.units_cached == 0 for report in before)
    assert [report.units_cached for report in after] == [report.units for report in before]


def test_killed_work_goes_on_where_it_stood(tmp_path: Path) -> None:
    rows = rows_of(list(itertools.pairwise(np.random.default_rng(4).permutation(60).tolist())))
    paths = write_edges(tmp_path, rows, 3)
    first, before = joined(tmp_path, paths, 20)
    lost = [*sorted(tmp_path.rglob("round-003/part-00001*")), *tmp_path.rglob("labels/*")]
    for path in lost:
        path.unlink()
    again, after = joined(tmp_path, paths, 20)
    assert len(lost) > 4
    assert again.tolist() == first.tolist()
    missing = {"components, round 3": 1, "components": before[-1].units}
    assert {r.name: r.units - r.units_cached for r in after if r.units > r.units_cached} == missing


def test_other_settings_are_other_work(tmp_path: Path) -> None:
    rows = rows_of(list(itertools.pairwise(range(100))))
    paths = write_edges(tmp_path, rows, 3)
    joined(tmp_path, paths, 20)
    labels, reports = joined(tmp_path, paths, 30)
    assert labels.tolist() == reference(rows)
    assert all(report.units_cached == 0 for report in reports)


def test_receipts_account_for_every_edge(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = rows_of(list(map(tuple, rng.integers(0, 100, (120, 2)).tolist())))
    _, reports = joined(tmp_path, write_edges(tmp_path, rows, 3), 25)
    assert reports[0].rows_in == len(rows)
    for earlier, later in itertools.pairwise(reports[:-1]):
        assert later.rows_in == earlier.rows_out
    assert reports[-1].rows_out == len(np.unique(rows))


def test_unit_that_is_lost_stops_the_stage(tmp_path: Path) -> None:
    """Without its edges components would be too small, so nothing is said of any."""
    paths = write_edges(tmp_path, rows_of(list(itertools.pairwise(range(50)))), 2)

    def stage(name: str, work: object, units: Sequence[object]) -> list[list[Receipt]]:
        return [[] for _ in units]

    with pytest.raises(RuntimeError, match=r"components, round 1, unit 0: its worker died .* lower engine"):
        connect(stage, tmp_path, "key", paths, BLOCKS, 10)


def test_endless_rounds_are_called_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "ROUNDS", 4)
    paths = write_edges(tmp_path, rows_of(list(itertools.pairwise(range(300)))), 2)
    with pytest.raises(RuntimeError, match=r"after 4 rounds; this is a defect of infill"):
        joined(tmp_path, paths, 50)


def test_files_stay_within_the_memory_asked_for(tmp_path: Path) -> None:
    """No file that a round leaves has more edges than the memory has rows, for a star too."""
    rows = rows_of([(2_000, leaf) for leaf in range(5_000)])
    joined(tmp_path, write_edges(tmp_path, rows, 2), 1_000)
    rounds = list(tmp_path.rglob("round-*/*.slices"))
    assert len(rounds) > 10
    assert all(int(slice_sizes(path).sum()) <= 1_000 for path in rounds)
    receipts = [read_receipt(path) for path in tmp_path.rglob("labels/*.json")]
    assert sum(receipt.rows_out for receipt in receipts if receipt) == 5_000
