"""What `infill filter` tells of documents: counts, histograms, keep rates by language, and examples.

A tally grows by judged batches and holds no text but a line of each example. Documents that cannot be used
are counted apart, and are in no histogram. Bytes are those of the text if the filter reads it, else what the
dataset declares, and None if it does not. Examples are the first documents on each side, in the order of the
input; their text is not shown by a filter that finds secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.documents import Problem
from pipeline.histogram import Bin, Histogram, divided, new_histogram
from pipeline.single_filter.inputs import Rows

EXAMPLES: Final = 5
SNIPPET_CHARACTERS: Final = 80
SNIPPET_BYTES: Final = 4_096
"""How far into a text a line with a letter or a digit is looked for."""
MAX_SHOWN_BYTES: Final = 32
Mask = npt.NDArray[np.bool_]


class Judged(NamedTuple):
    """A batch of documents with all that was found out about it."""

    rows: Rows
    documents: pa.Table
    reported: pa.Table
    signals: pa.Table
    problems: dict[int, Problem]
    passes: Mask
    """False for a document that cannot be used."""

    @property
    def usable(self) -> Mask:
        """Which documents have text that can be used, or need none."""
        mask = np.ones(len(self.passes), np.bool_)
        mask[list(self.problems)] = False
        return mask


def _no_examples() -> dict[str, list[dict[str, Any]]]:
    return {"kept": [], "dropped": [], "unusable": []}


@dataclass
class Tally:
    """Sums over all batches so far; `languages` maps to [documents, kept]."""

    histograms: dict[str, Histogram]
    histograms_kept: dict[str, Histogram]
    shows_text: bool = True
    documents: int = 0
    kept: int = 0
    unusable: int = 0
    bytes_in: int | None = 0
    bytes_kept: int | None = 0
    languages: dict[str, list[int]] = field(default_factory=dict)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=_no_examples)

    def add(self, judged: Judged) -> None:
        """Count a batch."""
        self.documents += len(judged.passes)
        self.kept += int(judged.passes.sum())
        self.unusable += len(judged.problems)
        self._add_bytes(judged)
        self._add_languages(judged)
        signals = judged.signals.filter(pa.array(judged.usable)) if judged.problems else judged.signals
        kept = judged.signals.filter(pa.array(judged.passes))
        for name, histogram in self.histograms.items():
            histogram.add(signals.column(name))
            self.histograms_kept[name].add(kept.column(name))
        for side, chosen in (("kept", judged.passes), ("dropped", judged.usable & ~judged.passes)):
            for index in self._first(side, np.flatnonzero(chosen).tolist()):
                self.examples[side].append(self._example(judged, index))
        for index in self._first("unusable", sorted(judged.problems)):
            reason, message = judged.problems[index]
            self.examples["unusable"].append(
                {"path": _path(judged, index), "reason": reason, "message": message}
            )

    def result(self) -> dict[str, Any]:
        """The tally as plain values, for `--json`; languages by their number of documents."""
        ranked = sorted(self.languages.items(), key=lambda item: (-item[1][0], item[0]))
        return {
            "documents": self.documents,
            "kept": self.kept,
            "unusable": self.unusable,
            "bytes_in": self.bytes_in,
            "bytes_kept": self.bytes_kept,
            "languages": dict(ranked),
            "histograms": {n: [(b.label, b.documents) for b in bins] for n, bins in self.bins().items()},
            "histograms_kept": {n: [(b.label, b.part) for b in bins] for n, bins in self.bins().items()},
            "examples": self.examples,
        }

    def bins(self) -> dict[str, list[Bin]]:
        """Each histogram's bins, with how many of their documents pass."""
        pairs = ((name, own, self.histograms_kept[name]) for name, own in self.histograms.items())
        return {name: divided(own, kept) for name, own, kept in pairs}

    def _example(self, judged: Judged, index: int) -> dict[str, Any]:
        found = {"path": _path(judged, index), "signals": _signals(judged, index)}
        if self.shows_text and "content" in judged.documents.column_names:
            found["text"] = _snippet(judged.documents["content"][index])
        return found

    def _first(self, side: str, indices: list[int]) -> list[int]:
        return indices[: EXAMPLES - len(self.examples[side])]

    def _add_bytes(self, judged: Judged) -> None:
        sizes = _sizes(judged)
        if sizes is None or self.bytes_in is None or self.bytes_kept is None:
            self.bytes_in = self.bytes_kept = None
            return
        self.bytes_in += int(sizes.sum())
        self.bytes_kept += int(sizes[judged.passes].sum())

    def _add_languages(self, judged: Judged) -> None:
        labels = judged.reported["lang"]
        if labels.null_count == len(labels) and not self.languages:
            return
        pairs = pa.table({"lang": labels.fill_null("unknown"), "kept": pa.array(judged.passes)})
        sums = pairs.group_by("lang", use_threads=False).aggregate([("kept", "count"), ("kept", "sum")])
        for label, documents, kept in zip(*(column.to_pylist() for column in sums.columns), strict=True):
            total = self.languages.setdefault(label, [0, 0])
            total[0] += documents
            total[1] += kept


def new_tally(schema: pa.Schema) -> Tally:
    """A tally for filters that give these signals; places in the text mean secrets, and it is not shown."""
    shows_text = not any(pa.types.is_nested(signal.type) for signal in schema)
    every, kept = (
        {signal.name: own for signal in schema if (own := new_histogram(signal.type)) is not None}
        for _ in range(2)
    )
    return Tally(every, kept, shows_text)


def _snippet(text: pa.Scalar) -> str:
    """The first line that says anything, cut short."""
    start = memoryview(text.as_buffer())[:SNIPPET_BYTES].tobytes().decode("utf-8", "ignore")
    lines = (" ".join(line.split()) for line in start.splitlines())
    told = next((line for line in lines if any(map(str.isalnum, line))), "")
    shown = "".join(character for character in told if character.isprintable())
    return shown if len(shown) <= SNIPPET_CHARACTERS else shown[: SNIPPET_CHARACTERS - 1] + "…"


def _sizes(judged: Judged) -> npt.NDArray[np.int64] | None:
    if "content" in judged.documents.column_names:
        return np.asarray(pc.binary_length(judged.documents["content"]), np.int64)
    declared = judged.reported["size"]
    return None if declared.null_count else np.asarray(declared, np.int64)


def _path(judged: Judged, index: int) -> str:
    """REPO:PATH as `infill explain` takes it; without a path, the file and the row in it."""
    repo, path = (
        judged.reported[name][index].as_py() for name in ("max_stars_repo_name", "max_stars_repo_path")
    )
    if path:
        return f"{repo}:{path}" if repo else str(path)
    return f"{judged.rows.file} row {judged.rows.first_row + index}"


def _signals(judged: Judged, index: int) -> dict[str, Any]:
    """The document's signals; short bytes in hex, long ones and long lists left out."""
    row = {name: judged.signals.column(name)[index].as_py() for name in judged.signals.column_names}
    short = {name: value for name, value in row.items() if not _is_long(value)}
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in short.items()}


def _is_long(value: object) -> bool:
    return isinstance(value, bytes | list) and len(value) > MAX_SHOWN_BYTES
