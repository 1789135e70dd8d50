"""The kernels against slow, obvious versions of themselves."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from filters.tokens.kernel import (
    SCAN_MOST,
    class_at,
    empty_memo,
    encode_texts,
    merge_by_heap,
    merge_by_scan,
    pair_table,
    rank_of,
    split_block,
)
from filters.tokens.unicode_classes import class_table
from filters.tokens.vocabulary import Tables, byte_alphabet

NO_RUNS = np.zeros((2, 1), np.int32)
CLASSES = class_table(split_digits=False)
CLASSES_WITH_DIGITS = class_table(split_digits=True)
SPACES_AND_LETTERS = st.text(alphabet=" \t\n\r\u2003\u0085a'stx1½.é", max_size=40)

Merges = dict[tuple[int, int], tuple[int, int]]


def random_merges(random: Random) -> Merges:
    """Up to 30 merges that build on ids 0 and 1, as training makes them, but with ranks in any order."""
    merges: Merges = {}
    spelled = {"a": 0, "b": 1}
    for rank in random.sample(range(30), random.randint(0, 30)):
        left, right = (random.choice(sorted(spelled, key=len)[:12]) for _ in range(2))
        merged = spelled.setdefault(left + right, len(spelled))
        merges.setdefault((spelled[left], spelled[right]), (rank, merged))
    return merges


def merge_slowly(ids: list[int], merges: Merges) -> list[int]:
    """Merge the leftmost pair of the lowest rank, again and again."""
    ids = list(ids)
    while True:
        ranked = [(merges[pair][0], at) for at, pair in enumerate(pairwise(ids)) if pair in merges]
        if not ranked:
            return ids
        _, at = min(ranked)
        ids[at : at + 2] = [merges[ids[at], ids[at + 1]][1]]


def split(text: bytes, classes: npt.NDArray[np.uint8], block: int = 4096) -> list[bytes]:
    data, pieces, at = np.frombuffer(text, np.uint8), [], 0
    stops = np.empty(block, np.int64)
    while at < len(text):
        for stop in stops[: split_block(data, at, len(text), classes, NO_RUNS, stops)].tolist():
            pieces.append(text[at:stop])
            at = stop
    return pieces


def split_by_library(text: str, *, digits: bool) -> list[bytes]:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    steps = [pre_tokenizers.Digits(individual_digits=True), byte_level] if digits else [byte_level]
    byte_of = {character: byte for byte, character in enumerate(byte_alphabet())}
    pieces = pre_tokenizers.Sequence(steps).pre_tokenize_str(text)
    return [bytes(byte_of[character] for character in piece) for piece, _ in pieces]


@settings(deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_scan_and_heap_merge_the_lowest_rank_first(seed: int) -> None:
    random = Random(seed)
    merges = random_merges(random)
    table = pair_table(merges)
    for size in range(1, 60):
        ids = random.choices([0, 1], k=size)
        expected = merge_slowly(ids, merges)
        for merge in (merge_by_scan, merge_by_heap):
            buffer = np.array(ids, np.int32)
            assert buffer[: merge(buffer, table)].tolist() == expected


@settings(deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_pair_table_knows_its_pairs_and_no_other(seed: int) -> None:
    merges = random_merges(Random(seed))
    table = pair_table(merges)
    for left in range(33):
        for right in range(33):
            assert rank_of(table, left, right) == merges.get((left, right), (1 << 40, 0))


@settings(deadline=None)
@given(text=st.one_of(st.text(max_size=60), SPACES_AND_LETTERS), block=st.sampled_from([1, 3, 4096]))
def test_split_equals_the_library_on_any_text(text: str, block: int) -> None:
    assert split(text.encode(), CLASSES, block) == split_by_library(text, digits=False)
    assert split(text.encode(), CLASSES_WITH_DIGITS, block) == split_by_library(text, digits=True)


@pytest.mark.parametrize("digits", [False, True])
def test_split_equals_the_library_on_all_code_points(digits: bool) -> None:
    text = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    classes = CLASSES_WITH_DIGITS if digits else CLASSES
    assert split(text.encode(), classes) == split_by_library(text, digits=digits)


@settings(deadline=None)
@given(data=st.binary(max_size=60))
def test_bytes_that_are_not_utf8_are_split_without_loss(data: bytes) -> None:
    pieces = split(data, CLASSES_WITH_DIGITS)
    assert b"".join(pieces) == data
    assert all(pieces)


@pytest.mark.parametrize("cut", ["é", "中", "🙂"])
def test_cut_off_character_takes_what_is_left(cut: str) -> None:
    data = np.frombuffer(cut.encode()[:-1], np.uint8)
    assert class_at(data, 0, len(data), CLASSES) == (0, len(data))


@pytest.mark.parametrize("size", [1, 31, 32, SCAN_MOST, SCAN_MOST + 1, 1000])
def test_pretoken_of_any_size_is_encoded_twice_alike(size: int) -> None:
    tables = Tables(CLASSES, NO_RUNS, np.arange(256, dtype=np.int32), pair_table({(97, 97): (0, 256)}))
    data, offsets = np.full(size, ord("a"), np.uint8), np.array([0, size], np.int64)
    data.flags.writeable = offsets.flags.writeable = False
    memo = empty_memo(1)
    for _ in range(2):
        ids = np.empty(size, np.int32)
        assert encode_texts(data, offsets, tables, memo, ids).tolist() == [0, size // 2 + size % 2]
        assert ids[: size // 2].tolist() == [256] * (size // 2)
