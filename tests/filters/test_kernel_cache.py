"""Compiled kernels are forgotten when a source file of their folder is newer, and only then."""

from __future__ import annotations

import os
from pathlib import Path

from filters.kernel_cache import forget_stale_kernels


def write(path: Path, *, seconds: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch()
    os.utime(path, (seconds, seconds))
    return path


def test_kernels_older_than_a_callee_are_forgotten(tmp_path: Path) -> None:
    caller = write(tmp_path / "caller.py", seconds=100)
    index = write(tmp_path / "__pycache__" / "caller.run-1.py311.nbi", seconds=200)
    code = write(tmp_path / "__pycache__" / "caller.run-1.py311.1.nbc", seconds=200)
    bytecode = write(tmp_path / "__pycache__" / "caller.cpython-311.pyc", seconds=50)
    assert forget_stale_kernels(str(caller)) == 0
    write(tmp_path / "callee.py", seconds=300)
    assert forget_stale_kernels(str(caller)) == 2
    assert not index.exists()
    assert not code.exists()
    assert bytecode.exists()
