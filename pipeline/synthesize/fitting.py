"""Fitting: encode the parts of drafts, and narrow the windows of those that are too long for the context.

What is cut away is the start of the prefix and the end of the suffix, the ends farthest from the cursor; the
middle and the end-of-text token stay whole. A middle that does not fit alone makes the window plain. Each
round takes twice as much beyond the excess as the one before, so a batch needs at most about log2(context)
rounds, in practice one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from filters.tokens.encoder import Encoder
from pipeline.synthesize.drafts import Draft
from pipeline.synthesize.layout import Parts
from pipeline.synthesize.lines import LINE_END, is_line_start
from pipeline.synthesize.tokenization import Tokenization, encode_parts, replace_rows
from pipeline.synthesize.windows import SENTINELS_AND_EOT

# The share of what is left of a part that may go besides, for the window to begin or end with a whole line.
_SNAP_SHARE: Final = 0.25
_MAX_ROUNDS: Final = 40


def encode_fitting(
    drafts: Sequence[Draft],
    texts: Sequence[str],
    *,
    rooms: Sequence[int],
    tokenization: Tokenization,
) -> tuple[list[Draft], Parts]:
    """The drafts, narrowed where needed, and their encoded parts: no sample i exceeds `rooms[i]` tokens."""
    fitted = list(drafts)
    parts = encode_parts(fitted, texts, tokenization)
    limits = np.array(rooms, np.int64)
    for attempt in range(_MAX_ROUNDS):
        overheads = np.fromiter(map(_overhead, fitted), np.int64, len(fitted))
        long = np.flatnonzero(parts.lengths.sum(axis=1) + overheads > limits).tolist()
        if not long:
            return fitted, parts
        for index in long:
            draft, lengths = fitted[index], parts.lengths[index].tolist()
            drops = _drops(lengths, rooms[index] - _overhead(draft), extra=(1 << attempt) - 1)
            if drops is None:
                fitted[index] = draft.as_plain()
            else:
                prefix_chars, suffix_chars = _dropped_chars(parts, index, drops, tokenization.encoder)
                if drops[0]:
                    prefix_chars = max(1, prefix_chars - len(tokenization.before_prefix))
                fitted[index] = _narrow(draft, texts[draft.document], prefix_chars, suffix_chars)
        parts = replace_rows(parts, long, encode_parts([fitted[i] for i in long], texts, tokenization))
    raise ValueError(
        f"a sample still exceeds its room in fim.context after {_MAX_ROUNDS} rounds of narrowing: the "
        "tokenizer makes more tokens of a single character than the context holds; raise fim.context"
    )


def _overhead(draft: Draft) -> int:
    return 1 if draft.order == "none" else SENTINELS_AND_EOT


def _drops(lengths: list[int], room: int, *, extra: int) -> tuple[int, int] | None:
    """Tokens to drop from the prefix's start and the suffix's end; None if the middle alone is too long.

    Each side keeps half of what the middle leaves, or more where the other needs less. `extra` is dropped
    besides, since text that is cut anew may need more tokens.
    """
    prefix, suffix, middle = lengths
    room -= middle
    if room < 0:
        return None
    keep_suffix = min(suffix, max(room // 2, room - prefix))
    drop_prefix, drop_suffix = max(0, prefix - (room - keep_suffix)), suffix - keep_suffix
    return (
        min(prefix, drop_prefix + extra) if drop_prefix else 0,
        min(suffix, drop_suffix + extra) if drop_suffix else 0,
    )


def _dropped_chars(parts: Parts, index: int, drops: tuple[int, int], encoder: Encoder) -> tuple[int, int]:
    """How many characters the dropped tokens stand for, at least one where any is dropped."""
    prefix, suffix = _part_ids(parts, index, 0), _part_ids(parts, index, 1)
    return (
        max(1, len(encoder.decode(prefix[: drops[0]]))) if drops[0] else 0,
        max(1, len(encoder.decode(suffix[len(suffix) - drops[1] :]))) if drops[1] else 0,
    )


def _part_ids(parts: Parts, index: int, part: int) -> npt.NDArray[np.int32]:
    start = parts.starts[index, part]
    return parts.ids[start : start + parts.lengths[index, part]]


def _narrow(draft: Draft, text: str, prefix_chars: int, suffix_chars: int) -> Draft:
    """The draft without that many characters, or a few more, at its prefix's start and its suffix's end."""
    start, end = draft.start, draft.end
    if prefix_chars:
        last = draft.cut_start - (1 if draft.order == "none" else 0)  # a plain sample keeps some text
        start = _forward(text, min(start + prefix_chars, last), last)
    if suffix_chars:
        first = draft.cut_end + draft.deleted
        end = _backward(text, max(end - suffix_chars, first), first)
    return draft._replace(start=start, end=end)


def _forward(text: str, at: int, last: int) -> int:
    """`at`, or the next start of a line if that is near and not after `last`."""
    near = at + int((last - at) * _SNAP_SHARE)
    line_end = None if is_line_start(text, at) else LINE_END.search(text, at, last)
    return line_end.end() if line_end is not None and line_end.end() <= near else at


def _backward(text: str, at: int, first: int) -> int:
    r"""`at`, or the last start of a line if that is near and not before `first`; not inside \r\n."""
    if is_line_start(text, at):
        return at
    near = at - int((at - first) * _SNAP_SHARE)
    inside_end = at > first and text[at - 1 : at + 1] == "\r\n"
    stop = at - 1 if inside_end else at
    line_end = max(text.rfind("\n", near, stop), text.rfind("\r", near, stop))
    return line_end + 1 if line_end >= 0 else stop
