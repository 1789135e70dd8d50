"""Trees: which files of a repository an import means.

A repository's paths are indexed by their ends, so that an import is found whatever folder the sources stand
in: `a.b` is `a/b.py`, `src/a/b.py`, or whatever else ends so; of several the one in the nearest folder above
the importing file, then the least deep, then the first by path. Each look-up costs as many steps as the path
has folders. Paths of over 1,000 characters, and folders beyond 32, are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import normpath
from typing import Final

MAX_PATH_CHARACTERS: Final = 1000
MAX_FOLDERS: Final = 32
MAX_DEPENDENCIES: Final = 256

_PYTHON_ENDS: Final = (".py", "/__init__.py", ".pyi", "/__init__.pyi", ".pyx", ".pxd")
_JAVASCRIPT_ENDS: Final = (
    *("", ".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".json"),
    *("/index.ts", "/index.tsx", "/index.d.ts", "/index.js", "/index.jsx", "/index.mjs", "/index.cjs"),
)
_COMPILED: Final = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
"""TypeScript names the file that it will become: `./a.js` is `a.ts` in the sources."""


@dataclass(frozen=True)
class Tree:
    """The files of a repository, numbered in the order of `paths`, by what an import may call them."""

    paths: Sequence[str]
    files: dict[str, int]
    ends: dict[str, int]
    """The best file that ends so, after a slash or as a whole."""
    folders: dict[str, list[int]]
    """The files that stand in a folder itself."""
    folder_ends: dict[str, str]


def build_tree(paths: Sequence[str]) -> Tree:
    """Index paths, which are sorted."""
    tree = Tree(paths, {}, {}, {}, {})
    clean = [(path.lstrip("/"), number) for number, path in enumerate(paths)]
    known = [(path, number) for path, number in clean if 0 < len(path) <= MAX_PATH_CHARACTERS]
    for path, number in sorted(known, key=lambda item: (item[0].count("/"), item[0], item[1])):
        tree.files.setdefault(path, number)
        folder = path.rpartition("/")[0]
        tree.folders.setdefault(folder, []).append(number)
        for end in _ends(path):
            tree.ends.setdefault(end, number)
        for end in _ends(folder):
            tree.folder_ends.setdefault(end, folder)
    return tree


def dependencies(tree: Tree, path: str, family: str, imports: Sequence[str], repo: str) -> list[int]:
    """The numbers of the files that a file imports, in the order of its imports, each once and not itself.

    No more than 256: a package of Go or Java may have more files.
    """
    path = path.lstrip("/")
    if len(path) > MAX_PATH_CHARACTERS:
        return []
    folder = path.rpartition("/")[0]
    found: list[int] = []
    for name in imports:
        if family == "python":
            found += _python(tree, folder, name)
        elif family == "javascript":
            found += _javascript(tree, folder, name)
        elif family == "java":
            found += _java(tree, name)
        elif family == "go":
            found += _go(tree, name, repo)
        elif family == "c":
            found += _c(tree, folder, name)
    own = tree.files.get(path)
    return [number for number in dict.fromkeys(found) if number != own][:MAX_DEPENDENCIES]


def _ends(path: str) -> Iterator[str]:
    """The path, and what is left of it after each of its slashes, the longest first."""
    for _ in range(MAX_FOLDERS):
        if path:
            yield path
        _, slash, path = path.partition("/")
        if not slash:
            return


def _above(folder: str) -> Iterator[str]:
    """The folder with a slash behind it, and those above it up to the root, which is empty."""
    for _ in range(MAX_FOLDERS):
        if not folder:
            break
        yield folder + "/"
        folder = folder.rpartition("/")[0]
    yield ""


def _search(tree: Tree, folder: str, names: Sequence[str]) -> list[int]:
    """The first name that is a file below a folder above; else the best that ends so."""
    for above in _above(folder):
        for name in names:
            if above + name in tree.files:
                return [tree.files[above + name]]
    return next(([tree.ends[name]] for name in names if name in tree.ends), [])


def _python(tree: Tree, folder: str, name: str) -> list[int]:
    """The module of that name, else the module that the name's last part is in."""
    body = name.lstrip(".")
    dots = len(name) - len(body)
    parts = [part for part in body.split(".") if part]
    for kept in (parts, parts[:-1]):
        found = _python_module(tree, folder, kept, dots)
        if found:
            return found
    return []


