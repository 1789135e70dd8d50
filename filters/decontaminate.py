"""Decontamination: does a document hold a benchmark's prompts, docstrings, questions or solutions?

Two searches at once. *Substring*: `item.lower() in content.lower()`, exactly as in Python (BigCode), both
without white space if asked (StarCoder2). *n-gram*: the share of an item's distinct word n-grams that the
document holds (DeepSeek, Qwen), which survives other line breaks, comment signs and renamed identifiers.
Every hit is compared by bytes. Linear in any text, about 90 MB/s on one core for 1,200 items.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from filters.decontamination.folding import folding, resolve_sigmas
from filters.decontamination.index import Index, index_of
from filters.decontamination.items import Item, read_items, split_name, with_full_path
from filters.decontamination.search import search_texts
from filters.text import utf8_buffers


class _Search(NamedTuple):
    """Items, the index of them, and their names as Arrow columns whose first entry is "" for none."""

    tables: Index
    benchmarks: pa.Array
    tasks: pa.Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Decontaminate:
    """Which benchmark item a document holds, where, and how it was found.

    Signals: `contaminated_by` (the benchmark's name, or ""), `contamination_item` (its task), the span
    `contamination_start` to `contamination_end` in code points (-1 for none), `contamination_method`
    (substring, ngram or ""), and `ngram_overlap`, 0..1, the largest share of an item's n-grams. Of several
    items the first is named that stands there whole, else the one with the largest share.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
    ...     _ = file.write('{"text": "Return the sum of the two largest odd numbers in the given list."}')
    ...     file.flush()
    ...     docs = pa.table({"content": ["# " + 2 * "return the sum of the two largest\\n# odd numbers in "]})
    ...     Decontaminate(benchmarks=(f"mine={file.name}",))(docs).to_pylist()
    [{'contaminated_by': 'mine', 'contamination_item': '#0', 'contamination_start': 2, \
'contamination_end': 52, 'contamination_method': 'ngram', 'ngram_overlap': 0.25}]
    """

    name: ClassVar[str] = "decontaminate"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("contaminated_by", pa.string(), nullable=False),
            pa.field("contamination_item", pa.string(), nullable=False),
            pa.field("contamination_start", pa.int64(), nullable=False),
            pa.field("contamination_end", pa.int64(), nullable=False),
            pa.field("contamination_method", pa.string(), nullable=False),
            pa.field("ngram_overlap", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "contaminated_by = ''"

    benchmarks: tuple[str, ...] = field(
        metadata={"files": True, "help": "benchmark files, each PATH, NAME=PATH or NAME:SHAPE=PATH"}
    )
    ngram: int = field(default=10, metadata={"help": "words in an n-gram"})
    ignore_whitespace: bool = field(
        default=False, metadata={"help": "remove white space on both sides before substrings are sought"}
    )
    min_item_chars: int = field(
        default=1, metadata={"help": "shorter items are not sought as substrings (BigCode: 1)"}
    )

    def __post_init__(self) -> None:
        """Check the fields, and that the files are there; they are read when the first documents come."""
        if isinstance(self.benchmarks, str) or not self.benchmarks:
            raise ValueError(
                f"benchmarks = {self.benchmarks!r}; give a list of files, each PATH or NAME=PATH"
            )
        # In full: workers may stand in another folder; and with its name, which is a part of the cache key.
        object.__setattr__(self, "benchmarks", tuple(map(with_full_path, self.benchmarks)))
        if not 1 <= self.ngram <= 64:
            raise ValueError(f"ngram = {self.ngram}; it must be within 1..64")
        if self.min_item_chars < 1:
            raise ValueError(f"min_item_chars = {self.min_item_chars}; it must be at least 1")

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Findings in `docs["content"]`."""
        stamps = tuple(_stamp(benchmark) for benchmark in self.benchmarks)
        search = _load(self.benchmarks, stamps, self.ngram, self.ignore_whitespace, self.min_item_chars)
        tables, texts = search.tables, resolve_sigmas(utf8_buffers(docs["content"]))
        found = search_texts(
            texts.data,
            texts.offsets,
            (folding(tables.form), folding("words")),
            tables.items,
            tables.grams,
        )
        by_substring, by_ngram = found[:, 0] >= 0, found[:, 3] >= 0
        methods = pa.array(["", "ngram", "substring"])
        named = np.where(
            by_substring,
            tables.item_numbers[found[:, 0]],
            np.where(by_ngram, tables.gram_numbers[found[:, 3]], -1),
        )
        spans = np.where(by_substring[:, None], found[:, 1:3], found[:, 5:7])
        columns = [
            search.benchmarks.take(pa.array(named + 1)),
            search.tasks.take(pa.array(named + 1)),
            pa.array(spans[:, 0]),
            pa.array(spans[:, 1]),
            methods.take(pa.array(np.where(by_substring, 2, by_ngram.astype(np.int64)))),
            pa.array(found[:, 4] / tables.grams.totals[found[:, 3]]),
        ]
        return pa.table(columns, schema=self.schema)


def _stamp(benchmark: str) -> tuple[int, int]:
    """The size and time of a benchmark's file: a changed one is read anew."""
    status = split_name(benchmark)[2].stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4)
def _load(
    benchmarks: tuple[str, ...],
    stamps: tuple[tuple[int, int], ...],
    ngram: int,
    ignore_whitespace: bool,
    min_chars: int,
) -> _Search:
    """Read and index the benchmarks, once a process as long as their files stay as they are."""
    assert len(stamps) == len(benchmarks)
    items: list[Item] = [item for benchmark in benchmarks for item in read_items(benchmark)]
    index = index_of(items, ngram=ngram, ignore_whitespace=ignore_whitespace, min_item_chars=min_chars)
    names = [pa.array(["", *column], pa.string()) for column in list(zip(*items, strict=True))[:2]]
    return _Search(index, *names)
