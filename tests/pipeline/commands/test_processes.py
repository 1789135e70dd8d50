"""The commands as processes: closed pipes, signals, full disks, and what the same command makes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.shards.verify import verify
from tests.pipeline.commands.test_commands import infill
from tests.pipeline.stack import stdlib_rows, write_corpus, write_recipe
from tests.pipeline.test_job import digests

INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""A background job's children ignore SIGINT, and then so would Python."""


def start(*arguments: object, before: str = INTERRUPTIBLE, **options: Any) -> subprocess.Popen[str]:
    """`infill ARGUMENTS` in a process of its own, after the statements `before`."""
    program = f"{before}\nfrom pipeline.commands.main import main\nmain()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    return write_recipe(folder, write_corpus(folder / "corpus", stdlib_rows(8), files=1, row_group_size=1))


@pytest.fixture(scope="module")
def expected(recipe: Path) -> dict[str, str]:
    """What an undisturbed run leaves in its shards."""
    assert infill("run", recipe, "--out", recipe.parent / "out", "--workers", 0).code == 0
    return digests(recipe.parent / "out" / "shards")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_stops_reading_is_no_failure(
    recipe: Path, expected: dict[str, str], options: list[str]
) -> None:
    out = recipe.parent / "out"
    process = start("run", recipe, "--out", out, "--workers", 0, *options, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.close()
    _, err = process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_says_how_to_go_on_and_does(
    recipe: Path, expected: dict[str, str], tmp_path: Path, number: int, code: int
) -> None:
    out = tmp_path / "out"
    many = ("--set", "engine.split_bytes=1")  # a split a document: many units, and time to be stopped
    process = start("run", recipe, "--out", out, "--workers", 0, *many, stdout=subprocess.DEVNULL)
    while process.poll() is None and not any(out.glob("signals/*/*/part-*.json")):
        os.sched_yield()
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    assert not list(out.rglob(".tmp-*"))
    assert not (out / "shards" / "manifest.json").exists()
    assert infill("run", recipe, "--out", out, "--workers", 0, *many).code == 0
    assert digests(out / "shards") == expected


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A disk of 300 kB, or None where this user may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    mounted = (
        sys.platform == "linux" and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    )
    yield disk if mounted else None
    if mounted:
        subprocess.run(["umount", str(disk)], check=True)


def check_full(process: subprocess.Popen[str], out: Path) -> None:
    """The run stopped, said so, and left only whole files."""
    _, err = process.communicate()
    assert process.returncode == 1
    assert "no space left" in err
    assert "Traceback" not in err
    assert not list(out.rglob(".tmp-*"))
    assert not (out / "shards" / "manifest.json").exists()
    assert all(pq.read_table(path) is not None for path in out.rglob("*.parquet"))


def test_a_full_disk_leaves_no_half_file_and_a_larger_one_finishes(
    recipe: Path, expected: dict[str, str], small_disk: Path | None
) -> None:
    if small_disk is None:
        pytest.skip("needs the right to mount a tmpfs; the test of a file size limit stands in for it")
    out = small_disk / "out"
    check_full(start("run", recipe, "--out", out, "--workers", 0, stdout=subprocess.DEVNULL), out)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert infill("run", recipe, "--out", out, "--workers", 0).code == 0
    assert verify(out / "shards")["ok"]
    assert digests(out / "shards") == expected


def test_a_file_size_limit_leaves_no_half_file_and_the_run_goes_on_without_it(
    recipe: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))"
    command = ("run", recipe, "--out", tmp_path / "out", "--workers", 0)
    check_full(start(*command, before=limit, stdout=subprocess.DEVNULL), tmp_path / "out")
    assert infill(*command).code == 0
    assert digests(tmp_path / "out" / "shards") == expected
