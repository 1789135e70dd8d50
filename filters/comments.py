"""The comments filter: the share of a document's characters that stands in comments and docstrings.

A table-driven scanner (filters/comment_scan/scanner.py) follows strings, comments and what else may hide
them, for the languages of filters/data/comment_syntax.toml. Comment markers count; hashbang lines, string
values and Haskell's pragmas do not. -1 means that the language has no table, or that the text ends inside a
string that spans lines, so that nothing is sure. Time is linear in any text, memory constant; several hundred
MB/s on one core. The other measure, BigCode's own (filters/bigcode_comments.py), is there to repeat what
SantaCoder did: 1 to 2 MB/s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.bigcode_comments import counts_of
from filters.comment_scan.scanner import comment_counts
from filters.comment_scan.syntax import load_syntax
from filters.language import canonical_languages
from filters.size import count_code_points
from filters.text import Texts, utf8_buffers

MEASURES: Final = ("scanner", "bigcode")


@dataclass(frozen=True, kw_only=True, slots=True)
class Comments:
    """Signal `comment_ratio`: 0..1, or -1 for unknown; with BigCode's measure at times a little more than 1.

    >>> texts = ["x = '# no'  # yes", "a // b", "?"]
    >>> docs = pa.table({"content": texts, "lang": ["Python", "java", "Befunge"]})
    >>> Comments()(docs)["comment_ratio"].to_pylist()
    [0.29411764705882354, 0.6666666666666666, -1.0]
    """

    name: ClassVar[str] = "comments"
    version: ClassVar[int] = 2
    columns: ClassVar[tuple[str, ...]] = ("content", "lang")
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("comment_ratio", pa.float64(), nullable=False)])
    default_where: ClassVar[str] = "comment_ratio > 0.01 and comment_ratio < 0.8"

    measure: str = field(
        default="scanner",
        metadata={
            "help": "scanner (fast, any language) or bigcode (SantaCoder's own count, 300 times slower)"
        },
    )
    timeout_seconds: float = field(
        default=30.0,
        metadata={"help": "processor time that bigcode may take for a document; what takes longer is -1"},
    )

    def __post_init__(self) -> None:
        """Raise ValueError for a measure that there is not, or no time."""
        if self.measure not in MEASURES:
            raise ValueError(f"there is no measure {self.measure!r}; the measures are {', '.join(MEASURES)}")
        if not self.timeout_seconds > 0:
            raise ValueError(f"timeout_seconds is {self.timeout_seconds}; it must be more than 0")

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Comment ratios of `docs["content"]`, read as the language that `docs["lang"]` names."""
        texts = utf8_buffers(docs["content"])
        languages = canonical_languages(docs["lang"]).combine_chunks().dictionary_encode()
        if self.measure == "bigcode":
            commented, characters = _count_as_bigcode(texts, languages, self.timeout_seconds)
        else:
            commented, characters = _scan(texts, languages)
        ratios = np.where(commented < 0, -1.0, commented / np.maximum(characters, 1))
        return pa.table([pa.array(ratios)], schema=self.schema)


_Integers = npt.NDArray[np.int64]


def _scan(texts: Texts, languages: pa.DictionaryArray) -> tuple[_Integers, _Integers]:
    """Characters in comments (or -1) and in all, of each text, as the scanner counts them."""
    syntax = load_syntax()
    numbers = [syntax.languages.get(name, -1) for name in languages.dictionary.to_pylist()]
    number_of = np.array(numbers, np.int64)[languages.indices.to_numpy(zero_copy_only=False).astype(np.int64)]
    commented, characters = comment_counts(texts.data, texts.offsets, number_of, syntax.tables)
    return commented, characters


def _count_as_bigcode(
    texts: Texts, languages: pa.DictionaryArray, timeout_seconds: float
) -> tuple[_Integers, _Integers]:
    """The same, as BigCode counts them."""
    ends = texts.offsets.tolist()
    contents = [texts.data[start:end].tobytes() for start, end in pairwise(ends)]
    counts = counts_of(contents, languages.to_pylist(), timeout_seconds=timeout_seconds)
    return np.array(counts, np.int64), count_code_points(texts.data, texts.offsets)
