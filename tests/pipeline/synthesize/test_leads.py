"""What leads a text has the dialect's form, fits, and holds no control tokens but its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import pack_texts
from filters.tokens.encoder import Encoder
from pipeline.config import Fim, Metadata
from pipeline.keyed import Rng
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.leads import draw_metadata, star_bucket
from pipeline.synthesize.samples import Samples, synthesize
from pipeline.synthesize.sentinels import resolve_sentinels

from .laws import check_sample, split_leads
from .material import CODE, DIALECTS, LITERALS, TEXTS, documents, fim, make, render, split_samples
from .test_golden import EXAMPLE, GUIDE
from .test_shares import chi_square

WITH_METADATA = tuple(name for name in DIALECTS if load_dialect(name).metadata)
WITH_CONTEXT = tuple(name for name in DIALECTS if load_dialect(name).context)
REPOSITORY = {"rate": 0.5, "max_tokens": 150, "order": "imports"}
NAMES = st.one_of(
    st.sampled_from(["", "ann/tools", "é漢😀\n"]), st.sampled_from(LITERALS), st.text(max_size=20)
)
FILES = st.lists(st.fixed_dictionaries({"path": NAMES, "text": TEXTS}), max_size=3)


def shares(dialect: str, share: float) -> dict[str, float]:
    """The same share for every part of the metadata that the dialect has a form for."""
    known = {part for parts in load_dialect(dialect).metadata.values() for part in parts}
    return {part: share if part in known else 0.0 for part in ("repository", "path", "stars")}


def with_leads(
    docs: pa.Table,
    *,
    names: Sequence[tuple[str, str]] | None = None,
    stars: Sequence[int | None] | None = None,
    files: Sequence[list[dict[str, str]] | None] | None = None,
) -> pa.Table:
    """The batch with other repository names and paths, numbers of stars, and repository contexts."""
    columns = dict(zip(docs.column_names, docs.columns, strict=True))
    if names is not None:
        columns["repo"], columns["path"] = ([pair[i] for pair in names] for i in (0, 1))
    if stars is not None:
        columns["stars"] = pa.array(stars, pa.int64())
    if files is not None:
        kind = pa.list_(pa.struct({"path": pa.string(), "text": pa.string()}))
        columns["context_files"] = pa.array(files, kind)
    return pa.table(columns)


def rendered_leads(samples: Samples, config: Fim, encoder: Encoder) -> list[tuple[str, str]]:
    """Lead and header of every sample as text."""
    dialect = load_dialect(config.dialect)
    sentinels = resolve_sentinels(dialect, config, encoder)
    pieces = [split_leads(sample)[:2] for sample in split_samples(samples)]
    return [tuple(render(own, dialect, sentinels, encoder) for own in pair) for pair in pieces]  # type: ignore[misc]


@pytest.mark.parametrize("dialect", WITH_METADATA)
@settings(deadline=None, max_examples=20)
@given(data=st.data(), texts=st.lists(TEXTS, min_size=1, max_size=3, unique=True), seed=st.integers(0, 2**32))
def test_samples_keep_every_law_with_leads_of_hostile_names_and_texts(
    encoder: Encoder, dialect: str, data: st.DataObject, texts: list[str], seed: int
) -> None:
    count = len(texts)
    config = fim(
        dialect,
        context=512,
        metadata=shares(dialect, 0.6),
        repository={"rate": 0.7, "max_tokens": 300, "order": "imports"} if dialect in WITH_CONTEXT else None,
    )
    docs = with_leads(
        documents(texts, encoder),
        names=data.draw(st.lists(st.tuples(NAMES, NAMES), min_size=count, max_size=count)),
        stars=data.draw(st.lists(st.none() | st.integers(-5, 10**6), min_size=count, max_size=count)),
        files=data.draw(st.lists(st.none() | FILES, min_size=count, max_size=count)),
    )
    samples = split_samples(make(docs, config, encoder, seed))
    ids = docs["doc_id"].to_pylist()
    for sample in samples:
        check_sample(sample, texts[ids.index(sample.row["doc_id"])], config, encoder)
    for index in range(count):
        alone = split_samples(make(docs.slice(index, 1), config, encoder, seed))
        assert alone == [sample for sample in samples if sample.row["doc_id"] == ids[index]]


def test_starcoder_metadata_open_the_prefix_in_every_order(encoder: Encoder) -> None:
    for order in ("psm", "spm-v2"):
        config = fim(orders={order: 1.0}, rate=0.5, context=512, metadata=shares("starcoder", 1.0))
        docs = with_leads(
            documents([CODE[at:] for at in range(8)], encoder), names=[("a/b", "c.py")] * 8, stars=[7] * 8
        )
        leads = rendered_leads(make(docs, config, encoder), config, encoder)
        assert leads == [("", "<reponame>a/b<filename>c.py<gh_stars>1-10\n")] * 8


def test_each_part_of_the_metadata_is_drawn_by_itself() -> None:
    asked = Metadata(repository=0.2, path=0.5, stars=0.8)
    drawn = Counter(frozenset(draw_metadata(asked, Rng(key))) for key in range(4000))
    for part, share in asked.model_dump().items():
        got = sum(count for parts, count in drawn.items() if part in parts)
        assert chi_square([got, 4000 - got], [share, 1 - share]) < 10.8
    both = sum(count for parts, count in drawn.items() if {"repository", "path"} <= parts)
    assert chi_square([both, 4000 - both], [0.1, 0.9]) < 10.8


def test_metadata_come_at_their_rate_and_none_is_an_empty_header(encoder: Encoder) -> None:
    config = fim(context=1024, rate=0.0, metadata={"repository": 0.0, "path": 0.3, "stars": 0.0})
    texts = [f"x = {number}\n" for number in range(1500)]
    leads = rendered_leads(make(documents(texts, encoder), config, encoder), config, encoder)
    drawn = sum(header != "" for _, header in leads)
    assert {header for _, header in leads} == {"", *(f"<filename>path-{n}\n" for n in range(1500))} & {
        header for _, header in leads
    }
    assert chi_square([drawn, 1500 - drawn], [0.3, 0.7]) < 10.8


@pytest.mark.parametrize(
    ("stars", "bucket"),
    [(None, "0"), (-1, "0"), (0, "0"), (1, "1-10"), (10, "1-10"), (11, "10-100"), (100, "10-100"),
     (101, "100-1000"), (1000, "100-1000"), (1001, "1000+"), (10**9, "1000+")],
)  # fmt: skip
def test_stars_have_starcoders_buckets(stars: int | None, bucket: str) -> None:
    assert star_bucket(stars) == bucket


def test_names_that_are_empty_or_too_long_are_left_out(encoder: Encoder) -> None:
    config = fim(context=256, rate=0.0, metadata=shares("starcoder", 1.0))
    docs = with_leads(documents(["a\n", "b\n"], encoder), names=[("", "c.py"), ("x/y", "d/" * 300)])
    samples = make(docs, config, encoder)
    assert rendered_leads(samples, config, encoder) == [("", "<filename>c.py<gh_stars>0\n"), ("", "")]
    assert samples.counts["metadata_left_out"] == 1


def test_a_tokenizer_that_makes_control_ids_of_a_path_is_refused(encoder: Encoder) -> None:
    config = fim(context=512, metadata=shares("starcoder", 1.0))
    letter = int(encoder.encode(pack_texts([b"q"])).ids[0])
    dialect = load_dialect("starcoder")
    sentinels = replace(resolve_sentinels(dialect, config, encoder), prefix=letter)
    for path, refused in (("q", True), ("x", False)):
        docs = with_leads(documents(["x"], encoder), names=[("r", path)])
        with pytest.raises(ValueError, match="control id") if refused else nullcontext():
            synthesize(docs, fim=config, dialect=dialect, sentinels=sentinels, encoder=encoder, seed=0)


def test_every_window_of_a_document_has_the_same_leads(encoder: Encoder) -> None:
    config = fim("qwen2.5-coder", context=256, metadata=shares("qwen2.5-coder", 1.0))
    docs = with_leads(documents([CODE * 20], encoder), names=[("lib", "main.py")])
    leads = rendered_leads(make(docs, config, encoder), config, encoder)
    assert len(leads) > 5
    assert set(leads) == {("<|repo_name|>lib\n<|file_sep|>main.py\n", "")}


def context_of(
    encoder: Encoder, files: list[tuple[str, str]], max_tokens: int, **changes: Any
) -> tuple[str, Samples]:
    """The lead of one file, main.py of repository r, with these others; and the samples."""
    repository = {"rate": 1.0, "max_tokens": max_tokens, "order": "imports"}
    config = fim("starcoder2", context=2048, rate=0.0, repository=repository, **changes)
    others = [{"path": path, "text": text} for path, text in files]
    docs = with_leads(documents(["x = 1\n"], encoder), names=[("r", "main.py")], files=[others])
    samples = make(docs, config, encoder)
    ((lead, header),) = rendered_leads(samples, config, encoder)
    assert header == ("main.py\n" if samples.counts["with_context"] else "")
    return lead, samples


def test_other_files_stand_before_the_file_in_the_order_given(encoder: Encoder) -> None:
    lead, samples = context_of(encoder, [("a.py", "a = 1\n"), ("b.py", ""), ("c.py", "c = 3\n")], 1000)
    assert lead == "<repo_name>r<file_sep>a.py\na = 1\n<file_sep>c.py\nc = 3\n<file_sep>"
    assert samples.counts["with_context"] == 1


def test_a_repository_without_a_name_has_no_name_in_its_form(encoder: Encoder) -> None:
    config = fim("qwen2.5-coder", context=512, rate=0.0, repository={**REPOSITORY, "rate": 1.0})
    docs = with_leads(
        documents(["x = 1\n"], encoder), names=[("", "b.py")], files=[[{"path": "a.py", "text": "a\n"}]]
    )
    leads = rendered_leads(make(docs, config, encoder), config, encoder)
    assert leads == [("<|file_sep|>a.py\na\n\n<|file_sep|>b.py\n", "")]


def test_files_that_do_not_fit_go_from_the_far_end(encoder: Encoder) -> None:
    files = [("a.py", "1\n" * 30), ("b.py", "2\n" * 30), ("c.py", "3\n" * 30)]
    lead, samples = context_of(encoder, files, 170)
    assert (
        lead
        == f"<repo_name>r<file_sep>b.py\n{'2' + chr(10)}"
        + "2\n" * 29
        + "<file_sep>c.py\n"
        + "3\n" * 30
        + "<file_sep>"
    )
    assert samples.counts["context_cut"] == 0


@pytest.mark.parametrize("size", [1000, 300_000])
def test_a_file_that_does_not_fit_alone_keeps_its_end_from_a_line_start_on(
    encoder: Encoder, size: int
) -> None:
    text = "".join(f"value_{number} = {number}\n" for number in range(size))
    lead, samples = context_of(encoder, [("a.py", "1\n"), ("b.py", text)], 200)
    opening = "<repo_name>r<file_sep>b.py\n"
    assert lead.startswith(opening + "value_")
    assert lead.endswith("<file_sep>")
    assert text.endswith("\n" + lead[len(opening) : -len("<file_sep>")])
    assert 150 < samples.sidecar["lead_len"][0].as_py() <= 200
    assert samples.counts["context_cut"] == 1


@pytest.mark.parametrize("text", ["x" * 100_000, "\x00" * 5000, "漢" * 3000])
def test_a_file_of_one_endless_line_gives_no_context(encoder: Encoder, text: str) -> None:
    lead, samples = context_of(encoder, [("a.py", text)], 100)
    assert lead == ""
    assert (samples.counts["with_context"], samples.counts["context_left_out"]) == (0, 1)


@pytest.mark.parametrize("dialect", WITH_CONTEXT)
def test_contexts_never_exceed_their_tokens_nor_samples_the_context(encoder: Encoder, dialect: str) -> None:
    config = fim(dialect, context=300, repository=REPOSITORY)
    texts = [CODE[at:] + CODE for at in range(60)]
    files = [[{"path": f"{n}.py", "text": CODE[at : at + 9 * n]} for n in range(1, 9)] for at in range(60)]
    samples = make(with_leads(documents(texts, encoder), files=files), config, encoder)
    rows = samples.sidecar.to_pylist()
    bos = int(bool(load_dialect(dialect).bos))
    assert all(row["lead_len"] + row["header_len"] - bos <= 150 for row in rows)
    assert max(row["n_tokens"] for row in rows) <= 300
    with_context = {row["doc_id"] for row in rows if row["lead_len"] + row["header_len"] > bos}
    assert samples.counts["with_context"] == len(with_context)
    assert chi_square([len(with_context), 60 - len(with_context)], [0.5, 0.5]) < 10.8


def test_without_forms_or_files_nothing_leads_but_the_first_token(encoder: Encoder) -> None:
    for dialect in ("starcoder", "codellama"):
        sidecar = make(documents([CODE], encoder), fim(dialect, context=512), encoder).sidecar
        assert sidecar["lead_len"].to_pylist() == [int(dialect == "codellama")]
        assert sidecar["header_len"].to_pylist() == sidecar["header_start"].to_pylist() == [0]


def test_the_prefix_of_codellama_has_its_space_and_an_empty_one_has_none(encoder: Encoder) -> None:
    config = fim("codellama", context=64, rate=0.0)
    samples = make(documents(["1" * 62, "1" * 63], encoder, n_tokens=[1, 1]), config, encoder)
    for sample in split_samples(samples):
        assert encoder.decode(np.array(sample.ids[1:-1], np.int32)).startswith(" 1")
    assert samples.sidecar["n_tokens"].to_pylist() == [64, 64]
    assert samples.counts["shrunk"] == 2


@pytest.mark.parametrize(
    ("dialect", "changes"),
    [
        ("starcoder", {"metadata": shares("starcoder", 1.0)}),
        ("qwen2.5-coder", {"repository": {"rate": 1.0, "max_tokens": 256, "order": "imports"}}),
    ],
)
def test_the_guide_shows_samples_with_leads(dialect: str, changes: dict[str, Any], encoder: Encoder) -> None:
    kind = {"rate": 1.0, "orders": {"psm": 1.0}, "kinds": {"line": 1.0}}
    config = fim(dialect, context=1024, **kind, **changes)
    docs = with_leads(
        documents([EXAMPLE], encoder),
        names=[("ann/shop", "shop/total.py")],
        stars=[57],
        files=[[{"path": "shop/tax.py", "text": "TAX = 1.2\n"}]],
    )
    (sample,) = split_samples(make(docs, config, encoder, seed=0))
    sentinels = resolve_sentinels(load_dialect(dialect), config, encoder)
    text = render(sample.ids, load_dialect(dialect), sentinels, encoder)
    assert f"```text\n{text}\n```" in GUIDE.read_text(encoding="utf-8")
