"""Packs filters/data/comment_syntax.toml into the arrays that the comment scanner reads.

Each language's rules become rows of one table, chained by their first byte in the order in which the
language lists them; their texts lie in one blob. An unknown word in the file is a KeyError that names it.
Takes a millisecond, once.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import numpy as np

from filters.comment_scan import rules as columns
from filters.comment_scan.rules import Flag, Kind, Tables, Where

_TEXTS: Final = {
    "open": columns.OPEN,
    "close": columns.CLOSE,
    "after": columns.AFTER,
    "tail": columns.TAIL,
    "hole_1": columns.HOLE_1,
    "hole_2": columns.HOLE_2,
}

_FREE_FENCES: Final = {"any": columns.ANY_FENCE, "word": columns.WORD_FENCE}


class Syntax(NamedTuple):
    """Numbers of the languages by name, and the scanner's tables."""

    languages: dict[str, int]
    tables: Tables


@cache
def load_syntax() -> Syntax:
    """The packed syntax table."""
    source = tomllib.loads((files("filters") / "data" / "comment_syntax.toml").read_text(encoding="utf-8"))
    languages: dict[str, list[str]] = source["languages"]
    first = np.full((len(languages), 256), -1, np.int32)
    outside = np.full(len(languages), -1, np.int32)
    rows: list[list[int]] = []
    blob = bytearray()
    for number, names in enumerate(languages.values()):
        for rule in (variant for name in names for variant in _variants(source["rules"][name])):
            _chain(first[number], rows, rule["open"][0], len(rows))
            rows.append(_pack(rule, blob))
            if rule["kind"] == "outside":
                outside[number] = len(rows) - 1
    keywords = f" {' '.join(source['operand_keywords'])} ".encode()
    tables = Tables(
        np.array(rows, np.int32).reshape(-1, columns.RULE_WIDTH),
        np.frombuffer(bytes(blob), np.uint8),
        np.frombuffer(keywords, np.uint8),
        first,
        outside,
    )
    return Syntax({name: number for number, name in enumerate(languages)}, tables)


def _variants(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """One rule for each opener, with texts as bytes."""
    holes = dict(zip(("hole_1", "hole_2"), rule.get("holes", []), strict=False))
    openers = [rule["open"]] if isinstance(rule["open"], str) else rule["open"]
    whole = {**rule, **holes}
    texts = {name: str(whole[name]).encode() for name in _TEXTS if name in whole}
    return [{**whole, **texts, "open": opener.encode()} for opener in openers]


def _chain(first: np.ndarray[Any, Any], rows: list[list[int]], byte: int, number: int) -> None:
    """Append a rule to the chain of a byte."""
    if first[byte] < 0:
        first[byte] = number
        return
    link = int(first[byte])
    while rows[link][columns.NEXT] >= 0:
        link = rows[link][columns.NEXT]
    rows[link][columns.NEXT] = number


def _pack(rule: dict[str, Any], blob: bytearray) -> list[int]:
    """A rule's row; its texts are appended to the blob."""
    row = [0] * columns.RULE_WIDTH
    row[columns.KIND] = Kind[rule["kind"].upper()]
    row[columns.WHERE] = Where[rule.get("where", "anywhere").upper().replace("-", "_")]
    row[columns.FLAGS] = sum(Flag[flag.upper().replace("-", "_")] for flag in rule.get("flags", []))
    fence = rule.get("fence", "")
    row[columns.FENCE] = _FREE_FENCES[fence] if fence in _FREE_FENCES else ord(fence or "\0")
    row[columns.NEXT] = -1
    for name, column in _TEXTS.items():
        text = rule.get(name, b"")
        row[column], row[column + 1] = len(blob), len(text)
        blob.extend(text)
    return row
