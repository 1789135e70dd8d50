"""Dialects in a whole run: tokens added to a tokenizer, metadata, contexts, and what shards tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.tokens.encoder import Encoder, load_encoder
from pipeline.chain import run_job
from pipeline.config import Metadata, RepositoryContext
from pipeline.dedup.stage import survivor_part
from pipeline.documents import Reading
from pipeline.engine import Engine
from pipeline.job import Job
from pipeline.planning import walk
from pipeline.recipe import load_recipe
from pipeline.report import summarize, write_records
from pipeline.shards.reader import Shards
from pipeline.shards.verify import verify
from pipeline.sources import column_mapping, source_name
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.leads import star_bucket
from pipeline.synthesize.sentinels import Sentinels, resolve_sentinels
from pipeline.synthesize.stage import Synthesis, context_files, run_stem, synthesize_split, synthesize_units
from pipeline.units import Product, Runner
from tests.pipeline.stack import stdlib_rows, write_corpus, write_recipe

from .laws import split_leads
from .material import Sample, render

METADATA = "fim.metadata={ repository = 0.5, path = 0.5, stars = 0.5 }"


def job_of(recipe: Path, out: Path, *overrides: str, planning: bool = False) -> Job:
    return Job(load_recipe(recipe, overrides), out, Runner(Engine(workers=0), planning=planning))


def run(recipe: Path, out: Path, *overrides: str) -> dict[str, Any]:
    job = job_of(recipe, out, *overrides)
    run_job(job)
    report = summarize(job)
    write_records(job, report)
    return report


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("corpus")
    rows = stdlib_rows(24)
    return write_recipe(folder, write_corpus(folder / "files", rows)), rows


def test_a_run_adds_missing_tokens_and_its_shards_carry_them(
    corpus: tuple[Path, list[dict[str, Any]]], bare_encoder: Encoder, tmp_path: Path
) -> None:
    recipe, rows = corpus
    settings = (f"tokenizer={{ file = '{bare_encoder.path}' }}", METADATA, "fim.loss=middle")
    with pytest.raises(ValueError, match=r"lead '<reponame>'.*fim\.add_sentinels = true"):
        run(recipe, tmp_path / "out", *settings)
    adding = (*settings, "fim.add_sentinels=true")
    assert walk(job_of(recipe, tmp_path / "out", *adding, planning=True))["stages"][0]["name"] == "tokenizer"
    assert not (tmp_path / "out").exists()
    run(recipe, tmp_path / "out", *adding)
    shards = Shards.open(tmp_path / "out" / "shards")
    assert verify(shards.path)["problems"] == []
    assert (shards.manifest["loss"], shards.manifest["dialect"]["name"]) == ("middle", "starcoder")
    stored = json.loads((shards.path / "tokenizer" / "sentinels.json").read_text())
    assert stored == shards.manifest["sentinels"]
    assert set(stored["lead"]) == {"<reponame>", "<filename>", "<gh_stars>"}
    assert min(*stored["lead"].values(), stored["prefix"]) >= bare_encoder.vocab_size
    check_headers(shards, rows)
    again = run(recipe, tmp_path / "out", *adding)
    assert all(stage["units"] == stage["units_cached"] for stage in again["stages"])


def check_headers(shards: Shards, rows: list[dict[str, Any]]) -> None:
    """Headers say what the source says, and all of them but the empty one are there."""
    stars = {(row["max_stars_repo_name"], row["max_stars_repo_path"]): row["max_stars_count"] for row in rows}
    sentinels = Sentinels(**shards.manifest["sentinels"])
    encoder = load_encoder(str(shards.path / "tokenizer" / "tokenizer.json"))
    seen = set()
    for number, row in enumerate(shards.sidecar("train").to_pylist()):
        lead, header, _ = split_leads(Sample(shards.tokens("train", number).tolist(), row))
        text = render(header, load_dialect("starcoder"), sentinels, encoder)
        bucket = star_bucket(stars[row["repo"], row["path"]])
        pieces = [f"<reponame>{row['repo']}", f"<filename>{row['path']}", f"<gh_stars>{bucket}"]
        found = [piece for piece in pieces if piece in text]
        assert text == ("".join(found) + "\n" if found else "")
        assert lead == []
        seen.add(tuple(piece[:4] for piece in found))
    assert len(seen) > 4


def test_a_dialect_of_ones_own_counts_by_what_it_says(
    corpus: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    recipe, _ = corpus
    own = tmp_path / "mine.toml"
    text = (Path(load_dialect.__code__.co_filename).parent / "dialects" / "starcoder.toml").read_text("utf-8")
    own.write_text(text, encoding="utf-8")
    run(recipe, tmp_path / "out", f"fim.dialect={own}")
    manifest = Shards.open(tmp_path / "out" / "shards").manifest
    assert manifest["recipe"]["fim"]["dialect"] == manifest["dialect"]["name"] == "mine"
    assert str(tmp_path) not in json.dumps(manifest)
    same = walk(job_of(recipe, tmp_path / "out", f"fim.dialect={own}", planning=True))["stages"]
    assert all(stage["why"].startswith("nothing to do") for stage in same)
    own.write_text(text + 'path_is_unknown = ["x"]\n', encoding="utf-8")
    with pytest.raises(ValueError, match="path_is_unknown"):
        run(recipe, tmp_path / "out", f"fim.dialect={own}")
    own.write_text(text.replace("{path}", "./{path}"), encoding="utf-8")
    changed = walk(job_of(recipe, tmp_path / "out", f"fim.dialect={own}", METADATA, planning=True))["stages"]
    assert any(not stage["why"].startswith("nothing to do") for stage in changed)


def test_contexts_are_joined_to_documents_by_row(tmp_path: Path) -> None:
    kind = pa.list_(pa.struct({"path": pa.string(), "text": pa.string()}))
    files = [[{"path": str(row), "text": "x"}] for row in (2, 5, 9)]
    path = tmp_path / "context.parquet"
    table = pa.table({"row": pa.array([2, 5, 9], pa.int64()), "context_files": pa.array(files, kind)})
    pq.write_table(table, path, row_group_size=1)
    assert context_files(path, np.array([], np.int64)).to_pylist() == []
    assert context_files(path, np.array([0, 1])).to_pylist() == [None, None]
    assert context_files(path, np.array([2, 4, 5])).to_pylist() == [files[0], None, files[1]]
    assert context_files(path, np.array([9, 10])).to_pylist() == [files[2], None]
    assert context_files(path, np.array([7, 8, 100])).to_pylist() == [None] * 3


def test_a_split_is_synthesized_with_the_contexts_of_its_file(
    corpus: tuple[Path, list[dict[str, Any]]], encoder: Encoder, tmp_path: Path
) -> None:
    recipe_path, _ = corpus
    tokenizer = f"tokenizer={{ file = '{encoder.path}' }}"
    job = job_of(recipe_path, tmp_path / "out", tokenizer)
    run_job(job)
    assert job.dedup is not None
    fim = job.recipe.fim.model_copy(
        update={
            "dialect": "starcoder2",
            "repository": RepositoryContext(rate=1.0, max_tokens=128, order="imports"),
        }
    )
    dialect, source = load_dialect("starcoder2"), job.recipe.source
    reading = Reading(source_name(source), column_mapping(source), source.max_document_bytes, 20_000)
    synthesis = Synthesis(
        reading, fim, dialect, resolve_sentinels(dialect, fim, encoder), Path(encoder.path), "uint16", 1
    )
    survivors = [survivor_part(job.dedup, index) for index in range(len(job.plan.splits))]
    contexts = [write_contexts(part, tmp_path / f"{n}.parquet") for n, part in enumerate(survivors)]
    check_keys(synthesis)
    units = synthesize_units(
        tmp_path / "s", job.plan.splits, survivors, ["d"] * len(survivors), synthesis, contexts
    )
    bare = synthesize_units(tmp_path / "s", job.plan.splits, survivors, ["d"] * len(survivors), synthesis)
    assert {unit.products[0].key for unit in units}.isdisjoint(unit.products[0].key for unit in bare)
    for unit, part in zip(units, survivors, strict=True):
        (receipt,) = synthesize_split(unit.work, unit.products)
        assert receipt.facts["counts"]["with_context"] == pq.read_metadata(part).num_rows // 2
        check_contexts(unit.products[0], part, synthesis, encoder)


def check_keys(synthesis: Synthesis) -> None:
    """What changes a token changes the key, and what does not does not."""

    def key(**changes: Any) -> str:
        return replace(synthesis, fim=synthesis.fim.model_copy(update=changes)).key()

    shares = Metadata(repository=0.1, path=0.2, stars=0.3)
    assert key(loss="middle") == key(add_sentinels=True) == key(dialect="./elsewhere.toml") == synthesis.key()
    other = replace(synthesis, dialect=synthesis.dialect.model_copy(update={"eot": "<x>"}))
    renamed = replace(synthesis.reading, mapping={**synthesis.reading.mapping, "max_stars_count": "s"})
    starred = replace(
        replace(synthesis, reading=renamed), fim=synthesis.fim.model_copy(update={"metadata": shares})
    )
    keys = [synthesis.key(), key(metadata=shares), key(repository=None), other.key(), starred.key()]
    assert len(set(keys)) == len(keys)


def write_contexts(survivors: Path, path: Path) -> tuple[Path, str]:
    """A context of one file, which names the row, for every second surviving row."""
    rows = pq.read_table(survivors).column("row").to_pylist()[1::2]
    files = [[{"path": f"{row}.py", "text": f"row = {row}\n"}] for row in rows]
    kind = pa.list_(pa.struct({"path": pa.string(), "text": pa.string()}))
    table = pa.table({"row": pa.array(rows, pa.int64()), "context_files": pa.array(files, kind)})
    pq.write_table(table, path, row_group_size=3)
    return path, "digest"


def check_contexts(product: Product, survivors: Path, synthesis: Synthesis, encoder: Encoder) -> None:
    """Every sample of a split has the context of its own row."""
    table = pq.read_table(survivors)
    rows = dict(zip(table.column("doc_id").to_pylist(), table.column("row").to_pylist(), strict=True))
    chosen = set(table.column("row").to_pylist()[1::2])
    for name in ("train", "validation"):
        stem = run_stem(product, name)
        if not stem.with_name(stem.name + ".parquet").exists():
            continue
        tokens = np.fromfile(stem.with_name(stem.name + ".bin"), "<u2")
        for row in pq.read_table(stem.with_name(stem.name + ".parquet")).to_pylist():
            number = rows[row["doc_id"]]
            ids = tokens[row["token_offset"] :][: row["n_tokens"]].tolist()
            lead, header, _ = split_leads(Sample(ids, row))
            text = render(lead, synthesis.dialect, synthesis.sentinels, encoder)
            other = f"<repo_name>{row['repo']}<file_sep>{number}.py\nrow = {number}\n<file_sep>"
            assert text == (other if number in chosen else "")
            assert bool(header) == (number in chosen)
