"""What every sample must be: the rules that `verify` holds the tokens and the sidecar of one shard to.

One pass over the tokens (numba) counts control tokens and notes where they stand; the rules are then
comparisons of whole columns. A rule knows what it looked at and what it expected, so that a problem can say
both. About 500 M tokens/s; memory is 80 bytes a sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

ORDERS: Final = ("none", "psm", "spm-v1", "spm-v2")
KINDS: Final = ("plain", "random", "empty", "line", "lines", "block")

Mask = npt.NDArray[np.bool_]


class Rule(NamedTuple):
    """One rule over a shard: `what` was `found[i]` for sample i, and is wrong where `broken[i]`."""

    name: str
    broken: Mask
    what: str
    found: Any
    expected: str


class Facts(NamedTuple):
    """Of each sample: `counts` and first `positions` (-1: none) of prefix, suffix, middle and EOT ids."""

    counts: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    last: npt.NDArray[np.int64]
    outside: npt.NDArray[np.int64]


def token_facts(
    tokens: npt.NDArray[Any], lengths: npt.NDArray[np.int32], sentinels: dict[str, int], *, vocab_size: int
) -> Facts:
    """Read every token once. `lengths` are at least 1 and sum to the number of tokens."""
    bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    assert bounds[-1] == len(tokens)
    controls = np.array([sentinels[name] for name in ("prefix", "suffix", "middle", "eot")], np.int64)
    return Facts(*_scan(tokens, bounds, controls, vocab_size))


@njit(cache=True, nogil=True)
def _scan(
    tokens: npt.NDArray[Any], bounds: npt.NDArray[np.int64], controls: npt.NDArray[np.int64], vocab_size: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    samples = len(bounds) - 1
    counts = np.zeros((samples, 4), np.int32)
    positions = np.full((samples, 4), -1, np.int32)
    last = np.empty(samples, np.int64)
    outside = np.zeros(samples, np.int64)
    prefix, suffix, middle, end = controls[0], controls[1], controls[2], controls[3]
    for sample in range(samples):
        for index in range(bounds[sample], bounds[sample + 1]):
            token = np.int64(tokens[index])
            if token < 0 or token >= vocab_size:
                outside[sample] += 1
            if token in (prefix, suffix, middle, end):
                for control in range(4):
                    if token == controls[control]:
                        if counts[sample, control] == 0:
                            positions[sample, control] = index - bounds[sample]
                        counts[sample, control] += 1
        last[sample] = tokens[bounds[sample + 1] - 1]
    return counts, positions, last, outside


def token_rules(facts: Facts, sidecar: pa.Table, *, eot: int, vocab_size: int) -> Iterator[Rule]:
    """The rules about ids, end-of-text and sentinels."""
    yield Rule("vocabulary", facts.outside > 0, "the number of ids outside the vocabulary", facts.outside,
               f"0, with ids from 0 to {vocab_size - 1}")  # fmt: skip
    ends = facts.counts[:, 3]
    yield Rule("eot-once", ends != 1, "the number of end-of-text tokens", ends, "1")
    yield Rule("eot-last", facts.last != eot, "the last token", facts.last, f"end-of-text, {eot}")
    plain = _equals(sidecar, "order", "none")
    expected = np.where(plain, 0, 1)[:, None]
    yield Rule("sentinels", (facts.counts[:, :3] != expected).any(axis=1),
               "the counts of prefix, suffix and middle sentinels", facts.counts[:, :3],
               "1 each in a fill-in-the-middle sample and 0 in a plain one")  # fmt: skip
    prefix, suffix, middle = facts.positions[:, 0], facts.positions[:, 1], facts.positions[:, 2]
    once = (facts.counts[:, :3] == 1).all(axis=1)
    in_order = [
        ("psm", (prefix < suffix) & (suffix < middle), "prefix < suffix < middle"),
        ("spm-v1", (suffix < prefix) & (prefix < middle), "suffix < prefix < middle"),
        ("spm-v2", (suffix == prefix + 1) & (suffix < middle), "suffix right after prefix, then middle"),
    ]
    for order, right, expectation in in_order:
        yield Rule("sentinel-order", _equals(sidecar, "order", order) & once & ~right,
                   "the positions of prefix, suffix and middle sentinels", facts.positions[:, :3],
                   f"{expectation} in order {order}")  # fmt: skip


def middle_rules(facts: Facts, sidecar: pa.Table) -> Iterator[Rule]:
    """The rules that tie `middle_start` and `middle_len` to the tokens."""
    length, start, size = (_numbers(sidecar, name) for name in ("n_tokens", "middle_start", "middle_len"))
    plain, after = _equals(sidecar, "order", "none"), facts.positions[:, 2] + 1
    span = np.stack([start, size], axis=1)
    what = "middle_start and middle_len"
    yield Rule("middle", plain & ((start != 0) | (size != 0)), what, span, "0 and 0 in a plain sample")
    yield Rule("middle", ~plain & ((size < 0) | (start + size != length - 1)), what, span,
               "a span that ends before the last token")  # fmt: skip
    prefix_follows = _equals(sidecar, "order", "spm-v2")
    misplaced = np.where(prefix_follows, start < after, start != after)
    yield Rule("middle", ~plain & misplaced, what, span,
               "a start right after the middle sentinel, or in spm-v2 there or later")  # fmt: skip
    hollow = _numbers(sidecar, "cut_start") == _numbers(sidecar, "cut_end")
    yield Rule("middle", ~plain & hollow & (size != 0), what, span, "no tokens, since cut_start = cut_end")


def sidecar_rules(sidecar: pa.Table) -> Iterator[Rule]:
    """The rules about the sidecar alone."""
    for column, known in (("order", ORDERS), ("kind", KINDS)):
        strange = ~pc.is_in(sidecar[column], pa.array(known)).to_numpy()
        yield Rule(column, strange, column, sidecar[column], f"one of {', '.join(known)}")
    plain, unordered = _equals(sidecar, "kind", "plain"), _equals(sidecar, "order", "none")
    yield Rule("kind", plain != unordered, "kind", sidecar["kind"], "plain exactly where order is none")
    parts = _numbers(sidecar, "part")
    yield Rule("part", parts < 0, "part", parts, "0 or more")
    names = ("window_start", "cut_start", "cut_end", "deleted", "window_end")
    window_start, cut_start, cut_end, deleted, window_end = cuts = [_numbers(sidecar, name) for name in names]
    monotone = (window_start >= 0) & (window_start <= cut_start) & (cut_start <= cut_end)
    monotone &= (deleted >= 0) & (cut_end + deleted <= window_end)
    found = np.stack(cuts, axis=1)
    what = f"({', '.join(names)})"
    yield Rule(
        "cut",
        ~monotone,
        what,
        found,
        "0 <= window_start <= cut_start <= cut_end <= cut_end + deleted <= window_end",
    )
    whole = (cut_start == window_end) & (cut_end == window_end)
    yield Rule(
        "cut", plain & monotone & ~whole, what, found, "cut_start = cut_end = window_end in a plain sample"
    )
    hollow = _equals(sidecar, "kind", "empty")
    yield Rule("cut", hollow & (cut_start != cut_end), what, found, "cut_start = cut_end where kind is empty")


def _equals(sidecar: pa.Table, column: str, value: str) -> Mask:
    return pc.equal(sidecar[column], value).to_numpy()


def _numbers(sidecar: pa.Table, column: str) -> npt.NDArray[np.int64]:
    """A column in 64 bits, so that sums of damaged values do not wrap."""
    return sidecar[column].to_numpy().astype(np.int64)
