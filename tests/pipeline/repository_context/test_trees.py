"""Which file an import means, language by language."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.repository_context.trees import build_tree, dependencies


def found(paths: Sequence[str], path: str, family: str, name: str, repo: str = "ann/shop") -> list[str]:
    paths = sorted(paths)
    numbers = dependencies(build_tree(paths), path, family, [name], repo)
    return [paths[number] for number in numbers]


PYTHON = [
    *("setup.py", "src/shop/__init__.py", "src/shop/tax.py", "src/shop/util/__init__.py"),
    *(
        "src/shop/util/json.py",
        "tests/test_tax.py",
        "tests/util.py",
        "old/shop/tax.py",
        "stubs/shop/till.pyi",
    ),
]


@pytest.mark.parametrize(
    ("path", "name", "target"),
    [
        (
            "tests/test_tax.py",
            "shop.tax.rate",
            ["old/shop/tax.py"],
        ),  # as deep as src/shop/tax.py, first by path
        ("src/shop/util/json.py", "shop.tax.rate", ["src/shop/tax.py"]),  # its own folder above has one
        ("src/shop/tax.py", "shop.util.json", ["src/shop/util/json.py"]),
        ("src/shop/tax.py", "shop.util.other", ["src/shop/util/__init__.py"]),
        ("src/shop/tax.py", "shop.till", ["stubs/shop/till.pyi"]),
        ("src/shop/tax.py", "shop", ["src/shop/__init__.py"]),
        ("tests/test_tax.py", "util", ["tests/util.py"]),
        ("src/shop/tax.py", "util", []),  # not shop.util, which is shop's alone
        ("setup.py", "json", []),  # the standard library's, not util's
        ("src/shop/util/__init__.py", ".json", ["src/shop/util/json.py"]),
        ("src/shop/util/json.py", ".", ["src/shop/util/__init__.py"]),
        ("src/shop/util/json.py", "..tax.rate", ["src/shop/tax.py"]),
        ("src/shop/util/json.py", "..name", ["src/shop/__init__.py"]),
        ("src/shop/util/json.py", "...tax", []),
        ("src/shop/util/json.py", "......tax", []),
        ("src/shop/tax.py", "shop.tax", []),  # itself
        ("src/shop/tax.py", "shop.tax.*", []),
    ],
)
def test_python_modules(path: str, name: str, target: list[str]) -> None:
    assert found(PYTHON, path, "python", name) == target


JAVASCRIPT = [
    *("index.js", "src/app.ts", "src/cart/index.tsx", "src/cart/item.ts", "src/cart/item.test.ts"),
    *("src/data.json", "src/view.vue", "lib/deep/part.js"),
]


@pytest.mark.parametrize(
    ("path", "name", "target"),
    [
        ("src/app.ts", "./cart", ["src/cart/index.tsx"]),
        ("src/app.ts", "./cart/item", ["src/cart/item.ts"]),
        ("src/app.ts", "./cart/item.js", ["src/cart/item.ts"]),
        ("src/cart/item.ts", "../data.json", ["src/data.json"]),
        ("src/cart/item.ts", "..", []),
        ("src/cart/item.ts", ".", ["src/cart/index.tsx"]),
        ("src/cart/item.ts", "../..", ["index.js"]),
        ("src/cart/item.ts", "../../..", []),
        ("src/cart/item.ts", "@/view.vue", ["src/view.vue"]),
        ("src/cart/item.ts", "deep/part", ["lib/deep/part.js"]),
        ("src/app.ts", "data", []),
        ("src/app.ts", "@scope/part", []),
    ],
)
def test_javascript_modules(path: str, name: str, target: list[str]) -> None:
    assert found(JAVASCRIPT, path, "javascript", name) == target


JAVA = [
    "app/src/main/java/org/shop/Tax.java",
    "app/src/main/java/org/shop/Till.java",
    "lib/org/shop/Tax.java",
]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("org.shop.Till", JAVA[1:2]),
        ("org.shop.Tax", JAVA[2:]),  # the less deep
        ("org.shop.Till.open", JAVA[1:2]),
        ("org.shop.Till.Drawer.open", JAVA[1:2]),
        ("shop.Tax", JAVA[2:]),
        ("org.shop.*", JAVA[2:]),
        ("org.shop.Till.*", JAVA[1:2]),
        ("java.util.List", []),
        ("Tax", []),
    ],
)
def test_java_classes(name: str, target: list[str]) -> None:
    assert found(JAVA, "app/src/main/java/org/shop/Main.java", "java", name) == target


GO = ["main.go", "tax/tax.go", "tax/rate.go", "tax/tax_test.go", "tax/README.md", "vendor/x.org/y/z/z.go"]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("github.com/ann/shop/tax", ["tax/rate.go", "tax/tax.go"]),
        ("github.com/Ann/Shop/v2/tax", ["tax/rate.go", "tax/tax.go"]),
        ("github.com/ann/shop", []),  # its own folder: itself alone
        ("shop.example/src/tax", []),
        ("x.org/y/z", ["vendor/x.org/y/z/z.go"]),
        ("shop/tax", ["tax/rate.go", "tax/tax.go"]),
        ("y/z", ["vendor/x.org/y/z/z.go"]),
        ("tax", []),
        ("fmt", []),
        ("encoding/tax", []),
    ],
)
def test_go_packages(name: str, target: list[str]) -> None:
    assert found(GO, "main.go", "go", name) == target


def test_a_go_module_of_another_name_is_found_by_its_folders() -> None:
    paths = ["cmd/main.go", "pkg/api/v1/types.go", "staging/pkg/api/v1/types.go"]
    assert found(paths, "cmd/main.go", "go", "k8s.io/kube/pkg/api/v1", repo="k/kubernetes") == [paths[1]]


C = [
    "include/net/sock.h",
    "include/string.h",
    "src/net/sock.c",
    "src/net/local.h",
    "src/util.h",
    "drivers/local.h",
]


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ('"local.h', ["src/net/local.h"]),
        ('"util.h', ["src/util.h"]),
        ('"../util.h', ["src/util.h"]),
        ('"sock.h', ["include/net/sock.h"]),
        ("<net/sock.h", ["include/net/sock.h"]),
        ("<string.h", ["include/string.h"]),
        ("<util.h", []),
        ("<stdio.h", []),
        ('"../../../util.h', []),
    ],
)
def test_c_headers(name: str, target: list[str]) -> None:
    assert found(C, "src/net/sock.c", "c", name) == target


@pytest.mark.parametrize("family", ["python", "javascript", "java", "go", "c", ""])
@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "//", "a//b", "*", ".*", "\0", "𝒶", '"', "<", "a/" * 500, "a." * 500]
)
def test_odd_names_are_no_error(family: str, name: str) -> None:
    paths = ["", "/", "a", "/a/b", "a//b", "." * 40, "/".join("a" * 2000), "a/" * 100_000 + "b.py", "a.py"]
    for path in paths:
        found(paths, path, family, name or " ")
