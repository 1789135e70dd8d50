"""The whole job on a small real corpus: its bytes, its resume, its accounts, and what it does with bad
input.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.chain import run_job
from pipeline.engine import Engine, UnitLost
from pipeline.job import Job
from pipeline.planning import walk
from pipeline.recipe import load_recipe
from pipeline.report import summarize, write_records
from pipeline.shards.reader import Shards
from pipeline.shards.verify import verify
from pipeline.units import Runner
from tests.pipeline.stack import stack_row, stdlib_rows, write_corpus, write_recipe, write_stack


def run(recipe: Path, out: Path, *overrides: str) -> tuple[Job, dict[str, Any]]:
    job = Job(load_recipe(recipe, overrides), out, Runner(Engine(workers=0)))
    run_job(job)
    report = summarize(job)
    write_records(job, report)
    return job, report


def plan(recipe: Path, out: Path, *overrides: str) -> dict[str, dict[str, Any]]:
    job = Job(load_recipe(recipe, overrides), out, Runner(Engine(workers=0), planning=True))
    return {stage["name"]: stage for stage in walk(job)["stages"]}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return stdlib_rows()


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> tuple[Path, Path, dict[str, Any]]:
    """A corpus's recipe, the output of a finished run of it, and its report."""
    folder = tmp_path_factory.mktemp("finished")
    recipe = write_recipe(folder, write_corpus(folder / "corpus", rows))
    _, report = run(recipe, folder / "out")
    return recipe, folder / "out", report


def test_shards_of_a_run_verify(finished: tuple[Path, Path, dict[str, Any]]) -> None:
    _, out, report = finished
    result = verify(out / "shards")
    assert result["problems"] == []
    assert result["samples"] == report["samples"] > 50
    assert result["tokens"] == report["tokens"]


