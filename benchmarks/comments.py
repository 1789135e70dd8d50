"""The share of comments and docstrings: filters.comments beside Pygments and, for Python, tokenize with ast.

Peers do the least that gives the share: Pygments sums the lengths of comment and docstring tokens; tokenize
sums comments, and ast the docstrings of modules, classes and functions. BigCode's measure is the filter's own
`measure = "bigcode"`, which counts other characters. The note tells in how many documents the shares agree to
0.001 (to 0.05 with BigCode's); a file that a peer cannot parse does not agree. One thread on both sides.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Callable

import pygments
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, String

from benchmarks.measurement import Measurement, median_seconds, seconds_of
from benchmarks.source_text import documents, read_texts, size_of
from filters.comments import Comments

Ratio = Callable[[str], float]
DIRECTIVES = (Comment.Preproc, Comment.PreprocFile)  # `#include` is no comment but for Pygments
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def measure(megabytes: float) -> list[Measurement]:
    python, c = read_texts(megabytes, ("Python",)), read_texts(megabytes, ("C", "C++"))
    pygments_name = f"Pygments {pygments.__version__}"
    return [
        _measure("Python", python, "tokenize and ast", tokenize_ratio),
        _measure("Python", python, pygments_name, pygments_ratio("python")),
        _measure("C++", c, pygments_name, pygments_ratio("cpp")),
        _measure_bigcode("Python", python),
        _measure_bigcode("C++", c),
    ]


def _measure(language: str, texts: list[str], peer: str, ratio: Ratio) -> Measurement:
    expected: list[float] = []
    seconds = seconds_of(lambda: expected.extend(map(ratio, texts)))
    return _compare(language, texts, peer, expected, seconds, tolerance=1e-3)


def _measure_bigcode(language: str, texts: list[str]) -> Measurement:
    table, expected = documents(texts, language), list[float]()
    bigcode = Comments(measure="bigcode")
    seconds = seconds_of(lambda: expected.extend(bigcode(table)["comment_ratio"].to_pylist()))
    return _compare(language, texts, "BigCode's measure", expected, seconds, tolerance=0.05)


def _compare(
    language: str,
    texts: list[str],
    peer: str,
    expected: list[float],
    peer_seconds: float,
    *,
    tolerance: float,
) -> Measurement:
    table, fltr = documents(texts, language), Comments()
    ours = fltr(table)["comment_ratio"].to_pylist()  # compiles the kernel
    agreeing = sum(abs(a - b) < tolerance for a, b in zip(ours, expected, strict=True))
    size = size_of(texts)
    return Measurement(
        what=f"comments, {language}",
        megabytes=size,
        seconds=median_seconds(lambda: fltr(table)),
        peer=peer,
        peer_megabytes_per_second=size / peer_seconds,
        note=f"{agreeing / len(texts):.1%} of {len(texts):,} documents agree to {tolerance}",
    )


def pygments_ratio(name: str) -> Ratio:
    """The share of comment and docstring tokens, as the named lexer sees them."""
    lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)

    def ratio(text: str) -> float:
        commented = (
            len(value.rstrip("\n"))  # the lexer of C++ ends a comment after its line
            for kind, value in lexer.get_tokens(text)
            if kind in String.Doc or (kind in Comment and kind not in DIRECTIVES)
        )
        return sum(commented) / len(text)

    return ratio


def tokenize_ratio(text: str) -> float:
    """The share of `#` comments and docstrings of a Python text; -1 if it does not parse."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError):
        return -1.0
    commented = sum(len(token.string) for token in tokens if token.type == tokenize.COMMENT)
    docstrings = {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(tree)
        if isinstance(node, WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None
    }
    strings = (token for token in tokens if token.type == tokenize.STRING and token.start in docstrings)
    return (commented + sum(len(token.string) for token in strings)) / len(text)
