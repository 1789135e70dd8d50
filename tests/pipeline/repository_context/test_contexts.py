"""The three stages and the samples that they lead to, on small corpora."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.tokens.encoder import load_encoder
from pipeline.chain import STAGES, run_job
from pipeline.config import RepositoryContext
from pipeline.documents import Reading, read_batches
from pipeline.engine import Engine
from pipeline.job import Job
from pipeline.recipe import load_recipe
from pipeline.repository_context.files import MAX_FILES, ContextSettings
from pipeline.repository_context.stage import make_contexts
from pipeline.shards.reader import Shards
from pipeline.shards.verify import verify
from pipeline.sources import Split
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.sentinels import Sentinels
from pipeline.units import Receipt, Runner
from tests.pipeline.stack import stack_row, stdlib_rows, write_corpus, write_recipe, write_stack
from tests.pipeline.synthesize.laws import split_leads
from tests.pipeline.synthesize.material import Sample, render
from tests.pipeline.test_job import digests, plan, run

RECIPE = """
name = "contexts"
[source]
path = "{path}"
[tokenizer]
train = {{ vocab_size = 600, sample_bytes = 200000 }}
[fim]
dialect = "starcoder2"
rate = 0.5
context = 512
orders = {{ psm = 1 }}
kinds = {{ random = 1 }}
repository = {{ rate = 1.0, max_tokens = 300, order = "imports" }}
[shards]
sequence_length = 512
tokens_per_shard = 40000
validation = 0.3
seed = 7
"""
TAX = "RATE = 1.2\n"
TILL = "from shop.tax import RATE\n\ndef total(price):\n    return price * RATE\n"
MAIN = "import shop.till\n\nprint(shop.till.total(3))\n"
NOTE = "# The shop\n"
GUIDE = Path(__file__).parents[3] / "docs" / "fim.md"
REPOSITORY = RepositoryContext(rate=1.0, max_tokens=64, order="imports")


def shop(repo: str, mark: str = "") -> list[dict[str, Any]]:
    texts = {"shop/tax.py": TAX, "main.py": MAIN, "shop/till.py": TILL, "zoo.py": NOTE}
    return [stack_row(text + mark, repo=repo, path=path) for path, text in texts.items()]


def leads(out: Path, rows: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """What stands before each document's own text, as text, by repository and path."""
    shards = Shards.open(out / "shards")
    assert verify(shards.path)["problems"] == []
    sentinels = Sentinels(**shards.manifest["sentinels"])
    encoder = load_encoder(str(shards.path / "tokenizer" / "tokenizer.json"))
    found = {}
    for split in shards.splits:
        for number, row in enumerate(shards.sidecar(split).to_pylist()):
            lead, _, _ = split_leads(Sample(shards.tokens(split, number).tolist(), row))
            found[row["repo"], row["path"]] = render(lead, load_dialect("starcoder2"), sentinels, encoder)
    assert set(found) == {(row["max_stars_repo_name"], row["max_stars_repo_path"]) for row in rows}
    return found


def test_samples_begin_with_what_their_files_import(tmp_path: Path) -> None:
    rows = [*shop("ann/shop"), *shop("bob/shop", "# bob\n"), stack_row("alone = 1\n", repo="cy/one")]
    rows += [stack_row("nobody = 1\n", repo="", path="x.py"), stack_row("either = 2\n", repo="", path="y.py")]
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows), RECIPE)
    job, _ = run(recipe, tmp_path / "out")
    found = leads(tmp_path / "out", rows)
    for repo, mark in (("ann/shop", ""), ("bob/shop", "# bob\n")):
        tax, till, main, zoo = (
            f"<file_sep>{path}\n{text}{mark}"
            for path, text in (
                ("shop/tax.py", TAX),
                ("shop/till.py", TILL),
                ("main.py", MAIN),
                ("zoo.py", NOTE),
            )
        )
        begin, end = f"<repo_name>{repo}", "<file_sep>"
        assert found[repo, "main.py"] == begin + zoo + tax + till + end
        assert found[repo, "shop/till.py"] == begin + zoo + main + tax + end
        assert found[repo, "shop/tax.py"] == begin + till + zoo + main + end
        assert found[repo, "zoo.py"] == begin + main + tax + till + end
    assert found["ann/shop", "main.py"] in GUIDE.read_text(encoding="utf-8")
    assert {found[key] for key in found if not key[0].endswith("shop")} == {""}
    files, contexts, parts = (job.reports[name] for name in STAGES[8:11])
    assert (files.rows_in, files.rows_out, files.dropped) == (11, 9, 2)
    assert (contexts.rows_in, contexts.rows_out, contexts.dropped) == (9, 8, 1)
    assert parts.rows_in == parts.rows_out == 8
    assert sum(own[0].facts["counts"]["with_context"] for own in job.reports["synthesize"].receipts) == 8


