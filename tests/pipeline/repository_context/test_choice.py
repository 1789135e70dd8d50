"""Which files are chosen, and in which order; laws on arbitrary graphs of imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.keyed import Rng
from pipeline.repository_context.choice import (
    MAX_LOOKED_AT,
    Candidates,
    by_draw,
    by_imports,
    dependency_order,
)


def candidates(graph: Sequence[Sequence[int]], sizes: Sequence[int] | None = None) -> Candidates:
    return Candidates(sizes or [1] * len(graph), graph.__getitem__)


def before(
    graph: Sequence[Sequence[int]], number: int, room: int, sizes: Sequence[int] | None = None
) -> list[int]:
    return by_imports(candidates(graph, sizes), graph[number], place=number, skip=number, room=room)


def test_what_is_imported_comes_nearest_and_after_its_own_imports() -> None:
    graph: list[list[int]] = [[], [3], [], [4], [], [1, 2]]
    assert before(graph, 5, 100) == [0, 4, 3, 1, 2]  # 1 and 2 are imported by 5 itself; 0 is the rest
    assert before(graph, 5, 2) == [1, 2]
    assert before(graph, 5, 3) == [3, 1, 2]


def test_the_rest_stands_in_path_order_and_goes_round() -> None:
    graph: list[list[int]] = [[] for _ in range(6)]
    assert before(graph, 3, 100) == [4, 5, 0, 1, 2]
    assert before(graph, 3, 2) == [1, 2]
    assert before(graph, 0, 2) == [4, 5]
    assert by_imports(candidates(graph), [], place=6, skip=-1, room=3) == [3, 4, 5]


def test_a_document_that_is_no_candidate_stands_before_the_next_path() -> None:
    assert by_imports(candidates([[], [], []]), [0], place=1, skip=-1, room=9) == [1, 2, 0]


def test_a_cycle_breaks_at_the_file_with_the_fewest_unplaced_imports() -> None:
    graph = [[1], [2], [0, 3], [], []]  # 0 → 1 → 2 → 0, and 2 → 3
    order = dependency_order(range(4), graph.__getitem__, dict.fromkeys(range(4), 1))
    assert order == [3, 0, 2, 1]  # 3 is free; then 0, 1 and 2 have one each: the first by path
    weaker = [[1, 3], [2], [0], [0]]
    assert dependency_order(range(4), weaker.__getitem__, dict.fromkeys(range(4), 1))[0] == 1


def test_a_file_that_imports_itself_or_the_document_is_no_trouble() -> None:
    assert before([[0, 1], [1, 0]], 0, 9) == [1]


def test_files_that_do_not_fit_are_passed_over_and_one_alone_may_be_too_long() -> None:
    graph: list[list[int]] = [[], [], [], [0, 1]]
    assert before(graph, 3, 10, [50, 4, 5, 1]) == [2, 1]
    assert before(graph, 3, 10, [50, 60, 5, 1]) == [0]
    assert before([[], [], []], 2, 10, [50, 60, 1]) == [1]
    assert by_draw(candidates([[], []], [50, 60]), Rng(3), skip=0, room=10) == [1]


def test_alone_there_is_nothing() -> None:
    assert before([[]], 0, 10) == []
    assert by_draw(candidates([[]]), Rng(3), skip=0, room=10) == []


def test_drawn_orders_differ_by_key_and_hold_every_file_alike() -> None:
    pool = candidates([[] for _ in range(5)])
    firsts = [by_draw(pool, Rng(key), skip=2, room=1) for key in range(2000)]
    shares = [sum(own == [number] for own in firsts) / 2000 for number in range(5)]
    assert shares[2] == 0
    assert all(abs(share - 0.25) < 0.05 for number, share in enumerate(shares) if number != 2)
    assert by_draw(pool, Rng(7), skip=2, room=9) == by_draw(pool, Rng(7), skip=2, room=9)
    assert by_draw(pool, Rng(7), skip=2, room=2) == by_draw(pool, Rng(7), skip=2, room=9)[-2:]


def test_a_huge_repository_is_looked_at_in_part() -> None:
    graph: list[list[int]] = [list(range(n, n + 200)) for n in range(5000)]
    assert 0 < len(before(graph, 17, 10**9)) <= 2 * MAX_LOOKED_AT
    assert len(by_draw(candidates(graph), Rng(1), skip=3, room=10**9)) <= MAX_LOOKED_AT


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(1, 9))
    numbers = st.lists(st.integers(0, count - 1), max_size=4, unique=True)
    return draw(st.lists(numbers, min_size=count, max_size=count))


@given(graphs(), st.data())
def test_whatever_the_imports_files_are_distinct_and_fit(graph: list[list[int]], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(graph) - 1))
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=len(graph), max_size=len(graph)))
    room = data.draw(st.integers(1, 30))
    chosen = before(graph, number, room, sizes)
    assert number not in chosen
    assert len(set(chosen)) == len(chosen)
    assert len(chosen) == 1 or sum(sizes[own] for own in chosen) <= room
    assert bool(chosen) == (len(graph) > 1)


@given(graphs())
def test_without_cycles_every_file_follows_its_imports(graph: list[list[int]]) -> None:
    acyclic: Mapping[int, list[int]] = {n: [m for m in own if m < n] for n, own in enumerate(graph)}
    order = dependency_order(acyclic, acyclic.__getitem__, dict.fromkeys(acyclic, 1))
    assert sorted(order) == sorted(acyclic)
    assert all(order.index(needed) < order.index(n) for n, own in acyclic.items() for needed in own)
