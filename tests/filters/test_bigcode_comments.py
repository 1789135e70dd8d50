"""BigCode's measure: equal to a slow reading of what it does, on real files, and safe from parser bombs."""

from __future__ import annotations

import ast
import inspect
import io
import json
import sysconfig
import tokenize
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pygments
import pygments.lexers
import pytest
from pygments.token import Token

from filters.comments import Comments
from tests.filters.examples import GOLDEN

MEBIBYTE = 1 << 20


def ratios(texts: list[str], language: str, timeout_seconds: float = 30.0) -> list[float]:
    docs = pa.table({"content": pa.array(texts, pa.large_string()), "lang": [language] * len(texts)})
    fltr = Comments(measure="bigcode", timeout_seconds=timeout_seconds)
    return list(fltr(docs)["comment_ratio"].to_pylist())


def reference(text: str, language: str) -> float:
    """What BigCode's preprocessing counts, step by step."""
    if not text:
        return 0.0
    if language == "Python":
        return len((docstrings_of(text) + "\n" + comments_of(text)).strip()) / len(text)
    counted = 0
    for kind, value in pygments.lex(text, pygments.lexers.get_lexer_by_name(language.lower())):
        if kind is Token.Comment.Multiline or kind is Token.Comment.Single:
            counted += len(value)
    return counted / len(text)


def docstrings_of(text: str) -> str:
    try:
        tree = ast.parse(text)
    except Exception:
        return ""
    found: dict[str, list[tuple[str, str]]] = {"Class": [], "Function": [], "Module": []}
    for node in ast.walk(tree):
        kind = {"ClassDef": "Class", "FunctionDef": "Function", "Module": "Module"}.get(type(node).__name__)
        if kind and node.body and isinstance(node.body[0], ast.Expr):  # type: ignore[attr-defined]
            value = node.body[0].value  # type: ignore[attr-defined]
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[kind].append((getattr(node, "name", ""), inspect.cleandoc(value.value)))
    in_order = [pair for kind in sorted(found) for pair in sorted(found[kind], key=lambda pair: pair[0])]
    return "\n".join(docstring for _, docstring in in_order if docstring)


def comments_of(text: str) -> str:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        pairs = [(token[0], token[1]) for token in tokens if token[0] == tokenize.COMMENT]
        return tokenize.untokenize(pairs).replace("#", "")
    except Exception:
        return ""


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_python_is_that_of_the_reference_on_real_files() -> None:
    roots = [Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")]
    paths = [path for root in roots for path in root.glob("*/*.py") if 0 < path.stat().st_size < 60_000]
    paths.sort(key=lambda path: blake2b(f"{path.parent.name}/{path.name}".encode()).digest())
    texts = [path.read_bytes().decode("utf-8", "replace") for path in paths[:60]]
    assert len(texts) == 60
    found = ratios(texts, "Python")
    assert found == [reference(text, "Python") for text in texts]
    assert sum(ratio > 0.01 for ratio in found) > 30


@pytest.mark.parametrize("language", ["Java", "JavaScript"])
def test_other_languages_are_those_of_the_reference(language: str) -> None:
    texts = [row["content"] for row in json.loads((GOLDEN / "snippets.json").read_text(encoding="utf-8"))]
    texts += [
        path.read_text("utf-8") for path in sorted(Path(sysconfig.get_path("stdlib")).glob("c*.py"))[:8]
    ]
    assert ratios(texts, language) == [reference(text, language) for text in texts]


@pytest.mark.parametrize(
    ("language", "text", "counted"),
    [
        ("Python", "# a # b\nx = 1 #! c\n", " a  b! c"),
        (
            "Python",
            "def b():\n    'b'\nclass z:\n    'z'\ndef a():\n    'a'\nasync def c():\n    'no'\n'no'",
            "z\na\nb",
        ),
        ("Python", '"""\n    a\n      b\n    """  # c', "a\n  b\n c"),
        ("Python", "'''a'''\ndef :  # b", " b"),
        ("Python", "'''a'''\nx = 1\n(  # b", ""),
        ("Python", "#", ""),
        ("Java", "int a; // b\n/* c\n*/ /** d */", "// b/* c\n*//** d */"),
        ("JavaScript", "#!/usr/bin/node\n// a", "// a"),
        ("c-sharp", "#if A\n/// b\n", "/// b\n"),
        ("C", "#include <a.h> // b", "// b"),
        ("Common Lisp", "a ; b", "; b"),
    ],
)
def test_quirks(language: str, text: str, counted: str) -> None:
    stripped = counted.strip() if language == "Python" else counted
    assert ratios([text], language) == [len(stripped) / len(text)]


def test_empty_text_is_zero_and_an_unknown_language_minus_one() -> None:
    assert ratios([""], "Python") + ratios([""], "Java") == [0.0, 0.0]
    assert ratios(["# a"], "no such language") + ratios(["# a"], "") == [-1.0, -1.0]


def test_a_text_that_is_too_long_is_unknown() -> None:
    fits = "#" * (2 * MEBIBYTE - 1) + "a"
    assert ratios([fits, fits + "a", "#" * 50_000_000], "Python") == [0.5 / MEBIBYTE, -1.0, -1.0]


@pytest.mark.parametrize(
    ("language", "text"), [("Scala", '"' + "\\" * 48), ("tads3", "extern //" + "\\" * 60)]
)
def test_a_text_on_which_pygments_hangs_is_unknown_and_its_neighbours_are_not(
    language: str, text: str
) -> None:
    assert ratios(["a /* b */", text, "/* c */"], language, timeout_seconds=0.5) == [7 / 9, -1.0, 1.0]


@pytest.mark.parametrize(
    "bomb",
    [
        "(" * 100_000,
        "-" * 100_000 + "1",
        "a+" * 50_000 + "a",
        "1" * 200_000,
        '"""' + "a" * 500_000,
        "x = 1\0  # a",
        "\ufeff# a",
        "f'" + "{" * 100_000,
        "[" * 99 + "]" * 99 + "\n" * 100_000,
        "\U0010ffff" * 1000,
        "a\u2028# b\r# c\r\n# d",
    ],
    ids=lambda bomb: ascii(bomb[:8]),
)
def test_python_that_does_not_parse_has_the_ratio_of_what_is_left(bomb: str) -> None:
    assert ratios([bomb], "Python") == [reference(bomb, "Python")]


@pytest.mark.parametrize("language", ["Java", "JavaScript", "C"])
def test_hostile_text_has_a_ratio_or_none(language: str) -> None:
    texts = [
        "(" * 100_000,
        "/*" * 50_000,
        "a" * 200_000,
        '"',
        "\0",
        "\ufeff//",
        "//\u2028//\r//\r\n",
        "/" * 10_000,
    ]
    found = ratios(texts, language, timeout_seconds=5)
    assert all(ratio == -1.0 or 0.0 <= ratio <= 2.0 for ratio in found)


def test_a_measure_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="no measure 'pygments'; the measures are scanner, bigcode"):
        Comments(measure="pygments")
    with pytest.raises(ValueError, match="timeout_seconds is 0"):
        Comments(measure="bigcode", timeout_seconds=0)
