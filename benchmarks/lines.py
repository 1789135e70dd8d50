"""Line lengths and character shares: filters.lines beside the same numbers from Python's string methods.

The peer uses `splitlines`, `len`, `isalnum` and `isalpha`, which define the numbers. The note tells in how
many documents any of the five differs. One thread on both sides.
"""

from __future__ import annotations

import platform

from benchmarks.measurement import Measurement, median_seconds
from benchmarks.source_text import documents, read_texts, size_of
from filters.lines import Lines


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes)
    table, fltr = documents(texts), Lines()
    fltr(table.slice(0, 2))  # compiles the kernel
    ours = [tuple(row.values()) for row in fltr(table).to_pylist()]
    differing = sum(a != b for a, b in zip(ours, map(statistics_of, texts), strict=True))
    size = size_of(texts)
    return [
        Measurement(
            what="line statistics",
            megabytes=size,
            seconds=median_seconds(lambda: fltr(table)),
            peer=f"Python {platform.python_version()} string methods",
            peer_megabytes_per_second=size / median_seconds(lambda: [*map(statistics_of, texts)]),
            note=f"{differing} of {len(texts):,} documents differ",
        )
    ]


def statistics_of(text: str) -> tuple[float, int, float, int, float]:
    """Average and longest line, alphanumeric share, lines, alphabetic share of a text that is not empty."""
    lengths = [len(line) for line in text.splitlines()]
    alnum = sum(character.isalnum() for character in text)
    alpha = sum(character.isalpha() for character in text)
    average = sum(lengths) / len(lengths)
    return average, max(lengths), alnum / len(text), len(lengths), alpha / len(text)
