"""The hand-written documents of tests/golden/snippets.json, the filters that read them, and golden files.

`python -m tests.filters.examples` rewrites the golden files: run it when a filter's version was raised, and
read the difference. A golden file whose version is the filter's is never rewritten.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from filters import Filter
from filters.comments import Comments
from filters.digest import Digest
from filters.language import Language
from filters.license import License
from filters.lines import Lines
from filters.minhash import MinHash
from filters.size import Size
from filters.stars import Stars

GOLDEN = Path(__file__).parents[1] / "golden"

FILTERS: dict[str, Filter] = {
    "license": License(policy="permissive-strict"),
    "stars": Stars(),
    "language": Language(),
    "size": Size(),
    "digest": Digest(),
    "lines": Lines(),
    "comments": Comments(),
    "minhash": MinHash(num_perm=16),
}

_SCHEMA = pa.schema(
    [
        ("content", pa.large_string()),
        ("lang", pa.string()),
        ("ext", pa.string()),
        ("max_stars_repo_licenses", pa.list_(pa.string())),
        ("max_stars_count", pa.float64()),
    ]
)


def documents() -> pa.Table:
    """The snippets as a table with The Stack's columns."""
    rows = json.loads((GOLDEN / "snippets.json").read_text(encoding="utf-8"))
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def outputs(fltr: Filter) -> dict[str, Any]:
    """What a golden file holds: the filter's version and its signals, bytes as hex."""
    signals = [
        {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
        for row in fltr(documents()).to_pylist()
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
