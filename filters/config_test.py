"""The config_test filter: CodeParrot's evidence that a document is configuration, a test or hardly code.

A phrase in the first five lines, and counts of "config", "test", "=" and of four Python keywords in the whole
text, all in lower case. They are counts, so that every coefficient of the rules is a predicate. Linear in any
text; 300 to 600 MB/s on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import pyarrow as pa

from filters.markers import FIRST_LINES, first_marker, marker_phrases
from filters.needles import Needles, compile_needles, count_needles
from filters.text import utf8_buffers


@cache
def _counted() -> Needles:
    """In the order of the signals."""
    groups = [("config",), ("test",), ("=",), marker_phrases("keywords"), ("\n",)]
    return compile_needles(groups, ignore_case=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigTest:
    """Signals `config_test_marker`, `n_config`, `n_test`, `n_assignments`, `n_keywords` and `n_newlines`.

    >>> ConfigTest()(pa.table({"content": ["# Unit tests\\nlatest = Config\\n"]})).to_pylist() == [
    ...     {"config_test_marker": "unit tests", "n_config": 1, "n_test": 2, "n_assignments": 1,
    ...      "n_keywords": 0, "n_newlines": 2}]
    True
    """

    name: ClassVar[str] = "config_test"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("config_test_marker", pa.string(), nullable=False),
            pa.field("n_config", pa.int64(), nullable=False),
            pa.field("n_test", pa.int64(), nullable=False),
            pa.field("n_assignments", pa.int64(), nullable=False),
            pa.field("n_keywords", pa.int64(), nullable=False),
            pa.field("n_newlines", pa.int64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = (
        "config_test_marker = '' and n_config <= 0.05 * n_newlines and n_test <= 0.05 * n_newlines"
    )

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Evidence in `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        counts = count_needles(texts, _counted())
        return pa.table(
            [first_marker(texts, "config_test", FIRST_LINES), *map(pa.array, counts)], schema=self.schema
        )
