"""Which licence texts a text is made of: the references that it holds nearly whole, and what stands
between.

Of references that are found in one place the one that explains most wins, so a BSD-4-Clause is not a
BSD-2-Clause. Words inside a licence that it does not have are kept apart: a name or a year says nothing,
but a "not" or an "only" makes it another licence. Costs 1 to 3 ms a text of a licence's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.licenses.index import Found, Index, load_index, look_up
from filters.licenses.notices import table
from filters.licenses.words import Bigrams, bigrams

LEAST_SHARE: Final = 0.9  # of a licence's word pairs, for the text to be that licence
_MOST_LACKING: Final = (
    0.005  # of the word pairs of its grant; one may always lack, where something is inserted
)
_LEAST_RUN: Final = 4  # word pairs in a row that count as the licence's own words
_COST_OF_LACKING: Final = 4  # what a pair that a text lacks costs, in pairs that it has
_LEAST_IN_RUNS: Final = 0.75
_WIDEST_INSERTION: Final = 14  # words of a name; copyright lines may be longer
_WIDEST_GAP: Final = 40  # words between two runs of one copy of a licence
_LEAST_PHRASE: Final = 2  # word pairs in a row that belong to the licence although they stand in a gap
_DENIALS: Final = frozenset(("no", "not", "never", "without"))
_LEAST_NEW: Final = 0.5  # of a second licence's pairs, outside the first


class Match(NamedTuple):
    """A licence's text in a text."""

    name: str
    share: float
    altered: bool
    """Whether words stand in it that change what it grants."""
    spans: tuple[tuple[int, int], ...]
    """Characters of the words that the licence explains, ascending."""


def matches(words: str) -> tuple[list[Match], float]:
    """The licences whose texts the words hold, the largest first; and the best share of any licence."""
    pairs, index = bigrams(words), load_index()
    if len(pairs.hashes) == 0:
        return [], 0.0
    found = look_up(pairs, index)
    return [*_choose(words, pairs, found, index)], float(found.shares.max())


def _choose(words: str, pairs: Bigrams, found: Found, index: Index) -> Iterator[Match]:
    likely = np.flatnonzero(found.shares >= LEAST_SHARE)
    amounts = (1 - _COST_OF_LACKING * (1 - found.shares[likely])) * index.sizes[likely]
    explained = np.zeros(len(pairs.hashes), np.bool_)
    for reference in likely[np.lexsort((-found.shares[likely], -amounts))]:
        held = found.holds(int(reference))
        own = _in_runs(held)
        size = index.sizes[reference]
        new = _distinct(found, own & ~explained)
        if _distinct(found, own) < _LEAST_IN_RUNS * size or new < _LEAST_NEW * size:
            continue
        explained |= own
        runs = _runs(own)
        name, share = index.names[reference], float(found.shares[reference])
        whole, altered = _closed(words, pairs, runs, held)
        lacking = index.grants[reference] - found.granted[reference]
        altered |= bool(lacking > max(1, _MOST_LACKING * index.grants[reference]))
        if _copyleft().match(name):  # other words do not make it permissive
            whole, altered = runs[[0, -1]].reshape(1, 4)[:, [0, 3]], False
        yield Match(name, share, altered, _characters(words, pairs, whole))


def _distinct(found: Found, chosen: npt.NDArray[np.bool_]) -> int:
    return len(np.unique(found.numbers[chosen]))


def _runs(held: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """First and last + 1 of each run of true: i64[n, 2]."""
    steps = np.diff(held.astype(np.int8), prepend=0, append=0)
    return np.stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)], axis=1)


def _in_runs(held: npt.NDArray[np.bool_], least: int = _LEAST_RUN) -> npt.NDArray[np.bool_]:
    """Only what stands in runs that are long enough not to be chance."""
    kept = np.zeros(len(held) + 1, np.int64)
    runs = _runs(held)
    runs = runs[runs[:, 1] - runs[:, 0] >= least]
    np.add.at(kept, runs[:, 0], 1)
    np.add.at(kept, runs[:, 1], -1)
    return np.cumsum(kept)[:-1] > 0


@cache
def _altering() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{table()['altering']})\b")


@cache
def _copyleft() -> re.Pattern[str]:
    return re.compile(table()["copyleft"])


def _closed(
    words: str, pairs: Bigrams, runs: npt.NDArray[np.int64], held: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], bool]:
    """The runs with the gaps closed that say nothing (names, years); and whether any gap says something."""
    closed, altered = runs[:1].tolist(), _is_denied(words, pairs, runs)
    phrases = _in_runs(held, _LEAST_PHRASE)
    for first, last in runs[1:].tolist():
        gap = range(closed[-1][1] + 1, first)  # numbers of words; a run's last word is one past its last pair
        if len(gap) > _WIDEST_GAP and _starts_again(pairs.hashes, first, closed[-1][1]):
            closed.append([first, last])
            continue
        said = _gap_words(words, pairs, gap, phrases)
        alters = _altering().search(said) is not None or (
            said.count(" ") >= _WIDEST_INSERTION and "copyright" not in said
        )
        altered |= alters
        closed[-1][1] = closed[-1][1] if alters else last
        if alters:
            closed.append([first, last])
    return np.array(closed, np.int64), altered


def _starts_again(hashes: npt.NDArray[np.uint32], first: int, before: int) -> bool:
    """Whether the phrase that begins at a pair stood before, so that another copy of the licence begins."""
    phrase = hashes[first : first + _LEAST_RUN]
    return any(
        np.array_equal(hashes[at : at + _LEAST_RUN], phrase)
        for at in np.flatnonzero(hashes[:before] == phrase[0])
    )


def _is_denied(words: str, pairs: Bigrams, runs: npt.NDArray[np.int64]) -> bool:
    """Whether "no" or "not" stands right before the text, as in "no permission is hereby granted"."""
    start = int(pairs.starts[runs[0, 0]])
    return not _DENIALS.isdisjoint(words[max(0, start - 20) : start].split()[-2:])


def _gap_words(words: str, pairs: Bigrams, gap: range, phrases: npt.NDArray[np.bool_]) -> str:
    """The words of a gap that stand in no phrase of the licence."""
    ends = [*pairs.starts[1 : gap.stop + 1].tolist(), len(words) + 1]
    foreign = [n for n in gap if not phrases[n - 1] and not phrases[n]]
    return " ".join(words[pairs.starts[n] : ends[n] - 1] for n in foreign).replace("all rights reserved", "")


def _characters(words: str, pairs: Bigrams, runs: npt.NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    ends = np.append(pairs.starts[1:] - 1, len(words))
    return tuple((int(pairs.starts[first]), int(ends[last])) for first, last in runs.tolist())
