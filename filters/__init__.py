"""The registry of filters, and `annotate`, which turns one into a table → table function.

A filter is a frozen dataclass whose call maps an Arrow table of documents to an Arrow table of *signals* of
the same height and order: it never drops a row, does no I/O on the documents' behalf, and draws no random
numbers. Its fields are at once the keys of `[filters.NAME]` in a recipe, the flags of `infill filter NAME`,
and a part of the cache key. Nothing here imports the pipeline; classes are imported on first use, so that a
command that needs one filter pays for one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import ClassVar, Protocol, cast

import pyarrow as pa

REGISTRY: dict[str, str] = {
    "license": "filters.license:License",
    "stars": "filters.stars:Stars",
    "language": "filters.language:Language",
    "extension_table": "filters.extension_table:ExtensionTable",
    "optout": "filters.optout:Optout",
    "size": "filters.size:Size",
    "digest": "filters.digest:Digest",
    "lines": "filters.lines:Lines",
    "comments": "filters.comments:Comments",
    "fertility": "filters.fertility:Fertility",
    "license_text": "filters.license_text:LicenseText",
    "xml": "filters.xml_header:Xml",
    "html": "filters.html_text:Html",
    "generated": "filters.generated:Generated",
    "config_test": "filters.config_test:ConfigTest",
    "encoded": "filters.encoded:Encoded",
    "sentinels": "filters.sentinels:Sentinels",
    "secrets": "filters.secret_spans:Secrets",
    "pii": "filters.pii:Pii",
    "decontaminate": "filters.decontaminate:Decontaminate",
    "english": "filters.english:English",
    "topic": "filters.topic:Topic",
    "minhash": "filters.minhash:MinHash",
}


class Filter(Protocol):
    """What every filter offers; see docs/filters/ for each one's definition."""

    name: ClassVar[str]
    version: ClassVar[int]
    """Bumped by hand when outputs change; pinned by tests/golden/."""
    columns: ClassVar[tuple[str, ...]]
    """The columns it reads, in The Stack v1's names. A filter that does not list `content` can gate."""
    schema: ClassVar[pa.Schema]
    """The signals it gives: typed, and never null."""
    default_where: ClassVar[str]
    """A predicate that `infill filter NAME` uses when no --where is given."""

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Signals of `docs`: same height, same order."""
        ...


def filter_class(name: str) -> type[Filter]:
    """The filter class of that name. Raises ValueError, with the known names, for an unknown one."""
    if name not in REGISTRY:
        raise ValueError(f"there is no filter {name!r}; the filters are {', '.join(REGISTRY)}")
    module, _, attribute = REGISTRY[name].partition(":")
    return cast("type[Filter]", getattr(importlib.import_module(module), attribute))


def annotate(fltr: Filter) -> Callable[[pa.Table], pa.Table]:
    """A function that appends the filter's signals to a table.

    It suits `datasets.Dataset.with_format("arrow").map(annotate(Comments()), batched=True)` and
    `ray.data.Dataset.map_batches(annotate(Comments()), batch_format="pyarrow")`: a bare filter returns the
    signals alone, and both libraries would then lose the other columns. A signal replaces a column of the
    same name.
    """

    def append(docs: pa.Table) -> pa.Table:
        signals = fltr(docs)
        kept = docs.drop_columns([name for name in signals.column_names if name in docs.column_names])
        for field, column in zip(signals.schema, signals.columns, strict=True):
            kept = kept.append_column(field, column)
        return kept

    return append
