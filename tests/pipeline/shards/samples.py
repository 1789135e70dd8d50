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

PRE, SUF, MID, EOT = 1, 3, 2, 0
BOS, FILE, NAME = 5, 6, 7
SENTINELS = {"prefix": PRE, "suffix": SUF, "middle": MID, "pad": 4, "eot": EOT, "bos": None, "lead": {}}
LED = SENTINELS | {"bos": BOS, "lead": {"<file>": FILE, "<name>": NAME}}
"""The sentinels of a dialect whose samples have leads and headers."""
UNMARKED = SENTINELS | {"bos": BOS, "middle": None}
"""The sentinels of a dialect without a middle sentinel."""
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
        "lead_len": 0,
        "header_start": 0,
        "header_len": 0,
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


def with_leads(sample: Sample, number: int) -> Sample:
    """The sample after a first token, half of them with more, and a third with a header at the prefix."""
    own, row = [token if token < BOS else max(token, NAME + 1) for token in sample[0]], sample[1]
    lead = [BOS, *([FILE, 11, 12, FILE, 13] if number // 4 % 2 else [])]
    header = [NAME, 14, 15] if number // 4 % 3 == 0 else []
    opened = {"none": 0, "spm-v2": own.index(MID) + 1 if MID in own else 0}.get(row["order"])
    at = own.index(PRE) + 1 if opened is None else opened
    moved = len(lead) + len(header)
    return [*lead, *own[:at], *header, *own[at:]], row | {
        "n_tokens": row["n_tokens"] + moved,
        "middle_start": 0 if row["order"] == "none" else row["middle_start"] + moved,
        "lead_len": len(lead),
        "header_start": len(lead) + at if header else 0,
        "header_len": len(header),
    }


def unmarked(sample: Sample) -> Sample:
    """The sample as suffix, prefix and middle without a sentinel for the middle, after a first token."""
    ids, row = sample
    if row["order"] == "none":
        return [BOS, *ids], row | {"n_tokens": row["n_tokens"] + 1, "lead_len": 1}
    start, end = row["middle_start"], row["middle_start"] + row["middle_len"]
    inner = [token for token in ids[:start] if token > BOS]
    suffix, prefix = inner[: len(inner) // 2], inner[len(inner) // 2 :]
    made = [BOS, SUF, *suffix, PRE, *prefix, *ids[start:end], EOT]
    changes = {"order": "spm-v1", "n_tokens": len(made), "lead_len": 1}
    return made, row | changes | {"middle_start": 3 + len(inner)}


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
    sentinels: dict[str, Any] = SENTINELS,
) -> Path:
    """A whole shard directory under `folder`; split `validation` may be empty.

    `sentinels` is one of SENTINELS, LED and UNMARKED.
    """
    shards_dir, dtype = folder / "shards", token_dtype(vocab_size)
    (shards_dir / "tokenizer").mkdir(parents=True)
    (shards_dir / "tokenizer" / "tokenizer.json").write_text("{}")
    (shards_dir / "tokenizer" / "sentinels.json").write_text(json.dumps(sentinels))
    splits = {
        "train": [
            make_sample(number, repo=f"t/{number % 5}", vocab_size=vocab_size) for number in range(train)
        ],
        "validation": [make_sample(1000 + number, repo="v/0") for number in range(validation)],
    }
    if sentinels is LED:
        splits = {name: [with_leads(one, n) for n, one in enumerate(own)] for name, own in splits.items()}
    if sentinels is UNMARKED:
        splits = {name: [unmarked(one) for one in own] for name, own in splits.items()}
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
        "loss": "all",
    }
    write_manifest(shards_dir, header=header, splits=list(splits), files=files, packs=packs)
    return shards_dir
