"""Made-up samples that obey every rule of the format, and whole shard directories of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.shards.manifest import write_manifest
from pipeline.shards.merge import merge_shard, shard_count
from pipeline.shards.mmidx import read_index, token_dtype
from pipeline.shards.pack import write_pack
from pipeline.shards.runs import write_run
from pipeline.shards.sidecar import SIDECAR

SENTINELS = {"prefix": 1, "suffix": 3, "middle": 2, "pad": 4, "eot": 0}
PRE, SUF, MID, EOT = 1, 3, 2, 0
VOCAB_SIZE = 1000
SEED = 7
ROW_LENGTH = 64

Sample = tuple[list[int], dict[str, Any]]


def make_sample(number: int, *, repo: str = "a/b", vocab_size: int = VOCAB_SIZE) -> Sample:
    """Sample `number`: token ids and sidecar row; orders and kinds take turns."""
    rng = np.random.RandomState(number)
    prefix, middle, suffix = (rng.randint(5, vocab_size, rng.randint(0, 9)).tolist() for _ in range(3))
    order = ("psm", "none", "spm-v2", "spm-v1")[number % 4]
    ids, middle_start = {
        "none": (prefix, 0),
        "psm": ([PRE, *prefix, SUF, *suffix, MID, *middle], len(prefix) + len(suffix) + 3),
        "spm-v1": ([SUF, *suffix, PRE, *prefix, MID, *middle], len(prefix) + len(suffix) + 3),
        "spm-v2": ([PRE, SUF, *suffix, MID, *prefix, *middle], len(prefix) + len(suffix) + 3),
    }[order]
    plain = order == "none"
    cut_start = 10 + len(prefix)
    cut_end = cut_start + (0 if plain else len(middle))
    row = {
        "n_tokens": len(ids) + 1,
        "order": order,
        "kind": "plain" if plain else "random" if middle else "empty",
        "middle_start": middle_start,
        "middle_len": 0 if plain else len(middle),
        "doc_id": number.to_bytes(16, "big"),
        "part": number % 3,
        "repo": repo,
        "path": f"src/file{number}.py",
        "revision": "",
        "license": "mit",
        "lang": ("Python", "Java")[number % 2],
        "cut_start": cut_start,
        "cut_end": cut_end,
        "deleted": 0,
        "window_start": 10,
        "window_end": cut_end + (0 if plain else len(suffix)),
        "seed": (1 << 64) - 1 - number,
    }
    return [*ids, EOT], row


def as_arrays(samples: list[Sample]) -> tuple[np.ndarray[Any, np.dtype[np.int32]], pa.Table]:
    """Tokens back to back, and the sidecar."""
    tokens = np.array([token for ids, _ in samples for token in ids], np.int32)
    return tokens, pa.Table.from_pylist([row for _, row in samples], schema=SIDECAR)


def write_runs(folder: Path, samples: list[Sample], run_of: list[int], dtype: str = "uint16") -> list[Path]:
    """Write sample i to run `run_of[i]`; returns the stems."""
    stems = []
    for run in sorted(set(run_of)):
        stems.append(folder / f"run-{run:03}")
        chosen = [sample for sample, owner in zip(samples, run_of, strict=True) if owner == run]
        write_run(stems[-1], *as_arrays(chosen), seed=SEED, dtype=dtype)
    return stems


def make_shards(
    folder: Path,
    *,
    train: int = 40,
    validation: int = 6,
    tokens_per_shard: int = 300,
    vocab_size: int = VOCAB_SIZE,
) -> Path:
    """A whole shard directory under `folder`; split `validation` may be empty."""
    shards_dir, dtype = folder / "shards", token_dtype(vocab_size)
    (shards_dir / "tokenizer").mkdir(parents=True)
    (shards_dir / "tokenizer" / "tokenizer.json").write_text("{}")
    (shards_dir / "tokenizer" / "sentinels.json").write_text(json.dumps(SENTINELS))
    splits = {
        "train": [
            make_sample(number, repo=f"t/{number % 5}", vocab_size=vocab_size) for number in range(train)
        ],
        "validation": [make_sample(1000 + number, repo="v/0") for number in range(validation)],
    }
    files, packs = [], []
    for split, samples in splits.items():
        runs = write_runs(
            folder / "runs" / split, samples, [number % 3 for number in range(len(samples))], dtype
        )
        count = shard_count(sum(len(ids) for ids, _ in samples), tokens_per_shard)
        shards = [
            merge_shard(runs, shards_dir / f"{split}-{index:05}", index=index, count=count, dtype=dtype)
            for index in range(count)
        ]
        files += [record for shard in shards for record in shard["files"]]
        indices = [
            record["path"] for shard in shards for record in shard["files"] if record["path"].endswith(".idx")
        ]
        lengths = [read_index(shards_dir / path).lengths for path in indices]
        packs.append(write_pack(shards_dir, split, ROW_LENGTH, lengths))
    header = {
        "dtype": dtype,
        "vocab_size": vocab_size,
        "recipe": {"name": "test"},
        "seed": SEED,
        "code_version": "0",
    }
    write_manifest(shards_dir, header=header, splits=list(splits), files=files, packs=packs)
    return shards_dir