def test_funnel_accounts_for_every_document(
    finished: tuple[Path, Path, dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    _, _, report = finished
    funnel = report["funnel"]
    assert funnel[0] == {**funnel[0], "name": "source", "documents": len(rows)}
    for before, after in pairwise(funnel):
        assert after["documents"] == before["documents"] - after["dropped"], after["name"]
    assert report["documents"] == funnel[-1]["documents"]
    by_name = {step["name"]: step for step in funnel}
    assert by_name["license"]["dropped"] == 6
    assert by_name["exact_duplicate"]["dropped"] > 0


def test_samples_rebuild_their_windows_from_the_source(
    finished: tuple[Path, Path, dict[str, Any]], rows: list[dict[str, Any]]
) -> None:
    from filters.tokens.encoder import load_encoder
    from pipeline.shards.reader import split_sample

    _, out, _ = finished
    shards = Shards.open(out / "shards")
    encoder = load_encoder(str(out / "shards" / "tokenizer" / "tokenizer.json"))
    texts = {(row["max_stars_repo_name"], row["max_stars_repo_path"]): row["content"] for row in rows}
    for split in shards.splits:
        for number, row in enumerate(shards.sidecar(split).to_pylist()):
            text = texts[row["repo"], row["path"]]
            ids = split_sample(shards.tokens(split, number), row, shards.manifest["sentinels"])
            parts = {name: encoder.decode(np.array(own, np.int64)) for name, own in ids._asdict().items()}
            deleted = text[row["cut_end"] : row["cut_end"] + row["deleted"]]
            window = text[row["window_start"] : row["window_end"]]
            assert parts["prefix"] + parts["middle"] + deleted + parts["suffix"] == window
            assert parts["middle"] == text[row["cut_start"] : row["cut_end"]]


def test_bytes_do_not_depend_on_files_row_groups_batches_or_order(
    finished: tuple[Path, Path, dict[str, Any]], rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    _, out, _ = finished
    corpus = write_corpus(tmp_path / "other", rows[::-1], files=5, row_group_size=4)
    recipe = write_recipe(tmp_path, corpus)
    run(recipe, tmp_path / "out", "engine.batch_bytes=20000", "engine.split_bytes=50000")
    assert digests(tmp_path / "out" / "shards") == digests(out / "shards")


def test_a_finished_run_does_nothing_again(finished: tuple[Path, Path, dict[str, Any]]) -> None:
    recipe, out, _ = finished
    before = digests(out)
    _, report = run(recipe, out)
    assert all(stage["units"] == stage["units_cached"] for stage in report["stages"])
    assert {k: v for k, v in digests(out).items() if k != "report.json"} == {
        k: v for k, v in before.items() if k != "report.json"
    }


def test_a_new_threshold_computes_no_signal_and_the_plan_says_why(
    finished: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    recipe, out, report = finished
    override = 'select.comments="comment_ratio > 0.2"'
    stages = plan(recipe, out, override)
    for name in ("metadata", "gate", "tokenizer sample", "tokenizer", "annotate"):
        assert stages[name]["units"] == stages[name]["cached"] > 0
    assert stages["select"]["cached"] == 0
    assert "select.where.comments: 'comment_ratio > 0.01' → 'comment_ratio > 0.2'" in stages["select"]["why"]
    assert stages["dedup"]["why"] == "waits for select"
    _, stricter = run(recipe, tmp_path / "fresh", override)
    assert 0 < stricter["documents"] < report["documents"]


def test_a_stricter_gate_computes_no_signal_either(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows))
    tokenizer = tmp_path / "tokenizer.json"
    run(recipe, tmp_path / "first")
    tokenizer.write_bytes((tmp_path / "first" / "shards" / "tokenizer" / "tokenizer.json").read_bytes())
    fixed = (f"tokenizer={{ file = '{tokenizer}' }}",)
    run(recipe, tmp_path / "out", *fixed)
    stages = plan(recipe, tmp_path / "out", *fixed, 'gate.stars="stars > 30"')
    assert stages["annotate"]["why"] == "waits for gate"  # the new gate has to be decided first
    _, report = run(recipe, tmp_path / "out", *fixed, 'gate.stars="stars > 30"')
    annotated = next(stage for stage in report["stages"] if stage["name"] == "annotate")
    assert annotated["units"] == annotated["units_cached"] > 0


def test_kinds_and_orders_come_near_what_was_asked(finished: tuple[Path, Path, dict[str, Any]]) -> None:
    _, _, report = finished
    for group in ("kinds", "orders"):
        assert abs(sum(share["got"] for share in report[group].values()) - 1) < 1e-9
        for name, share in report[group].items():
            deviation = (share["asked"] * (1 - share["asked"]) / report["samples"]) ** 0.5
            assert abs(share["got"] - share["asked"]) < 4 * deviation + 0.02, name


def test_no_repository_and_no_cluster_stands_in_both_splits(
    finished: tuple[Path, Path, dict[str, Any]],
) -> None:
    _, out, _ = finished
    shards = Shards.open(out / "shards")
    repos = [
        set(shards.sidecar(split, ["repo"]).column("repo").to_pylist()) for split in ("train", "validation")
    ]
    assert all(repos)
    assert not repos[0] & repos[1]


def test_bad_files_and_rows_are_quarantined_and_the_rest_goes_on(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    corpus = write_corpus(tmp_path / "corpus", rows)
    (corpus / "empty.parquet").touch()
    (corpus / "short.parquet").write_bytes((corpus / "data-0.parquet").read_bytes()[:5000])
    write_stack(
        corpus / "nulls.parquet",
        [stack_row(None, path="null.py"), stack_row("x = 1\n" * 2_000_000, path="big.py")],
    )
    job, report = run(write_recipe(tmp_path, corpus), tmp_path / "out")
    records = pq.read_table(tmp_path / "out" / "quarantine" / "records.parquet").to_pylist()
    found = {(Path(record["file"]).name, record["row"], record["reason"]) for record in records}
    assert found == {
        ("empty.parquet", -1, "parquet_unreadable"),
        ("short.parquet", -1, "parquet_unreadable"),
        ("nulls.parquet", 0, "content_null"),
        ("nulls.parquet", 1, "document_too_large"),
    }
    assert report["quarantined"] == len(job.quarantine) == 4
    assert verify(tmp_path / "out" / "shards")["ok"]


def test_a_damaged_page_loses_its_split_only(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    corpus = write_corpus(tmp_path / "corpus", rows)
    damaged = corpus / "data-1.parquet"
    data = bytearray(damaged.read_bytes())
    column = (
        pq.ParquetFile(damaged)
        .metadata.row_group(0)
        .column(pq.ParquetFile(damaged).schema_arrow.get_field_index("content"))
    )
    start = column.data_page_offset
    data[start : start + 400] = b"\xff" * 400
    damaged.write_bytes(data)
    job, report = run(write_recipe(tmp_path, corpus), tmp_path / "out")
    assert {(Path(q.file).name, q.reason) for q in job.quarantine} == {("data-1.parquet", "parquet_corrupt")}
    assert report["documents"] > 0
    for before, after in pairwise(report["funnel"]):
        assert after["documents"] == before["documents"] - after["dropped"], after["name"]


def test_a_tokenizer_without_the_sentinels_is_refused_before_any_work(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    corpus = write_corpus(tmp_path / "corpus", rows[:4], files=1)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    override = f"tokenizer={{ file = '{tmp_path / 'tokenizer.json'}' }}"
    with pytest.raises(ValueError, match="<fim_prefix>"):
        run(write_recipe(tmp_path, corpus), tmp_path / "out", override)
    assert not (tmp_path / "out").exists()


def test_a_gate_that_keeps_nothing_still_gives_a_valid_empty_directory(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows[:8], files=1))
    _, report = run(recipe, tmp_path / "out", 'select.none="n_chars < 0"')
    assert report["samples"] == 0
    assert verify(tmp_path / "out" / "shards")["ok"]


def test_a_changed_input_file_is_read_again(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    corpus = write_corpus(tmp_path / "corpus", rows[:30])
    recipe = write_recipe(tmp_path, corpus)
    run(recipe, tmp_path / "out")
    write_stack(corpus / "data-1.parquet", rows[40:50])
    _, report = run(recipe, tmp_path / "out")
    _, fresh = run(recipe, tmp_path / "fresh")
    assert digests(tmp_path / "out" / "shards") == digests(tmp_path / "fresh" / "shards")
    metadata = next(stage for stage in report["stages"] if stage["name"] == "metadata")
    assert 0 < metadata["units_cached"] < metadata["units"]
    assert fresh["documents"] == report["documents"]


class LosingEngine(Engine):
    """The plain loop, but the worker of one unit of each `annotate_split` call over text dies."""

    def map_units(self, work: Any, jobs: Any, *, cpus: int = 1) -> Any:
        yield from super().map_units(work, jobs[1:] if self._fatal(jobs) else jobs, cpus=cpus)
        if self._fatal(jobs):
            yield jobs[0][0], UnitLost("its worker died, and again, and again")

    @staticmethod
    def _fatal(jobs: Any) -> bool:
        return (
            bool(jobs)
            and getattr(jobs[0][1][0], "gate", None) is not None
            and hasattr(jobs[0][1][0], "filters")
        )


def test_a_split_that_kills_its_workers_is_quarantined_and_tried_again_next_time(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows))
    job = Job(load_recipe(recipe), tmp_path / "out", Runner(LosingEngine(workers=0)))
    run_job(job)
    report = summarize(job)
    assert [(q.reason, q.row) for q in job.quarantine] == [("worker_died", -1)]
    for before, after in pairwise(report["funnel"]):
        assert after["documents"] == before["documents"] - after["dropped"], after["name"]
    assert verify(tmp_path / "out" / "shards")["ok"]
    _, healed = run(recipe, tmp_path / "out")
    _, fresh = run(recipe, tmp_path / "fresh")
    assert healed["documents"] == fresh["documents"] > report["documents"]
    assert digests(tmp_path / "out" / "shards") == digests(tmp_path / "fresh" / "shards")


def test_settings_that_come_back_after_a_stopped_change_do_not_meet_its_files(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows))
    run(recipe, tmp_path / "out")
    before = digests(tmp_path / "out" / "shards")

    class StopError(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "synthesize" and done == 1:
            raise StopError

    changed = load_recipe(recipe, ['select.comments="comment_ratio > 0.1"'])
    with pytest.raises(StopError):
        run_job(Job(changed, tmp_path / "out", Runner(Engine(workers=0), stop)))
    run(recipe, tmp_path / "out")
    assert digests(tmp_path / "out" / "shards") == before


def test_changed_signatures_are_compared_anew(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    """Two files of the same lines in another order share every word, and no run of sixty words."""
    lines = [f"name_{number} = {number}  # comment\n" for number in range(200)]
    pair = [
        stack_row("".join(own), repo=repo, stars=1)
        for repo, own in (("ann/ahead", lines), ("bob/back", lines[::-1]))
    ]
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", [*rows, *pair]))
    run(recipe, tmp_path / "out", "filters.minhash.ngram=60")
    _, report = run(recipe, tmp_path / "out", "filters.minhash.ngram=1")
    _, fresh = run(recipe, tmp_path / "fresh", "filters.minhash.ngram=1")
    assert report["funnel"] == fresh["funnel"]
    assert {step["name"]: step["dropped"] for step in report["funnel"]}["near_duplicate"] > 0


def test_gate_may_use_what_names_a_document(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows))
    _, report = run(recipe, tmp_path / "out", "gate.owner=\"repo != 'copycat/mirror' AND lang = 'Python'\"")
    copies = sum(row["max_stars_repo_name"] == "copycat/mirror" for row in rows)
    assert {step["name"]: step["dropped"] for step in report["funnel"]}["owner"] == copies > 0


def test_a_new_file_that_sorts_first_leaves_the_signals_of_the_others(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    corpus = write_corpus(tmp_path / "corpus", rows[:30])
    recipe = write_recipe(tmp_path, corpus)
    run(recipe, tmp_path / "first")
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_bytes((tmp_path / "first" / "shards" / "tokenizer" / "tokenizer.json").read_bytes())
    fixed = f"tokenizer={{ file = '{tokenizer}' }}"
    run(recipe, tmp_path / "out", fixed)
    write_stack(corpus / "a-new-one.parquet", rows[40:50])
    _, report = run(recipe, tmp_path / "out", fixed)
    _, fresh = run(recipe, tmp_path / "fresh", fixed)
    stages = {stage["name"]: stage for stage in report["stages"]}
    for name in ("metadata", "annotate"):
        assert stages[name]["units_cached"] == stages[name]["units"] * 3 / 4, name
    assert digests(tmp_path / "out" / "shards") == digests(tmp_path / "fresh" / "shards")
    assert fresh["funnel"] == report["funnel"]
