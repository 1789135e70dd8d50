"""How the parts of a cut window become tokens: each by itself, or with tokens that reach over cuts.

`separate` encodes prefix, suffix and middle apart, as they are at inference. `joint` encodes prefix and
middle as one text where they are neighbours in the sample; the middle then begins with the token that holds
its first character. `snap` takes the window's own tokens wherever all cuts are borders of these (snapping.py
has moved those that may be moved). The two for research cost one more encoding.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from filters.text import pack_texts
from filters.tokens.encoder import Encoder
from pipeline.synthesize.drafts import Draft
from pipeline.synthesize.layout import Parts
from pipeline.synthesize.token_places import tokens_with_ends

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tokenization:
    """What the encoding of all samples has in common."""

    encoder: Encoder
    mode: str
    """`fim.tokenization`."""
    neighbours: frozenset[str] = frozenset()
    """The orders in which nothing stands between prefix and middle."""
    before_prefix: str = ""
    """Text that is encoded together with each prefix that is not empty, at its start."""


def encode_parts(drafts: Sequence[Draft], texts: Sequence[str], how: Tokenization) -> Parts:
    """The encoded parts of each draft; `texts` are the batch's documents."""
    apart = _apart(drafts, texts, how)
    if how.mode == "separate":
        return apart
    divide = _joint if how.mode == "joint" else _snapped
    divided = [divide(draft, texts[draft.document], how) for draft in drafts]
    rows = [row for row, own in enumerate(divided) if own is not None]
    ids = [part for own in divided if own is not None for part in own]
    lengths = np.array([len(part) for part in ids], np.int64).reshape(-1, 3)
    starts = np.cumsum(lengths.ravel()).reshape(-1, 3) - lengths
    return replace_rows(apart, rows, Parts(np.concatenate((apart.ids[:0], *ids)), starts, lengths))


def _apart(drafts: Sequence[Draft], texts: Sequence[str], how: Tokenization) -> Parts:
    """All parts of all drafts, each by itself, in one call."""
    pieces: list[bytes] = []
    for draft in drafts:
        prefix, suffix, middle = draft.texts(texts[draft.document])
        opened = how.before_prefix + prefix if prefix else prefix
        pieces += (opened.encode(), suffix.encode(), middle.encode())
    encoded = how.encoder.encode(pack_texts(pieces))
    starts = encoded.offsets[:-1].reshape(-1, 3)
    return Parts(encoded.ids, starts, encoded.offsets[1:].reshape(-1, 3) - starts)


def _joint(draft: Draft, document: str, how: Tokenization) -> tuple[Ids, Ids, Ids] | None:
    """Prefix and middle of one encoding, and the suffix of its own; None where they are not neighbours."""
    if draft.order not in how.neighbours:
        return None
    prefix, suffix, middle = draft.texts(document)
    opened = how.before_prefix + prefix if prefix else prefix
    ids, ends = tokens_with_ends(how.encoder, opened + middle)
    first = bisect_right(ends, len(opened))
    return ids[:first], how.encoder.encode(pack_texts([suffix.encode()])).ids, ids[first:]


def _snapped(draft: Draft, document: str, how: Tokenization) -> tuple[Ids, Ids, Ids] | None:
    """The window's own tokens, divided at the cuts; None where one of them is no border of these."""
    if draft.order == "none" or how.before_prefix:
        return None
    ids, ends = tokens_with_ends(how.encoder, document[draft.start : draft.end])
    places = (draft.cut_start, draft.cut_end, draft.cut_end + draft.deleted)
    cuts = [bisect_right(ends, place - draft.start) for place in places]
    if any(
        place > draft.start + (ends[cut - 1] if cut else 0) for place, cut in zip(places, cuts, strict=True)
    ):
        return None
    return ids[: cuts[0]], ids[cuts[2] :], ids[cuts[0] : cuts[1]]


def replace_rows(parts: Parts, rows: Sequence[int], again: Parts) -> Parts:
    """`parts` with those rows encoded anew; what they were stays unused in `ids`."""
    starts, lengths = parts.starts.copy(), parts.lengths.copy()
    starts[rows] = again.starts + len(parts.ids)
    lengths[rows] = again.lengths
    return Parts(np.concatenate((parts.ids, again.ids)), starts, lengths)
