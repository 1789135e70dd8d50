"""Check a shard directory end to end: files, tokens, sidecars, shuffle, splits and packing plans.

Returns a record of every problem; a damaged file gives problems, never an exception. A file whose size or
digest is wrong is not looked into. Splits are checked smallest first, so that of all repository names those
of the largest split are never held. About 430 MB/s of tokens; memory is one shard's sidecar and 4 bytes a
sample of one split.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.shards.findings import Findings
from pipeline.shards.manifest import NAME, read_manifest, sidecar_totals, split_files, sum_totals
from pipeline.shards.mmidx import read_index
from pipeline.shards.pack import check_pack
from pipeline.shards.rules import (
    Rule,
    lead_rules,
    middle_rules,
    sentinel_problem,
    sidecar_rules,
    token_facts,
    token_rules,
)
from pipeline.shards.runs import shuffle_keys
from pipeline.shards.sidecar import SIDECAR
from pipeline.store import file_digest, read_json


@dataclass(frozen=True)
class Check:
    """What every check needs; `sound` are the listed files whose size and digest are right."""

    path: Path
    manifest: dict[str, Any]
    sound: frozenset[str]
    findings: Findings


class Shard(NamedTuple):
    """One shard, whose `lengths` (from the `.idx`) fit its tokens and its sidecar; it has a sample."""

    stem: str
    tokens: npt.NDArray[Any]
    lengths: npt.NDArray[np.int32]
    sidecar: pa.Table


@dataclass
class SplitState:
    """What is carried from shard to shard of a split; `whole`: every one of them could be read."""

    lengths: list[npt.NDArray[np.int32]] = field(default_factory=list)
    totals: list[dict[str, Any]] = field(default_factory=list)
    repos: list[pa.Array] = field(default_factory=list)
    last_key: int = 0
    whole: bool = True


def verify(shards_dir: Path) -> dict[str, Any]:
    """Check the directory; returns {"ok", "files", "samples", "tokens", "problems"}.

    `problems` is a list of {"file", "sample", "rule", "message"}; the sample is numbered within the file, and
    None where the whole file is meant. Samples and tokens are those of the shards that could be read.
    """
    findings = Findings()
    manifest = findings.attempt(NAME, "manifest", lambda: read_manifest(shards_dir))
    if manifest is None:
        return _report(findings, files=0, totals=sum_totals([]))
    check = Check(shards_dir, manifest, _sound_files(findings, shards_dir, manifest), findings)
    _check_tokenizer(check)
    totals, seen = [], pa.array([], pa.string())
    order = sorted(manifest["splits"], key=lambda name: (manifest["splits"][name]["samples"], name))
    for split in order:
        state = _check_split(check, split, seen=seen, remember=split != order[-1])
        totals.append(sum_totals(state.totals))
        seen = pa.concat_arrays([seen, *state.repos])
    return _report(findings, files=len(manifest["files"]), totals=sum_totals(totals))


def _report(findings: Findings, *, files: int, totals: dict[str, Any]) -> dict[str, Any]:
    return {
        "ok": not findings.problems,
        "files": files,
        "samples": totals["samples"],
        "tokens": totals["tokens"],
        "problems": findings.problems,
    }


def _sound_files(findings: Findings, path: Path, manifest: dict[str, Any]) -> frozenset[str]:
    listed = {record["path"]: record for record in manifest["files"]}
    for found in sorted(path.rglob("*")):
        name = found.relative_to(path).as_posix()
        if not found.is_dir() and name != NAME and name not in listed:
            findings.add(name, "unlisted", "the manifest does not list this file: remove it")
    return frozenset(name for name, record in listed.items() if _is_sound(findings, path / name, record))


def _is_sound(findings: Findings, path: Path, record: dict[str, Any]) -> bool:
    if not path.is_file():
        findings.add(
            record["path"], "missing", "the manifest lists this file, but it is not here: copy it again"
        )
        return False
    if (size := path.stat().st_size) != record["bytes"]:
        message = f"the file has {size} bytes, the manifest says {record['bytes']}: copy it again"
        findings.add(record["path"], "size", message)
        return False
    digest = findings.attempt(record["path"], "digest", lambda: file_digest(path))
    if digest is not None and digest != record["xxh3_128"]:
        message = f"the file has xxh3-128 {digest}, the manifest says {record['xxh3_128']}: copy it again"
        findings.add(record["path"], "digest", message)
    return digest == record["xxh3_128"]


def _check_tokenizer(check: Check) -> None:
    digests = {record["path"]: record["xxh3_128"] for record in check.manifest["files"]}
    if digests.get("tokenizer/tokenizer.json") != check.manifest["tokenizer"]["xxh3_128"]:
        check.findings.add(
            NAME, "tokenizer", "tokenizer.xxh3_128 is not the digest listed for tokenizer/tokenizer.json"
        )
    sentinels = check.manifest["sentinels"]
    name = "tokenizer/sentinels.json"
    if name in check.sound:
        stored = check.findings.attempt(name, "sentinels", lambda: read_json(check.path / name))
        if stored is not None and stored != sentinels:
            check.findings.add(name, "sentinels", f"the file says {stored}, the manifest says {sentinels}")
    if problem := sentinel_problem(sentinels, check.manifest["vocab_size"]):
        check.findings.add(NAME, "sentinels", problem)


def _check_split(check: Check, split: str, *, seen: pa.Array, remember: bool) -> SplitState:
    state = SplitState()
    for sidecar_name in split_files(check.manifest["files"], split):
        shard = _load_shard(check, sidecar_name.removesuffix(".parquet"))
        if shard is None:
            state.whole = False
            continue
        _check_shard(check, state, shard)
        _check_repos(check, shard, seen)
        if remember:
            state.repos.append(pc.unique(shard.sidecar["repo"]))
    if state.whole:
        _check_totals(check, split, sum_totals(state.totals))
        _check_packs(check, split, state)
    return state


def _load_shard(check: Check, stem: str) -> Shard | None:
    """A shard; None, with the problem recorded, when it cannot be judged."""
    names = [stem + suffix for suffix in (".bin", ".idx", ".parquet")]
    listed = {record["path"] for record in check.manifest["files"]}
    for name in names:
        if name not in listed:
            check.findings.add(
                name, "missing", "the manifest lists other files of this shard, but not this one"
            )
    if not check.sound.issuperset(names):
        return None
    findings, dtype = check.findings, check.manifest["dtype"]
    index = findings.attempt(names[1], "index", lambda: read_index(check.path / names[1]))
    sidecar = findings.attempt(names[2], "sidecar", lambda: _read_sidecar(check.path / names[2]))
    tokens = findings.attempt(names[0], "tokens", lambda: np.memmap(check.path / names[0], dtype, mode="r"))
    if index is None or sidecar is None or tokens is None:
        return None
    if index.dtype != dtype or index.token_count != len(tokens):
        message = (
            f"{index.token_count} tokens of {index.dtype}, expected {len(tokens)} of {dtype} as in the .bin"
        )
        findings.add(names[1], "index", message)
        return None
    if len(index.lengths) != len(sidecar):
        findings.add(
            names[2], "lengths", f"{len(sidecar)} rows, expected {len(index.lengths)} as in the .idx"
        )
        return None
    return Shard(stem, tokens.view(np.ndarray), index.lengths, sidecar)


def _read_sidecar(path: Path) -> pa.Table:
    sidecar = pq.read_table(path)
    if not sidecar.schema.equals(SIDECAR):
        strange = set(sidecar.schema) ^ set(SIDECAR)
        raise ValueError(f"columns {sorted({field.name for field in strange})} are not those of the format")
    sidecar.validate(full=True)
    return sidecar


def _check_shard(check: Check, state: SplitState, shard: Shard) -> None:
    sidecar, lengths = shard.sidecar, shard.lengths
    facts = token_facts(shard.tokens, lengths, sidecar, check.manifest)
    for rule in token_rules(facts, sidecar, check.manifest):
        check.findings.add_broken(f"{shard.stem}.bin", rule)
    stated = sidecar["n_tokens"].to_numpy()
    about_rows = [Rule("lengths", stated != lengths, "n_tokens", stated, "the length in the .idx")]
    if pc.min(sidecar["part"]).as_py() >= 0:  # there are no keys of negative parts
        about_rows.append(_shuffle_rule(sidecar, check.manifest["seed"], state))
    middle_id = check.manifest["sentinels"]["middle"]
    about_rows += [*sidecar_rules(sidecar), *lead_rules(facts, sidecar)]
    for rule in (*about_rows, *middle_rules(facts, sidecar, marked=middle_id is not None)):
        check.findings.add_broken(f"{shard.stem}.parquet", rule)
    state.lengths.append(lengths)
    state.totals.append(sidecar_totals(sidecar))


def _shuffle_rule(sidecar: pa.Table, seed: int, state: SplitState) -> Rule:
    keys = shuffle_keys(sidecar, seed)
    before = np.concatenate([np.array([state.last_key], np.uint64), keys[:-1]])
    state.last_key = int(keys[-1])
    return Rule("shuffle", keys < before, "the shuffle key", keys, "no less than that of the sample before")


def _check_repos(check: Check, shard: Shard, seen: pa.Array) -> None:
    """A repository must be in one split. A sample without one (empty name) cannot leak."""
    repos = shard.sidecar["repo"]
    shared = pc.and_(pc.is_in(repos, seen), pc.not_equal(repos, "")).to_numpy()
    rule = Rule("repo", shared, "repo", repos, "one that is in no other split")
    check.findings.add_broken(f"{shard.stem}.parquet", rule)


def _check_totals(check: Check, split: str, counted: dict[str, Any]) -> None:
    said = check.manifest["splits"][split]
    for key in ("samples", "tokens", "by_kind", "by_order", "by_lang"):
        if said[key] != counted[key]:
            check.findings.add(
                NAME, "totals", f"{split} has {key} {said[key]}, the sidecars have {counted[key]}"
            )


def _check_packs(check: Check, split: str, state: SplitState) -> None:
    lengths = np.concatenate([np.empty(0, np.int32), *state.lengths])
    listed = {record["path"] for record in check.manifest["files"]}
    for plan in (plan for plan in check.manifest["packs"] if plan["split"] == split and plan["rows"]):
        names = [f"{split}.pack-{plan['row_length']}.{part}.npy" for part in ("rows", "items")]
        for name in names:
            if name not in listed:
                check.findings.add(
                    name, "missing", "the manifest has this packing plan, but does not list its file"
                )
        if check.sound.issuperset(names):
            check.findings.attempt(names[0], "pack", partial(check_pack, check.path, plan, lengths))
