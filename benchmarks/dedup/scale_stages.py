"""What each stage takes: seconds, CPU, bytes written, and the memory of the largest process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.dedup.processes import alive_family
from pipeline.dedup.work import INNER_STAGE
from pipeline.units import Receipt, Runner, Unit

EVERY_SECONDS = 0.1
MB = 1_000_000
LINE = (
    "  {stage:<24}{seconds:>9.2f} s{cpu_seconds:>9.2f} s CPU{units:>6} units{written_mb:>9,} MB written"
    "{peak_mb:>7,} MB peak"
)


@dataclass
class Watch:
    """The largest resident set of one process of ours, looked at ten times a second."""

    largest: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def take(self) -> int:
        """The largest since the last call."""
        found, self.largest = self.largest, 0
        return found

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self._done.wait(EVERY_SECONDS):
            for pid in alive_family({os.getpid()}):
                try:
                    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
                except (OSError, IndexError):  # it has ended since
                    continue
                self.largest = max(self.largest, resident)


@dataclass
class Stages:
    """Runs stages as dedup asks, and notes what each took."""

    runner: Runner
    folder: Path
    watch: Watch
    disk_peak: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self, name: str, work: Callable[..., list[Receipt]], units: Sequence[Unit]
    ) -> list[list[Receipt]]:
        before = size_of(self.folder)
        self.watch.take()
        cpu = cpu_seconds()
        report = self.runner.run_stage(name, work, units)
        if report.lost:
            raise RuntimeError(f"{name}: {report.lost[0].message}")
        after = size_of(self.folder)
        self.disk_peak = max(self.disk_peak, after)
        row = {
            "stage": name.removeprefix("dedup: "),
            "seconds": round(report.seconds, 2),
            "cpu_seconds": round(cpu_seconds() - cpu, 2),
            "units": report.units,
            "written_mb": round((after - before) / MB),
            "peak_mb": round(self.watch.take() / MB),
            "process_peak_mb": round(report.peak_memory_bytes / MB),
        }
        self.rows.append(row)
        print(LINE.format(**row), flush=True)
        if name == INNER_STAGE + "runs":
            remove_signatures(self.folder)
        return report.receipts


def cpu_seconds() -> float:
    """CPU time that this process and its descendants have used; those that ended do not count."""
    ticks = 0
    for pid in alive_family({os.getpid()}):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def remove_signatures(scratch: Path) -> None:
    """Runs have them now: without this, 50 million documents do not fit our disk."""
    for path in (scratch / "input").glob("minhash-*"):
        path.unlink()


def size_of(folder: Path) -> int:
    """Bytes of all files under a folder."""
    found = 0
    for path, _, names in os.walk(folder):
        for name in names:
            found += os.stat(os.path.join(path, name)).st_size
    return found
