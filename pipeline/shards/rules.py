"""What every sample must be: the rules that `verify` holds the tokens and the sidecar of one shard to.

One pass over the tokens (numba) counts control tokens, inside what leads a text and outside it, and notes
where they stand; the rules are then comparisons of whole columns. A rule knows what it looked at and what it
expected, so that a problem can say both. About 500 M tokens/s; memory is 110 bytes a sample.
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
KINDS: Final = ("plain", "random", "empty", "line", "lines", "block", "refact-v2")
MARKS: Final = ("prefix", "suffix", "middle", "eot")
_LEAD_BIT: Final = 16
"""In a token's roles: a control token of metadata or context, or the beginning-of-sequence token."""

Mask = npt.NDArray[np.bool_]


class Rule(NamedTuple):
    """One rule over a shard: `what` was `found[i]` for sample i, and is wrong where `broken[i]`."""

    name: str
    broken: Mask
    what: str
    found: Any
    expected: str


class Facts(NamedTuple):
    """Of each sample: how often prefix, suffix, middle and EOT ids stand in its own text (`counts`) and where
    first (`positions`, -1: nowhere), and what stands where it must not.
    """

    counts: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    outside: npt.NDArray[np.int64]
    """Ids outside the vocabulary."""
    strays: npt.NDArray[np.int64]
    """Sentinels inside the lead or header, and control tokens of these in the sample's own text."""


def sentinel_problem(sentinels: dict[str, Any], vocab_size: int) -> str | None:
    """What is wrong with the ids: they must exist and differ, but for pad, and end-of-text between files."""
    marks = [sentinels[name] for name in ("prefix", "suffix", "middle", "eot")] + [sentinels.get("bos")]
    lead = [number for number in sentinels.get("lead", {}).values() if number != sentinels["eot"]]
    placed = [number for number in [*marks, *lead] if number is not None]
    if len(set(placed)) == len(placed) and max([*placed, sentinels["pad"]]) < vocab_size:
        return None
    return f"{sentinels}: expected distinct ids (pad apart) below {vocab_size}"


def token_facts(
    tokens: npt.NDArray[Any], lengths: npt.NDArray[np.int32], sidecar: pa.Table, manifest: dict[str, Any]
) -> Facts:
    """Read every token once. `lengths` are at least 1 and sum to the number of tokens."""
    bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    assert bounds[-1] == len(tokens)
    spans = [_numbers(sidecar, name) for name in ("lead_len", "header_start", "header_len")]
    return Facts(*_scan(tokens, bounds, np.stack(spans, axis=1), token_roles(manifest)))


