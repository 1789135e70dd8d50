"""The secrets filter: keys, tokens and passwords in the text, as places and kinds, never as values.

A kernel (filters/sensitive/secret_kernel.py) points at the few places where a literal of some shape stands;
there the shape's pattern is matched over a bounded window and its value judged (filters/data/secrets.toml,
filters/sensitive/secret_checks.py). Nothing is asked of any network. Time is linear in any text; some 300
MB/s of code on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.sensitive.secret_checks import Match
from filters.sensitive.secret_kernel import find_anchors
from filters.sensitive.secret_rules import Rule, load_rules
from filters.sensitive.spans import SPANS, Span, spans_column
from filters.text import Texts, utf8_buffers

_BEFORE_BYTES = 96


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets:
    """Signals `n_secrets` and `secret_spans`.

    >>> docs = pa.table({"content": ['é = "AKIAQWERTYUIOPASDFGH"', 'key = "AKIAIOSFODNN7EXAMPLE"']})
    >>> Secrets()(docs).to_pylist()[0]
    {'n_secrets': 1, 'secret_spans': [{'kind': 'aws_access_key_id', 'start': 5, 'end': 25}]}
    >>> Secrets()(docs)["n_secrets"].to_pylist()
    [1, 0]
    """

    name: ClassVar[str] = "secrets"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("n_secrets", pa.int32(), nullable=False),
            pa.field("secret_spans", SPANS, nullable=False),
        ]
    )
    default_where: ClassVar[str] = "n_secrets = 0"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Secrets of `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        spans = spans_column(find_secrets(texts), texts)
        return pa.table([spans.value_lengths(), spans], schema=self.schema)


def find_secrets(texts: Texts) -> dict[int, list[Span]]:
    """The secrets of each text that has any, by its number; positions are bytes from the text's start.

    Of two that overlap, one with a shape of its own counts, else the first.
    """
    hits = find_anchors(texts.data, texts.offsets, load_rules().tables)
    found: dict[int, list[Span]] = {}
    bounds = np.searchsorted(hits[:, 0], np.unique(hits[:, 0]), "left").tolist()
    for first, last in pairwise([*bounds, len(hits)]):
        document = int(hits[first, 0])
        spans = _judge(texts, document, hits[first:last, 1:].tolist())
        if spans:
            found[document] = spans
    return found


def _judge(texts: Texts, document: int, hits: list[list[int]]) -> list[Span]:
    """The spans of one text, in order, none over another."""
    start, end = texts.offsets[document : document + 2].tolist()
    view = memoryview(texts.data)  # type: ignore[arg-type] # numpy 2.4 on Python 3.11
    accepted: list[Span] = []
    for named in (True, False):
        done: dict[Rule, int] = {}  # where the last match of a rule ended: it is not tried inside it
        own = []
        for anchor, first in hits:
            for rule in load_rules().by_anchor[anchor]:
                if rule.named != named or first < done.get(rule, 0):
                    continue
                match = rule.pattern.match(view, first, min(end, first + rule.window))
                if match is None:
                    continue
                done[rule] = match.end()
                a, b = match.span("value") if "value" in rule.pattern.groupindex else match.span()
                b = a + len(_trimmed(bytes(view[a:b])))
                line = bytes(view[max(start, first - _BEFORE_BYTES) : a]).rpartition(b"\n")[2]
                if rule.check(Match(bytes(view[a:b]), line)):
                    own.append(Span(rule.kind, a - start, b - start))
        accepted = _disjoint(accepted, own)
    return accepted


def _trimmed(value: bytes) -> bytes:
    """A value without the line ends after it, be they written as escapes."""
    value = value.rstrip()
    while value.endswith((b"\\n", b"\\r")):
        value = value[:-2].rstrip()
    return value


def _disjoint(accepted: list[Span], further: list[Span]) -> list[Span]:
    """`accepted`, which are disjoint, and those of `further` that overlap none of them and no earlier one."""
    taken = sorted(accepted, key=lambda span: span.start)
    kept: list[Span] = []
    reached, place = 0, 0
    for span in sorted(further, key=lambda span: (span.start, -span.end)):
        while place < len(taken) and taken[place].end <= span.start:
            place += 1
        free = place == len(taken) or taken[place].start >= span.end
        if free and span.start >= reached:
            kept.append(span)
            reached = span.end
    return sorted([*taken, *kept], key=lambda span: span.start)
