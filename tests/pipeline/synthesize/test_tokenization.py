"""`joint` and `snap`: tokens that reach over cuts, and cuts that move to tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import pack_texts
from filters.tokens.encoder import Encoder
from pipeline.keyed import Rng
from pipeline.synthesize.cuts import Cut
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.sentinels import resolve_sentinels
from pipeline.synthesize.snapping import snap
from pipeline.synthesize.token_places import token_places

from .laws import check_sample, read_parts, split_leads
from .material import CODE, TEXTS, Sample, documents, fim, make, split_samples, window_parts
from .rules import CHECKS

BATCHES = st.lists(TEXTS.filter(bool), min_size=1, max_size=3, unique=True)


def ids_of(text: str, encoder: Encoder) -> list[int]:
    return list(encoder.encode(pack_texts([text.encode()])).ids.tolist())


def samples_of(texts: list[str], encoder: Encoder, **changes: Any) -> list[tuple[Sample, str]]:
    """The samples with the text of the document that each is of."""
    found = split_samples(make(documents(texts, encoder), fim(**changes), encoder))
    return [(sample, texts[int(sample.row["repo"].removeprefix("repo-"))]) for sample in found]


@pytest.mark.parametrize("dialect", ["starcoder", "codestral", "codellama"])
@settings(deadline=None)
@given(texts=BATCHES)
def test_joint_encodes_neighbours_as_one_text(encoder: Encoder, dialect: str, texts: list[str]) -> None:
    config = fim(dialect)
    own = load_dialect(dialect)
    sentinels = resolve_sentinels(own, config, encoder)
    for sample, text in samples_of(texts, encoder, dialect=dialect, tokenization="joint"):
        row = sample.row
        assert row["n_tokens"] == len(sample.ids) <= config.context
        _, _, bare = split_leads(sample)
        prefix, middle, suffix = read_parts(bare, sentinels)
        parts = window_parts(text, row)
        together = (own.before_prefix + parts[0] if parts[0] else "") + parts[1]
        if row["order"] == "spm-v2" or (row["order"] == "spm-v1" and dialect == "codestral"):
            assert prefix + middle == ids_of(together, encoder)
            whole = encoder.decode(np.array(prefix, np.int32))
            assert together.startswith(whole.rstrip("\N{REPLACEMENT CHARACTER}"))
            assert (len(middle) == 0) == (parts[1] == "")
            assert suffix == ids_of(parts[3], encoder)
        else:
            check_sample(sample, text, config, encoder)


def test_joint_has_tokens_that_reach_over_cuts(encoder: Encoder) -> None:
    docs = documents([f"{CODE}\n# {n}\n" for n in range(40)], encoder)
    joint, separate = (
        make(docs, fim(orders={"spm-v2": 1.0}, rate=1.0, context=512, tokenization=mode), encoder)
        for mode in ("joint", "separate")
    )
    for name in ("cut_start", "cut_end", "deleted"):
        assert joint.sidecar[name] == separate.sidecar[name]
    assert len(joint.tokens) < len(separate.tokens)


@settings(deadline=None)
@given(texts=BATCHES)
def test_snapped_samples_keep_every_law(encoder: Encoder, texts: list[str]) -> None:
    config = fim(half_written={"rate": 0.5, "max_lines": 3})
    found = samples_of(texts, encoder, tokenization="snap", half_written={"rate": 0.5, "max_lines": 3})
    for sample, text in found:
        check_sample(sample, text, config, encoder)
        row = sample.row
        if row["kind"] != "plain" and (row["window_start"], row["window_end"]) == (0, len(text)):
            CHECKS[row["kind"]](text, row["cut_start"], row["cut_end"], config.max_lines)


@settings(deadline=None)
@given(text=TEXTS.filter(bool))
def test_random_cuts_snapped_to_tokens_leave_the_windows_own_ids(encoder: Encoder, text: str) -> None:
    config = fim(kinds={"random": 1.0}, rate=1.0, tokenization="snap")
    sentinels = resolve_sentinels(load_dialect("starcoder"), config, encoder)
    for sample, _ in samples_of([text], encoder, kinds={"random": 1.0}, rate=1.0, tokenization="snap"):
        prefix, middle, suffix = read_parts(sample, sentinels)
        window = text[sample.row["window_start"] : sample.row["window_end"]]
        assert prefix + middle + suffix == ids_of(window, encoder)


@given(text=TEXTS.filter(bool), seed=st.integers(0, 1000), margins=st.sampled_from([(0, 0), (1, 2)]))
def test_a_cut_moves_to_the_nearest_border_between_its_margins(
    encoder: Encoder, text: str, seed: int, margins: tuple[int, int]
) -> None:
    low, high = margins[0], len(text) - margins[1]
    if low > high:
        return
    rng = Rng(seed)
    one, other = sorted(low + rng.below(high - low + 1) for _ in range(2))
    borders = token_places(encoder, text)
    allowed = [border for border in borders if low <= border <= high]
    moved = snap(Cut(one, other), "random", text, borders, margins)
    for place, new in zip((one, other), moved, strict=True):
        assert new == min(allowed, key=lambda border, at=place: (abs(border - at), border), default=place)


def test_kinds_with_fixed_places_do_not_move(encoder: Encoder) -> None:
    borders = [0, 2, 9]
    for kind in ("empty", "block", "refact-v2"):
        assert snap(Cut(3, 5), kind, "x" * 9, borders, (0, 0)) == Cut(3, 5)
    assert snap(Cut(3, 9), "line", "x" * 9 + "\n", borders, (0, 0)) == Cut(2, 9)
    assert snap(Cut(4, 9), "line", "   x + yz\n", [0, 2, 9], (0, 0)) == Cut(4, 9)
