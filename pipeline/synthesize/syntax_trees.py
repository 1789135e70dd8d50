"""Syntax trees of windows, parsed in a process that can be killed, as arrays in code points.

A tree depends on its text and language alone. Texts that are too long are not parsed, by rule, and the parser
stops after a number of steps, not of seconds. What hostile text still does to it ends at a limit of memory,
in its own process; the limit of time is far beyond anything that memory allows. Texts go there about 1 MB at
a time, so that the pipe costs little: about 4 MB/s in all.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.killable import Killable
from filters.text import characters_before
from pipeline.synthesize.block_parser import GRAMMARS, LANGUAGES, NO_TREE, REPLY, REQUEST

MAX_BYTES: Final = 1 << 16
_BATCH_BYTES: Final = 1 << 20
# Ordinary code of MAX_BYTES takes 10 MB and 0.02 s. The hardest found is out of memory after 5 s, so that the
# limit of time never decides.
_MEMORY_BYTES: Final = 1 << 27
_TIMEOUT_SECONDS: Final = 600.0


class Nodes(NamedTuple):
    """Rows in pre-order, the root first: code points `start`..`end`, `depth` (the root's is 0), and whether
    an error is in it (`broken`). Rows are the named nodes, and whatever the parser found missing.
    """

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    depth: npt.NDArray[np.int32]
    broken: npt.NDArray[np.bool_]


class Trees(NamedTuple):
    """A tree for each text, None where there is none, and how often the parser's process died for good."""

    trees: list[Nodes | None]
    died: int


def parse_trees(texts: Sequence[str], languages: Sequence[str]) -> Trees:
    """The trees of `texts` in `languages` (The Stack's names).

    A text has none if its language has no grammar, if it has more than MAX_BYTES, or if it is too hard.
    """
    trees: list[Nodes | None] = [None] * len(texts)
    died = 0
    for numbers, requests in _batches(texts, languages):
        reply = _parser(os.getpid())(b"".join(requests))
        if reply is not None:
            found = _unpack(reply)
        else:  # each alone, so that no text's outcome depends on its neighbours
            replies = [_parser(os.getpid())(request) for request in requests]
            died += replies.count(None)
            found = [None if one is None else _unpack(one)[0] for one in replies]
        for number, nodes in zip(numbers, found, strict=True):
            trees[number] = None if nodes is None else _in_characters(nodes, texts[number])
    return Trees(trees, died)


def parser_versions() -> dict[str, str]:
    """The versions of the parser and of all grammars: another version may give another tree."""
    modules = {grammar.partition(":")[0] for names in GRAMMARS.values() for grammar in names}
    packages = sorted(module.replace("_", "-") for module in {"tree_sitter", *modules})
    return {package: version(package) for package in packages}


@cache
def _parser(_process: int) -> Killable:
    """The parser of this process, which is kept: it takes a tenth of a second to start."""
    parser = Killable(
        "pipeline.synthesize.block_parser:parse_batch",
        timeout_seconds=_TIMEOUT_SECONDS,
        memory_bytes=_MEMORY_BYTES,
    )
    atexit.register(parser.close)
    return parser


def _batches(texts: Sequence[str], languages: Sequence[str]) -> Iterator[tuple[list[int], list[bytes]]]:
    """The numbers and requests of the texts that can be parsed, about _BATCH_BYTES at a time."""
    numbers: list[int] = []
    requests: list[bytes] = []
    size = 0
    for number, (text, language) in enumerate(zip(texts, languages, strict=True)):
        if language not in GRAMMARS or len(text) > MAX_BYTES:
            continue
        data = text.encode()
        if len(data) > MAX_BYTES:
            continue
        numbers.append(number)
        requests.append(REQUEST.pack(LANGUAGES.index(language), len(data)) + data)
        size += len(data)
        if size >= _BATCH_BYTES:
            yield numbers, requests
            numbers, requests, size = [], [], 0
    if numbers:
        yield numbers, requests


def _unpack(reply: bytes) -> list[Nodes | None]:
    """The tables of a reply; positions are still bytes."""
    found: list[Nodes | None] = []
    at = 0
    while at < len(reply):
        (rows,) = REPLY.unpack_from(reply, at)
        at += REPLY.size
        if rows == NO_TREE:
            found.append(None)
            continue
        start, end, depth = np.frombuffer(reply, np.int32, 3 * rows, at).reshape(rows, 3).T
        broken = np.frombuffer(reply, np.bool_, rows, at + 12 * rows)
        at += 13 * rows
        found.append(Nodes(start.astype(np.int64), end.astype(np.int64), depth.copy(), broken))
    return found


def _in_characters(nodes: Nodes, text: str) -> Nodes:
    """The same nodes with positions in code points of `text`, and none between a CR and its LF."""
    if not text.isascii():
        before = characters_before(np.frombuffer(text.encode(), np.uint8))
        nodes = nodes._replace(start=before[nodes.start], end=before[nodes.end])
    return _before_line_ends(nodes, text) if "\r\n" in text else nodes


def _before_line_ends(nodes: Nodes, text: str) -> Nodes:
    """Places inside a line end moved before it: many grammars count the CR to a comment."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    inside = np.zeros(len(codes) + 1, np.int64)
    inside[1:-1] = (codes[:-1] == ord("\r")) & (codes[1:] == ord("\n"))
    return nodes._replace(start=nodes.start - inside[nodes.start], end=nodes.end - inside[nodes.end])
