"""The generated filter: which phrase in a document's first lines says that a program wrote it.

The phrases are those of CodeParrot and StarCoder2 (filters/data/markers.toml), compared in lower case with
the first five lines as str.splitlines gives them. Only those lines are read, each twice: several GB/s of
ordinary code, some 200 MB/s where one line is the whole text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from filters.markers import FIRST_LINES, first_marker
from filters.text import utf8_buffers


@dataclass(frozen=True, kw_only=True, slots=True)
class Generated:
    """Signal `generated_marker`: the phrase that was found, or "".

    >>> docs = pa.table({"content": ["# Code is AUTO-GENERATED, do not edit", "x = 1"]})
    >>> Generated()(docs)["generated_marker"].to_pylist()
    ['auto-generated', '']
    """

    name: ClassVar[str] = "generated"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("generated_marker", pa.string(), nullable=False)])
    default_where: ClassVar[str] = "generated_marker = ''"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Markers in the first lines of `docs["content"]`."""
        markers = first_marker(utf8_buffers(docs["content"]), "generated", FIRST_LINES)
        return pa.table([markers], schema=self.schema)
