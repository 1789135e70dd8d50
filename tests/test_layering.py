"""What may import what, and how large a file and a function may grow: read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for name in ("filters", "pipeline") for path in (ROOT / name).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level names of everything that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found.add((node.module or "").split(".")[0])
    return found


def importers(name: str, folder: str) -> list[str]:
    paths = [path for path in SOURCES if path.is_relative_to(ROOT / folder) and name in imported(path)]
    return [str(path.relative_to(ROOT)) for path in paths]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_sources_are_found() -> None:
    assert len(SOURCES) > 40


def test_ray_is_imported_in_the_engine_only() -> None:
    assert importers("ray", ".") == ["pipeline/engine.py"]


@pytest.mark.parametrize("upper", ["pipeline", "trainer", "ray", "datasets"])
def test_filters_stand_below_everything(upper: str) -> None:
    assert importers(upper, "filters") == []


def test_pipeline_does_not_need_the_trainer() -> None:
    assert importers("trainer", "pipeline") == []
    assert importers("torch", "pipeline") == []


def test_init_files_are_empty_but_for_the_registry() -> None:
    written = [path for path in SOURCES if path.name == "__init__.py" and path.stat().st_size]
    assert written == [ROOT / "filters/__init__.py"]


def test_every_folder_of_code_is_a_package() -> None:
    assert [path for path in SOURCES if not (path.parent / "__init__.py").is_file()] == []


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert [path for path in SOURCES if drawers & set(path.stem.split("_"))] == []


def test_every_module_says_what_it_is() -> None:
    mute = [p for p in SOURCES if p.stat().st_size and not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert mute == []


def test_files_stay_short() -> None:
    lengths = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_functions_stay_short() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        for node in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > 60} == {}
