"""`[redact]` in the whole job: no seeded value in shards, records or output, however the work is divided."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from filters.text import pack_texts
from filters.tokens.encoder import load_encoder
from pipeline.config import Redact, TrainTokenizer
from pipeline.recipe import load_recipe
from pipeline.redaction import redact_documents, redact_texts, redaction_key
from pipeline.shards.reader import Shards, split_sample
from pipeline.shards.verify import verify
from pipeline.tokenizer import SAMPLE_SCHEMA, TrainWork, train_unit
from pipeline.tokenizer import _texts as training_texts
from tests.filters.seeded_secrets import more_forms, seeded
from tests.pipeline.commands.test_commands import infill
from tests.pipeline.stack import Row, stack_row, stdlib_rows, write_corpus, write_recipe
from tests.pipeline.test_job import digests

EMAILS = ("jane.doe@corp-mail.net", "jörg@müller.de", "ops+oncall@sub.domain.co.uk")
ADDRESSES = ("81.2.69.142", "2a00:1450:4001:81b::200e")
SEED = 7
FAKE = Redact(secrets=True, pii=True, style="fake")
FLAGS = ("--set", 'redact={ secrets = true, pii = true, style = "fake" }')


def seeded_rows() -> list[Row]:
    """A document for each seeded value, one with all of them at once, and two that end in quarantine."""
    texts = [case.text for case in [*seeded().values(), *more_forms()]]
    texts += [f"contact = '{value}'" for value in (*EMAILS, *ADDRESSES)]
    body = "# Opens the connection that the service asks for.\ndef connect(value):\n    return value\n"
    documents = [f"# Service {n}.\n{text}\n{body * (1 + n % 9)}{n} + {n}\n" for n, text in enumerate(texts)]
    documents.append("# Everything.\n" + "\n".join(f"{text}\nx = {n} # é" for n, text in enumerate(texts)))
    rows = [stack_row(text, repo=f"r{n}/p", path=f"{n}.py") for n, text in enumerate(documents)]
    large = stack_row("\n".join(texts) * 40, repo="too/large", path="large.py")
    return [*rows, large]


def seeded_values() -> list[str]:
    """What must not be seen: every value, a key of several lines by its first and last."""
    values = [case.value for case in [*seeded().values(), *more_forms()]]
    lines = [line for value in values for line in value.replace("\\n", "\n").split("\n")]
    return [*lines, *EMAILS, *ADDRESSES]


class Finished(NamedTuple):
    recipe: Path
    out: Path
    rows: list[Row]
    printed: str
    report: dict[str, Any]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("redacted")
    rows = [*seeded_rows(), *stdlib_rows(20)]
    recipe = write_recipe(folder, write_corpus(folder / "corpus", rows))
    ran = infill("run", recipe, "--out", folder / "out", *RUN, *SIGNALS, *FLAGS)
    assert ran.code == 3, ran.err
    return Finished(recipe, folder / "out", rows, ran.out + ran.err, json.loads(ran.out))


SETTINGS = ("--set", "source.max_document_bytes=30000", "--set", "select={}")
RUN = ("--workers", "0", "--json", *SETTINGS)
SIGNALS = ("--set", "filters.secrets={}", "--set", "filters.pii={}", "--set", 'select.few="n_secrets < 99"')


def decoded(out: Path) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Each sample's sidecar row and its parts as text."""
    shards = Shards.open(out / "shards")
    encoder = load_encoder(str(out / "shards" / "tokenizer" / "tokenizer.json"))
    for split in shards.splits:
        for number, row in enumerate(shards.sidecar(split).to_pylist()):
            ids = split_sample(shards.tokens(split, number), row, shards.manifest["sentinels"])
            yield row, {name: encoder.decode(np.array(own, np.int64)) for name, own in ids._asdict().items()}


def redacted(text: str, settings: Redact = FAKE) -> str:
    return str(redact_texts(pa.array([text], pa.large_string()), settings, seed=SEED).texts[0].as_py())


def test_no_seeded_value_is_left_in_the_samples(finished: Finished) -> None:
    texts = ["".join((p["prefix"], p["middle"], p["suffix"])) for _, p in decoded(finished.out)]
    assert len(texts) >= len(seeded_rows()) - 1
    whole = "\n".join(texts)
    assert [value for value in seeded_values() if value in whole] == []
    assert "EXAMPLE" in whole
    assert "@example.com" in whole


def test_samples_rebuild_their_windows_from_the_redacted_text(finished: Finished) -> None:
    sources = {
        (row["max_stars_repo_name"], row["max_stars_repo_path"]): redacted(row["content"])
        for row in finished.rows
    }
    for row, parts in decoded(finished.out):
        text = sources[row["repo"], row["path"]]
        deleted = text[row["cut_end"] : row["cut_end"] + row["deleted"]]
        window = text[row["window_start"] : row["window_end"]]
        assert parts["prefix"] + parts["middle"] + deleted + parts["suffix"] == window


def test_no_seeded_value_stands_in_records_or_output(finished: Finished) -> None:
    seen = {"output": finished.printed}
    for path in finished.out.rglob("*"):
        if path.suffix == ".parquet" and "sample" not in path.parts:
            seen[str(path)] = str(pq.read_table(path).to_pylist())
        elif path.suffix == ".json":
            seen[str(path)] = path.read_text(encoding="utf-8")
    names = " ".join(seen)
    assert all(part in names for part in ("quarantine", "report.json", "signals/secrets", "tokenizer.json"))
    assert [(value, name) for name, text in seen.items() for value in seeded_values() if value in text] == []
    assert finished.report["quarantined"] == 1


