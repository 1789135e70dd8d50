"""`manifest.json`: written last, it makes a folder of files a shard directory.

It holds no time, host or absolute path, so the same samples give the same bytes. Totals are computed from the
sidecars, one shard at a time, and the tokenizer's digest and sentinels from `tokenizer/`, so that it cannot
disagree with what it lists. Reading validates the whole structure; 1 ms per thousand files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.shards.merge import file_record
from pipeline.store import read_json, write_json

FORMAT: Final = "infill-shards/1"
NAME: Final = "manifest.json"
HEADER_KEYS: Final = ("dtype", "vocab_size", "recipe", "seed", "code_version", "loss")

Count = Annotated[int, Field(ge=0)]
TokenId = Annotated[int, Field(ge=0)]
SplitName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
RelativePath = Annotated[str, Field(pattern=r"^(tokenizer/)?[A-Za-z0-9_][A-Za-z0-9._-]*$")]


class Strict(BaseModel):
    """No coercion: a count in quotes is damage. Other keys are the writer's account of itself."""

    model_config = ConfigDict(strict=True, extra="allow")


class Total(Strict):
    """Samples and tokens of a group."""

    samples: Count
    tokens: Count


class SplitTotals(Total):
    """Of a split, and of its samples by sidecar column."""

    by_kind: dict[str, Total]
    by_order: dict[str, Total]
    by_lang: dict[str, Total]


class FileRecord(Strict):
    """A file; `samples` and `tokens` are those it speaks of, 0 for the tokenizer's."""

    path: RelativePath
    bytes: Count
    samples: Count
    tokens: Count
    xxh3_128: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class Pack(Strict):
    """A packing plan of a split."""

    split: SplitName
    row_length: Annotated[int, Field(ge=1)]
    rows: Count
    fill: float


class Sentinels(Strict):
    """Token ids of the control tokens: see docs/formats/shards.md."""

    prefix: TokenId
    suffix: TokenId
    middle: TokenId | None
    pad: TokenId
    eot: TokenId
    bos: TokenId | None = None
    lead: dict[str, TokenId] = {}


class Tokenizer(Strict):
    """The digest of tokenizer/tokenizer.json."""

    xxh3_128: str


class Manifest(Strict):
    """The part of a manifest that readers rely on."""

    format: Literal["infill-shards/1"]
    dtype: Literal["uint16", "int32"]
    vocab_size: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0, lt=1 << 63)]
    loss: Literal["all", "middle", "no-sentinels"]
    """What a trainer is to learn of a sample."""
    sentinels: Sentinels
    tokenizer: Tokenizer
    splits: dict[SplitName, SplitTotals]
    files: list[FileRecord]
    packs: list[Pack]


def write_manifest(
    shards_dir: Path,
    *,
    header: dict[str, Any],
    splits: Sequence[str],
    files: Iterable[dict[str, Any]],
    packs: Iterable[dict[str, Any]],
) -> None:
    """Commit the manifest over what `merge_shard` and `write_pack` returned, and the files in `tokenizer/`.

    `header` gives dtype, vocab_size, recipe, seed, code_version and loss, and may give more. `splits` names
    all splits, also those without samples. Raises ValueError for a missing header key or tokenizer file.
    """
    if missing := [key for key in HEADER_KEYS if key not in header]:
        raise ValueError(f"the manifest's header lacks {', '.join(missing)}; it has {', '.join(header)}")
    plans = list(packs)
    shard_files = sorted(files, key=lambda record: record["path"])
    pack_files = [record for plan in plans for record in plan["files"]]
    tokenizer_files = _tokenizer_records(shards_dir)
    digests = {record["path"]: record["xxh3_128"] for record in tokenizer_files}
    content = header | {
        "format": FORMAT,
        "sentinels": read_json(shards_dir / "tokenizer" / "sentinels.json"),
        "tokenizer": {"xxh3_128": digests["tokenizer/tokenizer.json"]},
        "splits": {split: _split_totals(shards_dir, split_files(shard_files, split)) for split in splits},
        "files": sorted([*shard_files, *pack_files, *tokenizer_files], key=lambda record: record["path"]),
        "packs": [{key: plan[key] for key in Pack.model_fields} for plan in plans],
    }
    Manifest.model_validate(content)
    write_json(shards_dir / NAME, content)


def split_files(files: Iterable[dict[str, Any]], split: str, suffix: str = ".parquet") -> list[str]:
    """The paths of a split's shard files of one suffix, in the order of the shards."""
    names = [record["path"] for record in files]
    wanted = (name for name in names if name.rpartition("-")[0] == split and name.endswith(suffix))
    return sorted(wanted, key=lambda name: (len(name), name))  # shard 100000 comes after 99999


def read_manifest(shards_dir: Path) -> dict[str, Any]:
    """The manifest. Raises ValueError when it is missing, damaged or of another format."""
    path = shards_dir / NAME
    if not path.is_file():
        raise ValueError(
            f"{shards_dir} has no {NAME}: it is not a shard directory, or the run that makes it has not "
            "finished; run it again to go on where it stopped"
        )
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is not JSON ({error}): copy the shards again, or write them again"
        ) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{path} has format {found!r}, expected {FORMAT!r}: read it with the version that wrote it"
        )
    try:
        Manifest.model_validate(content)
    except ValidationError as error:
        raise ValueError(
            f"{path} is damaged ({error}): copy the shards again, or write them again"
        ) from error
    return content


def _tokenizer_records(shards_dir: Path) -> list[dict[str, Any]]:
    folder = shards_dir / "tokenizer"
    for name in ("tokenizer.json", "sentinels.json"):
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder} has no {name}: a shard directory carries its tokenizer; write it first"
            )
    records = [file_record(path, samples=0, tokens=0) for path in sorted(folder.iterdir())]
    return [record | {"path": f"tokenizer/{record['path']}"} for record in records]


def _split_totals(shards_dir: Path, sidecars: Sequence[str]) -> dict[str, Any]:
    return sum_totals(sidecar_totals(pq.read_table(shards_dir / name, columns=_COUNTED)) for name in sidecars)


_COUNTED: Final = ["n_tokens", "kind", "order", "lang"]


def sidecar_totals(sidecar: pa.Table) -> dict[str, Any]:
    """Samples and tokens of a sidecar, also by kind, order and language."""
    groups = {f"by_{column}": _grouped(sidecar, column) for column in _COUNTED[1:]}
    tokens = int(sidecar["n_tokens"].to_numpy().sum(dtype="int64"))
    return {"samples": len(sidecar), "tokens": tokens} | groups


def _grouped(sidecar: pa.Table, column: str) -> dict[str, dict[str, int]]:
    sums = sidecar.group_by(column).aggregate([("n_tokens", "count"), ("n_tokens", "sum")]).to_pylist()
    return {row[column]: {"samples": row["n_tokens_count"], "tokens": row["n_tokens_sum"]} for row in sums}


def sum_totals(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sum of what `sidecar_totals` gives for the shards of a split."""
    total: dict[str, Any] = {"samples": 0, "tokens": 0, "by_kind": {}, "by_order": {}, "by_lang": {}}
    for part in parts:
        _add(total, part)
        for group in ("by_kind", "by_order", "by_lang"):
            for value, counts in part[group].items():
                _add(total[group].setdefault(value, {"samples": 0, "tokens": 0}), counts)
    return total


def _add(total: dict[str, Any], part: dict[str, Any]) -> None:
    total["samples"] += part["samples"]
    total["tokens"] += part["tokens"]
