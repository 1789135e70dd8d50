"""docs/adding-a-filter.md, followed to the letter in a copy of the repository's packages."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adding-a-filter.md"
BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("filters", "pipeline", "tests/__init__.py", "tests/filters", "tests/golden", "pyproject.toml")


class Followed(NamedTuple):
    root: Path
    printed: str


def blocks(language: str) -> list[tuple[str, str]]:
    """(file, text) of the page's blocks of a language."""
    return [(file, text) for kind, file, text in BLOCK.findall(PAGE.read_text("utf-8")) if kind == language]


def command(line: str, root: Path) -> str:
    words = shlex.split(line)
    program = [sys.executable, *(["-m", "pipeline"] if words[0] == "infill" else [])]
    environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "100"}
    ran = subprocess.run(
        [*program, *words[1:]], check=False, cwd=root, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    root = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        (root / name).parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, root / name)
    (new, code), (registry, line) = blocks("python")
    assert not (root / new).exists()
    (root / new).write_text(code, encoding="utf-8")
    text = (root / registry).read_text("utf-8")
    end = text.index("\n}\n", text.index("REGISTRY")) + 1
    (root / registry).write_text(text[:end] + line + text[end:], encoding="utf-8")
    printed = [command(line, root) for _, text in blocks("sh") for line in text.splitlines()]
    return Followed(root, printed[-1])


def test_output_is_that_of_the_page(followed: Followed) -> None:
    ((_, promised),) = blocks("text")
    printed = [line.rstrip() for line in followed.printed.splitlines()]
    assert printed == promised.splitlines()


def test_golden_file_holds_what_the_filter_says(followed: Followed) -> None:
    golden = json.loads((followed.root / "tests/golden/filters/digits.json").read_text("utf-8"))
    assert golden["version"] == 1
    assert len({signals["digit_fraction"] for signals in golden["signals"]}) > 2


def test_filter_is_clean_by_the_house_rules_and_its_example_holds(followed: Followed) -> None:
    for check in ("check", "format --check"):
        asked = f"python -m ruff {check} --config {ROOT / 'pyproject.toml'} filters/digits.py"
        command(asked, followed.root)
    command("python -m doctest -o ELLIPSIS filters/digits.py", followed.root)


def test_the_filter_is_in_every_place_that_lists_filters(followed: Followed) -> None:
    listed = json.loads(command("infill filters --json", followed.root))
    assert listed[-1]["name"] == "digits"
    assert listed[-1]["fields"]["hexadecimal"]["help"] == "count the letters a to f, too"
    assert "--digits.hexadecimal" in command("infill filter all --help", followed.root)
