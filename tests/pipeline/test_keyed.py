"""Keyed random numbers: frozen, since every byte of every run hangs on them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.keyed import Rng, falls_in, keyed_hash

DOC_ID = b"0123456789abcdef"
GOLDEN_HASHES = {
    (0, b"", 0, ""): 0xB4B2797457A0A6E4,
    (7, DOC_ID, 0, "cut"): 0x111D8B31A0A2030E,
    (7, DOC_ID, 1, "cut"): 0x91D69CEF2E0C1573,
    (7, DOC_ID, 0, "order"): 0x43FB2446DD36E404,
    (8, DOC_ID, 0, "cut"): 0x771332BB18795F3C,
    ((1 << 63) - 1, b"\xff" * 16, 1 << 32, "split"): 0x2DBB79B131FBD4AF,
}


@pytest.mark.parametrize("key", GOLDEN_HASHES, ids=str)
def test_hashes_are_those_of_every_earlier_run(key: tuple[int, bytes, int, str]) -> None:
    assert keyed_hash(*key) == GOLDEN_HASHES[key]


def test_each_part_of_the_key_matters() -> None:
    assert len({keyed_hash(*key) for key in GOLDEN_HASHES}) == len(GOLDEN_HASHES)


def test_stream_is_splitmix64() -> None:
    """The first outputs for state 0, as the algorithm's authors publish them."""
    rng = Rng(0)
    assert [rng.bits() for _ in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_draws_are_those_of_every_earlier_run() -> None:
    rng = Rng(7)
    assert [rng.below(10) for _ in range(12)] == [3, 0, 9, 5, 4, 2, 4, 3, 1, 4, 1, 9]
    assert [rng.uniform(), rng.uniform()] == [0.9180195851461324, 0.8713317598767438]
    assert [rng.choose([1, 0, 3]) for _ in range(12)] == [2, 2, 2, 2, 2, 2, 2, 0, 2, 2, 2, 2]


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**63))
def test_below_is_in_range(key: int, bound: int) -> None:
    assert 0 <= Rng(key).below(bound) < bound


def test_below_reaches_every_number() -> None:
    rng = Rng(3)
    assert {rng.below(6) for _ in range(200)} == set(range(6))


@given(st.integers(0, 2**64 - 1))
def test_uniform_is_below_one(key: int) -> None:
    assert 0 <= Rng(key).uniform() < 1


@given(st.integers(0, 2**64 - 1), st.lists(st.floats(0, 1e6), min_size=1).filter(lambda w: sum(w) > 0))
@example(0, [5e-324])
@example(0, [0.0, 5e-324, 0.0])
def test_choice_has_a_positive_weight(key: int, weights: list[float]) -> None:
    assert weights[Rng(key).choose(weights)] > 0


def test_choices_follow_their_weights() -> None:
    rng = Rng(1)
    counts = Counter(rng.choose([0.1, 0, 0.4, 0.5]) for _ in range(10_000))
    assert counts == {0: 1073, 2: 4091, 3: 4836}


def test_a_share_is_as_large_as_asked_and_inside_every_larger_one() -> None:
    ids = [number.to_bytes(16, "big") for number in range(4000)]
    small, large = ({i for i in ids if falls_in(share, 1, i, "x")} for share in (0.3, 0.5))
    assert abs(len(small) / 4000 - 0.3) < 0.03
    assert small < large
    assert small != {i for i in ids if falls_in(0.3, 1, i, "y")}
    assert not any(falls_in(0.0, 1, i, "x") for i in ids)
    assert all(falls_in(1.0, 1, i, "x") for i in ids)
