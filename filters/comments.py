"""The comments filter: the share of a document's characters that stands in comments and docstrings.

A table-driven scanner (filters/comment_scan/scanner.py) follows strings, comments and what else may hide
them, for the languages of filters/data/comment_syntax.toml. Comment markers count; hashbang lines, string
values and Haskell's pragmas do not. -1 means that the language has no table, or that the text ends inside a
string that spans lines, so that nothing is sure. Time is linear in any text, memory constant; several hundred
MB/s on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.comment_scan.scanner import comment_counts
from filters.comment_scan.syntax import load_syntax
from filters.language import canonical_languages
from filters.text import utf8_buffers


@dataclass(frozen=True, kw_only=True, slots=True)
class Comments:
    """Signal `comment_ratio`: 0..1, or -1 for unknown.

    >>> texts = ["x = '# no'  # yes", "a // b", "?"]
    >>> docs = pa.table({"content": texts, "lang": ["Python", "java", "Befunge"]})
    >>> Comments()(docs)["comment_ratio"].to_pylist()
    [0.29411764705882354, 0.6666666666666666, -1.0]
    """

    name: ClassVar[str] = "comments"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content", "lang")
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("comment_ratio", pa.float64(), nullable=False)])
    default_where: ClassVar[str] = "comment_ratio > 0.01 and comment_ratio < 0.8"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Comment ratios of `docs["content"]`, read as the language that `docs["lang"]` names."""
        texts, syntax = utf8_buffers(docs["content"]), load_syntax()
        labels = canonical_languages(docs["lang"]).combine_chunks().dictionary_encode()
        numbers = [syntax.languages.get(label, -1) for label in labels.dictionary.to_pylist()]
        languages = np.array(numbers, np.int64)[
            labels.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        ]
        commented, characters = comment_counts(texts.data, texts.offsets, languages, syntax.tables)
        ratios = np.where(commented < 0, -1.0, commented / np.maximum(characters, 1))
        return pa.table([pa.array(ratios)], schema=self.schema)
