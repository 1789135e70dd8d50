"""The laws that every sample keeps, checked on its ids and its sidecar row alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filters.tokens.encoder import Encoder
from pipeline.config import Fim
from pipeline.synthesize.dialects import Sentinels, load_dialect, resolve_sentinels

from .material import LITERALS, Sample, window_parts
from .rules import CHECKS, check_deleted


def expected_layout(parts: tuple[list[int], ...], order: str, s: Sentinels) -> list[int]:
    """The templates of docs/fim.md, written out."""
    prefix, middle, suffix = parts
    return {
        "none": [*prefix, s.eot],
        "psm": [s.prefix, *prefix, s.suffix, *suffix, s.middle, *middle, s.eot],
        "spm-v1": [s.suffix, *suffix, s.prefix, *prefix, s.middle, *middle, s.eot],
        "spm-v2": [s.prefix, s.suffix, *suffix, s.middle, *prefix, *middle, s.eot],
    }[order]


def read_parts(sample: Sample, s: Sentinels) -> tuple[list[int], ...]:
    """Prefix, middle and suffix ids, found by the sentinels and by middle_start and middle_len."""
    ids, row = sample
    middle = ids[row["middle_start"] : row["middle_start"] + row["middle_len"]]
    if row["order"] == "none":
        return ids[:-1], [], []
    at_prefix, at_suffix, at_middle = (ids.index(token) for token in (s.prefix, s.suffix, s.middle))
    if row["order"] == "psm":
        return ids[at_prefix + 1 : at_suffix], middle, ids[at_suffix + 1 : at_middle]
    if row["order"] == "spm-v1":
        return ids[at_prefix + 1 : at_middle], middle, ids[at_suffix + 1 : at_prefix]
    return ids[at_middle + 1 : row["middle_start"]], middle, ids[at_suffix + 1 : at_middle]


def check_sample(sample: Sample, text: str, config: Fim, encoder: Encoder) -> None:
    s = resolve_sentinels(load_dialect(config.dialect), encoder)
    ids, row = sample
    assert row["n_tokens"] == len(ids) <= config.context
    parts = read_parts(sample, s)
    assert ids == expected_layout(parts, row["order"], s)
    prefix, middle, deleted, suffix = window_parts(text, row)
    assert prefix + middle + deleted + suffix == text[row["window_start"] : row["window_end"]]
    assert [encoder.decode(np.array(part, np.int32)) for part in parts] == [prefix, middle, suffix]
    planned = [s.eot] if row["order"] == "none" else [s.prefix, s.suffix, s.middle, s.eot]
    controls = {encoder.token_id(literal) for literal in LITERALS} | {s.prefix, s.suffix, s.middle}
    assert sorted(token for token in ids if token in controls) == sorted(planned)
    assert ids[-1] == s.eot
    if row["order"] == "none":
        assert row["kind"] == "plain"
        assert row["cut_start"] == row["cut_end"] == row["window_end"]
        assert (row["middle_start"], row["middle_len"], row["deleted"]) == (0, 0, 0)


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
