"""Ingest: which files of a folder become documents, what is written of them, and the environment's corpus."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.engine import Engine
from pipeline.ingest import (
    MAX_FILE_BYTES,
    STACK_V1,
    ingest_repository,
    ingest_units,
    installed_packages,
    standard_library,
)
from pipeline.units import Receipt, Runner

HELLO = "print('hé')\n\nx = 1\n"


def ingest(*sources: Path | str, out: Path) -> tuple[list[Receipt], list[dict[str, Any]], int]:
    """The receipts and rows of all repositories, and how many were cached."""
    units = ingest_units([str(source) for source in sources], out)
    report = Runner(Engine(workers=0)).run_stage("ingest", ingest_repository, units)
    receipts = [receipt for own in report.receipts for receipt in own]
    rows = [row for unit in units for row in pq.read_table(unit.products[0].path).to_pylist()]
    return receipts, rows, report.units_cached


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with good files, and one of each kind that is left out."""
    root = tmp_path / "mytool"
    (root / "src").mkdir(parents=True)
    (root / "src" / "hello.py").write_text(HELLO, encoding="utf-8")
    (root / "main.go").write_text("package main\n")
    (root / "empty.py").write_bytes(b"")
    (root / "latin.py").write_bytes("# caf\xe9\n".encode("latin-1"))
    (root / "large.py").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    (root / "limit.py").write_bytes(b"#" * MAX_FILE_BYTES)
    (root / "LICENSE").write_text("Not a licence that anyone knows.\n")
    (root / "photo.jpeg").write_bytes(b"\xff\xd8")
    for hidden in (".venv", "__pycache__", "site-packages"):
        (root / hidden).mkdir()
        (root / hidden / "hidden.py").write_text("x = 1\n")
    (root / "link.py").symlink_to("src/hello.py")
    (root / "linked").symlink_to("src")
    return root


def test_folder_is_counted_file_by_file(folder: Path, tmp_path: Path) -> None:
    (receipt,), rows, _ = ingest(folder, out=tmp_path / "out")
    assert [row["max_stars_repo_path"] for row in rows] == ["limit.py", "main.go", "src/hello.py"]
    assert (receipt.rows_in, receipt.rows_out) == (6, 3)
    assert receipt.dropped == {"empty": 1, "too_large": 1, "not_utf8": 1}


def test_rows_have_the_stacks_schema_and_meaning(folder: Path, tmp_path: Path) -> None:
    _, rows, _ = ingest(folder, out=tmp_path / "out")
    assert pq.read_schema(tmp_path / "out" / "mytool.parquet").equals(STACK_V1)
    row = rows[2]
    assert row["content"] == HELLO
    assert (row["size"], row["ext"], row["lang"]) == (len(HELLO.encode()), "py", "Python")
    assert (row["max_stars_repo_name"], row["max_stars_repo_head_hexsha"]) == ("mytool", "")
    assert (row["max_stars_repo_licenses"], row["max_stars_count"]) == ([], None)
    assert row["max_line_length"] == len("print('hé')")
    assert row["avg_line_length"] == pytest.approx((len("print('hé')") + 0 + len("x = 1")) / 3)
    alphanumeric = sum(character.isalnum() for character in HELLO)
    assert row["alphanum_fraction"] == pytest.approx(alphanumeric / len(HELLO))


def test_hexsha_is_gits_blob_id(folder: Path, tmp_path: Path) -> None:
    _, rows, _ = ingest(folder, out=tmp_path / "out")
    assert rows[1]["hexsha"] == "06ab7d0f9a35a7d1070711496d6ca1cb892a258f"  # of "package main\n"
    for row in rows if shutil.which("git") else []:
        command = ["git", "hash-object", str(folder / row["max_stars_repo_path"])]
        assert (
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            == row["hexsha"]
        )


