"""What dedup says of one document: why it went, what stays instead, its cluster, and what went for it.

Reads the parts of evidence and clusters that dedup left, by document id; nothing is held but what is asked
for. A scan of 10 million rows takes about a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

MEMBERS: Final = 20


def evidence_of(folder: Path, doc_id: bytes) -> dict[str, Any] | None:
    """The row of evidence of a removed document; the first of several."""
    rows = _scan(folder / "evidence").filter(pl.col("doc_id") == doc_id).collect()
    order = ["reason", "kept_doc_id"]
    return rows.sort(order, descending=[True, False]).row(0, named=True) if len(rows) else None


def removed_for(folder: Path, doc_id: bytes) -> pl.DataFrame:
    """Evidence of the documents for which this one stays, most alike first."""
    scan = _scan(folder / "evidence")
    mine = (pl.col("kept_doc_id") == doc_id) & (pl.col("kept_in") == "")
    return scan.filter(mine).collect().sort(["jaccard", "doc_id"], descending=[True, False])


def cluster_of(folder: Path, doc_id: bytes) -> pl.DataFrame:
    """The members of a document's cluster: cluster, doc_id, reason, the best first; none if it has none."""
    clusters = _scan(folder / "clusters")
    own = clusters.filter(pl.col("doc_id") == doc_id).select("cluster").head(1).collect()
    best = own["cluster"][0] if len(own) else b""
    members = clusters.filter(pl.col("cluster") == best).collect()
    first = pl.col("doc_id") != pl.col("cluster")
    return members.sort([first, pl.col("reason") != "", pl.col("doc_id")])


def _scan(folder: Path) -> pl.LazyFrame:
    return pl.scan_parquet(sorted(folder.glob("part-*.parquet")))
