"""One run at a time on an output folder, whatever happened to the last one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.lock import locked

HOLD = """
import sys
from pathlib import Path
from pipeline.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(out: Path) -> subprocess.Popen[str]:
    """Another process that holds `out` until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str], *, kill: bool) -> None:
    if kill:
        process.kill()
    process.communicate("\n" if not kill else None)


def test_second_run_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = holder(out)
    temporary = out / ".tmp-0123456789ab-of-the-first"
    temporary.write_bytes(b"half")
    refusal = rf"{out} is in use by another run \(process {process.pid} on .* give another --out"
    with pytest.raises(ValueError, match=refusal), locked(out):
        pass
    assert temporary.exists(), "the first run's unfinished file was taken from it"
    end(process, kill=False)
    with locked(out):
        pass


def test_lock_of_a_killed_run_is_taken_over_and_its_rubbish_removed(tmp_path: Path) -> None:
    process = holder(tmp_path)
    (tmp_path / "signals").mkdir()
    (tmp_path / "signals" / ".tmp-0a1b0a1b0a1b-part-00000.parquet").write_bytes(b"half")
    (tmp_path / "signals" / "part-00001.parquet").write_bytes(b"whole")
    end(process, kill=True)
    assert f"process {process.pid}" in (tmp_path / "run.lock").read_text(encoding="utf-8")
    with locked(tmp_path):
        assert f"process {os.getpid()}" in (tmp_path / "run.lock").read_text(encoding="utf-8")
        assert [path.name for path in (tmp_path / "signals").iterdir()] == ["part-00001.parquet"]


def test_lock_is_free_after_a_run_that_failed(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path):
        pass
