"""How many characters of a text others take for comments: tree-sitter's grammars and Pygments' lexers.

They count what the scanner counts, as far as they tell it: comment markers, but no line end or indentation
between line comments, no hashbang line, no pragma, no directive of a preprocessor. Grammars come from
`pip install "tree-sitter-language-pack<0.10" "tree-sitter<0.26"`; later versions fetch them from elsewhere.
"""

from __future__ import annotations

import json
from typing import Any

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, String

NO_COMMENTS = (Comment.Preproc, Comment.PreprocFile, Comment.Hashbang)


def count(payload: bytes) -> bytes:
    """The count, in digits, of [kind of judge, its name] in JSON, a line end, and a text."""
    header, _, text = payload.partition(b"\n")
    kind, name = json.loads(header)
    return b"%d" % (by_tree_sitter(name, text) if kind == "tree_sitter" else by_pygments(name, text.decode()))


def by_pygments(name: str, text: str) -> int:
    """Characters in comment and documentation tokens."""
    lexer: Any = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    whole: list[tuple[int, str]] = []  # some lexers make a token of each piece of a comment
    for start, kind, value in lexer.get_tokens_unprocessed(text):
        if (kind in Comment and kind not in NO_COMMENTS) or kind in String.Doc:
            follows = whole and whole[-1][0] + len(whole[-1][1]) == start
            first, before = whole.pop() if follows else (start, "")
            whole.append((first, before + value))
    return sum(_length(value, start) for start, value in whole)


def by_tree_sitter(name: str, text: bytes) -> int:
    """Characters in nodes whose type says that they are comments; -1 when a third of the text is an error."""
    from tree_sitter_language_pack import get_parser

    cursor = get_parser(name).parse(text).walk()
    counted = errors = 0
    while True:
        node: Any = cursor.node
        is_comment = is_comment_type(node.type)
        if is_comment:
            counted += _length(
                text[node.start_byte : node.end_byte].decode("utf-8", "replace"), node.start_byte
            )
        elif node.type == "ERROR":
            errors += node.end_byte - node.start_byte
        if not is_comment and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return counted if errors * 3 <= len(text) else -1


def is_comment_type(name: str) -> bool:
    return "comment" in name or name in {"documentation", "haddock", "pod"}


def _length(comment: str, start: int) -> int:
    if comment.startswith(("{-#", "{$")) or (start == 0 and comment.startswith(("#!/", "#! "))):
        return 0
    lines = comment.rstrip("\n").split("\n")
    if len({line.lstrip()[:1] for line in lines}) == 1:  # line comments that were made one
        return sum(map(len, lines[:1])) + sum(len(line.lstrip()) for line in lines[1:])
    return len(comment.rstrip("\n"))
