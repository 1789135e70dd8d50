"""The hand-written documents of tests/golden/snippets.json, the filters that read them, and golden files.

`python -m tests.filters.examples` rewrites the golden files: run it when a filter's version was raised, and
read the difference. A golden file whose version is the filter's is never rewritten.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from filters import REGISTRY, Filter, filter_class
from filters.comments import Comments
from filters.config_test import ConfigTest
from filters.decontaminate import Decontaminate
from filters.digest import Digest
from filters.encoded import Encoded
from filters.english import English
from filters.extension_table import ExtensionTable
from filters.generated import Generated
from filters.html_text import Html
from filters.language import Language
from filters.license import License
from filters.license_text import LicenseText
from filters.lines import Lines
from filters.minhash import MinHash
from filters.optout import Optout
from filters.pii import Pii
from filters.secret_spans import Secrets
from filters.sentinels import Sentinels
from filters.size import Size
from filters.stars import Stars
from filters.topic import Topic
from filters.xml_header import Xml

GOLDEN = Path(__file__).parents[1] / "golden"
SNIPPETS = GOLDEN / "snippets"

FILTERS: dict[str, Filter] = {
    "license": License(policy="permissive-strict"),
    "license_text": LicenseText(policy="permissive-strict"),
    "stars": Stars(),
    "language": Language(),
    "size": Size(),
    "digest": Digest(),
    "lines": Lines(),
    "comments": Comments(),
    "minhash": MinHash(num_perm=16),
    "decontaminate": Decontaminate(benchmarks=(f"made={SNIPPETS}/benchmark.jsonl",)),
    "english": English(),
    "topic": Topic(),
    "xml": Xml(),
    "html": Html(),
    "generated": Generated(),
    "config_test": ConfigTest(),
    "encoded": Encoded(),
    "sentinels": Sentinels(),
    "extension_table": ExtensionTable(),
    "optout": Optout(optouts=f"{SNIPPETS}/optouts.txt", renames=f"{SNIPPETS}/renames.txt"),
    "secrets": Secrets(),
    "pii": Pii(),
}


def _has_defaults(name: str) -> bool:
    fields = dataclasses.fields(filter_class(name))  # type: ignore[arg-type]
    return all({field.default, field.default_factory} != {dataclasses.MISSING} for field in fields)


FILTERS |= {name: filter_class(name)() for name in REGISTRY if name not in FILTERS and _has_defaults(name)}

_SCHEMA = pa.schema(
    [
        ("content", pa.large_string()),
        ("lang", pa.string()),
        ("ext", pa.string()),
        ("max_stars_repo_licenses", pa.list_(pa.string())),
        ("max_stars_count", pa.float64()),
        ("max_stars_repo_name", pa.string()),
        ("max_stars_repo_path", pa.string()),
        ("hexsha", pa.string()),
    ]
)


def documents(name: str = "") -> pa.Table:
    """The snippets as a table with The Stack's columns; with a filter's name, its own snippets follow."""
    rows = json.loads((GOLDEN / "snippets.json").read_text(encoding="utf-8"))
    own = SNIPPETS / f"{name}.json"
    if own.exists():
        rows += json.loads(own.read_text(encoding="utf-8"))
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def outputs(fltr: Filter) -> dict[str, Any]:
    """What a golden file holds: the filter's version and its signals, bytes as hex."""
    signals = [
        {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
        for row in fltr(documents(fltr.name)).to_pylist()
    ]
    return {"version": fltr.version, "signals": signals}


def golden_path(name: str) -> Path:
    """The golden file of a filter."""
    return GOLDEN / "filters" / f"{name}.json"


def write_golden() -> None:
    """Write the golden files that are missing or of another version."""
    for name, fltr in FILTERS.items():
        path = golden_path(name)
        if not path.exists() or json.loads(path.read_text(encoding="utf-8"))["version"] != fltr.version:
            path.write_text(json.dumps(outputs(fltr), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden()
