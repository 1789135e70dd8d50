"""Every rule of `verify` is broken once, and must be the one that is reported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.shards.merge import file_record
from pipeline.shards.mmidx import read_index, write_index
from pipeline.shards.verify import verify
from pipeline.store import write_json
from tests.pipeline.shards.samples import (
    BOS,
    FILE,
    LED,
    MID,
    NAME,
    PRE,
    SENTINELS,
    SUF,
    UNMARKED,
    VOCAB_SIZE,
    make_shards,
)

STEM = "train-00000"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return make_shards(tmp_path)


def rules_of(report: dict[str, Any], file: str) -> set[str]:
    return {problem["rule"] for problem in report["problems"] if problem["file"] == file}


def edit_manifest(shards: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((shards / "manifest.json").read_text())
    change(manifest)
    write_json(shards / "manifest.json", manifest)


def digest_again(shards: Path) -> None:
    """Make sizes and digests right, so that what a file says is looked at."""

    def change(manifest: dict[str, Any]) -> None:
        for record in manifest["files"]:
            found = file_record(shards / record["path"], samples=0, tokens=0)
            record.update(bytes=found["bytes"], xxh3_128=found["xxh3_128"])

    edit_manifest(shards, change)


def edit_sidecar(shards: Path, change: Callable[[list[dict[str, Any]]], None], stem: str = STEM) -> None:
    table = pq.read_table(shards / f"{stem}.parquet")
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), shards / f"{stem}.parquet")
    digest_again(shards)


def rows_of(shards: Path, stem: str = STEM) -> list[dict[str, Any]]:
    return pq.read_table(shards / f"{stem}.parquet").to_pylist()


def first_of(shards: Path, order: str) -> int:
    """A sample of that order with at least two tokens of prefix and of middle."""
    fim = order != "none"
    return next(
        number
        for number, row in enumerate(rows_of(shards))
        if row["order"] == order and row["n_tokens"] > 8 and (not fim or row["middle_len"] > 1)
    )


def edit_tokens(shards: Path, sample: int, change: Callable[[np.ndarray], None]) -> None:
    lengths = read_index(shards / f"{STEM}.idx").lengths
    start = int(lengths[:sample].sum())
    tokens = np.fromfile(shards / f"{STEM}.bin", "<u2")
    change(tokens[start : start + lengths[sample]])
    tokens.tofile(shards / f"{STEM}.bin")
    digest_again(shards)


def only_problem(shards: Path) -> dict[str, Any]:
    report = verify(shards)
    assert not report["ok"]
    assert len(report["problems"]) == 1, report["problems"]
    return report["problems"][0]


@pytest.mark.parametrize("vocab_size", [1000, 70_000])
@pytest.mark.parametrize("validation", [0, 6])
def test_sound_shards_have_no_problem(tmp_path: Path, vocab_size: int, validation: int) -> None:
    shards = make_shards(tmp_path, vocab_size=vocab_size, validation=validation)
    report = verify(shards)
    manifest = json.loads((shards / "manifest.json").read_text())
    assert report["problems"] == []
    assert report["ok"]
    assert (report["files"], report["samples"]) == (len(manifest["files"]), 40 + validation)
    assert report["tokens"] == sum(split["tokens"] for split in manifest["splits"].values())


@pytest.mark.parametrize(
    "path", [f"{STEM}.bin", f"{STEM}.parquet", "train.pack-64.items.npy", "tokenizer/tokenizer.json"]
)
def test_one_flipped_bit_is_found(shards: Path, path: str) -> None:
    data = bytearray((shards / path).read_bytes())
    data[len(data) // 2] ^= 1
    (shards / path).write_bytes(data)
    problem = only_problem(shards)
    assert (problem["file"], problem["sample"], problem["rule"]) == (path, None, "digest")


@pytest.mark.parametrize(
    "path", [f"{STEM}.bin", f"{STEM}.idx", f"{STEM}.parquet", "tokenizer/sentinels.json"]
)
def test_a_deleted_file_is_found(shards: Path, path: str) -> None:
    (shards / path).unlink()
    problem = only_problem(shards)
    assert (problem["file"], problem["rule"]) == (path, "missing")


@pytest.mark.parametrize("path", ["train-00009.bin", ".tmp-1-train-00000.bin", "tokenizer/extra.json"])
def test_an_extra_file_is_found(shards: Path, path: str) -> None:
    (shards / path).write_text("x")
    problem = only_problem(shards)
    assert (problem["file"], problem["rule"]) == (path, "unlisted")


def test_a_truncated_file_is_found_by_its_size(shards: Path) -> None:
    (shards / f"{STEM}.idx").write_bytes((shards / f"{STEM}.idx").read_bytes()[:-1])
    assert only_problem(shards)["rule"] == "size"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (f"{STEM}.idx", "index"),
        (f"{STEM}.parquet", "sidecar"),
        (f"{STEM}.bin", "index"),
        ("train.pack-64.rows.npy", "pack"),
        ("train.pack-64.items.npy", "pack"),
        ("tokenizer/sentinels.json", "sentinels"),
    ],
)
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.6, 0.95])
def test_a_truncated_file_whose_digest_is_right_is_a_problem(
    shards: Path, path: str, rule: str, kept: float
) -> None:
    data = (shards / path).read_bytes()
    (shards / path).write_bytes(data[: int(len(data) * kept) // 4 * 4])
    digest_again(shards)
    report = verify(shards)
    assert not report["ok"]
    assert {problem["rule"] for problem in report["problems"]} <= {rule, "tokens"}


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_damage_anywhere_is_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    shards = make_shards(tmp_path_factory.mktemp("damage"), train=12, validation=3)
    paths = sorted(path for path in shards.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(paths))
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    intact = path.read_bytes()
    path.write_bytes(damaged)
    assert path.name == "manifest.json" or verify(shards)["ok"] == (damaged == intact)
    if path.name != "manifest.json":
        digest_again(shards)
    assert isinstance(verify(shards)["ok"], bool)


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "null", '{"format": "other/1"}', '{"format": "infill-shards/1"}']
)
def test_without_a_manifest_nothing_is_valid(shards: Path, text: str | None) -> None:
    (shards / "manifest.json").unlink()
    if text is not None:
        (shards / "manifest.json").write_text(text)
    report = verify(shards)
    assert [(problem["file"], problem["rule"]) for problem in report["problems"]] == [
        ("manifest.json", "manifest")
    ]
    assert (report["ok"], report["files"], report["samples"]) == (False, 0, 0)


def test_a_manifest_cannot_point_outside(shards: Path) -> None:
    edit_manifest(shards, lambda manifest: manifest["files"][0].update(path="../../etc/passwd"))
    assert only_problem(shards)["rule"] == "manifest"


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("seed", 8, "shuffle"),
        ("vocab_size", 500, "vocabulary"),
        ("dtype", "int32", "index"),
        ("tokenizer", {"xxh3_128": "0" * 32}, "tokenizer"),
        ("sentinels", SENTINELS | {"pad": 5}, "sentinels"),
        ("sentinels", SENTINELS | {"suffix": 1}, "sentinels"),
        ("sentinels", SENTINELS | {"bos": 2}, "sentinels"),
        ("sentinels", SENTINELS | {"lead": {"<file>": 3}}, "sentinels"),
        ("sentinels", SENTINELS | {"lead": {"<file>": 1000}}, "sentinels"),
        ("sentinels", SENTINELS | {"middle": None}, "sentinels"),
        ("loss", "some", "manifest"),
    ],
)
def test_a_wrong_manifest_is_found(shards: Path, key: str, value: Any, rule: str) -> None:
    edit_manifest(shards, lambda manifest: manifest.update({key: value}))
    assert rule in {problem["rule"] for problem in verify(shards)["problems"]}


def test_wrong_totals_are_found(shards: Path) -> None:
    edit_manifest(shards, lambda manifest: manifest["splits"]["train"]["by_lang"]["Java"].update(tokens=1))
    problem = only_problem(shards)
    assert (problem["file"], problem["rule"]) == ("manifest.json", "totals")


def test_an_unlisted_member_of_a_shard_is_found(shards: Path) -> None:
    edit_manifest(shards, lambda m: m.update(files=[f for f in m["files"] if f["path"] != f"{STEM}.bin"]))
    assert rules_of(verify(shards), f"{STEM}.bin") == {"unlisted", "missing"}


def test_a_plan_without_files_is_found(shards: Path) -> None:
    edit_manifest(
        shards, lambda m: m["packs"].append({"split": "train", "row_length": 128, "rows": 3, "fill": 1.0})
    )
    assert rules_of(verify(shards), "train.pack-128.rows.npy") == {"missing"}


def set_token(place: int, value: int) -> Callable[[np.ndarray], None]:
    return lambda tokens: tokens.__setitem__(place, value)


@pytest.mark.parametrize(
    ("order", "place", "value", "rules"),
    [
        ("none", 1, VOCAB_SIZE, {"vocabulary"}),
        ("none", -1, 9, {"eot-once", "eot-last"}),
        ("none", 1, 0, {"eot-once"}),
        ("psm", -2, 0, {"eot-once"}),
        ("none", 0, PRE, {"sentinels"}),
        ("none", -2, MID, {"sentinels"}),
        ("psm", 0, 9, {"sentinels"}),
        ("spm-v1", -2, SUF, {"sentinels"}),
    ],
)
def test_wrong_tokens_are_found(shards: Path, order: str, place: int, value: int, rules: set[str]) -> None:
    sample = first_of(shards, order)
    edit_tokens(shards, sample, set_token(place, value))
    report = verify(shards)
    assert {problem["rule"] for problem in report["problems"]} == rules
    assert {(problem["file"], problem["sample"]) for problem in report["problems"]} == {
        (f"{STEM}.bin", sample)
    }


@pytest.mark.parametrize(
    ("order", "one", "other"), [("psm", PRE, SUF), ("spm-v1", PRE, SUF), ("spm-v2", PRE, SUF)]
)
def test_sentinels_in_another_order_are_found(shards: Path, order: str, one: int, other: int) -> None:
    sample = first_of(shards, order)

    def swap(tokens: np.ndarray) -> None:
        places = [int(np.flatnonzero(tokens == control)[0]) for control in (one, other)]
        tokens[places] = other, one

    edit_tokens(shards, sample, swap)
    problem = only_problem(shards)
    assert (problem["file"], problem["sample"], problem["rule"]) == (f"{STEM}.bin", sample, "sentinel-order")


@pytest.mark.parametrize(
    ("order", "changes", "rules"),
    [
        ("psm", {"middle_start": 1}, {"middle"}),
        ("psm", {"middle_len": -1}, {"middle"}),
        ("spm-v1", {"middle_len": 0}, {"middle"}),
        ("spm-v2", {"middle_start": 0, "middle_len": 8}, {"middle"}),
        ("none", {"middle_len": 1}, {"middle"}),
        ("psm", {"cut_end": 2_000_000_000}, {"cut"}),
        ("psm", {"deleted": -1}, {"cut"}),
        ("psm", {"window_start": -1}, {"cut"}),
        ("psm", {"deleted": 2_147_483_647}, {"cut"}),
        ("none", {"window_end": 99}, {"cut"}),
        ("psm", {"kind": "strange"}, {"kind", "totals"}),
        ("psm", {"kind": "plain"}, {"kind", "cut", "totals"}),
        ("psm", {"kind": "empty"}, {"cut", "totals"}),
        ("psm", {"order": "pms"}, {"order", "totals"}),
        ("psm", {"lang": "Perl"}, {"totals"}),
        ("psm", {"part": -1}, {"part"}),
        ("psm", {"n_tokens": 3}, {"lengths", "middle", "totals"}),
        ("psm", {"repo": "v/0"}, {"repo"}),
        ("psm", {"repo": ""}, set()),
    ],
)
def test_a_wrong_sidecar_row_is_found(
    shards: Path, order: str, changes: dict[str, Any], rules: set[str]
) -> None:
    sample = first_of(shards, order)
    edit_sidecar(shards, lambda rows: rows[sample].update(changes))
    report = verify(shards)
    assert {problem["rule"] for problem in report["problems"]} == rules
    about_rows = [problem for problem in report["problems"] if problem["rule"] != "totals"]
    assert {(problem["file"], problem["sample"]) for problem in about_rows} <= {(f"{STEM}.parquet", sample)}


def test_swapped_sidecar_rows_are_found(shards: Path) -> None:
    def swap(rows: list[dict[str, Any]]) -> None:
        rows[3], rows[4] = rows[4], rows[3]

    edit_sidecar(shards, swap)
    found = {(problem["rule"], problem["sample"]) for problem in verify(shards)["problems"]}
    assert {("lengths", 3), ("lengths", 4), ("shuffle", 4)} <= found


def test_shards_in_another_order_are_found(shards: Path) -> None:
    for suffix in (".bin", ".idx", ".parquet"):
        one, other = (shards / f"train-0000{number}{suffix}" for number in (0, 1))
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
    digest_again(shards)
    problems = [(problem["file"], problem["sample"]) for problem in verify(shards)["problems"]
                if problem["rule"] == "shuffle"]  # fmt: skip
    assert problems == [("train-00001.parquet", 0)]


def test_a_sidecar_of_another_schema_is_found(shards: Path) -> None:
    table = pq.read_table(shards / f"{STEM}.parquet")
    pq.write_table(table.drop_columns(["seed"]), shards / f"{STEM}.parquet")
    digest_again(shards)
    assert only_problem(shards)["rule"] == "sidecar"


def test_an_index_of_other_lengths_is_found(shards: Path) -> None:
    lengths = read_index(shards / f"{STEM}.idx").lengths.copy()
    lengths[:2] += np.array([1, -1], np.int32)
    write_index(shards / f"{STEM}.idx", lengths, dtype="uint16")
    digest_again(shards)
    assert rules_of(verify(shards), f"{STEM}.parquet") >= {"lengths"}
    write_index(shards / f"{STEM}.idx", lengths[:-1], dtype="uint16")
    digest_again(shards)
    assert rules_of(verify(shards), f"{STEM}.idx") == {"index"}


def rewrite_plan(shards: Path, change: Callable[[np.ndarray, np.ndarray], tuple[Any, Any]]) -> dict[str, Any]:
    paths = [shards / f"train.pack-64.{part}.npy" for part in ("rows", "items")]
    rows, items = (np.load(path) for path in paths)
    for path, array in zip(paths, change(rows, items), strict=True):
        np.save(path, array)
    digest_again(shards)
    problem = only_problem(shards)
    assert (problem["file"], problem["rule"]) == ("train.pack-64.rows.npy", "pack")
    return problem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows, items: (rows, np.where(items == 5, 6, items).astype(np.uint32)),
            "sample 5 of the split is in 0 rows",
        ),
        (lambda rows, items: (rows, items + np.uint32(1)), "40 items up to 40 for 40 samples"),
        (
            lambda rows, items: (np.array([0, *([1] * (len(rows) - 2)), len(items)]), items),
            "row 1 holds no item",
        ),
        (
            lambda rows, items: (np.array([*range(len(rows) - 1), len(items)]), items),
            "tokens, expected at most 64",
        ),
        (lambda rows, items: (rows[:-1], items), "must go from 0 to 40"),
        (lambda rows, items: (rows, items.astype(np.int64)), "expected flat int64 and uint32"),
        (lambda rows, items: (rows, items[None]), "expected flat int64 and uint32"),
    ],
)
def test_a_wrong_plan_is_found(shards: Path, change: Any, message: str) -> None:
    assert message in rewrite_plan(shards, change)["message"]


def test_problems_of_a_rule_are_shown_ten_times_and_counted(shards: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["window_start"] = -1

    edit_sidecar(shards, change)
    problems = verify(shards)["problems"]
    assert [problem["sample"] for problem in problems] == [*range(10), None]
    assert f"{len(rows_of(shards)) - 10} more samples" in problems[-1]["message"]


def led_shards(folder: Path) -> Path:
    """One shard of samples with leads and headers of all kinds."""
    return make_shards(folder, train=60, tokens_per_shard=5000, sentinels=LED)


def led_sample(shards: Path, order: str, *, header: bool) -> int:
    """A sample of that order with a lead of control tokens, and with or without a header."""
    return next(
        number
        for number, row in enumerate(rows_of(shards))
        if row["order"] == order and row["lead_len"] > 1 and bool(row["header_len"]) == header
    )


@pytest.mark.parametrize("sentinels", [LED, UNMARKED])
def test_sound_shards_with_leads_or_without_a_middle_sentinel_have_no_problem(
    tmp_path: Path, sentinels: dict[str, Any]
) -> None:
    shards = make_shards(tmp_path, train=60, tokens_per_shard=2000, sentinels=sentinels)
    assert verify(shards)["problems"] == []
    assert any(row["lead_len"] for row in rows_of(shards))
    assert any(row["header_len"] for row in rows_of(shards)) == (sentinels is LED)


@pytest.mark.parametrize(
    ("order", "place", "value", "rules"),
    [
        ("psm", 0, 9, {"bos"}),
        ("psm", 2, PRE, {"controls"}),
        ("spm-v1", 2, 0, {"controls"}),
        ("none", -2, FILE, {"controls"}),
        ("psm", -2, NAME, {"controls"}),
        ("psm", -2, BOS, {"controls"}),
        ("none", 2, BOS, set()),
    ],
)
def test_control_tokens_in_places_that_are_not_theirs_are_found(
    tmp_path: Path, order: str, place: int, value: int, rules: set[str]
) -> None:
    shards = led_shards(tmp_path)
    sample = led_sample(shards, order, header=False)
    edit_tokens(shards, sample, set_token(place, value))
    report = verify(shards)
    assert {problem["rule"] for problem in report["problems"]} == rules
    assert {problem["sample"] for problem in report["problems"]} <= {sample}


@pytest.mark.parametrize("order", ["none", "psm", "spm-v1", "spm-v2"])
@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"lead_len": -1}, {"lead"}),
        ({"lead_len": 4}, {"lead", "controls"}),
        ({"lead_len": 2_147_483_647}, {"lead"}),
        ({"header_start": 3}, {"lead"}),
        ({"header_start": -1}, {"lead"}),
        ({"header_len": -1}, {"lead"}),
        ({"header_len": 2_147_483_647}, {"lead"}),
        ({"header_start": 0, "header_len": 0}, {"controls"}),
    ],
)
def test_a_lead_or_header_that_is_not_there_is_found(
    tmp_path: Path, order: str, changes: dict[str, int], rules: set[str]
) -> None:
    shards = led_shards(tmp_path)
    sample = led_sample(shards, order, header=True)
    edit_sidecar(shards, lambda rows: rows[sample].update(changes))
    report = verify(shards)
    assert {problem["rule"] for problem in report["problems"]} >= rules
    assert {problem["sample"] for problem in report["problems"]} == {sample}


def test_a_header_may_not_reach_into_the_middle(tmp_path: Path) -> None:
    shards = led_shards(tmp_path)
    for order in ("psm", "spm-v1", "spm-v2"):
        sample = led_sample(shards, order, header=True)
        row = rows_of(shards)[sample]
        part_end = {"spm-v2": row["middle_start"]}.get(order, row["n_tokens"])
        edit_sidecar(
            shards,
            lambda rows, s=sample, e=part_end: rows[s].update(header_len=e - rows[s]["header_start"] + 1),
        )
    rules = [problem["rule"] for problem in verify(shards)["problems"] if problem["rule"] == "lead"]
    assert len(rules) == 3


def test_end_of_text_between_the_files_of_a_lead_is_not_the_samples_own(tmp_path: Path) -> None:
    sentinels = LED | {"lead": {"<file>": 0, "<name>": NAME}}
    shards = led_shards(tmp_path)
    (shards / "tokenizer" / "sentinels.json").write_text(json.dumps(sentinels))
    edit_manifest(shards, lambda manifest: manifest.update(sentinels=sentinels))
    digest_again(shards)
    assert {problem["rule"] for problem in verify(shards)["problems"]} <= {"tokenizer", "manifest"}
    edit_tokens(shards, led_sample(shards, "psm", header=False), set_token(1, 0))
    assert verify(shards)["problems"] == []


@pytest.mark.parametrize(
    ("changes", "rules"),
    [({"middle_start": 1}, {"middle"}), ({"middle_len": 0}, {"middle"}), ({"middle_start": 0}, {"middle"})],
)
def test_without_a_middle_sentinel_the_middle_follows_the_prefix(
    tmp_path: Path, changes: dict[str, int], rules: set[str]
) -> None:
    shards = make_shards(tmp_path, sentinels=UNMARKED)
    sample = first_of(shards, "spm-v1")
    edit_sidecar(shards, lambda rows: rows[sample].update(changes))
    assert {problem["rule"] for problem in verify(shards)["problems"]} == rules


def test_sentinels_without_a_middle_one_are_held_to_their_order(tmp_path: Path) -> None:
    shards = make_shards(tmp_path, sentinels=UNMARKED)
    sample = first_of(shards, "spm-v1")
    edit_tokens(shards, sample, set_token(1, 30))
    assert only_problem(shards)["rule"] == "sentinels"
