"""Texts that no filter may fail on, and what it takes to write a slow reference for one."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from filters import Filter

HOSTILE = [
    "",
    "a",
    "\0",
    "\0" * 1000,
    "\ufeff",
    "\ufeff<?xml version='1.0'?>",
    "a\rb\r\nc\n\rd",
    "a\u2028b\u2029c\x85d\x1ce\x0bf",
    "\U0001f600" * 100 + "\U0010ffff",
    "漢字" * 50,
    "e\u0301" * 50,
    '"unterminated \\',
    "<",
    "&",
    "<!--",
    "<a b='",
    "\\u00e",
    "0x",
    "(" * 100_000 + ")" * 100_000,
    "<div>" * 100_000,
    "{[" * 50_000,
    "\n" * 100_000,
    " " * 100_000,
]


def rows(fltr: Filter, texts: Iterable[str]) -> list[dict[str, Any]]:
    """The filter's signals of some texts."""
    return list(fltr(pa.table({"content": pa.array(texts, pa.large_string())})).to_pylist())
