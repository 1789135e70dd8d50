"""Blocks: consecutive documents of the keep order, merged from the runs of all splits.

A block's files: `.docs`, int64 rows (id, id, text hash, text hash, group, place, held out) by index, and
`.signatures`, uint32[n, num_perm] with no header. Its slices of ids go to the search for repeated ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.dedup.exchange import Ints, read_slice, write_rows, write_slices
from pipeline.dedup.order import TAIL_WORDS, first_at_least, sorted_rows
from pipeline.dedup.units.runs import FACTS, signature_words
from pipeline.dedup.work import BLOCK_BITS, INDEX_MASK
from pipeline.store import committed
from pipeline.units import Product, Receipt

ID, TEXT, PLACE, HELD, DOC_WORDS = slice(0, 2), slice(2, 4), slice(4, 6), 6, 7
"""Columns of `.docs`."""
_HEADER_WORDS: Final = 4
"""Of a file of one slice: slices, columns, two offsets."""
WORD: Final = 8


@dataclass(frozen=True)
class BlocksWork:
    """All runs, and the borders of one block (None: no border)."""

    block: int
    runs: tuple[Path, ...]
    key_words: int
    low: tuple[int, ...] | None
    high: tuple[int, ...] | None
    num_perm: int
    partitions: int
    """Of ids."""


def docs_path(stem: Path) -> Path:
    """A block's documents; `stem` is its product's path."""
    return stem.with_suffix(".docs")


def ids_path(stem: Path) -> Path:
    """A block's keyed rows of ids."""
    return stem.with_suffix(".ids")


def signatures_path(stem: Path) -> Path:
    """A block's signatures."""
    return stem.with_suffix(".signatures")


def make_block(work: BlocksWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Merge one block and write its files; facts: how many documents."""
    (product,) = pending
    width = work.key_words + FACTS + signature_words(work.num_perm)
    rows = np.concatenate([np.empty((0, width), np.int64), *(_between(run, work) for run in work.runs)])
    keys = rows[:, : work.key_words]
    order = sorted_rows(keys)
    identity = keys[:, work.key_words - TAIL_WORDS : work.key_words - 1]
    facts = rows[:, work.key_words : work.key_words + FACTS]
    docs = np.concatenate([identity, facts], axis=1)[order]
    write_rows(docs_path(product.path), docs)
    signatures = rows[:, work.key_words + FACTS :].view("<u4")[:, : work.num_perm]
    write_signatures(product.path, signatures[order])
    numbers = numbers_of(work.block, len(docs))
    ids = np.column_stack([docs[:, ID], numbers, np.ones(len(docs), np.int64)])
    write_keyed(ids_path(product.path), ids, work.partitions)
    return [product.commit(Receipt(product.key, len(docs), len(docs), facts={"documents": len(docs)}))]


def numbers_of(block: int, count: int) -> Ints:
    """The numbers of a block's documents, ascending."""
    return (block << BLOCK_BITS) + np.arange(count, dtype=np.int64)


def write_keyed(path: Path, rows: Ints, partitions: int) -> None:
    """Rows sliced by the leading bits of their first word, a key."""
    write_slices(path, rows, partition_of(rows[:, 0], partitions), partitions)


class SliceOf(NamedTuple):
    """A partition's rows in one file: consecutive slices, whose numbers are to be raised by `shift`."""

    path: Path
    first: int
    slices: int
    shift: int


def read_shifted(file: SliceOf, column: int) -> Ints:
    """The rows of a partition in one file; `column` holds the numbers."""
    rows = read_slice(file.path, file.first, file.slices)
    rows[:, column] += file.shift
    return rows


def partition_of(words: Ints, partitions: int) -> Ints:
    """The partition of uniform 64-bit words: their leading bits. `partitions` is a power of two."""
    bits = partitions.bit_length() - 1
    if bits == 0:
        return np.zeros(len(words), np.int64)
    return (words.view(np.uint64) >> np.uint64(64 - bits)).view(np.int64)


def _between(run: Path, work: BlocksWork) -> Ints:
    """The rows of a run from `low` up to `high`."""
    if work.low is None and work.high is None:
        return read_slice(run, 0)
    with run.open("rb") as stream:
        _, columns, _, count = (int(value) for value in np.fromfile(stream, "<i8", _HEADER_WORDS))
        if not count:
            return np.empty((0, columns), np.int64)
        mapped = np.memmap(run, "<i8", "r", _HEADER_WORDS * WORD, (count, columns))
        keys = mapped[:, : work.key_words]
        start = 0 if work.low is None else first_at_least(keys, np.array(work.low, np.int64))
        stop = count if work.high is None else first_at_least(keys, np.array(work.high, np.int64))
        stream.seek((_HEADER_WORDS + start * columns) * WORD)
        return np.fromfile(stream, "<i8", max(0, stop - start) * columns).reshape(-1, columns)


def write_signatures(stem: Path, signatures: npt.NDArray[np.uint32]) -> None:
    """Commit a block's signatures."""
    with committed(signatures_path(stem)) as temporary, temporary.open("wb") as stream:
        np.ascontiguousarray(signatures).tofile(stream)


def read_signatures(stem: Path, num_perm: int) -> npt.NDArray[np.uint32]:
    """All signatures of a block: uint32[n, num_perm]."""
    return np.fromfile(signatures_path(stem), "<u4").reshape(-1, num_perm)


def pick_signatures(stems: Sequence[Path], numbers: Ints, num_perm: int) -> npt.NDArray[np.uint32]:
    """The signatures of some documents (ascending numbers) of any blocks, each read where it lies."""
    found = np.empty((len(numbers), num_perm), np.uint32)
    for block, low, high in block_ranges(numbers):
        mapped = np.memmap(signatures_path(stems[block]), "<u4", "r").reshape(-1, num_perm)
        found[low:high] = mapped[numbers[low:high] & INDEX_MASK]
    return found


def pick_docs(stems: Sequence[Path], numbers: Ints) -> Ints:
    """The `.docs` rows of some documents (ascending numbers) of any blocks: int64[n, DOC_WORDS]."""
    return pick_rows([docs_path(stem) for stem in stems], numbers, DOC_WORDS)


def pick_rows(files: Sequence[Path], numbers: Ints, columns: int) -> Ints:
    """The rows of some documents (ascending numbers) in the one-slice files of any blocks, by index."""
    found = np.empty((len(numbers), columns), np.int64)
    for block, low, high in block_ranges(numbers):
        mapped = np.memmap(files[block], "<i8", "r", _HEADER_WORDS * WORD).reshape(-1, columns)
        found[low:high] = mapped[numbers[low:high] & INDEX_MASK]
    return found


def block_ranges(numbers: Ints) -> list[tuple[int, int, int]]:
    """(block, start, stop) of each run of ascending numbers of one block."""
    blocks = numbers >> BLOCK_BITS
    starts = np.flatnonzero(np.diff(blocks, prepend=-1)).tolist()
    return [(int(blocks[a]), a, b) for a, b in pairwise([*starts, len(numbers)])]