def _python_module(tree: Tree, folder: str, parts: Sequence[str], dots: int) -> list[int]:
    if not dots and not parts:
        return []
    if not dots:
        names = ["/".join(parts) + end for end in _PYTHON_ENDS]
        return _python_top(tree, folder, names) if len(parts) == 1 else _search(tree, folder, names)
    base = _joined(folder, "../" * (dots - 1) + "/".join(parts))
    if base is None:
        return []
    names = [(base + end).lstrip("/") for end in _PYTHON_ENDS if parts or end.startswith("/")]
    return next(([tree.files[name]] for name in names if name in tree.files), [])


def _python_top(tree: Tree, folder: str, names: Sequence[str]) -> list[int]:
    """A module of one name alone: above only, and never in a package, which may well have an io.py."""
    roots = [above for above in _above(folder) if f"{above}__init__.py" not in tree.files]
    paths = (above + name for above in roots for name in names)
    return next(([tree.files[path]] for path in paths if path in tree.files), [])


def _joined(folder: str, relative: str) -> str | None:
    """A relative path from a folder on; None if it leaves the repository."""
    path = normpath(f"{folder}/{relative}" if folder else relative or ".")
    if path == ".." or path.startswith("../"):
        return None
    return "" if path == "." else path


def _javascript(tree: Tree, folder: str, name: str) -> list[int]:
    stem, dot, ending = name.rpartition(".")
    names = [name + end for end in _JAVASCRIPT_ENDS] + [stem + end for end in _COMPILED.get(dot + ending, ())]
    if name.startswith("."):
        joined = (_joined(folder, own) for own in names)
        return next(([tree.files[path]] for path in joined if path is not None and path in tree.files), [])
    if name.startswith(("@/", "~/")):  # what bundlers call the root of the sources
        return _search(tree, folder, [own for name in names for own in (f"src/{name[2:]}", name[2:])])
    return _search(tree, folder, names) if "/" in name and not name.startswith("@") else []


def _java(tree: Tree, name: str) -> list[int]:
    """The class, or the class that a member or an inner class is of; a package's files for `package.*`."""
    parts = name.split(".")
    if parts[-1] == "*":
        folder = tree.folder_ends.get("/".join(parts[:-1]))
        if folder is not None:
            return [number for number in tree.folders[folder] if tree.paths[number].endswith(".java")]
        parts.pop()
    for count in range(len(parts), max(1, len(parts) - 3), -1):
        found = tree.ends.get("/".join(parts[:count]) + ".java")
        if found is not None:
            return [found]
    return []


def _go(tree: Tree, name: str, repo: str) -> list[int]:
    """The files of a package but its tests."""
    folder = _go_folder(tree, name.split("/"), repo.lower())
    own = ((number, tree.paths[number]) for number in tree.folders.get(folder, ()))
    return [number for number, path in own if path.endswith(".go") and not path.endswith("_test.go")]


def _go_folder(tree: Tree, parts: Sequence[str], repo: str) -> str:
    """By the repository's own name (`host/owner/name/…`, `name/…`), else by the longest end that is there."""
    if repo and "/".join(parts[1:3]).lower() == repo:
        version = len(parts) > 3 and parts[3][:1] == "v" and parts[3][1:].isdigit()
        return "/".join(parts[4 if version else 3 :])
    if len(parts) > 1 and parts[0].lower() == repo.rpartition("/")[2]:
        return "/".join(parts[1:])
    hosted = "." in parts[0]  # else it is of the standard library, or whole in a vendor folder
    ends = ("/".join(parts[start:]) for start in range(len(parts) - 1 if hosted else 1))
    return next((tree.folder_ends[end] for end in ends if "/" in end and end in tree.folder_ends), "//")


def _c(tree: Tree, folder: str, name: str) -> list[int]:
    """A header from the file's own folder up, else anywhere; `<name.h>` alone only in a folder `include`."""
    opening, name = name[0], name[1:]
    if opening == "<" and "/" not in name:
        return _search(tree, "", [f"include/{name}"])
    if name.startswith("."):
        path = _joined(folder, name)
        return [tree.files[path]] if path is not None and path in tree.files else []
    return _search(tree, folder, [name])