def test_only_drawn_documents_have_a_context_and_none_of_the_drawn_lacks_one(tmp_path: Path) -> None:
    rows = [row for n in range(9) for row in shop(f"owner{n}/shop", f"# {n}\n")]
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows), RECIPE)
    job, _ = run(recipe, tmp_path / "out", "fim.repository.rate=0.5")
    used = sum(own[0].facts["counts"]["with_context"] for own in job.reports["synthesize"].receipts)
    assert 0 < used == job.reports["contexts"].rows_out < len(rows)
    (receipt,) = (own[0] for own in job.reports["contexts"].receipts)
    assert receipt.dropped == {"alone": 0, "not_drawn": len(rows) - used}
    _, report = run(recipe, tmp_path / "none", "fim.repository.rate=0.0")
    assert report["synthesis"]["with_context"] == 0


def test_a_context_is_of_the_documents_own_repository_and_side(tmp_path: Path) -> None:
    rows = [row for n in range(12) for row in shop(f"owner{n}/shop", f"# owner{n}.\n")]
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows), RECIPE)
    run(recipe, tmp_path / "out", 'fim.repository.order="random"')
    shards = Shards.open(tmp_path / "out" / "shards")
    assert all(shards.sidecar(split).num_rows > 4 for split in ("train", "validation"))
    held_out = set(shards.sidecar("validation")["repo"].to_pylist())
    assert held_out.isdisjoint(shards.sidecar("train")["repo"].to_pylist())
    for (repo, _), lead in leads(tmp_path / "out", rows).items():
        owner = repo.partition("/")[0]
        assert lead.count(f"# {owner}.\n") == lead.count("# owner") == 3


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return stdlib_rows(30)


@pytest.mark.parametrize("order", ["imports", "random"])
def test_bytes_do_not_depend_on_how_work_is_divided(
    rows: list[dict[str, Any]], order: str, tmp_path: Path
) -> None:
    choice = f'fim.repository.order="{order}"'
    recipe = write_recipe(tmp_path / "a", write_corpus(tmp_path / "a" / "corpus", rows), RECIPE)
    one, report = run(recipe, tmp_path / "one", choice)
    corpus = write_corpus(tmp_path / "b" / "corpus", rows[::-1], files=5, row_group_size=4)
    other = write_recipe(tmp_path / "b", corpus, RECIPE)
    many, _ = run(other, tmp_path / "many", choice, "engine.batch_bytes=2000", "engine.split_bytes=50000")
    assert report["synthesis"]["with_context"] > 20
    assert one.reports["contexts"].units == 1
    assert many.reports["contexts"].units > 3
    assert many.reports["context parts"].units > one.reports["context parts"].units
    assert digests(tmp_path / "many" / "shards") == digests(tmp_path / "one" / "shards")


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_bytes_do_not_depend_on_workers(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows), RECIPE)
    run(recipe, tmp_path / "plain")
    with Engine(workers=2) as engine:
        run_job(Job(load_recipe(recipe, ["engine.batch_bytes=4000"]), tmp_path / "ray", Runner(engine)))
    assert digests(tmp_path / "ray" / "shards") == digests(tmp_path / "plain" / "shards")


def test_what_is_done_is_not_done_again(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows), RECIPE)
    out = tmp_path / "out"
    run(recipe, out)
    before = digests(out / "shards")
    _, again = run(recipe, out)
    assert all(stage["units"] == stage["units_cached"] for stage in again["stages"])
    fewer = "fim.repository.rate=0.5"
    assert plan(recipe, out, fewer)["repository files"]["cached"] > 0
    assert plan(recipe, out, fewer)["contexts"]["cached"] == 0
    assert "synthesize" in plan(recipe, out, fewer)
    smaller = plan(recipe, out, "fim.repository.max_tokens=100")
    assert smaller["repository files"]["cached"] == 0
    for part in (out / "contexts").rglob("part-00001.*"):
        part.unlink()
    _, mended = run(recipe, out)
    stages = {stage["name"]: stage for stage in mended["stages"]}
    assert stages["repository files"]["units"] - stages["repository files"]["units_cached"] == 1
    assert stages["synthesize"]["units"] == stages["synthesize"]["units_cached"]
    assert digests(out / "shards") == before
    shutil.rmtree(out / "contexts")
    run(recipe, out)
    assert digests(out / "shards") == before