def test_file_whose_name_is_not_utf8_is_left_out_and_counted(tmp_path: Path) -> None:
    root = tmp_path / "old"
    root.mkdir()
    (root / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")
    (root / "a.py").write_text("x = 1\n")
    (receipt,), rows, _ = ingest(root, out=tmp_path / "out")
    assert [row["max_stars_repo_path"] for row in rows] == ["a.py"]
    assert receipt.dropped["not_utf8"] == 1


def test_folder_without_source_files_gives_a_file_without_rows(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (receipt,), rows, _ = ingest(tmp_path / "bare", out=tmp_path / "out")
    assert (receipt.rows_in, rows) == (0, [])


def test_second_ingest_does_only_what_changed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.py").write_text("x = 1\n")
    assert ingest(folder, other, out=tmp_path / "out")[2] == 0
    assert ingest(folder, other, out=tmp_path / "out")[2] == 2
    (other / "b.py").write_text("x = 2\n")
    _, rows, cached = ingest(folder, other, out=tmp_path / "out")
    assert cached == 1
    assert len(rows) == 5


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "tool").mkdir(parents=True)
    with pytest.raises(ValueError, match="two sources are called tool; a repository's name must be its own"):
        ingest_units([str(tmp_path / "a" / "tool"), str(tmp_path / "b" / "tool")], tmp_path / "out")


def test_source_that_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is neither `env` nor a folder"):
        ingest_units([str(tmp_path / "none")], tmp_path / "out")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"HEAD": "ref: refs/heads/main\n", "refs/heads/main": "c0ffee\n"}, "c0ffee"),
        ({"HEAD": "deadbeef\n"}, "deadbeef"),
        (
            {
                "HEAD": "ref: refs/heads/main\n",
                "packed-refs": "# pack-refs with: peeled\nbad refs/heads/not-main\nfeed refs/heads/main\n",
            },
            "feed",
        ),
        ({"HEAD": "ref: refs/heads/unborn\n"}, ""),
    ],
    ids=["branch", "detached", "packed", "unborn"],
)
def test_checkout_carries_its_commit(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    root = tmp_path / "checkout"
    for name, text in files.items():
        path = root / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "a.py").write_text("x = 1\n")
    _, (row,), _ = ingest(root, out=tmp_path / "out")
    assert row["max_stars_repo_head_hexsha"] == expected


def test_standard_library_is_a_repository_of_its_own() -> None:
    library = standard_library()
    assert (library.name, library.revision, library.license) == (
        "python",
        platform.python_version(),
        "PSF-2.0",
    )
    assert {"textwrap.py", "json/decoder.py"} <= set(library.files)
    assert not any("site-packages" in path for path in library.files)


def test_installed_packages_are_repositories_with_versions_and_licences() -> None:
    found = {repository.name: repository for repository in installed_packages()}
    assert {"numpy", "click", "pytest"} <= set(found)
    assert found["pytest"].revision == pytest.__version__
    assert found["pytest"].license == "MIT"
    assert found["click"].license == "BSD-3-Clause"
    assert "click/core.py" in found["click"].files
    assert all(
        (repository.root / path).is_file() for repository in found.values() for path in repository.files[:5]
    )
    assert "infill" not in found


def test_broken_and_oddly_encoded_installations_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nameless-1.0.dist-info").mkdir()
    (tmp_path / "nameless-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\n")
    odd = tmp_path / "odd-2.0.dist-info"
    odd.mkdir()
    (odd / "METADATA").write_text("Metadata-Version: 2.1\nName: Odd\nVersion: 2.0\nLicense-Expression: ISC\n")
    (odd / "LICENSE").write_bytes("Copyright Ren\xe9\n".encode("latin-1"))
    (odd / "RECORD").write_text("odd.py,,\ngone.py,,\n../escaped.py,,\nodd-2.0.dist-info/LICENSE,,\n")
    (tmp_path / "odd.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {repository.name: repository for repository in installed_packages()}
    assert (found["odd"].revision, found["odd"].files, found["odd"].license) == ("2.0", ("odd.py",), "ISC")
    assert "" not in found
