"""Keys in source text: the secrets filter beside detect-secrets and kingfisher, on seeded keys, decoys, code.

Recall is over seeded keys of 20 kinds, five of each, each in a text of its own. False hits are over all the
source files of this environment; every hit is printed with what stands before it, to be judged by eye (the
first 60 characters: these texts are published). The peers are no dependencies: a line says so where one is
not installed. detect-secrets reads files, so it gets them in a memory file system where there is one.
"""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pyarrow.compute as pc

from benchmarks.measurement import Measurement, median_seconds, seconds_of
from benchmarks.source_text import documents, read_texts, size_of
from filters.pii import Pii
from filters.secret_spans import Secrets
from tests.filters.seeded_secrets import decoys, seeded

Count = Callable[[list[str]], list[int]]
"""How many secrets a scanner finds in each text."""
PEERS = {"detect_secrets": "detect-secrets", "kingfisher_sdk": "kingfisher-secret-scanner"}
PEER_MEGABYTES = 0.5  # detect-secrets reads a quarter of a megabyte a second
SEEDS = range(5)
SHOWN_CHARS = 60


def measure(megabytes: float) -> list[Measurement]:
    texts = read_texts(megabytes)
    table, fltr = documents(texts), Secrets()
    fltr(table.slice(0, 2))  # compiles the kernel
    size, seconds = size_of(texts), median_seconds(lambda: fltr(table))
    _show_recall("infill", count_by_infill)
    _show_false_hits()
    measured = []
    few = read_texts(PEER_MEGABYTES)
    for module, count in (
        ("detect_secrets", count_by_detect_secrets),
        ("kingfisher_sdk", count_by_kingfisher),
    ):
        name = PEERS[module]
        if importlib.util.find_spec(module) is None:
            print(f"{name} is not installed: pip install --target DIR {name}, and add DIR to PYTHONPATH")
            continue
        _show_recall(name, count)
        own = few if module == "detect_secrets" else texts
        rate = size_of(own) / seconds_of(lambda count=count, own=own: count(own))  # type: ignore[misc]
        note = f"peer on {size_of(own):,.1f} MB"
        measured.append(Measurement(
            what="secrets", megabytes=size, seconds=seconds, peer=f"{name} {version(name)}",
            peer_megabytes_per_second=rate, note=note,
        ))  # fmt: skip
    return [*measured, _measure_pii(texts)]


def count_by_infill(texts: list[str]) -> list[int]:
    return list(Secrets()(documents(texts))["n_secrets"].to_pylist())


def count_by_detect_secrets(texts: list[str]) -> list[int]:
    """With its default plugins and filters, without the one that asks a network."""
    scan, settings = import_module("detect_secrets.core.scan"), import_module("detect_secrets.settings")
    memory = Path("/dev/shm")
    found = []
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        settings.default_settings() as chosen,
    ):
        chosen.disable_filters("detect_secrets.filters.common.is_ignored_due_to_verification_policies")
        for number, text in enumerate(texts):
            path = Path(folder) / f"{number}.txt"
            path.write_text(text, encoding="utf-8")
            found.append(sum(1 for _ in scan.scan_file(str(path))))
    return found


def count_by_kingfisher(texts: list[str]) -> list[int]:
    scanner = import_module("kingfisher_sdk").Scanner()  # scans offline; validation is another class
    return [sum(finding.visible for finding in scanner.scan(text)) for text in texts]


def _show_recall(name: str, count: Count) -> None:
    """How many of the seeded kinds and decoys a scanner finds; a kind counts if most of its keys are."""
    kinds = list(seeded())
    found = Counter[str]()
    for seed in SEEDS:
        counts = count([f"x = 1\n{case.text}\n" for case in seeded(seed).values()])
        found.update(kind for kind, own in zip(kinds, counts, strict=True) if own)
    good = [kind for kind in kinds if found[kind] * 2 > len(SEEDS)]
    missed = [kind for kind in kinds if kind not in good]
    flagged = [decoy for decoy, own in zip(decoys(), count(list(decoys().values())), strict=True) if own]
    print(
        f"{name}: {len(good)} of {len(kinds)} kinds, {sum(found.values())} of {len(kinds) * len(SEEDS)} keys"
    )
    print(f"  missed kinds: {', '.join(missed) or 'none'}")
    print(f"  decoys flagged: {len(flagged)} of {len(decoys())} ({', '.join(flagged) or 'none'})")


def _show_false_hits() -> None:
    """Every hit in the source files of this environment: each is false, or a published example."""
    texts = read_texts(1e6)
    spans = Secrets()(documents(texts))["secret_spans"].to_pylist()
    hits = [(text, span) for text, own in zip(texts, spans, strict=True) for span in own]
    size = size_of(texts)
    print(f"infill on the environment: {len(hits)} hits in {size:,.0f} MB, {len(hits) / size:.3f} a megabyte")
    for (kind, before, value), times in Counter(_shown(text, span) for text, span in hits).items():
        print(f"  {times} × {kind}: …{before!r} {value!r}")


def _shown(text: str, span: dict[str, int | str]) -> tuple[str, str, str]:
    start, end = int(span["start"]), int(span["end"])
    return str(span["kind"]), text[max(0, start - 30) : start], text[start : min(end, start + SHOWN_CHARS)]


def _measure_pii(texts: list[str]) -> Measurement:
    """E-mail and IP addresses beside the plainest regular expressions for them, in Python's re."""
    pattern = re.compile(
        r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])", re.ASCII
    )
    table, fltr = documents(texts), Pii()
    fltr(table.slice(0, 2))
    size = size_of(texts)
    taken = seconds_of(lambda: [sum(1 for _ in pattern.finditer(text)) for text in texts])
    found = pc.sum(fltr(table)["n_emails"]).as_py()
    return Measurement(
        what="pii", megabytes=size, seconds=median_seconds(lambda: fltr(table)), peer="one pattern of re",
        peer_megabytes_per_second=size / taken, note=f"{found:,} e-mail addresses",
    )  # fmt: skip
