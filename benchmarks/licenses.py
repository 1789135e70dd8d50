"""Licences in files: filters.license_text over whole licence texts, and over ordinary source code.

The peer is `identify` with its `license` extra, where its `ukkonen` is installed: it compares a whole file
with some fifty texts by edit distance. ScanCode is not measured here: it takes some 130 ms a file and 576
MB. The notes tell milliseconds a file and how many are told rightly (ours), or what the source states. One
thread on both sides.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from benchmarks.measurement import Measurement, median_seconds
from benchmarks.source_text import read_texts, size_of
from filters.license_text import LicenseText
from filters.licenses.identification import identify
from tests.filters.license_texts import texts

PEER = "identify[license]"


def measure(megabytes: float) -> list[Measurement]:
    return [_whole_texts(), _source(megabytes)]


def _whole_texts() -> Measurement:
    documents = texts("independent")
    seconds, found = _run([*documents.values()], "LICENSE")
    right = sum(f == name for f, name in zip(found, documents, strict=True))
    size = size_of([*documents.values()])
    peer, rate, peer_right = _identify_peer(documents)
    return Measurement(
        what="whole licence texts",
        megabytes=size,
        seconds=seconds,
        peer=peer,
        peer_megabytes_per_second=rate,
        note=f"{seconds / len(documents) * 1e3:.1f} ms a file, {right} of {len(documents)} right{peer_right}",
    )


def _source(megabytes: float) -> Measurement:
    documents = read_texts(megabytes)
    seconds, found = _run(documents, "a.py")
    size = size_of(documents)
    stating = sum(f != "none" for f in found)
    return Measurement(
        what="ordinary source code",
        megabytes=size,
        seconds=seconds,
        peer="none",
        peer_megabytes_per_second=float("nan"),
        note=f"{stating:,} of {len(documents):,} files state a licence",
    )


def _run(documents: Sequence[str], path: str) -> tuple[float, list[str]]:
    table = pa.table(
        {
            "content": pa.array(documents, pa.large_string()),
            "max_stars_repo_path": [path] * len(documents),
        }
    )
    fltr = LicenseText(policy="the-stack-v1", head_bytes=65_536 if path == "LICENSE" else 16_384)
    found = fltr(table)["text_license"].to_pylist()

    def afresh() -> None:
        identify.cache_clear()
        fltr(table)

    return median_seconds(afresh), found


def _identify_peer(documents: dict[str, str]) -> tuple[str, float, str]:
    """The peer's name, its rate and what it got right; or how to install it."""
    if not (importlib.util.find_spec("identify") and importlib.util.find_spec("ukkonen")):
        return f"not installed: pip install {PEER}", float("nan"), ""
    license_id: Callable[[str], str | None] = importlib.import_module("identify.identify").license_id
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in documents]
        for path, text in zip(paths, documents.values(), strict=True):
            path.write_text(text, encoding="utf-8")
        found = [license_id(str(path)) for path in paths]
        seconds = median_seconds(lambda: [license_id(str(path)) for path in paths])
    right = sum(
        f is not None and name.startswith(f.removesuffix("-only"))
        for f, name in zip(found, documents, strict=True)
    )
    return PEER, size_of([*documents.values()]) / seconds, f"; the peer {right}"
