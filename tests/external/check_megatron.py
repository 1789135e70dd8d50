"""Open shards with megatron-core's IndexedDataset and compare every sample with our own reading of the bytes.

Run by hand in an environment of its own, which needs numpy and megatron-core but nothing of this project:

    python3 -m venv /tmp/megatron && /tmp/megatron/bin/pip install torch==2.13.0 megatron-core numpy
    /tmp/megatron/bin/python tests/external/check_megatron.py out/demo/shards
"""

import json
import sys
from pathlib import Path

import numpy as np
from megatron.core.datasets.indexed_dataset import IndexedDataset


def check_shard(stem: Path, dtype: str) -> int:
    """Compare one shard sample by sample; returns how many there were."""
    dataset = IndexedDataset(str(stem))
    tokens = np.fromfile(f"{stem}.bin", np.dtype(dtype).newbyteorder("<"))
    bounds = np.concatenate([[0], np.cumsum(dataset.sequence_lengths, dtype=np.int64)])
    assert bounds[-1] == len(tokens), (
        f"{stem}: Megatron counts {bounds[-1]} tokens, the file has {len(tokens)}"
    )
    assert (dataset.document_indices == np.arange(len(dataset) + 1)).all(), (
        f"{stem}: a document is not one sample"
    )
    for number in range(len(dataset)):
        expected = tokens[bounds[number] : bounds[number + 1]]
        assert dataset[number].dtype == expected.dtype, f"{stem}: Megatron reads {dataset[number].dtype}"
        assert (dataset[number] == expected).all(), f"{stem}: sample {number} differs"
    return len(dataset)


def main() -> None:
    """Check every shard that the manifest lists."""
    shards_dir = Path(sys.argv[1])
    manifest = json.loads((shards_dir / "manifest.json").read_text(encoding="utf-8"))
    records = {record["path"]: record for record in manifest["files"]}
    for name, record in records.items():
        if name.endswith(".idx"):
            count = check_shard(shards_dir / name.removesuffix(".idx"), manifest["dtype"])
            assert count == record["samples"], (
                f"{name}: Megatron sees {count} samples, not {record['samples']}"
            )
            sys.stdout.write(f"{name}: {count} samples equal\n")


if __name__ == "__main__":
    main()
