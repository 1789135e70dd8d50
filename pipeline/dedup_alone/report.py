"""What `infill dedup` says of itself: the object that `--json` prints, and OUT/manifest.json.

The manifest is written last: it has the whole request, so that `infill explain` finds every document again,
and the digest of every result file. Numbers come from receipts, so a resumed run reports the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from filters.minhash import MinHash
from filters.minhash_schemes import permutation_digest
from pipeline.dedup.outcome import dedup_record, receipt_of
from pipeline.dedup.stage import survivor_part
from pipeline.dedup_alone.job import Alone
from pipeline.report import funnel_of, peak_of, stages_of, write_quarantine
from pipeline.store import file_digest, read_json, write_json
from pipeline.units import read_receipt

COMMAND: Final = "infill dedup"
RESULT_FOLDERS: Final = ("survivors", "evidence", "clusters", "index")


def report_of(job: Alone) -> dict[str, Any]:
    """The report of a job whose every stage is done."""
    assert job.dedup is not None
    receipt = receipt_of(job.dedup)
    funnel = funnel_of(job)
    names = [own.name for own in job.request.inputs]
    gone = {str(step["name"]): step["dropped"] for step in funnel[1:] if step["name"] != "readable"}
    return {
        "inputs": names,
        "preset": job.request.dedup.preset,
        "columns": dict(job.request.columns),
        "left_out": dict(job.request.left_out),
        "documents": sum(split.rows for split in job.plan.splits),
        "kept": receipt.rows_out,
        "removed": gone,
        "quarantined": len(job.quarantine),
        **dedup_record(job.dedup, job.request.dedup),
        "threshold": job.request.dedup.threshold,
        "verify": job.request.dedup.verify,
        "funnel": funnel,
        "stages": stages_of(job.reports),
        "paths": _paths(job),
        "peak_memory_bytes": peak_of(job.reports),
    }


def _paths(job: Alone) -> dict[str, str | None]:
    """Where each result lies; None if there is none."""
    assert job.dedup is not None
    found = {name: str(job.out / name) for name in (*RESULT_FOLDERS, "kept")}
    paths: dict[str, str | None] = {
        name: path if Path(path).is_dir() else None for name, path in found.items()
    }
    if not job.copies:
        paths["kept"] = None
    if not job.request.dedup.index:
        paths["index"] = None
    return paths | {"losses": str(job.dedup.path), "manifest": str(job.out / "manifest.json")}


def write_manifest(job: Alone, report: Mapping[str, Any]) -> None:
    """Commit the quarantine, and then the manifest."""
    write_quarantine(job.out, job.quarantine)
    names = ("documents", "kept", "removed", "quarantined", "bands", "funnel", "losses", "alarms")
    write_json(job.out / "manifest.json", {
        "made_by": COMMAND,
        "request": job.request.as_json(),
        "minhash": signature_record(job.request.minhash()),
        "inputs": {own.name: _splits(job, own.name) for own in job.request.inputs},
        **{name: report[name] for name in names},
        "files": _digests(job),
    })  # fmt: skip


def signature_record(minhash: MinHash) -> dict[str, Any]:
    """What makes signatures comparable: scheme, seed, and the permutations' own digest."""
    own = (minhash.num_perm, minhash.seed, minhash.scheme)
    return dict(zip(("num_perm", "seed", "scheme"), own, strict=True)) | {
        "permutation_digest": permutation_digest(*own)
    }


def _splits(job: Alone, name: str) -> list[dict[str, Any]]:
    """The splits of an input, and where the list of what stays of each is."""
    assert job.dedup is not None
    told = []
    for index, (split, owner) in enumerate(zip(job.plan.splits, job.owners, strict=True)):
        if owner.name == name:
            stays = str(survivor_part(job.dedup, index).relative_to(job.out))
            place = {"file": split.file, "row_groups": list(split.row_groups), "rows": split.rows}
            told.append({**place, "digest": split.digest, "survivors": stays})
    return told


def _digests(job: Alone) -> dict[str, str]:
    """xxh3-128 of every result file, by its path in the output folder."""
    assert job.dedup is not None
    own = [job.dedup.path, *(survivor_part(job.dedup, i) for i in range(len(job.plan.splits)))]
    for folder in RESULT_FOLDERS[1:]:
        own += [path for path in sorted((job.out / folder).rglob("*")) if path.is_file()]
    digests = {str(path.relative_to(job.out)): file_digest(path) for path in own}
    for product in job.copies:
        receipt = read_receipt(product.receipt)
        assert receipt is not None
        digests[str(product.path.relative_to(job.out))] = receipt.digest
    return digests


def read_request(folder: Path) -> dict[str, Any]:
    """The request of the finished `infill dedup` in a folder. Raises ValueError if there is none."""
    path = folder / "manifest.json"
    manifest = read_json(path) if path.is_file() else {}
    if manifest.get("made_by") != COMMAND:
        raise ValueError(
            f"{folder} is not the output of a finished `infill dedup`: it has no such manifest.json; give "
            "that folder, or a recipe"
        )
    request: dict[str, Any] = manifest["request"]
    return request
