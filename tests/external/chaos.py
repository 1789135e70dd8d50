"""Kill real runs at random moments: `python -m tests.external.chaos RECIPE [--kills 20] [--seed 1] [-- run
options]`.

Half of the kills hit the driver, whose command is then run again; half hit a Ray worker, whose run must go on
by itself. Each time the shards must have the bytes of an undisturbed run, and a resumed run must find
finished units. Takes about a minute a kill on the demo; run by hand, as it depends on timing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def command(recipe: str, out: Path, options: list[str]) -> list[str]:
    return [sys.executable, "-m", "pipeline", "run", recipe, "--out", str(out), "--json", *options]


def finish(recipe: str, out: Path, options: list[str]) -> dict[str, Any]:
    done = subprocess.run(command(recipe, out, options), check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def digest(out: Path) -> str:
    state = hashlib.sha256()
    for path in sorted((out / "shards").rglob("*")):
        if path.is_file():
            state.update(str(path.relative_to(out)).encode() + hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()


def ray_workers() -> list[int]:
    """Processes of Ray that are running one of our tasks."""
    listed = subprocess.run(
        ["ps", "-eo", "pid,args"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if "ray::_call" in line]


def kill_driver(recipe: str, out: Path, options: list[str], delay: float) -> tuple[dict[str, Any], str]:
    run = subprocess.Popen(
        command(recipe, out, options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(delay)
    run.send_signal(signal.SIGKILL)
    run.wait()
    report = finish(recipe, out, options)
    cached = sum(stage["units_cached"] for stage in report["stages"])
    return report, f"driver killed after {delay:4.1f} s; {cached} units found finished"


def kill_worker(recipe: str, out: Path, options: list[str], delay: float) -> tuple[dict[str, Any], str]:
    run = subprocess.Popen(
        command(recipe, out, options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(delay)
    workers: list[int] = []
    while not workers and run.poll() is None:  # the next moment at which a task is running
        workers = ray_workers()
    for pid in workers[:1]:
        os.kill(pid, signal.SIGKILL)
    output, messages = run.communicate()
    assert run.returncode == 0, f"exit code {run.returncode} after the death of {workers}: {messages}"
    report = json.loads(output)
    return report, f"worker killed after {delay:4.1f} s ({len(workers)} were at work)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    own, _, options = " ".join(sys.argv[1:]).partition(" -- ")
    arguments = parser.parse_args(own.split())
    arguments.options = options.split()
    moments = random.Random(arguments.seed)
    scratch = Path(tempfile.mkdtemp(prefix="infill-chaos-"))
    finish(arguments.recipe, scratch / "warm", [*arguments.options, "--limit", "50"])  # compiles the kernels
    started = time.monotonic()
    clean = finish(arguments.recipe, scratch / "clean", arguments.options)
    length = time.monotonic() - started
    expected = digest(scratch / "clean")
    print(f"undisturbed: {length:.1f} s, {clean['tokens']:,} tokens, {expected}", flush=True)
    for number in range(arguments.kills):
        out = scratch / f"run-{number}"
        kill = kill_driver if number % 2 == 0 else kill_worker
        report, told = kill(arguments.recipe, out, arguments.options, moments.uniform(1, 0.75 * length))
        same = digest(out) == expected and report["tokens"] == clean["tokens"]
        print(f"{number + 1:2d} {told}: {'same bytes' if same else 'DIFFERENT BYTES'}", flush=True)
        assert same
        shutil.rmtree(out)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
