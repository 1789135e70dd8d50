"""Benchmark items in source text: filters.decontaminate beside the plain loop of `item in content.lower()`.

1,200 items of 10 to 80 words are cut from C, C++ and JavaScript files, and sought in Python files. The loop
is what BigCode's find_substrings.py does: ask for one lower-cased item after the other until one is found. It
looks for whole items only; ours computes the n-gram overlap too. The loop gets a tenth of the text. The note
tells in how many documents of that tenth the two differ. One thread on both sides.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from random import Random

from benchmarks.measurement import Measurement, median_seconds, seconds_of
from benchmarks.source_text import documents, read_texts, size_of
from filters.decontaminate import Decontaminate

ITEMS = 1_200


def measure(megabytes: float) -> list[Measurement]:
    texts, items = read_texts(megabytes, ("Python",)), made_items()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.jsonl")
        path.write_text("".join(json.dumps({"text": item}) + "\n" for item in items), encoding="utf-8")
        return [_measure(texts, items, Decontaminate(benchmarks=(str(path),)))]


def made_items() -> list[str]:
    """Passages of real files, line ends included."""
    random, lines = Random(0), "".join(read_texts(4.0, ("C", "C++", "JavaScript"))).splitlines(keepends=True)
    items: list[str] = []
    while len(items) < ITEMS:
        start = random.randrange(len(lines) - 20)
        item = "".join(lines[start : start + random.randint(2, 12)]).strip()
        items += [item] if 10 <= len(item.split()) <= 80 else []
    return items


def _measure(texts: list[str], items: list[str], fltr: Decontaminate) -> Measurement:
    some, table = texts[: max(1, len(texts) // 10)], documents(texts)
    fltr(table.slice(0, 2))  # compiles the kernels and reads the items
    found: list[bool] = []
    lowered = [item.lower() for item in items]
    peer_seconds = seconds_of(lambda: found.extend(contains_any(text.lower(), lowered) for text in some))
    ours = [method == "substring" for method in fltr(table)["contamination_method"].to_pylist()]
    differing = sum(mine != other for mine, other in zip(ours, found, strict=False))
    return Measurement(
        what=f"decontaminate, {len(items):,} items",
        megabytes=size_of(texts),
        seconds=median_seconds(lambda: fltr(table)),
        peer="`in`, item by item",
        peer_megabytes_per_second=size_of(some) / peer_seconds,
        note=f"{differing} of {len(some):,} documents differ",
    )


def contains_any(text: str, items: list[str]) -> bool:
    return any(item in text for item in items)
