"""Which filters give the signals that an expression reads, and why files or flags do not bear one.

A signal is given by the pipeline's own identity filter or by the first filter of the registry that has it.
It is borne if every column that its filter reads is in the files, and the filter's required fields are given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import pyarrow as pa

from filters import REGISTRY, Filter, filter_class
from pipeline.recipe import order_term

IDENTITY_COLUMNS: Final = {
    "doc_id": "max_stars_repo_path",
    "repo": "max_stars_repo_name",
    "path": "max_stars_repo_path",
    "revision": "max_stars_repo_head_hexsha",
    "lang": "lang",
    "declared_bytes": "size",
    "declared_license": "max_stars_repo_licenses",
}
"""What the pipeline's own signals are made of, in The Stack v1's names."""


@dataclass(frozen=True)
class Available:
    """Columns that files have, and fields of filters that were given."""

    mapping: Mapping[str, str]
    """Canonical column → the files' own."""
    schemas: Sequence[pa.Schema]
    fields: Mapping[str, Mapping[str, Any]]

    def lacking(self, expression: str) -> str:
        """Why an SQL expression cannot be computed; "" if nothing is in its way that is seen here."""
        reasons = (self._lacking_of(signal) for signal in signals_of(expression))
        return next(filter(None, reasons), "")

    def _lacking_of(self, signal: str) -> str:
        supplier = supplier_of(signal)
        made_of = supplier.columns if supplier else (IDENTITY_COLUMNS.get(signal, "content"),)
        for column in made_of:
            if not self.has(column):
                own = self.mapping.get(column, column)
                return f"{signal} is made of the column {own!r}, which the files do not have"
        missing = _missing_fields(supplier, self.fields) if supplier else []
        if supplier and missing:
            flag = f"--set {supplier.name}.{missing[0]}=VALUE"
            return f"{signal} needs a setting of the filter {supplier.name}: add {flag}"
        return ""

    def has(self, column: str) -> bool:
        """Whether all files that were looked at have a canonical column."""
        own = self.mapping.get(column)
        return own is not None and all(own in schema.names for schema in self.schemas)


def signals_of(expression: str) -> list[str]:
    """The signals that an SQL expression reads; none if it is no SQL, which is told elsewhere."""
    try:
        return list(pl.sql_expr(expression).meta.root_names())
    except pl.exceptions.PolarsError:
        return []


def supplier_of(signal: str) -> type[Filter] | None:
    """The filter that gives a signal; None for identity's own and for what no filter gives."""
    if signal in IDENTITY_COLUMNS:
        return None
    classes = map(filter_class, REGISTRY)
    return next((cls for cls in classes if signal in cls.schema.names), None)


def suppliers_of(where: Iterable[str], keep: Iterable[str]) -> set[str]:
    """Names of the filters that predicates and terms of a keep order read."""
    expressions = [*where, *(order_term(text)[0] for text in keep)]
    found = (supplier_of(signal) for text in expressions for signal in signals_of(text))
    return {cls.name for cls in found if cls is not None}


def identity_columns(where: Iterable[str], keep: Iterable[str]) -> set[str]:
    """Canonical columns behind the pipeline's own signals that these expressions read."""
    expressions = [*where, *(order_term(text)[0] for text in keep)]
    signals = {signal for text in expressions for signal in signals_of(text)}
    return {IDENTITY_COLUMNS[signal] for signal in signals if signal in IDENTITY_COLUMNS}


def _missing_fields(cls: Any, fields: Mapping[str, Mapping[str, Any]]) -> list[str]:
    missing = dataclasses.MISSING
    required = [f.name for f in dataclasses.fields(cls) if f.default is missing is f.default_factory]
    return [name for name in required if name not in fields.get(cls.name, {})]
