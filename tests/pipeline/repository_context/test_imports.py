"""What each language's imports are found to be, and what bad input costs."""

from __future__ import annotations

import pytest

from pipeline.repository_context.imports import MAX_CHARACTERS, MAX_IMPORTS, imports_of

PYTHON = """\
import os.path as p, re  # two
from a.b import c, d as e
from . import x
from ..up import (
    one,  # the first, of (two
    two as three,
)
from z import *
    import inner; import lost
important = 1
from_a = 2
from c cimport d
"""
JAVASCRIPT = """\
import a from './a';
import {
  b,
} from "../b.js";
import './c.css'
const d = require('d/e');
export * from '@/f';
await import(
  './g')
const from = 1, s = 'fromage';
import './mis"matched
"""
JAVA = """\
package a.b;
import a.b.C;
import static a.b.D.max;
import a.c.*;
// import no;
important a;
"""
GO = """\
package main

import "fmt"
import m "x.org/o/r/m"
import (
\t"os"
\t_ "x.org/o/r/n" // side
)
var import_ = "no"
"""
C = """\
#include <stdio.h>
  #  include "a/b.h"
#import "c.h"
// include "no.h"
#include NAME
#include "open
"""
FOUND = {
    "python": (
        PYTHON,
        ["os.path", "re", "a.b.c", "a.b.d", ".x", "..up.one", "..up.two", "z.*", "inner", "c.d"],
    ),
    "javascript": (JAVASCRIPT, ["./a", "../b.js", "./c.css", "d/e", "@/f", "./g"]),
    "java": (JAVA, ["a.b.C", "a.b.D.max", "a.c.*"]),
    "go": (GO, ["fmt", "x.org/o/r/m", "os", "x.org/o/r/n"]),
    "c": (C, ["<stdio.h", '"a/b.h', '"c.h']),
}


@pytest.mark.parametrize("family", FOUND)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_imports_are_found_in_order(family: str, newline: str) -> None:
    text, found = FOUND[family]
    assert imports_of(text.replace("\n", newline), family) == found


@pytest.mark.parametrize("family", FOUND)
def test_the_same_import_counts_once(family: str) -> None:
    text, found = FOUND[family]
    assert imports_of(text + "\n" + text, family) == found


def test_other_languages_have_no_imports() -> None:
    assert imports_of(FOUND["python"][0], "") == []


BAD = {
    "empty": "",
    "one": "i",
    "nul": "\0import a\0\nimport \0\n",
    "separators": "\u2028import a\u2029",
    "mark": "\ufeffimport a\n",
    "astral": "import 𝒶\n#include <𝒶.h>\n" * 3,
    "spaces": " " * 300_000,
    "from": "from " * 60_000,
    "froms": "from a import (\n" * 20_000,
    "import": "import (\n" * 30_000,
    "quotes": "import '" * 30_000 + '"' * 30_000,
    "dots": "from " + "." * 200_000 + " import a\n",
    "names": "import " + "a," * 100_000,
    "includes": "#include <" * 30_000,
    "lines": "import a\n" * 30_000,
    "line": "x" * 50_000_000,
}


@pytest.mark.parametrize("family", FOUND)
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_bounded(family: str, name: str) -> None:
    found = imports_of(BAD[name], family)
    assert len(found) <= MAX_IMPORTS
    assert all(len(text) <= 1100 for text in found)


def test_only_the_first_characters_and_imports_count() -> None:
    assert imports_of("#" * MAX_CHARACTERS + "\nimport late\n", "python") == []
    many = "".join(f"import a{n}\n" for n in range(2 * MAX_IMPORTS))
    assert imports_of(many, "python") == [f"a{n}" for n in range(MAX_IMPORTS)]
