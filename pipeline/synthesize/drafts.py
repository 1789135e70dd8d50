"""Drafts: what is decided about a sample before any token is made.

Every random choice of a sample is drawn in a fixed order from one key of (seed, document, part): FIM or
plain, the order, the kind, the cut, and what is deleted after it. So a window's draft depends on nothing but
its text, its language and the recipe. A kind without a place in the window becomes another (`block` becomes
`lines`, all become `random`), and if that has none, plain. About 15 µs a window of 200 lines, beside what
`block` parses, all windows of a batch together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, cast

from filters.tokens.encoder import Encoder
from pipeline.config import Fim, Kind, Order
from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.cuts import Limits, line_places
from pipeline.synthesize.half_written import draw_deleted
from pipeline.synthesize.kinds import FALL_BACKS, KINDS
from pipeline.synthesize.layout import ORDERS
from pipeline.synthesize.lines import is_line_start
from pipeline.synthesize.rates import Rates, rates_by_language
from pipeline.synthesize.snapping import snap
from pipeline.synthesize.syntax_trees import Nodes, parse_trees
from pipeline.synthesize.token_places import token_places
from pipeline.synthesize.windows import Window

# Weights are read in one fixed order, so that the order of keys in a recipe changes no sample.
_KIND_NAMES: Final = cast(tuple[Kind, ...], tuple(KINDS))
_ORDER_NAMES: Final = cast(tuple[Order, ...], ORDERS)


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


class Documents(NamedTuple):
    """What cuts depend on of a batch's documents; `languages` in The Stack's spelling."""

    texts: Sequence[str]
    doc_ids: Sequence[bytes]
    languages: Sequence[str]


class Drafts(NamedTuple):
    """One draft a window, in order, and counts: block_parser_died, drawn_kind_<kind>, drawn_order_<order>."""

    drafts: list[Draft]
    counts: dict[str, int]


def draw_drafts(
    windows: Sequence[Window],
    documents: Documents,
    *,
    fim: Fim,
    margins: tuple[int, int],
    encoder: Encoder,
    seed: int,
) -> Drafts:
    """Draw the sample of each window."""
    rates = rates_by_language(fim)
    openings = [
        _open(window, documents.doc_ids[window.document], _rates_of(window, documents, rates), seed)
        for window in windows
    ]
    blocks = [index for index, (whole, _) in enumerate(openings) if whole.drawn == "block"]
    parsed = parse_trees(
        [documents.texts[windows[i].document][windows[i].start : windows[i].end] for i in blocks],
        [documents.languages[windows[i].document] for i in blocks],
    )
    nodes = dict(zip(blocks, parsed.trees, strict=True))
    limits = _limits(fim, margins, encoder)
    drafts = [
        _cut(opening, documents.texts[opening.whole.document], fim, limits, nodes.get(index))
        for index, opening in enumerate(openings)
    ]
    drawn = Counter(f"drawn_kind_{whole.drawn}" for whole, _ in openings)
    drawn.update(f"drawn_order_{whole.order}" for whole, _ in openings)
    return Drafts(drafts, {"block_parser_died": parsed.died, **dict(sorted(drawn.items()))})


class _Opening(NamedTuple):
    """A sample with its order and kind drawn and nothing cut, and the draws that are left."""

    whole: Draft
    rng: Rng


def _rates_of(window: Window, documents: Documents, rates: dict[str, Rates]) -> Rates:
    return rates.get(documents.languages[window.document], rates[""])


def _open(window: Window, doc_id: bytes, rates: Rates, seed: int) -> _Opening:
    """Draw FIM or plain, the order and the kind."""
    key = keyed_hash(seed, doc_id, window.part, "cut")
    rng = Rng(key)
    whole = Draft(*window, window.end, window.end, 0, "none", "plain", "plain", key)
    if rng.uniform() >= rates.rate:
        return _Opening(whole, rng)
    order = _ORDER_NAMES[rng.choose([rates.orders.get(name, 0.0) for name in _ORDER_NAMES])]
    kind = _KIND_NAMES[rng.choose([rates.kinds.get(name, 0.0) for name in _KIND_NAMES])]
    return _Opening(whole._replace(order=order, drawn=kind), rng)


def _limits(fim: Fim, margins: tuple[int, int], encoder: Encoder) -> Limits:
    """What all windows have in common."""
    places: dict[str, Callable[[str, bool], Sequence[int]] | None] = {
        "character": None,
        "line": line_places,
        "token": lambda text, _: token_places(encoder, text),
    }
    return Limits(
        margins,
        fim.max_lines,
        whole_end=True,
        places=places[fim.unit],
        cursor=(fim.cursor.indent, fim.cursor.border, fim.cursor.inside),
        line_newline=fim.line_newline,
        borders=partial(token_places, encoder) if fim.tokenization == "snap" else None,
    )


def _cut(opening: _Opening, document: str, fim: Fim, limits: Limits, nodes: Nodes | None) -> Draft:
    """Draw the cut of the opening's kind or of one that it falls back to, and what is deleted."""
    whole, rng = opening
    if whole.drawn == "plain":
        return whole
    text = document[whole.start : whole.end]
    limits = limits._replace(whole_end=is_whole_end(document, whole.end), nodes=nodes)
    for kind in (whole.drawn, *FALL_BACKS[whole.drawn]):
        cut = KINDS[kind](text, rng, limits)
        if cut is not None:
            if limits.borders is not None:
                cut = snap(cut, kind, text, limits.borders(text), limits.margins)
            return whole._replace(
                cut_start=whole.start + cut.start,
                cut_end=whole.start + cut.end,
                deleted=draw_deleted(text, cut, rng, fim.half_written),
                kind=kind,
            )
    return whole._replace(order="none")


def is_whole_end(document: str, end: int) -> bool:
    """Whether a window that ends at `end` ends with its document or with one of its lines."""
    return end == len(document) or is_line_start(document, end)
