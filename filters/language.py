"""The language filter: one spelling of a document's language, from the dataset's own label or its file
extension.

A non-empty `lang` wins: a known name in any case ("c-sharp", "python") becomes The Stack's spelling, an
unknown one is kept as it is. Else the extension is looked up, else the language is "unknown". The table is
filters/data/languages.toml. A gate: no text is read, and each distinct value is looked up once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import ClassVar, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

UNKNOWN: Final = "unknown"


class _Languages(NamedTuple):
    """Lookup tables: lower-case spelling, lower-case extension and exact file name → The Stack's name."""

    spellings: dict[str, str]
    extensions: dict[str, str]
    file_names: dict[str, str]


@cache
def _languages() -> _Languages:
    table = tomllib.loads((files("filters") / "data" / "languages.toml").read_text(encoding="utf-8"))
    found = _Languages({}, {}, {})
    for language, entry in table.items():
        spellings = [language, language.replace(" ", "-"), *entry.get("aliases", [])]
        found.spellings.update((spelling.lower(), language) for spelling in spellings)
        found.extensions.update((extension, language) for extension in entry.get("extensions", []))
        found.file_names.update((name, language) for name in entry.get("names", []))
    return found


def language_of(path: str) -> str:
    """The language of a file by its name, then by its extension; "" where neither is known.

    >>> language_of("src/Makefile"), language_of("a/b.HPP"), language_of("LICENSE")
    ('Makefile', 'C++', '')
    """
    name = PurePosixPath(path).name
    return _languages().file_names.get(name) or _by_extension(name.rpartition(".")[2] if "." in name else "")


def _by_extension(extension: str) -> str:
    return _languages().extensions.get(extension.strip().lstrip(".").lower(), "")


def _canonical(label: str) -> str:
    label = label.strip()
    return _languages().spellings.get(label.lower(), label)


def _map_distinct(column: pa.ChunkedArray, function: Callable[[str], str]) -> pa.ChunkedArray:
    """`function` of every value, called once for each distinct one of a chunk; a null counts as ""."""
    plain = column.cast(pa.string()).fill_null("")
    chunks = [chunk.dictionary_encode() for chunk in plain.chunks]
    mapped = [
        pa.array([function(value) for value in chunk.dictionary.to_pylist()], pa.string()).take(chunk.indices)
        for chunk in chunks
    ]
    return pa.chunked_array(mapped, pa.string())


def canonical_languages(labels: pa.ChunkedArray) -> pa.ChunkedArray:
    """The Stack's spelling of each label; an unknown label as it is, a null as ""."""
    return _map_distinct(labels, _canonical)


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """Signal `language`.

    >>> docs = pa.table({"lang": ["c-sharp", "", "Befunge", None], "ext": ["txt", "py", "", "xyz"]})
    >>> Language()(docs)["language"].to_pylist()
    ['C#', 'Python', 'Befunge', 'unknown']
    """

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("lang", "ext")
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("language", pa.string(), nullable=False)])
    default_where: ClassVar[str] = "language <> 'unknown'"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Languages by `lang`, else by `ext` (with or without its dot); both may hold nulls."""
        labelled = canonical_languages(docs["lang"])
        guessed = _map_distinct(docs["ext"], lambda extension: _by_extension(extension) or UNKNOWN)
        # Combined, since the chunks of the two columns may differ.
        left, right = labelled.combine_chunks(), guessed.combine_chunks()
        return pa.table([pc.if_else(pc.equal(left, ""), right, left)], schema=self.schema)
