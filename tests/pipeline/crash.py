"""Run a recipe in this process and die by SIGKILL at the n-th commit: `python -m tests.pipeline.crash N
RECIPE OUT`.

The kill comes either just before the sync of a temporary file (odd N) or just after its rename (even N), the
two places where a commit protocol can be wrong.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pipeline import store
from pipeline.chain import run_job
from pipeline.engine import Engine
from pipeline.job import Job
from pipeline.lock import locked
from pipeline.recipe import load_recipe
from pipeline.units import Runner


def main() -> None:
    deadly, recipe, out = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    synced = 0
    original = store._sync

    def sync(
        path: Path,
    ) -> None:  # called twice a commit: on the temporary file, and on the folder after the rename
        nonlocal synced
        synced += 1
        if synced == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        original(path)

    store._sync = sync
    with locked(out):
        run_job(Job(load_recipe(recipe), out, Runner(Engine(workers=0))))


if __name__ == "__main__":
    main()
