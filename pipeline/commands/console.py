"""Terminal output shared by the commands: consoles, byte counts, and a progress display of stages.

Results go to stdout and everything else to stderr. Who reads stdout may stop reading (`infill run … | head`):
what is left is then thrown away, and the command ends as it would have.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@functools.cache
def error_console() -> Console:
    """The console for messages and progress: stderr."""
    return Console(stderr=True)


class _Output(Console):
    """Stdout; rich's own way with a closed pipe is to exit with 1, whatever the command has to say."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _discard_output()


def _discard_output() -> None:
    """Send the rest of stdout nowhere: the interpreter would complain when it flushes it at exit."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)


@functools.cache
def output_console() -> Console:
    """The console for results: stdout."""
    return _Output()


def print_json(value: object) -> None:
    """A result for machines, on stdout."""
    try:
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()


def say_error(text: str, *, mark: str = "error:") -> None:
    """A message on stderr, unbroken, after a red mark; brackets in it are text, not markup."""
    error_console().print(f"[bold red]{mark}[/]", end=" ")
    error_console().print(text, markup=False, highlight=False, soft_wrap=True)


def megabytes(count: Any) -> str:
    """10^6 bytes with one decimal; unknown is a dash."""
    return "–" if count is None else f"{count / 1e6:,.1f}"


def number(count: Any) -> str:
    """An integer with thousands separators; unknown is a dash."""
    return "–" if count is None else f"{count:,}"


class StageProgress:
    """A bar a stage on a terminal, a line a stage elsewhere; a resource that must be closed."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = error_console()
        self._lines = not console.is_terminal and not quiet
        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=console, disable=quiet or not console.is_terminal)
        self._tasks: dict[str, Any] = {}
        self._started: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell that `done` of `total` units of a stage are finished."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._started[stage] = time.monotonic()
        self._bars.update(self._tasks[stage], completed=done, total=total)
        if self._lines and done == total:
            seconds = time.monotonic() - self._started[stage]
            error_console().print(f"{stage:<18} {total:>6,} units  {seconds:8.1f} s", highlight=False)
