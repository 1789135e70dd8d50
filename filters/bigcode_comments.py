"""BigCode's measure of comments, quirks and all: how many characters of a text its SantaCoder filter counted.

After preprocessing/utils/text_extraction.py of bigcode-project/bigcode-dataset; docs/filters/comments.md says
what it counts. Python is read by `ast` and `tokenize`, everything else by Pygments. These may hang, crash, or
take memory without bound, so `count_comments` runs in a process that can be killed. 1 to 2 MB/s.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment
from pygments.util import ClassNotFound

from filters.killable import Killable

MAX_BYTES: Final = 2 << 20  # The Stack's largest files have half of that
MAX_MEMORY_BYTES: Final = 4 << 30  # twice what the worst text of MAX_BYTES takes: a million lines of one name
UNKNOWN: Final = -1
_RANKS: Final = {"ClassDef": 0, "FunctionDef": 1, "Module": 2}


def counts_of(texts: Sequence[bytes], languages: Sequence[str], *, timeout_seconds: float) -> list[int]:
    """Counted characters of each text, or -1: too long, of a language without a lexer, or given up."""
    count = f"{__name__}:count_comments"
    with Killable(count, timeout_seconds=timeout_seconds, memory_bytes=MAX_MEMORY_BYTES) as child:
        replies = (
            child(b"\n".join((language.encode(), text))) if len(text) <= MAX_BYTES else None
            for text, language in zip(texts, languages, strict=True)
        )
        return [UNKNOWN if reply is None else int(reply) for reply in replies]


def count_comments(payload: bytes) -> bytes:
    """The counted characters, in digits, of a language's name, a line end and a text."""
    language, _, text = payload.partition(b"\n")
    return b"%d" % _count(language.decode().lower(), text.decode())


def _count(language: str, text: str) -> int:
    if language == "python":
        return len(f"{_docstrings(text)}\n{_hash_comments(text)}".strip())
    try:
        lexer = get_lexer_by_name(language.replace(" ", "-"))
    except ClassNotFound:
        return UNKNOWN
    wanted = (Comment.Multiline, Comment.Single)  # exactly: neither their subtypes nor other comments
    try:
        return sum(len(value) for kind, value in lexer.get_tokens(text) if kind in wanted)
    except Exception:  # a lexer's bug, or too deep a recursion: the original ends with it
        return UNKNOWN


def _docstrings(text: str) -> str:
    """Docstrings without their indentation, in the order of kind and name; "" when there is an error."""
    with suppress(Exception), warnings.catch_warnings(action="ignore"):
        documented = ast.ClassDef | ast.FunctionDef | ast.Module  # and not AsyncFunctionDef
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
        nodes.sort(key=lambda node: (_RANKS[type(node).__name__], getattr(node, "name", "")))
        found = [ast.get_docstring(node) for node in nodes]
        return "\n".join(docstring for docstring in found if docstring)
    return ""


def _hash_comments(text: str) -> str:
    """Comments without any `#`, one after the other; "" when there is an error anywhere in the text."""
    with suppress(Exception):
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
        return "".join(comments).replace("#", "")
    return ""