def test_contexts_follow_the_selection(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows), RECIPE)
    stricter = 'select.short="size_bytes < 9000"'
    run(recipe, tmp_path / "out")
    run(recipe, tmp_path / "out", stricter)
    _, fresh = run(recipe, tmp_path / "fresh", stricter)
    assert 10 < fresh["documents"] < len(rows) - 5
    assert digests(tmp_path / "out" / "shards") == digests(tmp_path / "fresh" / "shards")


def test_contexts_are_redacted(tmp_path: Path) -> None:
    rows = [stack_row("# mail kim.lee@shops.org\n", path="a.py"), stack_row("import a\n", path="b.py")]
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", rows), RECIPE)
    run(recipe, tmp_path / "out", 'redact={ secrets = true, pii = true, style = "token" }')
    lead = leads(tmp_path / "out", rows)["ann/tools", "b.py"]
    assert lead == "<repo_name>ann/tools<file_sep>a.py\n# mail <EMAIL>\n<file_sep>"


def test_a_new_file_makes_only_the_splits_stale_whose_contexts_it_changes(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    write_stack(corpus / "a.parquet", shop("ann/shop"))
    write_stack(corpus / "b.parquet", shop("bob/shop", "# bob\n"))
    recipe = write_recipe(tmp_path, corpus, RECIPE)
    settings = ("tokenizer.train.sample_bytes=10", "shards.validation=0.0")
    run(recipe, tmp_path / "out", *settings)
    tokenizer = next((tmp_path / "out" / "shards").rglob("tokenizer.json"))
    fixed = (f"tokenizer={{ file = '{shutil.copy(tokenizer, tmp_path / 'tokenizer.json')}' }}", settings[1])
    run(recipe, tmp_path / "fixed", *fixed)
    write_stack(corpus / "c.parquet", [stack_row("import shop.tax\n", repo="bob/shop", path="late.py")])
    _, report = run(recipe, tmp_path / "fixed", *fixed)
    stages = {stage["name"]: stage for stage in report["stages"]}
    assert (stages["synthesize"]["units"], stages["synthesize"]["units_cached"]) == (3, 1)


def test_recipes_without_repository_context_have_no_such_stage(tmp_path: Path) -> None:
    text = "\n".join(line for line in RECIPE.splitlines() if not line.startswith("repository"))
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", shop("ann/shop")), text)
    assert {"contexts", "repository files", "context parts"}.isdisjoint(plan(recipe, tmp_path / "out"))
    job, _ = run(recipe, tmp_path / "out")
    assert "contexts" not in job.reports
    assert not (tmp_path / "out" / "contexts").exists()


def deal(
    tmp_path: Path, rows: list[dict[str, Any]], count: int
) -> tuple[Reading, list[Split], list[tuple[Path, str]]]:
    """Rows dealt to `count` splits, all of which survive."""
    splits, survivors = [], []
    names = ("content", "max_stars_repo_name", "max_stars_repo_path")
    reading = Reading("s", dict(zip(names, names, strict=True)), 10**6, 10**6)
    for number in range(count):
        own = rows[number::count]
        file = write_stack(tmp_path / f"{number}.parquet", own, row_group_size=len(own))
        splits.append(Split(str(file), (0,), len(own), sum(len(row["content"]) for row in own), "d", number))
        survivors.append((survivors_of(splits[-1], reading, tmp_path / f"survivors-{number}.parquet"), "d"))
    return reading, splits, survivors


def stages(
    tmp_path: Path, rows: list[dict[str, Any]], count: int, batch_bytes: int
) -> tuple[pa.Table, Runner]:
    """The contexts of rows dealt to `count` splits, without a job; and the runner with its reports."""
    reading, splits, survivors = deal(tmp_path, rows, count)
    runner = Runner(Engine(workers=0))
    folder = tmp_path / f"contexts-{count}-{batch_bytes}"
    settings = ContextSettings(replace(reading, batch_bytes=batch_bytes), REPOSITORY, 7, secrets=False)

    def run_stage(name: str, work: Any, units: Any) -> list[list[Receipt]]:
        return runner.run_stage(name, work, units).receipts

    made = make_contexts(run_stage, folder, splits, survivors, settings)
    return pa.concat_tables([pq.read_table(path) for path, _ in made]), runner


def survivors_of(split: Split, reading: Reading, path: Path) -> Path:
    ids = [
        own
        for batch in read_batches(split, reading, ["content"])
        for own in batch.documents["doc_id"].to_pylist()
    ]
    table = {"row": pa.array(range(len(ids)), pa.int64()), "doc_id": pa.array(ids, pa.binary(16))}
    pq.write_table(pa.table(table | {"lang": ["Python"] * len(ids), "held_out": [False] * len(ids)}), path)
    return path


def test_a_repository_of_ten_thousand_files_is_bounded(tmp_path: Path) -> None:
    rows = [
        stack_row(f"import d{n % 97}.f{n - 1}\nvalue = {n}\n", repo="giant/all", path=f"d{n % 97}/f{n}.py")
        for n in range(10_000)
    ]
    contexts, runner = stages(tmp_path, rows, count=4, batch_bytes=100_000)
    files, chosen, _ = runner.reports
    assert files.rows_out == chosen.rows_in == chosen.rows_out == len(contexts) == 10_000
    facts = [own[0].facts for own in chosen.receipts]
    assert sum(fact["not_considered"] for fact in facts) == 10_000 - MAX_FILES
    held = {file["path"] for own in contexts["context_files"].to_pylist() for file in own}
    assert len(held) <= MAX_FILES
    sizes = [
        sum(len(file["path"]) + len(file["text"]) for file in own)
        for own in contexts["context_files"].to_pylist()
    ]
    assert 0 < max(sizes) <= 64 * 8
    for path in (tmp_path / "contexts-4-100000").rglob("range-*.parquet"):
        places = pq.read_table(path).select(["split", "row"]).to_pylist()
        assert [tuple(place.values()) for place in places] == sorted(tuple(p.values()) for p in places)
    again, _ = stages(tmp_path, rows, count=3, batch_bytes=10_000)
    by_content = sorted(map(str, contexts["context_files"].to_pylist()))
    assert sorted(map(str, again["context_files"].to_pylist())) == by_content


def test_a_part_is_in_the_order_of_its_rows_whatever_the_ranges(tmp_path: Path) -> None:
    rows = [stack_row(f"value = {n}\n", repo=f"owner/{n % 7}", path=f"f{n}.py") for n in range(70)]
    contexts, runner = stages(tmp_path, rows, count=1, batch_bytes=10)
    assert len(runner.reports[1].receipts) > 7
    assert contexts["row"].to_pylist() == list(range(70))
    for row, files in enumerate(contexts["context_files"].to_pylist()):
        assert len(files) == 9
        assert {int(file["path"][1:-3]) % 7 for file in files} == {row % 7}


def test_a_split_that_is_lost_or_damaged_gives_no_files_and_gets_no_contexts(tmp_path: Path) -> None:
    rows = [stack_row(f"value = {n}\n", path=f"f{n}.py") for n in range(9)]
    reading, splits, survivors = deal(tmp_path, rows, 3)
    settings = ContextSettings(reading, REPOSITORY, 7, secrets=False)
    damaged = Path(splits[1].file)
    column = pq.read_metadata(damaged).row_group(0).column(pq.read_schema(damaged).names.index("content"))
    start = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(damaged.read_bytes())
    data[start : start + 30] = b"\xff" * 30
    damaged.write_bytes(data)
    runner = Runner(Engine(workers=0))

    def lose_the_last(name: str, work: Any, units: Any) -> list[list[Receipt]]:
        receipts = runner.run_stage(name, work, units).receipts
        return [*receipts[:-1], []] if name == "repository files" else receipts

    made = make_contexts(lose_the_last, tmp_path / "contexts", splits, survivors, settings)
    held = [pq.read_table(path)["context_files"].to_pylist() for path, _ in made]
    assert [len(own) for own in held] == [3, 0, 0]
    assert [[file["path"] for file in own] for own in held[0]] == [
        ["f3.py", "f6.py"],
        ["f6.py", "f0.py"],
        ["f0.py", "f3.py"],
    ]
    assert runner.reports[0].quarantined == 3
    assert [q.reason for own in runner.reports[0].receipts for q in own[0].quarantine] == ["parquet_corrupt"]


def test_a_long_line_and_a_long_path_are_no_trouble(tmp_path: Path) -> None:
    rows = [stack_row("x" * 900_000, path="long.py"), stack_row("import long\n", path="a/" * 5000 + "b.py")]
    contexts, _ = stages(tmp_path, rows, count=1, batch_bytes=10**7)
    files = {own[0]["path"][:5]: own[0]["text"] for own in contexts["context_files"].to_pylist()}
    assert files == {"long.": "x" * 512, "a/a/a": "import long\n"}
