"""One corpus, many ways to run it, one digest: `python -m tests.external.determinism RECIPE CORPUS`.

Runs the recipe with 0, 1 and 2 workers, on a cluster of two nodes, with other batches and splits, with the
files under other names (so in another order), and under other hash seeds and locales. Prints the sha256 over
all shard files of each, and fails if they are not all the same. About half a minute a run on the demo's
corpus.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.external.chaos import digest


def renamed(corpus: Path, folder: Path) -> Path:
    """The same files under names that sort the other way round."""
    folder.mkdir()
    for number, path in enumerate(sorted(corpus.glob("*.parquet"), reverse=True)):
        shutil.copy2(path, folder / f"{number:04d}-{path.name}")
    return folder


def run(recipe: str, corpus: Path, out: Path, options: list[str], variables: dict[str, str]) -> str:
    source = ["--set", "source.env=false", "--set", f"source.path={corpus}"]
    command = [sys.executable, "-m", "pipeline", "run", recipe, "--out", str(out), *source, *options]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **variables})
    found = digest(out)
    shutil.rmtree(out)
    return found


def main() -> None:
    from ray.cluster_utils import Cluster

    recipe, corpus = sys.argv[1], Path(sys.argv[2])
    scratch = Path(tempfile.mkdtemp(prefix="infill-determinism-"))
    batches = ["--set", "engine.batch_bytes=700000", "--set", "engine.split_bytes=3000000"]
    batches += ["--set", "engine.dedup_bytes=1000000"]
    ways: list[tuple[str, Path, list[str], dict[str, str]]] = [
        ("--workers 0", corpus, ["--workers", "0"], {}),
        ("--workers 1", corpus, ["--workers", "1"], {}),
        ("--workers 2", corpus, ["--workers", "2"], {}),
        ("other batches and splits", corpus, ["--workers", "2", *batches], {}),
        ("files in reverse order", renamed(corpus, scratch / "renamed"), ["--workers", "2"], {}),
        (
            "PYTHONHASHSEED=1 LC_ALL=tr_TR.UTF-8",
            corpus,
            ["--workers", "2"],
            {"PYTHONHASHSEED": "1", "LC_ALL": "tr_TR.UTF-8"},
        ),
        ("PYTHONHASHSEED=2 LC_ALL=C", corpus, ["--workers", "0"], {"PYTHONHASHSEED": "2", "LC_ALL": "C"}),
    ]
    found = {}
    for name, source, options, variables in ways:
        found[name] = run(recipe, source, scratch / "out", options, variables)
        print(f"{found[name]}  {name}", flush=True)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20})
    cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    found["cluster"] = run(recipe, corpus, scratch / "out", ["--address", cluster.address], {})
    cluster.shutdown()
    print(f"{found['cluster']}  --address of a cluster of two nodes", flush=True)
    shutil.rmtree(scratch)
    assert len(set(found.values())) == 1, "the bytes differ"


if __name__ == "__main__":
    main()