def token_roles(manifest: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """The roles of every id, u8[vocab_size]: bit i for the i-th of MARKS, `_LEAD_BIT` for those of a lead."""
    sentinels, vocab_size = manifest["sentinels"], manifest["vocab_size"]
    roles = np.zeros(vocab_size, np.uint8)
    lead = [sentinels.get("bos"), *sentinels.get("lead", {}).values()]
    marks = [(sentinels[name], 1 << bit) for bit, name in enumerate(MARKS)]
    for number, role in [*marks, *((number, _LEAD_BIT) for number in lead)]:
        if number is not None and number < vocab_size:
            roles[number] |= role
    return roles


@njit(cache=True, nogil=True)
def _scan(
    tokens: npt.NDArray[Any],
    bounds: npt.NDArray[np.int64],
    spans: npt.NDArray[np.int64],
    roles: npt.NDArray[np.uint8],
) -> tuple[
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
]:
    samples = len(bounds) - 1
    counts = np.zeros((samples, 4), np.int32)
    positions = np.full((samples, 4), -1, np.int32)
    first, last = np.empty(samples, np.int64), np.empty(samples, np.int64)
    outside, strays = np.zeros(samples, np.int64), np.zeros(samples, np.int64)
    for sample in range(samples):
        lead_len, header_start = spans[sample, 0], spans[sample, 1]
        header_end = header_start + spans[sample, 2]
        for index in range(bounds[sample], bounds[sample + 1]):
            token = np.int64(tokens[index])
            if token < 0 or token >= len(roles):
                outside[sample] += 1
                continue
            role = roles[token]
            if role == 0:
                continue
            place = index - bounds[sample]
            if place < lead_len or header_start <= place < header_end:
                if role & 16 == 0:
                    strays[sample] += 1
            elif role & 15 == 0:
                strays[sample] += 1
            else:
                for mark in range(4):
                    if role >> mark & 1:
                        if counts[sample, mark] == 0:
                            positions[sample, mark] = place
                        counts[sample, mark] += 1
        first[sample] = tokens[bounds[sample]]
        last[sample] = tokens[bounds[sample + 1] - 1]
    return counts, positions, first, last, outside, strays


def token_rules(facts: Facts, sidecar: pa.Table, manifest: dict[str, Any]) -> Iterator[Rule]:
    """The rules about ids, end-of-text, sentinels and the control tokens of leads."""
    sentinels, highest = manifest["sentinels"], manifest["vocab_size"] - 1
    bos, eot = sentinels.get("bos"), sentinels["eot"]
    yield Rule("vocabulary", facts.outside > 0, "the number of ids outside the vocabulary", facts.outside,
               f"0, with ids from 0 to {highest}")  # fmt: skip
    ends = facts.counts[:, 3]
    yield Rule("eot-once", ends != 1, "the number of end-of-text tokens after what leads the text", ends, "1")
    yield Rule("eot-last", facts.last != eot, "the last token", facts.last, f"end-of-text, {eot}")
    if bos is not None:
        yield Rule("bos", facts.first != bos, "the first token", facts.first, f"beginning-of-sequence, {bos}")
    yield Rule("controls", facts.strays > 0, "the number of control tokens in a place that is not theirs",
               facts.strays, "0: those of metadata and context in lead or header, others not")  # fmt: skip
    plain = _equals(sidecar, "order", "none")
    marked = np.array([1, 1, sentinels["middle"] is not None])
    expected = np.where(plain[:, None], 0, marked)
    yield Rule("sentinels", (facts.counts[:, :3] != expected).any(axis=1),
               "the counts of prefix, suffix and middle sentinels", facts.counts[:, :3],
               f"{marked.tolist()} in a fill-in-the-middle sample and 0 in a plain one")  # fmt: skip
    prefix, suffix, middle = facts.positions[:, 0], facts.positions[:, 1], facts.positions[:, 2]
    if sentinels["middle"] is None:
        middle = np.full_like(prefix, np.iinfo(np.int32).max)
    once = (facts.counts[:, :3] == marked).all(axis=1)
    in_order = [
        ("psm", (prefix < suffix) & (suffix < middle), "prefix < suffix < middle"),
        ("spm-v1", (suffix < prefix) & (prefix < middle), "suffix < prefix < middle"),
        ("spm-v2", (suffix == prefix + 1) & (suffix < middle), "suffix right after prefix, then middle"),
    ]
    for order, right, expectation in in_order:
        yield Rule("sentinel-order", _equals(sidecar, "order", order) & once & ~right,
                   "the positions of prefix, suffix and middle sentinels", facts.positions[:, :3],
                   f"{expectation} in order {order}")  # fmt: skip


def lead_rules(facts: Facts, sidecar: pa.Table) -> Iterator[Rule]:
    """The rules that tie lead and header to the tokens: where they begin, and that they do not overflow."""
    names = ("lead_len", "header_start", "header_len", "middle_start", "n_tokens")
    lead, start, size, middle_start, length = columns = [_numbers(sidecar, name) for name in names]
    found, what = np.stack(columns[:3], axis=1), "lead_len, header_start and header_len"
    orders = [_equals(sidecar, "order", order) for order in ("none", "psm", "spm-v2")]
    prefix, suffix, middle = (facts.positions[:, mark].astype(np.int64) for mark in range(3))
    marked = (prefix >= 0) & (suffix >= 0)  # else the rule about sentinels tells it
    own_start = np.where(marked, np.minimum(prefix, suffix), lead)
    yield Rule("lead", (lead < 0) | (lead >= length) | (own_start != lead), what, found,
               "a lead up to the first sentinel, and in a plain sample before end-of-text")  # fmt: skip
    opened = np.select([orders[0], orders[2]], [lead, middle + 1], prefix + 1)
    before_middle = np.where(middle < 0, middle_start, middle)
    closed = np.select(orders, [length - 1, suffix, middle_start], before_middle)
    wrong = (size < 0) | np.where(size == 0, start != 0, (start != opened) | (start + size > closed))
    yield Rule("lead", wrong, what, found,
               "a header where the prefix begins, within it, or 0 and 0 without one")  # fmt: skip


def middle_rules(facts: Facts, sidecar: pa.Table, *, marked: bool = True) -> Iterator[Rule]:
    """The rules that tie `middle_start` and `middle_len` to the tokens; `marked`: by a sentinel."""
    length, start, size = (_numbers(sidecar, name) for name in ("n_tokens", "middle_start", "middle_len"))
    plain, after = _equals(sidecar, "order", "none"), facts.positions[:, 2 if marked else 0] + 1
    span = np.stack([start, size], axis=1)
    what = "middle_start and middle_len"
    yield Rule("middle", plain & ((start != 0) | (size != 0)), what, span, "0 and 0 in a plain sample")
    yield Rule("middle", ~plain & ((size < 0) | (start + size != length - 1)), what, span,
               "a span that ends before the last token")  # fmt: skip
    prefix_follows = _equals(sidecar, "order", "spm-v2") | (not marked)
    misplaced = np.where(prefix_follows, start < after, start != after)
    yield Rule("middle", ~plain & misplaced, what, span,
               "a start right after the middle sentinel, or later if the prefix is there")  # fmt: skip
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
