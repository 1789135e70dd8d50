"""Signals of content without parsers: each filter beside the plain Python, or the regular expressions, that
define its numbers.

The note tells in how many documents the numbers differ. One thread on both sides. BeautifulSoup, BigCode's
measure of visible text, is no dependency: its row says so where it is not installed.
"""

from __future__ import annotations

import importlib.util
import platform
import re
from collections.abc import Callable
from typing import Any

from benchmarks.measurement import Measurement, median_seconds, seconds_of
from benchmarks.source_text import documents, read_texts, size_of
from filters import Filter
from filters.config_test import ConfigTest
from filters.encoded import Encoded
from filters.generated import Generated
from filters.html_text import Html
from filters.markers import marker_phrases
from filters.sentinels import Sentinels, sentinel_strings
from filters.xml_header import Xml

PYTHON = f"Python {platform.python_version()}"
ENCODED = [
    re.compile(r"[a-zA-Z0-9+/\n=]{64,}"),
    re.compile(r"(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}"),
    re.compile(r"(?:\\u[0-9a-fA-F]{4}){8,}"),
]
INVISIBLE = [
    re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"),
    re.compile("[\u180e\u200b-\u200d\u2060-\u2064\ufeff]"),
    re.compile("[\U000e0000-\U000e007f]"),
]

Reference = Callable[[str], tuple[Any, ...]]


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes)
    measured = [
        _measure("encoded", Encoded(), texts, f"{PYTHON} re.finditer, three patterns", encoded_reference),
        _measure("sentinels", Sentinels(), texts, f"{PYTHON} str.count and re", sentinels_reference()),
        _measure("config_test", ConfigTest(), texts, f"{PYTHON} loops over lines", config_test_reference),
        _measure("generated", Generated(), texts, f"{PYTHON} loop over lines", generated_reference),
        _measure("xml", Xml(), texts, f"{PYTHON} str.find", lambda text: (text.find("<?xml version="),)),
    ]
    return [*measured, _measure_html(megabytes)]


def _measure(what: str, fltr: Filter, texts: list[str], peer: str, reference: Reference) -> Measurement:
    table = documents(texts)
    fltr(table.slice(0, 2))  # compiles the kernel
    expected: list[tuple[Any, ...]] = []
    peer_seconds = seconds_of(lambda: expected.extend(map(reference, texts)))
    ours = [tuple(row.values()) for row in fltr(table).to_pylist()]
    differing = sum(a != b for a, b in zip(ours, expected, strict=True))
    size = size_of(texts)
    return Measurement(
        what=what,
        megabytes=size,
        seconds=median_seconds(lambda: fltr(table)),
        peer=peer,
        peer_megabytes_per_second=size / peer_seconds,
        note=f"{differing} of {len(texts):,} documents differ",
    )


def _measure_html(megabytes: float) -> Measurement:
    texts = [text for text in read_texts(megabytes, ("HTML",)) if len(text) < 300_000]
    if importlib.util.find_spec("bs4") is not None:
        return _measure("html", Html(), texts, "BeautifulSoup over html.parser", beautiful_soup_reference)
    table, fltr = documents(texts, "HTML"), Html()
    fltr(table.slice(0, 1))
    return Measurement(
        what="html",
        megabytes=size_of(texts),
        seconds=median_seconds(lambda: fltr(table)),
        peer="BeautifulSoup is not installed: pip install beautifulsoup4",
        peer_megabytes_per_second=float("nan"),
    )


def encoded_reference(text: str) -> tuple[Any, ...]:
    spans = [[match.span() for match in pattern.finditer(text)] for pattern in ENCODED]
    merged = sorted(span for own in spans for span in own)
    covered = reached = longest = 0
    for start, end in merged:
        covered += max(0, end - max(start, reached))
        reached, longest = max(reached, end), max(longest, end - start)
    shares = (sum(end - start for start, end in own) / len(text) for own in spans)
    return covered / len(text), longest, *shares


def sentinels_reference() -> Reference:
    distinctive, everyday = sentinel_strings()

    def reference(text: str) -> tuple[Any, ...]:
        tokens = (sum(text.count(token) for token in own) for own in (distinctive, everyday))
        unmarked = text.removeprefix("\ufeff")
        return *tokens, *(len(pattern.findall(unmarked)) for pattern in INVISIBLE)

    return reference


def config_test_reference(text: str) -> tuple[Any, ...]:
    """CodeParrot's two rules and its two counts, without its early exits."""
    lines = [line.lower() for line in text.splitlines()]
    marker = next((m for m in marker_phrases("config_test") if any(m in line for line in lines[:5])), "")
    config, test, equals, keywords = 0, 0, 0, 0
    for line in lines:
        config += line.count("config")
        test += line.count("test")
        equals += line.count("=")
        keywords += sum(line.count(keyword) for keyword in marker_phrases("keywords"))
    return marker, config, test, equals, keywords, text.count("\n")


def generated_reference(text: str) -> tuple[Any, ...]:
    head = [line.lower() for line in text.splitlines()[:5]]
    return (next((m for m in marker_phrases("generated") if any(m in line for line in head)), ""),)


def beautiful_soup_reference(text: str) -> tuple[Any, ...]:
    from bs4 import BeautifulSoup  # noqa: PLC0415

    soup = BeautifulSoup(text, features="html.parser")
    for element in soup(["script", "style"]):
        element.extract()
    visible = len(soup.get_text())
    return visible, visible / len(text)
