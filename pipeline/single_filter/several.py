"""Several filters as one, for `infill filter all`: text is read once, and each document gets every signal.

A filter whose columns the files do not have is left out with the reason, as is one of which a required field
was not given; what is mistyped stays an error. Time and memory are the sums of the filters' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from filters import Filter


class Annotator(Protocol):
    """What `run_filter` needs of a filter, or of several as one."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The canonical columns it reads."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """The signals it gives."""
        ...

    @property
    def default_where(self) -> str:
        """The predicate where none is given."""
        ...

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Signals of `docs`: same height, same order."""
        ...


@dataclass(frozen=True)
class Several:
    """Filters side by side, and why others are not among them."""

    filters: tuple[Filter, ...]
    left_out: Mapping[str, str]

    name = "all"
    default_where = "true"

    @property
    def columns(self) -> tuple[str, ...]:
        """What any of them reads."""
        return tuple(dict.fromkeys(column for fltr in self.filters for column in fltr.columns))

    @property
    def schema(self) -> pa.Schema:
        """All signals, in the order of the filters."""
        return pa.schema([field for fltr in self.filters for field in fltr.schema])

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Every signal of `docs`."""
        signals: list[pa.ChunkedArray] = []
        for fltr in self.filters:
            try:
                signals += fltr(docs.select(fltr.columns)).columns
            except ValueError as error:
                raise ValueError(f"filter {fltr.name}: {error}") from error
        return pa.table(signals, schema=self.schema)

    def narrowed(self, mapping: Mapping[str, str], schemas: Mapping[str, pa.Schema]) -> Several:
        """Those whose columns all files have. Raises ValueError if none is left."""
        lacking = {fltr.name: missing_column(fltr, mapping, schemas) for fltr in self.filters}
        left = tuple(fltr for fltr in self.filters if lacking[fltr.name] is None)
        reasons = {name: reason for name, reason in lacking.items() if reason is not None}
        if not left:
            raise ValueError(
                "no filter can run: " + "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            )
        return Several(left, {**self.left_out, **reasons})


def missing_column(
    fltr: Annotator, mapping: Mapping[str, str], schemas: Mapping[str, pa.Schema]
) -> str | None:
    """Which column keeps the filter from these files, or None.

    A column that `--columns` does not list reads as null; but of the metadata that a filter reads, some must
    be there.
    """
    metadata = [name for name in fltr.columns if name != "content"]
    if metadata and not any(name in mapping for name in metadata):
        return f"found no column for {' or '.join(metadata)}; add {metadata[0]}=COLUMN to --columns"
    for name in fltr.columns:
        for file, schema in schemas.items():
            if name in mapping and mapping[name] not in schema.names:
                return f"{file} has no column {mapping[name]!r}; add {name}=COLUMN to --columns"
    return None
