"""What the checker of cuts needs of syntax trees: whether a span is a node, or a run of siblings.

The grammars' packages are named here once more, so that a wrong grammar in the pipeline is seen. Parsing is
in this process and has no limits: only for texts that the pipeline has parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import tree_sitter_bash
import tree_sitter_c
import tree_sitter_c_sharp
import tree_sitter_cpp
import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_php
import tree_sitter_python
import tree_sitter_ruby
import tree_sitter_rust
import tree_sitter_scala
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser, Tree

GRAMMARS: dict[str, list[Callable[[], object]]] = {
    "C": [tree_sitter_c.language, tree_sitter_cpp.language],
    "C#": [tree_sitter_c_sharp.language],
    "C++": [tree_sitter_cpp.language],
    "Go": [tree_sitter_go.language],
    "Java": [tree_sitter_java.language],
    "JavaScript": [tree_sitter_javascript.language],
    "PHP": [tree_sitter_php.language_php],
    "Python": [tree_sitter_python.language],
    "Ruby": [tree_sitter_ruby.language],
    "Rust": [tree_sitter_rust.language],
    "Scala": [tree_sitter_scala.language],
    "Shell": [tree_sitter_bash.language],
    "TypeScript": [tree_sitter_typescript.language_typescript, tree_sitter_typescript.language_tsx],
}


@cache
def _parser(grammar: Callable[[], object]) -> Parser:
    return Parser(Language(grammar()))


def parse(text: str, lang: str) -> Tree | None:
    """The tree of the language's grammar; of its second where the first finds an error and that does not."""
    trees = []
    for grammar in GRAMMARS.get(lang, []):
        trees.append(_parser(grammar).parse(text.encode()))
        if not trees[-1].root_node.has_error:
            return trees[-1]
    return trees[0] if trees else None


def holds_as_block(text: str, start: int, end: int, lang: str) -> bool:
    """Whether text[start:end] is a named node, or a run of siblings from a named one to a named one."""
    tree = parse(text, lang)
    if tree is None:
        return False
    return any(_is_sound(run) for run in _runs(tree.root_node, _bytes(text, start), _bytes(text, end)))


def _bytes(text: str, place: int) -> set[int]:
    """The bytes where a node may begin or end at this place: inside a line end counts as before it."""
    at = len(text[:place].encode())
    return {at, at + 1} if text.startswith("\r\n", place) else {at}


def _runs(root: Node, first: set[int], last: set[int]) -> Iterator[list[Node]]:
    """Every run of siblings that begins and ends at these bytes, with a named node."""
    families = [[root]]
    while families:
        family = families.pop()
        opening = [i for i, node in enumerate(family) if node.is_named and node.start_byte in first]
        closing = [i for i, node in enumerate(family) if node.is_named and node.end_byte in last]
        yield from (family[i : j + 1] for i in opening for j in closing if i <= j)
        families += [
            node.children for node in family if node.start_byte <= max(first) and node.end_byte >= min(last)
        ]


def _is_sound(run: list[Node]) -> bool:
    visible = all((node.text or b"").decode().strip() for node in (run[0], run[-1]))
    return visible and not any(node.has_error or node.is_missing for node in run)
