"""Run a command, and measure its wall clock and the memory of all its processes.

Memory is the sum of the proportional set sizes (PSS: shared pages count once) of the command and all its
descendants, read from /proc every fifth of a second; so a shorter peak is missed. `largest` is the largest
resident set of one process. Linux only.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EVERY_SECONDS = 0.2
TAIL = 2000  # characters of a failed command's output that are shown


@dataclass(frozen=True)
class Run:
    """What a command took and said."""

    seconds: float
    peak_bytes: int
    """Of all processes together."""
    largest_bytes: int
    """Of the largest process."""
    output: str


class CommandError(RuntimeError):
    """A command that failed or took too long."""


def measure(
    command: Sequence[str], log: Path, *, limit: float, environment: Mapping[str, str] | None = None
) -> Run:
    """Run `command` to its end; its stderr goes to `log`. Raises CommandError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
        watch = _Watch(process.pid)
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            watch.kill()
            process.communicate()
            raise CommandError(f"{command[0]}: not done after {limit:.0f} s") from error
        finally:
            watch.stop()
    seconds = time.perf_counter() - started
    if process.returncode:
        told = (log.read_text("utf-8", "replace") + output.decode("utf-8", "replace"))[-TAIL:]
        raise CommandError(f"{' '.join(command)} ended with {process.returncode}:\n{told}")
    return Run(seconds, watch.peak, watch.largest, output.decode("utf-8", "replace"))


class _Watch:
    """A thread that looks at a process and its descendants, also those whose parent has ended since."""

    def __init__(self, root: int) -> None:
        self.peak = self.largest = 0
        self._known = {root}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def kill(self) -> None:
        """End them all."""
        for pid in sorted(self._known):
            subprocess.run(["kill", "-9", str(pid)], check=False, stderr=subprocess.DEVNULL)

    def _look(self) -> None:
        while not self._done.wait(EVERY_SECONDS):
            self._known = alive_family(self._known)
            sizes = [_sizes(pid) for pid in self._known]
            self.peak = max(self.peak, sum(pss for pss, _ in sizes))
            self.largest = max([self.largest, *(rss for _, rss in sizes)])


def alive_family(known: set[int]) -> set[int]:
    """Those of `known` that are alive, and all their descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    alive = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (parent := _parent(folder)) is not None:
            alive.add(int(folder.name))
            children[parent].append(int(folder.name))
    found: set[int] = set()
    waiting = [pid for pid in known if pid in alive]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children[pid]
    return found


def _parent(folder: Path) -> int | None:
    """The parent's id: the second field after the name, which stands in brackets."""
    try:
        return int((folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):  # it has ended since
        return None


def _sizes(pid: int) -> tuple[int, int]:
    """(PSS, RSS) in bytes; zeros if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0, 0
    values = {line.partition(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
    return 1024 * int(values.get("Pss", 0)), 1024 * int(values.get("Rss", 0))
