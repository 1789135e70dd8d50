"""Drafts: what is decided about a sample before any token is made.

`draw_draft` makes every random choice of a sample, in a fixed order, from one key of (seed, document, part):
FIM or plain, the order, the kind, the cut, and what is deleted after it. So a window's draft depends on
nothing but its text and the recipe. A kind without a place in the window becomes `random`, and that, in a
window too short for the dialect's margins, plain. About 15 µs a window of 200 lines.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pipeline.config import Fim
from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.cuts import KINDS, Cut, Limits, deleted_chars, random_cut
from pipeline.synthesize.layout import ORDERS
from pipeline.synthesize.lines import is_line_start
from pipeline.synthesize.windows import Window

# Weights are read in one fixed order, so that the order of keys in a recipe changes no sample.
_KIND_NAMES: Final = tuple(KINDS)


class Draft(NamedTuple):
    """A sample's window and cut, in code points of its document; a plain one is all prefix."""

    document: int
    part: int
    start: int
    end: int
    cut_start: int
    cut_end: int
    deleted: int
    order: str
    kind: str
    drawn: str
    """The kind that was drawn, before any fall back."""
    seed: int

    def texts(self, document: str) -> tuple[str, str, str]:
        """Prefix, suffix and middle."""
        return (
            document[self.start : self.cut_start],
            document[self.cut_end + self.deleted : self.end],
            document[self.cut_start : self.cut_end],
        )

    def as_plain(self) -> Draft:
        """The same window, uncut."""
        return self._replace(cut_start=self.end, cut_end=self.end, deleted=0, order="none", kind="plain")


def draw_draft(
    window: Window, document: str, doc_id: bytes, *, fim: Fim, margins: tuple[int, int], seed: int
) -> Draft:
    """Draw the sample of one window of `document`."""
    key = keyed_hash(seed, doc_id, window.part, "cut")
    rng = Rng(key)
    whole = Draft(*window, window.end, window.end, 0, "none", "plain", "plain", key)
    if rng.uniform() >= fim.rate:
        return whole
    order = ORDERS[rng.choose([fim.orders.get(name, 0.0) for name in ORDERS])]
    kind = _KIND_NAMES[rng.choose([fim.kinds.get(name, 0.0) for name in _KIND_NAMES])]  # type: ignore[call-overload]
    text = document[window.start : window.end]
    limits = Limits(margins, fim.max_lines, whole_end=is_whole_end(document, window.end))
    got, cut = kind, KINDS[kind](text, rng, limits)
    if cut is None:
        got, cut = "random", random_cut(text, rng, limits)
    if cut is None:
        return whole._replace(drawn=kind)
    return whole._replace(
        cut_start=window.start + cut.start,
        cut_end=window.start + cut.end,
        deleted=_half_write(text, cut, rng, fim),
        order=order,
        kind=got,
        drawn=kind,
    )


def is_whole_end(document: str, end: int) -> bool:
    """Whether a window that ends at `end` ends with its document or with one of its lines."""
    return end == len(document) or is_line_start(document, end)


def _half_write(text: str, cut: Cut, rng: Rng, fim: Fim) -> int:
    """How many characters after the middle to delete: none, or 1..max_lines lines."""
    if fim.half_written is None or rng.uniform() >= fim.half_written.rate:
        return 0
    return deleted_chars(text, cut.end, 1 + rng.below(fim.half_written.max_lines))
