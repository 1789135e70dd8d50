"""The sidecar's schema: one row a sample, in the order of the `.bin`.

Character positions (`cut_*`, `window_*`) are code points of the document; token positions are relative to the
sample. For every sample

    prefix = text[window_start:cut_start]    middle = text[cut_start:cut_end]
    deleted = text[cut_end:cut_end + deleted]    suffix = text[cut_end + deleted:window_end]

so prefix + middle + deleted + suffix is the window. A plain sample is all prefix: cut_start = cut_end =
window_end, and middle_start = middle_len = 0. The lead (beginning-of-sequence, metadata, other files) and the
header (the same, where the prefix begins) are not of the window.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

SIDECAR: Final = pa.schema(
    [
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("order", pa.string(), nullable=False),  # none | psm | spm-v1 | spm-v2
        pa.field("kind", pa.string(), nullable=False),  # plain, or a kind of docs/fim.md
        pa.field("middle_start", pa.int32(), nullable=False),  # token index in the sample
        pa.field("middle_len", pa.int32(), nullable=False),  # tokens, without EOT
        pa.field("lead_len", pa.int32(), nullable=False),  # tokens before everything else
        pa.field("header_start", pa.int32(), nullable=False),  # token index in the sample
        pa.field("header_len", pa.int32(), nullable=False),  # tokens at the start of the prefix
        pa.field("doc_id", pa.binary(16), nullable=False),
        pa.field("part", pa.int32(), nullable=False),  # window number in the document
        pa.field("repo", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("revision", pa.string(), nullable=False),
        pa.field("license", pa.string(), nullable=False),
        pa.field("lang", pa.string(), nullable=False),
        pa.field("cut_start", pa.int32(), nullable=False),
        pa.field("cut_end", pa.int32(), nullable=False),
        pa.field("deleted", pa.int32(), nullable=False),  # characters
        pa.field("window_start", pa.int32(), nullable=False),
        pa.field("window_end", pa.int32(), nullable=False),
        pa.field("seed", pa.uint64(), nullable=False),  # key of the sample's random choices
    ]
)
