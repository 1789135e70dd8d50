"""What is kept of a split's files."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import RepositoryContext
from pipeline.documents import Reading
from pipeline.repository_context.files import (
    FILES,
    MAX_FILES,
    ContextSettings,
    _considered,
    file_rows,
    kept_end,
    repository_key,
)

KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA7y2Vq3dFzK8pXw1c0hUeTnJbLgRi5mQsYoD9vWxAf4kZtH6u\n" * 12
)
KEY += "-----END RSA PRIVATE KEY-----\n"


def settings(*, max_tokens: int = 16, secrets: bool = False) -> ContextSettings:
    repository = RepositoryContext(rate=1.0, max_tokens=max_tokens, order="imports")
    return ContextSettings(Reading("s", {}, 1000, 1000), repository, 7, secrets)


def documents(texts: list[str], *, lang: str = "Python", path: str = "a.py") -> pa.Table:
    count = len(texts)
    return pa.table(
        {
            "content": pa.chunked_array([pa.array(texts, pa.large_string())]),
            "doc_id": pa.array([n.to_bytes(16, "big") for n in range(count)], pa.binary(16)),
            "row": pa.array(range(count), pa.int64()),
            "repo": ["ann/shop"] * count,
            "path": [path] * count,
            "revision": ["c0ffee"] * count,
            "lang": [lang] * count,
            "held_out": [False] * count,
        }
    )


@pytest.mark.parametrize(
    ("text", "size", "kept"),
    [
        ("one\ntwo\nthree\n", 100, "one\ntwo\nthree\n"),
        ("one\ntwo\nthree\n", 14, "one\ntwo\nthree\n"),
        ("one\ntwo\nthree\n", 10, "two\nthree\n"),
        ("one\ntwo\nthree\n", 9, "three\n"),
        ("one\r\ntwo", 4, "two"),
        ("x" * 50, 7, "x" * 7),
        ("é" * 50, 7, "é" * 3),
        ("", 7, ""),
    ],
)
def test_the_end_of_a_text_is_kept_from_the_start_of_a_line(text: str, size: int, kept: str) -> None:
    assert kept_end(text, size) == kept


@given(st.text(alphabet="ab\n\ré𝒶", max_size=40), st.integers(1, 60))
def test_what_is_kept_is_an_end_that_fits(text: str, size: int) -> None:
    kept = kept_end(text, size)
    assert text.endswith(kept)
    assert len(kept.encode()) <= max(size, 0)


def test_a_secret_is_never_cut() -> None:
    text = "a = 1\n" + KEY + "b = 2\n"
    bare = file_rows(documents([text]), settings())["text"][0].as_py()
    assert "MIIEpAIB" in bare  # half a key, which nobody would know for one
    whole = file_rows(documents([text]), settings(secrets=True))["text"][0].as_py()
    assert "MIIEpAIB" not in whole
    assert whole.endswith("b = 2\n")


def test_rows_say_what_contexts_need() -> None:
    (row,) = file_rows(documents(["import re\n" * 30], lang="", path="x/a.py"), settings()).to_pylist()
    assert (row["family"], row["imports"], row["size_bytes"]) == ("python", ["re"], 300)
    assert row["text"] == "import re\n" * 12
    assert row["repository"] == repository_key("ann/shop", "c0ffee")
    assert file_rows(documents(["x"], lang="Perl", path="a.pl"), settings())["family"].to_pylist() == [""]


def test_names_of_repositories_and_revisions_do_not_blend() -> None:
    assert repository_key("ann/a", "b") != repository_key("ann/ab", "")


def test_texts_beyond_the_first_by_rank_are_left_out() -> None:
    rows = file_rows(documents([f"x = {n}\n" for n in range(MAX_FILES + 5)]), settings())
    kept = _considered(rows)
    assert kept["text"].null_count == 5
    ranks = kept["rank"].to_pylist()
    assert ranks == sorted(ranks)
    assert kept["text"].to_pylist()[MAX_FILES:] == [None] * 5
    other = rows.set_column(
        0, FILES.field("repository"), pa.array([n % 2 for n in range(len(rows))], pa.uint64())
    )
    assert _considered(other)["text"].null_count == 0
