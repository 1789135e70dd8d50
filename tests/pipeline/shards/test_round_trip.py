"""Runs, merge, index, manifest and reader: what goes in comes out, whoever held it."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.keyed import keyed_hash
from pipeline.shards import merge
from pipeline.shards.manifest import read_manifest, write_manifest
from pipeline.shards.merge import merge_shard, shard_count
from pipeline.shards.mmidx import read_index, token_dtype, write_index
from pipeline.shards.reader import Shards
from pipeline.shards.runs import shuffle_keys, write_run
from pipeline.shards.sidecar import SIDECAR
from pipeline.store import key_of
from tests.pipeline.shards.samples import (
    ROW_LENGTH,
    SEED,
    Sample,
    as_arrays,
    make_sample,
    make_shards,
    write_runs,
)

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "shards" / "tiny.json"


def key_of_sample(sample: Sample) -> tuple[int, bytes, int]:
    row = sample[1]
    return keyed_hash(SEED, row["doc_id"], row["part"], "shuffle"), row["doc_id"], row["part"]


def merged_bytes(folder: Path, samples: list[Sample], run_of: list[int], *, count: int) -> dict[str, bytes]:
    stems = write_runs(folder / "runs", samples, run_of)
    for index in range(count):
        merge_shard(stems, folder / f"train-{index:05}", index=index, count=count, dtype="uint16")
    return {path.name: path.read_bytes() for path in sorted(folder.glob("train-*"))}


@given(data=st.data(), count=st.integers(1, 4), duplicates=st.booleans())
@settings(deadline=None, max_examples=25)
def test_shards_depend_on_the_samples_alone(data: st.DataObject, count: int, duplicates: bool) -> None:
    numbers = data.draw(st.lists(st.integers(0, 60), max_size=40, unique=not duplicates))
    samples = [make_sample(number) for number in numbers]
    shuffled = data.draw(st.permutations(samples))
    run_of = data.draw(st.lists(st.integers(0, 5), min_size=len(samples), max_size=len(samples)))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        expected = merged_bytes(Path(one), samples, [0] * len(samples), count=count)
        assert merged_bytes(Path(other), shuffled, run_of, count=count) == expected


def test_two_samples_of_one_id_are_ordered_by_content(tmp_path: Path) -> None:
    ids, row = make_sample(1)
    twins = [
        (ids, row | {"path": "b"}),
        ([7, *ids], row | {"n_tokens": len(ids) + 1}),
        (ids, row | {"path": "a"}),
    ]
    samples = [*twins, make_sample(2), make_sample(3)]
    one = merged_bytes(tmp_path / "one", samples, [0] * 5, count=1)
    for number, run_of in enumerate(([2, 1, 0, 0, 1], [0, 2, 1, 2, 0], [0, 0, 1, 1, 1])):
        assert merged_bytes(tmp_path / str(number), samples, run_of, count=1) == one


def test_shards_hold_the_samples_in_key_order(tmp_path: Path) -> None:
    samples = [make_sample(number) for number in range(100)]
    stems = write_runs(tmp_path, samples, [number % 7 for number in range(100)])
    results = [merge_shard(stems, tmp_path / f"s-{i}", index=i, count=3, dtype="uint16") for i in range(3)]
    expected = sorted(samples, key=key_of_sample)
    tokens = b"".join((tmp_path / f"s-{i}.bin").read_bytes() for i in range(3))
    assert np.frombuffer(tokens, "<u2").tolist() == [token for ids, _ in expected for token in ids]
    rows = pa.concat_tables([pq.read_table(tmp_path / f"s-{i}.parquet") for i in range(3)])
    assert rows.schema.equals(SIDECAR)
    assert rows.to_pylist() == [row for _, row in expected]
    limits = [result["samples"] for result in results]
    assert limits == [sum(key_of_sample(sample)[0] * 3 >> 64 == i for sample in samples) for i in range(3)]


def test_a_merge_in_small_buffers_gives_the_same_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [make_sample(number) for number in range(50)]
    run_of = [number % 4 for number in range(50)]
    whole = merged_bytes(tmp_path / "whole", samples, run_of, count=1)
    monkeypatch.setattr(merge, "BUFFER_BYTES", 40)
    assert merged_bytes(tmp_path / "small", samples, run_of, count=1) == whole


def test_a_merge_reads_runs_of_many_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [make_sample(number) for number in range(60)]
    whole = merged_bytes(tmp_path / "whole", samples, [0] * 60, count=5)
    monkeypatch.setattr("pipeline.shards.runs.ROW_GROUP_ROWS", 3)
    assert merged_bytes(tmp_path / "many", samples, [0] * 60, count=5) == whole
    assert pq.ParquetFile(tmp_path / "many" / "runs" / "run-000.parquet").num_row_groups == 20


def test_a_shard_of_too_many_bytes_is_refused(tmp_path: Path) -> None:
    samples = [make_sample(number) for number in range(20)]
    stems = write_runs(tmp_path, samples, [0] * 20)
    size = 2 * sum(len(ids) for ids, _ in samples)
    with pytest.raises(ValueError, match=r"lower shards\.tokens_per_shard"):
        merge_shard(stems, tmp_path / "s", index=0, count=1, dtype="uint16", max_bytes=size - 1)
    assert not list(tmp_path.glob("s.*"))
    assert (
        merge_shard(stems, tmp_path / "s", index=0, count=1, dtype="uint16", max_bytes=size)["tokens"]
        == size // 2
    )


def test_a_shard_without_samples_has_no_files(tmp_path: Path) -> None:
    stems = write_runs(tmp_path, [make_sample(0)], [0])
    tokens, sidecar = as_arrays([])
    assert write_run(tmp_path / "none", tokens, sidecar, seed=SEED, dtype="int32")["samples"] == 0
    results = [
        merge_shard([*stems, tmp_path / "none"], tmp_path / f"s-{i}", index=i, count=50, dtype="uint16")
        for i in range(50)
    ]
    assert sum(len(result["files"]) for result in results) == 3
    assert len(list(tmp_path.glob("s-*"))) == 3


def test_a_run_cut_short_is_an_error(tmp_path: Path) -> None:
    stems = write_runs(tmp_path, [make_sample(number) for number in range(9)], [0] * 9)
    os.truncate(tmp_path / "run-000.bin", 20)
    with pytest.raises(ValueError, match="delete it and run again"):
        merge_shard(stems, tmp_path / "s", index=0, count=1, dtype="uint16")


def test_runs_refuse_what_does_not_fit(tmp_path: Path) -> None:
    tokens, sidecar = as_arrays([make_sample(0)])
    with pytest.raises(ValueError, match="must agree"):
        write_run(tmp_path / "run", tokens[:-1], sidecar, seed=SEED, dtype="uint16")
    with pytest.raises(ValueError, match="uint16 holds 0 to 65535"):
        write_run(tmp_path / "run", tokens + 65_536, sidecar, seed=SEED, dtype="uint16")
    with pytest.raises(ValueError, match="schema"):
        write_run(tmp_path / "run", tokens, sidecar.drop_columns(["seed"]), seed=SEED, dtype="uint16")


def test_shuffle_keys_are_keyed_by_seed_document_and_part() -> None:
    _, sidecar = as_arrays([make_sample(number) for number in range(5)])
    expected = [keyed_hash(3, number.to_bytes(16, "big"), number % 3, "shuffle") for number in range(5)]
    assert shuffle_keys(sidecar, 3).tolist() == expected
    assert shuffle_keys(sidecar, 4).tolist() != expected


def test_shard_count_rounds_up() -> None:
    assert [shard_count(tokens, 1000) for tokens in (0, 1, 1000, 1001)] == [0, 1, 1, 2]


def test_token_dtype_follows_megatron() -> None:
    assert (token_dtype(65_499), token_dtype(65_500)) == ("uint16", "int32")


@given(st.lists(st.integers(1, (1 << 31) - 1), max_size=50), st.sampled_from(["uint16", "int32"]))
@settings(deadline=None)
def test_an_index_comes_back(lengths: list[int], dtype: str) -> None:
    with TemporaryDirectory() as folder:
        write_index(Path(folder) / "x.idx", np.array(lengths, np.int32), dtype=dtype)
        index = read_index(Path(folder) / "x.idx")
    assert (index.dtype, index.lengths.tolist(), index.token_count) == (dtype, lengths, sum(lengths))


@given(st.integers(0, 101), st.integers(1, 255))
@settings(deadline=None)
def test_an_index_with_a_damaged_byte_is_refused_or_names_other_lengths(position: int, change: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.idx"
        write_index(path, np.array([5, 6, 7], np.int32), dtype="int32")
        data = bytearray(path.read_bytes())
        data[position] ^= change
        path.write_bytes(data)
        try:
            index = read_index(path)
        except ValueError:
            return
    assert index.dtype != "int32" or index.lengths.tolist() != [5, 6, 7]
    assert position == 17 or 42 <= position < 46  # another dtype code; the last length: the .bin's size tells


@pytest.mark.parametrize("vocab_size", [1000, 70_000])
def test_the_reader_gives_what_was_written(tmp_path: Path, vocab_size: int) -> None:
    shards = Shards.open(make_shards(tmp_path, vocab_size=vocab_size))
    written = [make_sample(number, repo=f"t/{number % 5}", vocab_size=vocab_size) for number in range(40)]
    expected = sorted(written, key=key_of_sample)
    assert shards.splits == ("train", "validation")
    assert (shards.len("train"), shards.len("validation")) == (40, 6)
    assert [shards.tokens("train", number).tolist() for number in range(40)] == [ids for ids, _ in expected]
    assert shards.tokens("train", 0).dtype == token_dtype(vocab_size)
    assert shards.sidecar("train").to_pylist() == [row for _, row in expected]
    offsets, items = shards.rows("train", ROW_LENGTH)
    assert sorted(items.tolist()) == list(range(40))
    assert offsets[-1] == 40
    with pytest.raises(IndexError, match="0 to 39"):
        shards.tokens("train", 40)
    with pytest.raises(ValueError, match="no split 'test'"):
        shards.len("test")
    with pytest.raises(ValueError, match=r"rows of \[64\] tokens"):
        shards.rows("train", 65)


def test_an_empty_split_has_no_files_and_zero_counts(tmp_path: Path) -> None:
    shards = Shards.open(make_shards(tmp_path, validation=0))
    assert not list(shards.path.glob("validation*"))
    zero = {"samples": 0, "tokens": 0, "by_kind": {}, "by_order": {}, "by_lang": {}}
    assert shards.manifest["splits"]["validation"] == zero
    assert (
        shards.len("validation")
        == len(shards.sidecar("validation"))
        == len(shards.rows("validation", 64)[1])
        == 0
    )


def test_two_runs_give_the_same_manifest(tmp_path: Path) -> None:
    one, other = make_shards(tmp_path / "one"), make_shards(tmp_path / "other")
    assert (one / "manifest.json").read_bytes() == (other / "manifest.json").read_bytes()
    assert str(tmp_path) not in (one / "manifest.json").read_text()


def test_manifest_totals_are_those_of_the_samples(tmp_path: Path) -> None:
    train = read_manifest(make_shards(tmp_path))["splits"]["train"]
    samples = [make_sample(number) for number in range(40)]
    assert (train["samples"], train["tokens"]) == (40, sum(len(ids) for ids, _ in samples))
    for group, column in (("by_kind", "kind"), ("by_order", "order"), ("by_lang", "lang")):
        expected: dict[str, dict[str, int]] = {}
        for ids, row in samples:
            counts = expected.setdefault(row[column], {"samples": 0, "tokens": 0})
            counts["samples"] += 1
            counts["tokens"] += len(ids)
        assert train[group] == expected


def test_manifest_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no manifest\.json.*run it again"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "infill-shards/2"}')
    with pytest.raises(ValueError, match="'infill-shards/2', expected 'infill-shards/1'"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "infill-shards/1"}')
    with pytest.raises(ValueError, match="damaged"):
        read_manifest(tmp_path)
    with pytest.raises(ValueError, match="lacks dtype"):
        write_manifest(tmp_path, header={}, splits=[], files=[], packs=[])


def test_the_reader_in_the_documentation_works(tmp_path: Path) -> None:
    shards = Shards.open(make_shards(tmp_path))
    text = (ROOT / "docs" / "formats" / "shards.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 1
    code = blocks[0] + "print(json.dumps([[s.tolist() for s in samples], [r.tolist() for r in packed]]))"
    command = [sys.executable, "-c", code, str(shards.path), "train", str(ROW_LENGTH)]
    samples, packed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    expected = [shards.tokens("train", number).tolist() for number in range(40)]
    assert samples == expected
    offsets, items = shards.rows("train", ROW_LENGTH)
    rows = [items[first:last] for first, last in pairwise(offsets)]
    assert packed == [[token for item in row for token in expected[item]] for row in rows]


def test_shard_bytes_match_the_golden_file(tmp_path: Path) -> None:
    """Parquet bytes name the writer's version, so the sidecars' rows stand for them.

    When the format is meant to change, change its number too and write the new digests to the file.
    """
    shards = Shards.open(make_shards(tmp_path))
    raw = [record for record in shards.manifest["files"] if not record["path"].endswith(".parquet")]
    rows = [
        row | {"doc_id": row["doc_id"].hex()}
        for split in shards.splits
        for row in shards.sidecar(split).to_pylist()
    ]
    rest = {key: value for key, value in shards.manifest.items() if key != "files"}
    digests = {record["path"]: record["xxh3_128"] for record in raw} | {
        "sidecars": key_of(rows),
        "manifest": key_of(rest),
    }
    assert digests == json.loads(GOLDEN.read_text())
