"""Training the run's tokenizer: the same documents give the same file, however they lie on the disk."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, pre_tokenizers

from pipeline.config import Source, TrainTokenizer
from pipeline.documents import Reading, read_batches
from pipeline.engine import Engine
from pipeline.keyed import keyed_hash
from pipeline.sources import column_mapping, plan_splits
from pipeline.tokenizer import (
    BLOCK_CHARS,
    TrainWork,
    copy_tokenizer,
    fetch_tokenizer,
    sample_split,
    sample_units,
    train_tokenizer,
    train_unit,
    trainable_pieces,
)
from pipeline.units import Product, Receipt, Runner
from tests.pipeline.stack import Row, stack_row, write_stack

SPECIALS = ("<eot>", "<pre>", "<mid>", "<suf>")
SEED = 5


def documents(count: int = 60) -> list[Row]:
    """Documents that share words, so that merges depend on which of them are sampled."""
    draw = random.Random(1)
    vocabulary = ["".join(draw.choices("abcdefgh", k=6)) for _ in range(80)]
    return [
        stack_row(" ".join(draw.choices(vocabulary, k=60)) + f" {number} 1234\n", path=f"{number}.py")
        for number in range(count)
    ]


class Corpus:
    """Rows in some files, all let through by the gate but those in `shut`."""

    def __init__(
        self,
        folder: Path,
        files: Sequence[Sequence[Row]],
        *,
        shut: frozenset[str] = frozenset(),
        declared: bool = True,
    ):
        for number, rows in enumerate(files):
            write_stack(folder / "corpus" / f"{number}.parquet", rows, row_group_size=7)
        source = Source(path=str(folder / "corpus"))
        self.folder = folder
        self.splits = plan_splits(source, ["content"], split_bytes=4000).splits
        self.reading = Reading("path", column_mapping(source), 10**6, 10**6)
        self.gates = []
        for number, split in enumerate(self.splits):
            rows = pq.ParquetFile(split.file).read_row_groups(list(split.row_groups)).to_pylist()
            kept = [i for i, row in enumerate(rows) if row["max_stars_repo_path"] not in shut]
            gate = folder / "gates" / f"{number}.parquet"
            gate.parent.mkdir(exist_ok=True)
            pq.write_table(pa.table({"row": pa.array(kept, pa.int64())}), gate)
            step = {"name": "in", "bytes": sum(rows[i]["size"] for i in kept) if declared else None}
            Product(gate.with_suffix(".json"), "k").commit(Receipt("k", 0, 0, facts={"funnel": [step]}))
            self.gates.append(gate)

    def train(self, *, sample_bytes: int = 5_000, vocab_size: int = 400) -> tuple[Path, set[str], int]:
        """The tokenizer's file, the sampled texts, and how many products were cached."""
        runner = Runner(Engine(workers=0))
        settings = TrainTokenizer(vocab_size=vocab_size, sample_bytes=sample_bytes)
        folder = self.folder / "tokenizer"
        units = sample_units(
            folder / "sample", self.splits, self.gates, self.reading, train=settings, seed=SEED
        )
        receipts = runner.run_stage("sample", sample_split, units).receipts
        paths = tuple(unit.products[0].path for unit in units)
        work = TrainWork(paths, settings, SPECIALS, 1)
        unit = train_unit(folder, [receipt.digest for own in receipts for receipt in own], work)
        runner.run_stage("train", train_tokenizer, [unit])
        texts = {text for path in paths for text in pq.read_table(path)["content"].to_pylist()}
        cached = sum(report.units_cached for report in runner.reports)
        return unit.products[0].receipt.with_suffix(""), texts, cached


def test_training_does_not_depend_on_how_documents_are_spread(tmp_path: Path) -> None:
    rows = documents()
    shuffled = random.Random(2).sample(rows, len(rows))
    one, *_ = Corpus(tmp_path / "one", [rows]).train()
    three, *_ = Corpus(tmp_path / "three", [shuffled[:3], shuffled[3:40], shuffled[40:]]).train()
    assert one.read_bytes() == three.read_bytes()


def test_training_depends_on_the_documents(tmp_path: Path) -> None:
    one, *_ = Corpus(tmp_path / "one", [documents()]).train()
    fewer, *_ = Corpus(tmp_path / "fewer", [documents(30)]).train()
    assert one.read_bytes() != fewer.read_bytes()


def test_sentinels_are_the_first_ids_in_order(tmp_path: Path) -> None:
    path, *_ = Corpus(tmp_path, [documents()]).train()
    tokenizer = Tokenizer.from_file(str(path))
    assert [tokenizer.token_to_id(token) for token in SPECIALS] == [0, 1, 2, 3]
    assert tokenizer.get_vocab_size() == 400


def test_every_text_can_be_written_and_digits_stand_apart(tmp_path: Path) -> None:
    path, *_ = Corpus(tmp_path, [documents()]).train()
    tokenizer = Tokenizer.from_file(str(path))
    text = "abcdef 1234 naïve 中文 \x00\t\r\n"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.encode("1234").tokens == ["1", "2", "3", "4"]


