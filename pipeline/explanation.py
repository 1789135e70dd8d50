"""Why one document of a finished run was kept or dropped: signals, predicates, cluster, and the kept text.

For a recipe's run and for `infill dedup` alike. Signals are read from their parts; the two texts that are
compared are read again from the source, which must still be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from pipeline.annotate import gate_rows, read_signals
from pipeline.dedup.evidence import MEMBERS, cluster_of, evidence_of, removed_for
from pipeline.dedup.stage import survivor_part
from pipeline.documents import Reading, read_batches
from pipeline.select import evaluate
from pipeline.sources import Split
from pipeline.text_diff import Comparison, compare_texts, unified
from pipeline.units import Product, Quarantine


@dataclass(frozen=True)
class Finished:
    """The documents of a finished run; each list has an entry a split."""

    splits: Sequence[Split]
    readings: Sequence[Reading]
    metadata: Sequence[tuple[Path, ...]]
    parts: Sequence[tuple[Path, ...]]
    gates: Sequence[Path]
    gate_where: Mapping[str, str]
    where: Mapping[str, str]
    quarantine: Sequence[Quarantine]
    dedup: Product

    @property
    def folder(self) -> Path:
        """Where dedup left its results."""
        return self.dedup.path.parent


class Place(NamedTuple):
    """Where a document stands, and its name."""

    split: int
    row: int
    name: str
    doc_id: bytes


def find(run: Finished, document: str) -> Place:
    """A document, by path or else by id. Raises ValueError when none or several match."""
    name = _named()
    by_name = (pl.col("path") == document) | (name == document)
    by_id = pl.col("doc_id").bin.encode("hex").str.starts_with(document.lower())
    found = _places(run, by_name) or _places(run, by_id)
    if not found:
        raise ValueError(
            f"no document matches {document!r}; give a path, REPO:PATH, or the start of a document id"
        )
    if len({place.doc_id for place in found}) > 1:
        names = ", ".join(f"{place.name} (id {place.doc_id.hex()[:12]})" for place in found[:5])
        raise ValueError(
            f"{len(found)} documents match {document!r}, among them {names}; give REPO:PATH or an id"
        )
    return _best(run, found)


def _named() -> pl.Expr:
    """REPO:PATH, or the path of a document of no known repository."""
    whole = pl.concat_str("repo", pl.lit(":"), "path")
    return pl.when(pl.col("repo") == "").then(pl.col("path")).otherwise(whole)


def _places(run: Finished, wanted: pl.Expr) -> list[Place]:
    """Every document that is `wanted`."""
    found: list[Place] = []
    for split, parts in enumerate(run.metadata):
        if parts[0].exists():
            frame = pl.scan_parquet(parts[0]).filter(wanted)
            rows = frame.select("row", _named().alias("name"), "doc_id").collect()
            found += [Place(split, *row) for row in rows.iter_rows()]
    return found


def _best(run: Finished, places: Sequence[Place]) -> Place:
    """Of several rows of one id the one that stays, else the first."""
    return next((place for place in places if _stays(run, place)), places[0])


def _stays(run: Finished, place: Place) -> bool:
    rows = pl.scan_parquet(survivor_part(run.dedup, place.split)).filter(pl.col("row") == place.row)
    return bool(len(rows.select("row").collect()))


def places_of(run: Finished, doc_ids: Iterable[bytes]) -> dict[bytes, Place]:
    """Where documents stand, by their ids."""
    wanted = list(dict.fromkeys(doc_ids))
    found: dict[bytes, list[Place]] = {}
    for place in _places(run, pl.col("doc_id").is_in(wanted)) if wanted else ():
        found.setdefault(place.doc_id, []).append(place)
    return {doc_id: _best(run, places) for doc_id, places in found.items()}


def explanation(run: Finished, place: Place) -> dict[str, Any]:
    """Signals, verdicts, fate, cluster and difference of one document, as docs/commands/dedup.md has them."""
    row = np.array([place.row])
    where = {f"gate.{name}": text for name, text in run.gate_where.items()}
    frame = pl.DataFrame(read_signals(run.metadata[place.split], row))
    parts = run.parts[place.split]
    if place.row in gate_rows(run.gates[place.split]) and all(part.exists() for part in parts):
        frame = pl.DataFrame(read_signals(parts, row))
        where |= {f"select.{name}": text for name, text in run.where.items()}
    nothing = {"duplicate": None, "cluster": None, "stands_for": None, "diff": None}
    if not len(frame):
        told = {"document": place.name, "signals": {}, "predicates": [], "fate": _unread(run, place)}
        return told | nothing
    verdicts = evaluate(frame, where)
    predicates = [{"name": n, "predicate": where[n], "passes": bool(mask[0])} for n, mask in verdicts.items()]
    signals = frame.drop("row", "minhash", strict=False).row(0, named=True)
    failed = [name for name, mask in verdicts.items() if not mask[0]]
    fate = {"fate": f"dropped by {', '.join(failed)}"} | nothing if failed else _after_dedup(run, place)
    return {
        "document": place.name,
        "signals": {name: v.hex() if isinstance(v, bytes) else v for name, v in signals.items()},
        "predicates": predicates,
        **fate,
    }


def _after_dedup(run: Finished, place: Place) -> dict[str, Any]:
    """What dedup did with a document that every predicate keeps."""
    stays = _stays(run, place)
    evidence = None if stays else evidence_of(run.folder, place.doc_id)
    cluster = cluster_of(run.folder, place.doc_id)
    lost = removed_for(run.folder, place.doc_id) if stays else pl.DataFrame()
    kept = [evidence["kept_doc_id"]] if evidence and not evidence["kept_in"] else []
    ids = [*cluster["doc_id"].head(MEMBERS), *(lost["doc_id"].head(MEMBERS) if len(lost) else ()), *kept]
    places = places_of(run, ids)
    told: dict[str, Any] = {
        "fate": "kept",
        "duplicate": None,
        "cluster": None,
        "stands_for": None,
        "diff": None,
    }
    if len(cluster):
        told["cluster"] = _members(cluster, places)
    if len(lost):
        told["stands_for"] = _lost(lost, places)
    if evidence:
        told["duplicate"] = _duplicate(evidence, places)
        told["fate"] = _fate(told["duplicate"])
        told["diff"] = _difference(run, place, places.get(evidence["kept_doc_id"])) if kept else None
    elif not stays:
        told["fate"] = _unread(run, place)
    return told


def _name_of(doc_id: bytes, places: Mapping[bytes, Place]) -> str | None:
    return places[doc_id].name if doc_id in places else None


def _duplicate(evidence: Mapping[str, Any], places: Mapping[bytes, Place]) -> dict[str, Any]:
    names = ("reason", "jaccard", "containment", "measure", "kept_in", "cluster_size")
    return {
        **{name: evidence[name] for name in names},
        "kept_doc_id": evidence["kept_doc_id"].hex(),
        "kept": None if evidence["kept_in"] else _name_of(evidence["kept_doc_id"], places),
    }


def _fate(duplicate: Mapping[str, Any]) -> str:
    how = {"exact": "Jaccard", "estimate": "estimated Jaccard"}.get(duplicate["measure"])
    likeness = f"{how} {duplicate['jaccard']:.3f}" if how else "Jaccard not measured"
    cluster = f"cluster of {duplicate['cluster_size']}"
    where = f" in the index {duplicate['kept_in']}" if duplicate["kept_in"] else ""
    kept = f"{duplicate['kept_doc_id']} stays instead{where}"
    return f"dropped as {duplicate['reason']} ({likeness}, {cluster}); {kept}"


def _members(cluster: pl.DataFrame, places: Mapping[bytes, Place]) -> dict[str, Any]:
    shown = cluster.head(MEMBERS).select("doc_id", "reason").iter_rows()
    members = [
        {"doc_id": doc_id.hex(), "document": _name_of(doc_id, places), "verdict": reason or "kept"}
        for doc_id, reason in shown
    ]
    return {"doc_id": cluster["cluster"][0].hex(), "size": len(cluster), "members": members}


def _lost(lost: pl.DataFrame, places: Mapping[bytes, Place]) -> dict[str, Any]:
    shown = lost.head(MEMBERS).select("doc_id", "reason", "jaccard").iter_rows()
    documents = [
        {"doc_id": doc_id.hex(), "document": _name_of(doc_id, places), "reason": reason, "jaccard": jaccard}
        for doc_id, reason, jaccard in shown
    ]
    return {"documents": len(lost), "shown": documents}


def _difference(run: Finished, gone: Place, kept: Place | None) -> dict[str, Any] | None:
    """The removed text beside the kept one; None if one cannot be read any more."""
    left = text_of(run, gone)
    right = text_of(run, kept) if kept else None
    if left is None or right is None or kept is None:
        return None
    comparison: Comparison = compare_texts(left, right)
    return {
        "left": gone.name,
        "right": kept.name,
        "equal": comparison.equal,
        "notes": list(comparison.notes),
        "hunks": [[tuple(line) for line in hunk] for hunk in comparison.hunks],
        "unified": unified(comparison, gone.name, kept.name),
    }


def text_of(run: Finished, place: Place) -> str | None:
    """A document's text, from its source."""
    rows = np.array([place.row])
    for batch in read_batches(run.splits[place.split], run.readings[place.split], ["content"], rows=rows):
        if len(batch.documents):
            text: str = batch.documents["content"][0].as_py()
            return text
    return None


def _unread(run: Finished, place: Place) -> str:
    own = [q for q in run.quarantine if q.file == run.splits[place.split].file and q.row in (place.row, -1)]
    return f"quarantined: {own[0].message}" if own else "not read: its split was quarantined"
