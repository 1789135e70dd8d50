"""A run that is killed at any commit resumes, does nothing twice, and ends with the bytes of an undisturbed
run.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.lock import locked
from tests.pipeline.stack import stdlib_rows, write_corpus, write_recipe
from tests.pipeline.test_job import digests, run


@pytest.mark.slow
def test_killed_runs_resume_to_the_same_bytes(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", stdlib_rows(24), files=2))
    _, clean = run(recipe, tmp_path / "clean")
    out = tmp_path / "killed"
    deaths = 0
    for deadly in (1, 2, 9, 16, 23, 30, 41, 60):  # each run goes on where the one before it died
        command = [sys.executable, "-m", "tests.pipeline.crash", str(deadly), str(recipe), str(out)]
        deaths += subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
        assert not (out / "shards" / "manifest.json").exists()
    assert deaths == 8
    with locked(out):
        assert not list(out.rglob(".tmp-*"))
        _, report = run(recipe, out)
    cached = sum(stage["units_cached"] for stage in report["stages"])
    assert 0 < cached < sum(stage["units"] for stage in report["stages"])
    assert digests(out / "shards") == digests(tmp_path / "clean" / "shards")
    assert report["funnel"] == clean["funnel"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting",
    [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo"},
    ],
)
def test_bytes_do_not_depend_on_hash_seed_locale_or_time_zone(
    tmp_path: Path, setting: dict[str, str]
) -> None:
    import os

    recipe = write_recipe(tmp_path, write_corpus(tmp_path / "corpus", stdlib_rows(24), files=2))
    run(recipe, tmp_path / "here")
    command = [
        sys.executable,
        "-m",
        "pipeline",
        "run",
        str(recipe),
        "--out",
        str(tmp_path / "there"),
        "--workers",
        "0",
    ]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **setting})
    assert digests(tmp_path / "there" / "shards") == digests(tmp_path / "here" / "shards")
