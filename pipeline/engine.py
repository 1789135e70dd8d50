"""The engine: Ray Core tasks over units of work, or a plain loop. The only file that imports Ray.

`map_units` keeps a bounded number of tasks in flight and yields outcomes as they finish. An exception in a
unit stops the run; a unit whose *worker* dies is tried again a few times and then given up as `UnitLost`.
Workers use one thread a library. A local Ray takes about 6 s to start, so it starts only when there is work.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Self

LIBRARIES = ("POLARS_MAX", "RAYON_NUM", "OMP_NUM", "OPENBLAS_NUM", "NUMBA_NUM")
THREAD_LIMITS = {f"{name}_THREADS": "1" for name in LIBRARIES}
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_enable_metrics_collection": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
OBJECT_STORE_BYTES = 128 << 20  # tasks exchange counts and paths only; data goes through files


@dataclass(frozen=True)
class Outcome:
    """A unit's result and the most resident memory that its process has had, in bytes."""

    result: Any
    peak_memory_bytes: int


@dataclass(frozen=True)
class UnitLost:
    """A unit whose worker died more often than the retry cap allows."""

    message: str


def peak_memory_bytes() -> int:
    """The largest resident set of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _call(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    return Outcome(work(*arguments), peak_memory_bytes())


def _fetch(reference: Any) -> Outcome | UnitLost:
    """The result of a finished task; its own exception is raised, the death of its worker is a value."""
    import ray  # noqa: PLC0415

    try:
        outcome: Outcome = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.as_instanceof_cause() from None  # type: ignore[no-untyped-call]
    except ray.exceptions.RayError as error:
        return UnitLost(
            f"its worker died ({type(error).__name__}) more often than engine.retries allows; see Ray's logs"
        )
    return outcome


Job = tuple[int, tuple[Any, ...]]
"""A unit's index and the arguments of its work function."""


@dataclass
class Engine:
    """Runs units: `workers` = 0 is a loop in this process, else Ray with that many CPUs (None: all of them).

    `address` joins a cluster that runs already (`auto`, `ray://host:port`) instead of starting one.
    """

    workers: int | None = None
    address: str | None = None
    retries: int = 3
    _remote: Any = field(default=None, init=False)
    _slots: int = field(default=1, init=False)
    _largest_node: int = field(default=1, init=False)
    _stdout: ExitStack = field(default_factory=ExitStack, init=False)
    """While Ray runs, stdout is stderr: Ray prints the death of a worker there, amid our results."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._remote is not None:
            import ray  # noqa: PLC0415

            ray.shutdown()
            self._stdout.close()
            self._remote = None

    def map_units(
        self, work: Callable[..., Any], jobs: Sequence[Job], *, cpus: int = 1
    ) -> Iterator[tuple[int, Outcome | UnitLost]]:
        """Call `work(*arguments)` for each (index, arguments); yield (index, outcome) as they finish, in any
        order.
        """
        if not jobs:
            return
        if self.workers == 0:
            for index, arguments in jobs:
                yield index, _call(work, arguments)
            return
        yield from self._map_remote(work, list(jobs), cpus)

    def _map_remote(
        self, work: Callable[..., Any], jobs: list[Job], cpus: int
    ) -> Iterator[tuple[int, Outcome | UnitLost]]:
        self._start()
        import ray  # noqa: PLC0415

        task = self._remote.options(num_cpus=min(cpus, self._largest_node), max_retries=0)
        waiting = jobs[::-1]
        in_flight: dict[Any, Job] = {}
        deaths: Counter[int] = Counter()
        while waiting or in_flight:
            while waiting and len(in_flight) < 2 * self._slots:
                job = waiting.pop()
                in_flight[task.remote(work, job[1])] = job
            (ready,), _ = ray.wait(list(in_flight), num_returns=1)
            job = in_flight.pop(ready)
            outcome = _fetch(ready)
            if isinstance(outcome, UnitLost):
                deaths[job[0]] += 1
                if deaths[job[0]] <= self.retries:
                    waiting.append(job)
                    continue
            yield job[0], outcome

    def _start(self) -> None:
        if self._remote is not None:
            return
        self._stdout.enter_context(redirect_stdout(sys.stderr))
        os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
        import logging  # noqa: PLC0415

        import ray  # noqa: PLC0415

        on_termination = signal.getsignal(signal.SIGTERM)
        workers = {"env_vars": {**THREAD_LIMITS, **QUIET}}
        options: dict[str, Any] = {
            "logging_level": logging.ERROR,
            "log_to_driver": False,
            "runtime_env": workers,
        }
        if self.address:
            ray.init(address=self.address, **options)
        else:
            count = self.workers or os.cpu_count() or 1
            ray.init(
                num_cpus=count, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **options
            )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_termination)  # Ray puts its own handler, which dumps its stacks
        nodes = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        self._slots, self._largest_node = max(1, sum(nodes)), max(1, *nodes)
        self._remote = ray.remote(_call)