def test_preview_and_explain_show_no_seeded_value(finished: Finished) -> None:
    same = ["--out", finished.out, *SETTINGS, *SIGNALS, *FLAGS]
    shown = infill("preview", finished.recipe, "-n", 500, *same)
    told = infill("explain", finished.recipe, "r0/p:0.py", *same)
    assert (shown.code, told.code) == (0, 0), told.err
    assert "r0/p:0.py" in shown.out + told.out
    for text in (shown.out, shown.err, told.out, told.err):
        assert [value for value in seeded_values() if value in text] == []


def test_the_report_counts_documents_and_spans_by_kind(finished: Finished) -> None:
    counts = finished.report["synthesis"]
    assert counts["redacted_documents"] >= len(seeded_rows()) - 1
    assert counts["redacted_github_token"] >= 2 * 3
    assert counts["redacted_email"] >= 2 * len(EMAILS)
    assert counts["redacted_ipv6"] >= 2


def test_shards_verify_and_do_not_depend_on_splits_batches_or_order(
    finished: Finished, tmp_path: Path
) -> None:
    assert verify(finished.out / "shards")["problems"] == []
    corpus = write_corpus(tmp_path / "other", finished.rows[::-1], files=5, row_group_size=4)
    recipe = write_recipe(tmp_path, corpus)
    engine = ("--set", "engine.batch_bytes=9000", "--set", "engine.split_bytes=60000")
    ran = infill("run", recipe, "--out", tmp_path / "out", *RUN, *SIGNALS, *FLAGS, *engine)
    assert ran.code == 3, ran.err
    assert digests(tmp_path / "out" / "shards") == digests(finished.out / "shards")


def test_without_the_section_the_values_stay(finished: Finished, tmp_path: Path) -> None:
    ran = infill("run", finished.recipe, "--out", tmp_path / "out", *RUN)
    assert ran.code == 3, ran.err
    whole = "\n".join("".join(parts.values()) for _, parts in decoded(tmp_path / "out"))
    assert EMAILS[0] in whole
    assert "redacted_documents" not in json.loads(ran.out)["synthesis"]


def test_another_style_makes_other_samples_from_the_same_signals(finished: Finished, tmp_path: Path) -> None:
    keys = {
        redaction_key(settings)
        for settings in (
            None,
            FAKE,
            FAKE.model_copy(update={"style": "token"}),
            FAKE.model_copy(update={"keep_length": True}),
            FAKE.model_copy(update={"pii": False}),
        )
    }
    assert len(keys) == 5
    text = seeded()["github_token"].text + " " + EMAILS[0]
    token = Redact(secrets=True, pii=True, style="token")
    assert redacted(text, token) == 'TOKEN = "<KEY>" <EMAIL>'
    only = Redact(secrets=False, pii=True, style="token")
    assert redacted(text, only) == seeded()["github_token"].text + " <EMAIL>"


def test_token_counts_and_contexts_follow_the_new_text(finished: Finished) -> None:
    encoder = load_encoder(str(finished.out / "shards" / "tokenizer" / "tokenizer.json"))
    texts = ["x = 1\n", f"mail = '{EMAILS[1]}'\n"]
    files = [None, [{"path": "a.py", "text": texts[1]}, {"path": "b.py", "text": "y\n"}]]
    kind = pa.list_(pa.struct([("path", pa.string()), ("text", pa.string())]))
    documents = pa.table(
        {
            "content": pa.array(texts, pa.large_string()),
            "n_tokens": pa.array([99, 99], pa.int64()),
            "context_files": pa.array(files, kind),
        }
    )
    made, counts = redact_documents(documents, FAKE, seed=SEED, encoder=encoder)
    assert counts == {"redacted_documents": 1, "redacted_email": 2}
    assert made["content"].to_pylist() == [texts[0], redacted(texts[1])]
    length = len(encoder.encode(pack_texts([redacted(texts[1]).encode()])).ids)
    assert made["n_tokens"].to_pylist() == [99, length]
    assert made["context_files"].to_pylist()[0] is None
    assert [file["text"] for file in made["context_files"].to_pylist()[1]] == [redacted(texts[1]), "y\n"]


def test_a_tokenizer_is_trained_on_redacted_text(tmp_path: Path) -> None:
    text = f"mail = '{EMAILS[0]}'\n"
    record = {"key": 1, "doc_id": b"d" * 16, "size_bytes": len(text), "content": text}
    pq.write_table(pa.Table.from_pylist([record], schema=SAMPLE_SCHEMA), tmp_path / "part.parquet")
    work = TrainWork((tmp_path / "part.parquet",), TrainTokenizer(vocab_size=300, sample_bytes=999), (), 1)
    assert "".join(training_texts(work)) == text
    redacting = replace(work, redact=FAKE, seed=SEED)
    assert "".join(training_texts(redacting)) == redacted(text) != text
    keys = {train_unit(tmp_path, ["d"], own).products[0].key for own in (work, redacting)}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('{ secrets = false, pii = false, style = "fake" }', "redact what?"),
        ('{ secrets = true, pii = true, style = "token", keep_length = true }', "a length of its own"),
        ("{ secrets = true, pii = true }", r"redact\.style"),
        ('{ secret = true, pii = true, style = "fake" }', "did you mean 'secrets'"),
    ],
)
def test_a_section_that_says_nothing_is_refused(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_recipe(write_recipe(tmp_path, tmp_path), [f"redact={value}"])
