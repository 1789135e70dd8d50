"""A split keeps its number while it is there, and numbers are not wasted."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.numbering import number_splits
from pipeline.sources import Split


def numbers(register: Path, *digests: str, remember: bool = True) -> list[int]:
    splits = [Split("a.parquet", (0,), 1, 1, digest) for digest in digests]
    return [split.number for split in number_splits(splits, register, remember=remember)]


def test_a_new_split_takes_a_free_number_and_moves_none(tmp_path: Path) -> None:
    register = tmp_path / "splits.json"
    assert numbers(register, "a", "b", "c") == [0, 1, 2]
    assert numbers(register, "new", "a", "c") == [1, 0, 2]
    assert numbers(register, "c", "newer", "a", "new") == [2, 3, 0, 1]


def test_copies_have_numbers_of_their_own(tmp_path: Path) -> None:
    assert numbers(tmp_path / "splits.json", "a", "a", "b", "a") == [0, 1, 2, 3]


def test_looking_ahead_remembers_nothing(tmp_path: Path) -> None:
    register = tmp_path / "splits.json"
    assert numbers(register, "a", remember=False) == [0]
    assert not register.exists()
    numbers(register, "a", "b")
    assert numbers(register, "z", "b", remember=False) == [0, 1]
    assert numbers(register, "a", "b") == [0, 1]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), max_size=5))
def test_numbers_are_distinct_small_and_kept(tmp_path_factory: object, rounds: list[list[str]]) -> None:
    register = tmp_path_factory.mktemp("register") / "splits.json"  # type: ignore[attr-defined]
    before: dict[str, int] = {}
    for digests in rounds:
        found = numbers(register, *digests)
        assert len(set(found)) == len(found)
        first = dict(zip(reversed(digests), reversed(found), strict=True))  # the first of several copies
        assert all(first[digest] == number for digest, number in before.items() if digest in first)
        before = first
