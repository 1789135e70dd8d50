"""One run at a time on an output folder: an advisory lock that the kernel drops when its holder dies.

The lock file names its holder, so that the second run can say who is at work; a dead run's file is taken
over.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.store import remove_temporaries


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold `out` for this process and clear what killed writers left. Raises ValueError naming the holder."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "run.lock"
    with path.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip()
            raise ValueError(
                f"{out} is in use by another run ({holder}): wait for it, stop it, or give another --out"
            ) from None
        stream.seek(0)
        stream.truncate()
        stream.write(f"process {os.getpid()} on {socket.gethostname()}: {' '.join(sys.argv)}\n")
        stream.flush()
        remove_temporaries(out)
        yield
        stream.truncate(0)
