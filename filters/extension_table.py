"""The extension_table filter: what StarCoder's table asks of a document's language and extension.

The table (filters/data/starcoder_extensions.csv) is BigCode's visual_inspection.csv without its notes: which
extensions of 88 languages are kept, and each one's limits for lines and characters. The limits are signals,
so that one predicate over them and those of `lines` decides as BigCode's code does. A gate: no text is read,
and each distinct pair is looked up once.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from filters.language import canonical_languages

_SEPARATOR: Final = "\n"


class Limits(NamedTuple):
    """A row of the table; -1 is "no limit", and `included` is 1, 0 or, for a pair that has no row, -1."""

    included: int
    line_max: int = -1
    line_mean: float = -1.0
    alnum_min: float = -1.0
    alpha_min: float = -1.0


@cache
def starcoder_table() -> dict[tuple[str, str], Limits]:
    """(BigCode's name of a language, extension) → its limits."""
    text = (files("filters") / "data" / "starcoder_extensions.csv").read_text(encoding="utf-8")
    return {
        (row["language"], row["ext"]): Limits(
            int(row["included"]),
            int(row["line_max"]),
            float(row["line_mean"]),
            float(row["alnum_min"]),
            float(row["alpha_min"]),
        )
        for row in csv.DictReader(text.splitlines())
    }


def _limits(pair: str) -> Limits:
    language, _, extension = pair.partition(_SEPARATOR)
    named = {"C#": "c-sharp", "F#": "f-sharp"}.get(language, language.lower().replace(" ", "-"))
    key = (named, extension.strip().lstrip(".").lower())
    return starcoder_table().get(key, Limits(-1))


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtensionTable:
    """Signals `starcoder_included` and four limits, `starcoder_line_max` and so on.

    >>> docs = pa.table({"lang": ["Python", "Perl", "Python"], "ext": ["py", "al", "xyz"]})
    >>> ExtensionTable()(docs)["starcoder_included"].to_pylist()
    [1, 0, -1]
    """

    name: ClassVar[str] = "extension_table"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("lang", "ext")
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("starcoder_included", pa.int8(), nullable=False),
            pa.field("starcoder_line_max", pa.int64(), nullable=False),
            pa.field("starcoder_line_mean", pa.float64(), nullable=False),
            pa.field("starcoder_alnum_min", pa.float64(), nullable=False),
            pa.field("starcoder_alpha_min", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "starcoder_included = 1"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """The rows of the table for `docs["lang"]` and `docs["ext"]`; nulls count as empty."""
        languages = canonical_languages(docs["lang"]).combine_chunks()
        extensions = docs["ext"].cast(pa.string()).fill_null("").combine_chunks()
        pairs = pc.binary_join_element_wise(languages, extensions, _SEPARATOR)
        encoded = pa.chunked_array([pairs]).combine_chunks().dictionary_encode()
        rows = [_limits(pair) for pair in encoded.dictionary.to_pylist()]
        columns = [
            pa.array([row[index] for row in rows], field.type).take(encoded.indices)
            for index, field in enumerate(self.schema)
        ]
        return pa.table(columns, schema=self.schema)
