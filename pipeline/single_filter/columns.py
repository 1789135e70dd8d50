"""A file's own columns as the canonical ones that a filter reads, under `--columns`.

`--columns` is a preset, or pairs CANONICAL=OWN, or a preset and pairs that override it, with commas between.
A column that a preset does not list reads as null, as in a recipe, unless a filter would be left with
nothing but text. What a file lacks, or holds in a wrong type, is a ValueError with the file, the column and
the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from pipeline.config import Source
from pipeline.documents import Problem, canonical_column, usable_text
from pipeline.single_filter.inputs import Rows
from pipeline.single_filter.several import Annotator
from pipeline.sources import CANONICAL, column_mapping

DEFAULT_PRESET: Final = "stack-v1"
REPORTED: Final = ("lang", "size", "max_stars_repo_name", "max_stars_repo_path")
"""What the report tells of documents, where the files have it."""
MAX_TEXT_BYTES: Final = (1 << 31) - 1


@dataclass(frozen=True)
class Columns:
    """Which columns one filter reads, and what they are called in the files."""

    filter_name: str
    wanted: tuple[str, ...]
    mapping: Mapping[str, str]

    def own(self, schema: pa.Schema) -> list[str]:
        """The columns of a file that have to be read: the filter's, and what the report tells."""
        names = [self.mapping[name] for name in (*self.wanted, *REPORTED) if name in self.mapping]
        return [name for name in dict.fromkeys(names) if name in schema.names]

    def check(self, file: str, schema: pa.Schema) -> None:
        """Raise ValueError if the file lacks a column of the filter, or has one in a wrong type."""
        for name in self.wanted:
            own = self.mapping.get(name)
            if own is not None and own not in schema.names:
                raise ValueError(
                    f"{file} has no column {own!r} ({name} in --columns), which {self.filter_name} reads; "
                    f"its columns are {', '.join(schema.names) or 'none'}: add {name}=COLUMN to --columns"
                )
        own_schema = pa.schema([schema.field(name) for name in self.own(schema)])
        nothing = Rows(file, 0, pa.RecordBatch.from_pylist([], own_schema))
        self.documents(nothing)
        self.reported(nothing)

    def documents(self, rows: Rows) -> tuple[pa.Table, dict[int, Problem]]:
        """The filter's columns, and what is wrong with texts that cannot be used (they read as "")."""
        documents = self._read(rows, [name for name in self.wanted if name != "content"])
        problems: dict[int, Problem] = {}
        if "content" in self.wanted:
            own = self.mapping["content"]
            try:
                content, problems = usable_text(rows.batch.column(own), MAX_TEXT_BYTES)
            except pa.ArrowException as error:
                raise ValueError(self._mistyped(rows, "content")) from error
            documents["content"] = content
        return pa.table(documents), problems

    def reported(self, rows: Rows) -> pa.Table:
        """What the report tells of the documents; nulls where the file does not have it."""
        return pa.table(self._read(rows, REPORTED))

    def _read(self, rows: Rows, names: Sequence[str]) -> dict[str, pa.Array]:
        present = {name: own for name, own in self.mapping.items() if own in rows.batch.schema.names}
        batch = rows.batch.select(list(present.values())).rename_columns(list(present))
        found = {}
        for name in names:
            try:
                found[name] = canonical_column(batch, name)
            except pa.ArrowException as error:
                raise ValueError(self._mistyped(rows, name)) from error
        return found

    def _mistyped(self, rows: Rows, name: str) -> str:
        own = self.mapping[name]
        kind = rows.batch.schema.field(own).type
        found = f"found column {own!r} ({name} in --columns) of type {kind}, expected {CANONICAL[name]}"
        return f"{rows.file}, rows from {rows.first_row}: {found}; map another column"


def parse_columns(text: str) -> dict[str, str]:
    """Canonical column → a file's own, as `--columns` has it. Raises ValueError for what it cannot mean."""
    items = text.split(",")
    presets = [item for item in items if "=" not in item]
    if len(presets) > 1:
        raise ValueError(
            f"--columns {text}: found {len(presets)} presets, expected one, and NAME=COLUMN pairs"
        )
    pairs = dict(item.split("=", 1) for item in items if "=" in item)
    try:
        mapping = column_mapping(Source(path="-", columns=presets[0] if presets else DEFAULT_PRESET))
        return mapping | column_mapping(Source(path="-", columns=pairs))
    except ValueError as error:
        raise ValueError(str(error).replace("source.columns", "--columns", 1)) from error


def choose_columns(fltr: Annotator, text: str) -> Columns:
    """What `--columns` means for a filter. Raises ValueError where it has nothing that the filter reads."""
    mapping = parse_columns(text)
    metadata = [name for name in fltr.columns if name != "content"]
    if metadata and not any(name in mapping for name in metadata):
        raise ValueError(
            f"--columns {text}: found no column for {' or '.join(metadata)}, which filter {fltr.name} reads; "
            f"add {metadata[0]}=COLUMN to --columns"
        )
    return Columns(fltr.name, fltr.columns, mapping)
