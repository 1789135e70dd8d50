"""Syntax trees by tree-sitter, as flat tables: what runs in a process of its own (see syntax_trees.py).

A node is a row (first byte, end byte, depth) in pre-order, with a flag where it holds an error. Rows are the
named nodes, and what the parser missed. A tree is walked with a cursor, never by recursion. What a text may
cost is bounded by a count of parser steps, so that it is the same on any machine. About 4 MB/s.
"""

from __future__ import annotations

import importlib
import os
from array import array
from collections.abc import Callable, Iterator
from functools import cache
from struct import Struct
from typing import Final, ParamSpec, TypeVar

from tree_sitter import Language, Node, Parser, Tree

P = ParamSpec("P")
T = TypeVar("T")

# Where a second grammar is named, it is tried on texts that the first finds errors in: TypeScript may hold
# JSX, and headers of C may be C++.
GRAMMARS: Final = {
    "C": ("tree_sitter_c:language", "tree_sitter_cpp:language"),
    "C#": ("tree_sitter_c_sharp:language",),
    "C++": ("tree_sitter_cpp:language",),
    "Go": ("tree_sitter_go:language",),
    "Java": ("tree_sitter_java:language",),
    "JavaScript": ("tree_sitter_javascript:language",),
    "PHP": ("tree_sitter_php:language_php",),
    "Python": ("tree_sitter_python:language",),
    "Ruby": ("tree_sitter_ruby:language",),
    "Rust": ("tree_sitter_rust:language",),
    "Scala": ("tree_sitter_scala:language",),
    "Shell": ("tree_sitter_bash:language",),
    "TypeScript": ("tree_sitter_typescript:language_typescript", "tree_sitter_typescript:language_tsx"),
}
LANGUAGES: Final = tuple(sorted(GRAMMARS))

REQUEST: Final = Struct("<II")  # the language's number in LANGUAGES, and the bytes of text that follow
REPLY: Final = Struct("<I")  # rows that follow: start, end and depth of each in 32 bits, then all flags in 8
NO_TREE: Final = 0xFFFFFFFF

_CHUNK_BYTES: Final = 1 << 14
# The parser reports each 100 steps. Ordinary code takes about 1 step a byte.
_REPORTS: Final = 1000
_REPORTS_PER_BYTE: Final = 0.5


def parse_batch(payload: bytes) -> bytes:
    """The tables of all texts of a payload, in order: REQUEST and text each, to REPLY and rows each."""
    replies, at = [], 0
    while at < len(payload):
        language, size = REQUEST.unpack_from(payload, at)
        at += REQUEST.size
        replies.append(_table(parse(payload[at : at + size], LANGUAGES[language])))
        at += size
    return b"".join(replies)


def parse(text: bytes, language: str) -> Tree | None:
    """The tree of the language's first grammar that finds no error, else of its first; None if too hard."""
    trees = []
    for grammar in GRAMMARS[language]:
        tree = _parse(text, grammar)
        if tree is not None and not tree.root_node.has_error:
            return tree
        trees.append(tree)
    return next((tree for tree in trees if tree is not None), None)


def _parse(text: bytes, grammar: str) -> Tree | None:
    parser, left = Parser(_grammar(grammar)), _REPORTS + int(_REPORTS_PER_BYTE * len(text))

    @_or_die
    def read(offset: int, _place: object) -> bytes:
        return text[offset : offset + _CHUNK_BYTES]

    @_or_die
    def is_spent(_offset: int, _has_error: bool) -> bool:
        nonlocal left
        left -= 1
        return left < 0

    try:
        return parser.parse(read, progress_callback=is_spent)
    except ValueError:  # the budget is spent
        return None
    except SystemError:  # out of memory on the way into or out of a callback
        os._exit(1)


def _or_die(callback: Callable[P, T]) -> Callable[P, T]:
    """The callback, but out of memory it ends the process: the parser would go on without its reply."""

    def call(*args: P.args, **keywords: P.kwargs) -> T:
        try:
            return callback(*args, **keywords)
        except MemoryError:
            os._exit(1)

    return call


@cache
def _grammar(name: str) -> Language:
    module, _, function = name.partition(":")
    return Language(getattr(importlib.import_module(module), function)())


def _table(tree: Tree | None) -> bytes:
    if tree is None:
        return REPLY.pack(NO_TREE)
    rows, flags = array("i"), bytearray()
    for node, depth in _nodes(tree):
        broken = node.has_error
        if broken or node.is_named:
            rows.extend((node.start_byte, node.end_byte, depth))
            flags.append(broken)
    return REPLY.pack(len(flags)) + rows.tobytes() + bytes(flags)


def _nodes(tree: Tree) -> Iterator[tuple[Node, int]]:
    """Every node in pre-order with its depth; the root's is 0."""
    cursor, depth = tree.walk(), 0
    while True:
        assert cursor.node is not None
        yield cursor.node, depth
        if cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1
