"""Stars, language, size and digest."""

import tomllib
from importlib.resources import files

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.digest import Digest
from filters.language import Language, language_of
from filters.size import Size
from filters.stars import Stars


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.float64()])
def test_missing_stars_take_the_given_value(kind: pa.DataType) -> None:
    docs = pa.table({"max_stars_count": pa.array([3, None, 0], kind)})
    assert Stars()(docs)["stars"].to_pylist() == [3, -1, 0]
    assert Stars(null_as=0)(docs)["stars"].to_pylist() == [3, 0, 0]


def test_stars_that_are_not_a_number_are_missing() -> None:
    docs = pa.table({"max_stars_count": [float("nan"), float("inf"), 2.0]})
    assert Stars()(docs)["stars"].to_pylist() == [-1, -1, 2]


def test_all_null_stars_column_is_missing_everywhere() -> None:
    assert Stars()(pa.table({"max_stars_count": pa.nulls(2)}))["stars"].to_pylist() == [-1, -1]


def test_fractional_stars_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        Stars()(pa.table({"max_stars_count": [1.5]}))


def languages(lang: list[str | None], ext: list[str | None]) -> list[str]:
    docs = pa.table({"lang": pa.array(lang, pa.string()), "ext": pa.array(ext, pa.string())})
    return list(Language()(docs)["language"].to_pylist())


def test_label_wins_over_extension_in_any_spelling() -> None:
    labels: list[str | None] = ["c++", "CPP", "c-sharp", "jupyter-notebook", " Python ", "Befunge"]
    expected = ["C++", "C++", "C#", "Jupyter Notebook", "Python", "Befunge"]
    assert languages(labels, ["py"] * 6) == expected


def test_extension_speaks_where_the_label_is_empty() -> None:
    assert languages(["", None, "  ", None], [".PY", "c++", "ipynb", None]) == [
        "Python",
        "C++",
        "Jupyter Notebook",
        "unknown",
    ]


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "Python"),
        ("Dockerfile", "Dockerfile"),
        ("x/CMakeLists.txt", "CMake"),
        ("notes.txt", "Text"),
        ("Makefile", "Makefile"),
        (".py", "Python"),
        ("py", ""),
        ("", ""),
        ("a.b/", ""),
        ("x.tar.gz", ""),
    ],
)
def test_language_of_a_path(path: str, language: str) -> None:
    assert language_of(path) == language


def test_each_extension_spelling_and_name_belongs_to_one_language() -> None:
    table = tomllib.loads((files("filters") / "data" / "languages.toml").read_text(encoding="utf-8"))
    for key in ("extensions", "names", "aliases"):
        listed = [item for entry in table.values() for item in entry.get(key, [])]
        assert sorted(set(listed)) == sorted(listed), key
        assert key == "names" or all(item == item.lower() for item in listed)
    spellings = [name.lower() for name in table]
    aliases = {alias for entry in table.values() for alias in entry.get("aliases", [])}
    assert not aliases & set(spellings)
    assert len(table) > 90


def test_every_scanned_language_is_a_known_one() -> None:
    table = tomllib.loads((files("filters") / "data" / "languages.toml").read_text(encoding="utf-8"))
    syntax = tomllib.loads((files("filters") / "data" / "comment_syntax.toml").read_text(encoding="utf-8"))
    assert set(syntax["languages"]) <= set(table)
    used = {rule for rules in syntax["languages"].values() for rule in rules}
    assert used <= set(syntax["rules"])


@settings(deadline=None)
@given(st.lists(st.text()))
def test_sizes_and_digests_are_those_of_python(texts: list[str]) -> None:
    docs = pa.table({"content": pa.array(texts, pa.string())})
    assert Size()(docs).to_pylist() == [
        {"size_bytes": len(text.encode()), "n_chars": len(text)} for text in texts
    ]
    assert Digest()(docs)["content_hash"].to_pylist() == [
        xxhash.xxh3_128(text.encode()).digest() for text in texts
    ]
