"""Imports: what a file names as its dependencies, in Python, JavaScript and TypeScript, Java, Go, C and C++.

Found by patterns on lines, not by parsers: an import in a comment or a string counts too, which does no harm
unless a file of the repository answers to it. Every repetition in a pattern is bounded, and so is what can be
tried again, so the time is linear in the text. At most 200,000 characters are looked at and 256 imports kept.
About 10 ms a megabyte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

MAX_CHARACTERS: Final = 200_000
MAX_IMPORTS: Final = 256

FAMILIES: Final = {
    "Python": "python",
    "Cython": "python",
    "JavaScript": "javascript",
    "TypeScript": "javascript",
    "Vue": "javascript",
    "Java": "java",
    "Go": "go",
    "C": "c",
    "C++": "c",
    "Cuda": "c",
    "Objective-C": "c",
    "Objective-C++": "c",
}
"""The Stack's language names, and by which rules their imports are read."""

_PYTHON = re.compile(
    r"^[ \t]{0,32}(?:"
    r"from[ \t]{1,8}(?P<module>[\w.]{1,200})[ \t]{1,8}c?import[ \t]{0,8}"
    r"(?:\((?P<block>[^)]{1,8000})|(?P<line>[^(\n]{1,800}))"
    r"|c?import[ \t]{1,8}(?P<modules>[^\n]{1,800}))",
    re.MULTILINE,
)
_JAVASCRIPT = re.compile(
    r"\b(?:from|import|require)[ \t]{0,4}(?:\([ \t\n]{0,16})?"
    r"(?P<quote>[\"'])(?P<name>[^\"'\n]{1,300})(?P=quote)"
)
_JAVA = re.compile(
    r"^[ \t]{0,32}import[ \t]{1,8}(?:static[ \t]{1,8})?(?P<name>[\w.*]{1,300})[ \t]{0,8};", re.MULTILINE
)
_GO = re.compile(
    r"^import[ \t]{0,8}"
    r"(?:\((?P<block>[^)]{1,20000})|(?:[\w.]{1,80}[ \t]{1,8})?(?P<one>[\"`][^\"`\n]{1,300}[\"`]))",
    re.MULTILINE,
)
_GO_NAME = re.compile(r"[\"`]([^\"`\n]{1,300})[\"`]")
_C = re.compile(
    r"^[ \t]{0,32}#[ \t]{0,8}(?:include|import)[ \t]{0,8}(?P<open>[<\"])(?P<name>[^<>\"\n]{1,300})[>\"]",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]{0,8000}")


def imports_of(text: str, family: str) -> list[str]:
    """The distinct imports of a text in order, in the form that `pipeline.repository_context.trees` reads.

    Python: dotted names, relative ones with their dots; the last part may be a name in the module. JavaScript
    and Go: what stands in quotes. Java: dotted names. C: the name after the `<` or `"` that opens it.

    >>> imports_of("from .shop import (total,  # all\\n tax)\\nimport os.path as p, re\\n", "python")
    ['.shop.total', '.shop.tax', 'os.path', 're']
    """
    if family not in _READERS:
        return []
    head = text[:MAX_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")
    return list(islice(dict.fromkeys(_READERS[family](head)), MAX_IMPORTS))


def _python(text: str) -> Iterator[str]:
    for match in _PYTHON.finditer(text):
        module = match["module"]
        listed = match["modules"] or match["line"] or match["block"]
        names = (name.split() for name in _COMMENT.sub("", listed).partition(";")[0].split(","))
        dot = "" if module is None or module.endswith(".") else "."
        for name in (words[0] for words in names if words):
            if name == "*" or name.replace(".", "_").isidentifier():
                yield f"{module or ''}{dot if module else ''}{name}"


def _javascript(text: str) -> Iterator[str]:
    return (match["name"] for match in _JAVASCRIPT.finditer(text))


def _java(text: str) -> Iterator[str]:
    return (match["name"] for match in _JAVA.finditer(text))


def _go(text: str) -> Iterator[str]:
    for match in _GO.finditer(text):
        yield from _GO_NAME.findall(match["block"] or match["one"])


def _c(text: str) -> Iterator[str]:
    return (match["open"] + match["name"] for match in _C.finditer(text))


_READERS: Final[dict[str, Callable[[str], Iterator[str]]]] = {
    "python": _python,
    "javascript": _javascript,
    "java": _java,
    "go": _go,
    "c": _c,
}