def smallest_keys(rows: list[Row], ids: dict[str, bytes], cap: int) -> set[str]:
    """The texts with the smallest keys, until `cap` bytes are taken."""
    chosen: set[str] = set()
    for row in sorted(
        rows, key=lambda row: keyed_hash(SEED, ids[row["max_stars_repo_path"]], 0, "tokenizer")
    ):
        if sum(len(text) for text in chosen) >= cap:
            break
        chosen.add(row["content"])
    return chosen


def doc_ids(corpus: Corpus) -> dict[str, bytes]:
    batches = [
        batch.documents for split in corpus.splits for batch in read_batches(split, corpus.reading, [])
    ]
    table = pa.concat_tables(batches)
    return dict(zip(table["max_stars_repo_path"].to_pylist(), table["doc_id"].to_pylist(), strict=True))


def test_sample_is_bounded_and_holds_all_that_training_takes(tmp_path: Path) -> None:
    rows = documents()
    corpus = Corpus(tmp_path, [rows])
    _, sampled, _ = corpus.train(sample_bytes=5_000)
    total = sum(len(row["content"]) for row in rows)
    assert 5_000 < sum(len(text) for text in sampled) < 4 * 5_000 < total
    assert smallest_keys(rows, doc_ids(corpus), 5_000) <= sampled


def test_training_takes_no_more_text_than_was_asked_for(tmp_path: Path) -> None:
    """It is the same with a sample of all documents as with those whose keys are smallest."""
    rows = documents()
    whole = Corpus(tmp_path / "whole", [rows])
    few = smallest_keys(rows, doc_ids(whole), 5_000)
    alone = Corpus(tmp_path / "alone", [[row for row in rows if row["content"] in few]])
    assert whole.train(sample_bytes=5_000)[0].read_bytes() == alone.train(sample_bytes=10**6)[0].read_bytes()


@pytest.mark.parametrize("declared", [True, False])
def test_gate_that_shuts_out_most_does_not_starve_the_sample(tmp_path: Path, declared: bool) -> None:
    rows = documents(200)
    shut = frozenset(f"{number}.py" for number in range(200) if number % 5)
    _, sampled, _ = Corpus(tmp_path, [rows], shut=shut, declared=declared).train(sample_bytes=8_000)
    let_through = {row["content"] for row in rows if row["max_stars_repo_path"] not in shut}
    assert sampled <= let_through
    assert sum(len(text) for text in sampled) >= 8_000


@pytest.mark.parametrize("run", ["x", "é漢", " ", "\n\t", "=", "_-", "7"])
@pytest.mark.parametrize("around", ["", "def f(x): return 1\n" * 100])
def test_training_never_sees_a_pre_token_of_unbounded_length(run: str, around: str) -> None:
    text = around + run * 20_000 + around
    pieces = list(trainable_pieces(text))
    assert "".join(pieces) == text
    kinds = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    longest = max(end - start for piece in pieces for _, (start, end) in kinds.pre_tokenize_str(piece))
    assert longest <= 2 * BLOCK_CHARS


def test_ordinary_documents_are_trained_on_whole() -> None:
    long_line = "x = [" + ", ".join(f"'{number:x}'" for number in range(5_000)) + "]\n"
    ruler = "#" + "=" * (BLOCK_CHARS - 10) + "\n"
    for text in ["x", long_line, ruler * 3, "a" * (BLOCK_CHARS - 1)]:
        assert list(trainable_pieces(text)) == [text]
    assert not list(trainable_pieces(""))


def test_second_training_is_free_and_another_text_under_the_same_id_is_not(tmp_path: Path) -> None:
    rows = documents()
    corpus = Corpus(tmp_path, [rows])
    first, _, cached = corpus.train()
    before = first.read_bytes()
    assert cached == 0
    assert corpus.train()[2] == len(corpus.splits) + 1
    changed = [{**row, "content": row["content"].replace("a", "z"), "size": row["size"]} for row in rows]
    after, _, cached = Corpus(tmp_path, [changed]).train()
    assert cached == 0
    assert after.read_bytes() != before


def test_documents_that_cannot_be_used_are_not_sampled(tmp_path: Path) -> None:
    rows = [*documents(10), stack_row(None, path="null.py")]
    rows[-1]["size"] = 0
    _, sampled, _ = Corpus(tmp_path, [rows]).train(sample_bytes=10**6)
    assert sampled == {row["content"] for row in rows[:-1]}


def test_tokenizer_file_is_found_or_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ValueError, match=r"tokenizer\.file: there is no file .*tokenizer\.json"):
        fetch_tokenizer(str(path), None, None)
    path.write_text(json.dumps({"model": {}}))
    assert fetch_tokenizer(str(path), None, None) == path
    copy_tokenizer(path, tmp_path / "shards" / "tokenizer.json")
    assert (tmp_path / "shards" / "tokenizer.json").read_bytes() == path.read_bytes()
