"""The laws that every sample keeps, checked on its ids and its sidecar row alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from filters.tokens.encoder import Encoder
from pipeline.config import Fim
from pipeline.shards.reader import split_sample
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.sentinels import Sentinels, resolve_sentinels

from .material import LITERALS, Sample, window_parts
from .rules import CHECKS, check_deleted


def expected_layout(parts: tuple[list[int], ...], order: str, s: Sentinels) -> list[int]:
    """The templates of docs/fim.md, written out."""
    prefix, middle, suffix = parts
    mark = [] if s.middle is None else [s.middle]
    return {
        "none": [*prefix, s.eot],
        "psm": [s.prefix, *prefix, s.suffix, *suffix, *mark, *middle, s.eot],
        "spm-v1": [s.suffix, *suffix, s.prefix, *prefix, *mark, *middle, s.eot],
        "spm-v2": [s.prefix, s.suffix, *suffix, *mark, *prefix, *middle, s.eot],
    }[order]


def split_leads(sample: Sample) -> tuple[list[int], list[int], Sample]:
    """Lead, header, and the sample as if it had neither."""
    ids, row = sample
    lead, start, size = row["lead_len"], row["header_start"], row["header_len"]
    assert start == 0 if size == 0 else start >= lead
    own = ids[lead:start] + ids[start + size :] if size else ids[lead:]
    before_middle = 0 if row["order"] == "none" else lead + size
    return (
        ids[:lead],
        ids[start : start + size],
        Sample(own, row | {"middle_start": row["middle_start"] - before_middle}),
    )


def read_parts(sample: Sample, s: Sentinels) -> tuple[list[int], ...]:
    """Prefix, middle and suffix ids, found by the sentinels and by middle_start and middle_len."""
    ids, row = sample
    middle = ids[row["middle_start"] : row["middle_start"] + row["middle_len"]]
    if row["order"] == "none":
        return ids[:-1], [], []
    at_prefix, at_suffix = ids.index(s.prefix), ids.index(s.suffix)
    at_middle = row["middle_start"] if s.middle is None else ids.index(s.middle)
    if row["order"] == "psm":
        return ids[at_prefix + 1 : at_suffix], middle, ids[at_suffix + 1 : at_middle]
    if row["order"] == "spm-v1":
        return ids[at_prefix + 1 : at_middle], middle, ids[at_suffix + 1 : at_prefix]
    return ids[at_middle + 1 : row["middle_start"]], middle, ids[at_suffix + 1 : at_middle]


def check_sample(sample: Sample, text: str, config: Fim, encoder: Encoder) -> None:
    dialect = load_dialect(config.dialect)
    s = resolve_sentinels(dialect, config, encoder)
    assert sample.row["n_tokens"] == len(sample.ids) <= config.context
    lead, header, own = split_leads(sample)
    check_leads(lead, header, s, encoder)
    ids, row = own
    parts = read_parts(own, s)
    taken = split_sample(np.array(sample.ids), sample.row, asdict(s))
    assert [part.tolist() for part in taken] == [lead, header, *parts]
    assert ids == expected_layout(parts, row["order"], s)
    prefix, middle, deleted, suffix = window_parts(text, row)
    assert prefix + middle + deleted + suffix == text[row["window_start"] : row["window_end"]]
    written = (dialect.before_prefix + prefix if prefix else "", middle, suffix)
    assert tuple(encoder.decode(np.array(part, np.int32)) for part in parts) == written
    marks = [mark for mark in (s.prefix, s.suffix, s.middle) if mark is not None]
    planned = [s.eot] if row["order"] == "none" else [*marks, s.eot]
    controls = {encoder.token_id(literal) for literal in LITERALS} | set(marks)
    assert sorted(token for token in ids if token in controls) == sorted(planned)
    assert ids[-1] == s.eot
    if row["order"] == "none":
        assert row["kind"] == "plain"
        assert row["cut_start"] == row["cut_end"] == row["window_end"]
        assert (row["middle_start"], row["middle_len"], row["deleted"]) == (0, 0, 0)


def check_leads(lead: list[int], header: list[int], s: Sentinels, encoder: Encoder) -> None:
    """Beginning-of-sequence is first and nowhere else, and only the forms' own control tokens follow."""
    opening = [] if s.bos is None else [s.bos]
    assert lead[: len(opening)] == opening
    controls = {encoder.token_id(literal) for literal in LITERALS} | {s.prefix, s.suffix, s.middle}
    strange = controls - set(s.lead.values())
    assert not strange & {*lead[len(opening) :], *header}


def check_rules(row: dict[str, int], kind: str, text: str, config: Fim) -> None:
    """The kind's and half-writing's rules, for a window that is a whole document."""
    assert config.half_written is not None
    if kind != "plain":
        CHECKS[kind](text, row["cut_start"], row["cut_end"], config.max_lines)
        check_deleted(text, row["cut_end"], row["deleted"], config.half_written.max_lines)


def check_batch(samples: list[Sample], texts: Sequence[str], config: Fim, encoder: Encoder) -> None:
    by_document: dict[str, list[dict[str, Any]]] = {text: [] for text in texts if text}
    repos = [f"repo-{index}" for index in range(len(texts))]
    for sample in samples:
        text = texts[repos.index(sample.row["repo"])]
        check_sample(sample, text, config, encoder)
        by_document[text].append(sample.row)
        if (sample.row["window_start"], sample.row["window_end"]) == (0, len(text)):
            check_rules(sample.row, sample.row["kind"], text, config)
    for text, rows in by_document.items():
        copies = texts.count(text)
        own = rows[: len(rows) // copies]
        assert [row["part"] for row in own] == list(range(len(own)))
        assert "".join(text[row["window_start"] : row["window_end"]] for row in own) == text
