"""The checker accepts every cut of real files, and nothing but what docs/fim.md allows.

In the cases, ‹ and › stand where the middle begins and ends, and « where the deleted text ends. A ¦ ends the
window, which else is the whole text. `python -m tests.external.check_cuts` does it to thousands of files.
"""

from __future__ import annotations

import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from filters.tokens.encoder import Encoder, load_encoder
from pipeline.config import Fim
from pipeline.synthesize.dialects import load_dialect

from .checker import violations
from .checker_windows import document_violations, narrowed
from .conftest import train
from .material import LITERALS, documents, fim, make, split_samples
from .test_samples import EDGES

HALF = {"rate": 0.4, "max_lines": 3, "to_block_end": 0.5}
MARKS = "‹›«¦"
ROW = {"order": "psm", "middle_start": 5, "middle_len": 2}
PYTHON = "def f(a):\n    if a:\n        return 1\n    return 2\n"
TWENTY = "".join(f"  x{number}\n" for number in range(20))


def marked(case: str, kind: str) -> tuple[str, dict[str, Any]]:
    """A text, and a sidecar row, from a text with marks."""
    places, text = {}, ""
    for character in case:
        if character in MARKS:
            places[character] = len(text)
        else:
            text += character
    end = places["›"]
    row = {"kind": kind, "cut_start": places["‹"], "cut_end": end, "deleted": places.get("«", end) - end}
    return text, ROW | row | {"window_start": 0, "window_end": places.get("¦", len(text))}


def problems(case: str, kind: str, lang: str = "Python", **changes: Any) -> list[str]:
    known = {"kinds": {kind: 1.0}, "max_lines": 4, "half_written": HALF}
    return violations(*_swapped(*marked(case, kind), lang), fim(**{**known, **changes}))


def _swapped(text: str, row: dict[str, Any], lang: str) -> tuple[str, str, dict[str, Any]]:
    return text, lang, row


RIGHT = [
    ("random", "a‹b›c\r\n", {}),
    ("random", "a\r‹›\n", {}),
    ("random", "‹a\n›b\n", {"unit": "line"}),
    ("empty", "x = 1‹›\ny\n", {}),
    ("empty", "x = 1  ‹›\n", {}),
    ("empty", "x\n  ‹› \ny\n", {}),
    ("empty", "x\n‹›", {}),
    ("empty", "x\n  ‹›¦  y\n", {}),
    ("line", "  ‹x = 1›\n", {}),
    ("line", "  x‹yz ›\r\n", {}),
    ("line", "‹x = 1\n›y\n", {"line_newline": True}),
    ("line", "f‹(x)›\n", {"cursor": {"indent": 0, "border": 1, "inside": 0}}),
    ("lines", "a:\n  ‹b\n  c\n›d\n", {}),
    ("lines", "a:\n\tb‹1\n\n        d\n›    c\n", {}),
    ("lines", "‹a\nb\nc\n›d\ne\nf\n", {}),
    ("lines", "  ‹b\n  c›", {}),
    ("lines", "  ‹b\n  c\n›  d\nx¦yz\n", {}),
    ("block", "def f(a):\n    ‹if a:\n        return 1›\n    return 2\n", {}),
    ("block", "def f(a):\n    ‹if a:\n        return 1\n    return 2›\nx = 1\n", {}),
    ("refact-v2", "a = 1\n‹b› = 2\n", {}),
    ("refact-v2", "a ‹= 1\n›\nb = 2\n", {}),
    ("refact-v2", "a ‹= 1\nb = 2\nc = 3›\n", {}),
    ("line", "  x = ‹1›\n  y = 2«\n  z = 3\n", {}),
    ("line", "  x = ‹1›\n  y = 2\n\n  z = 3\n  z = 4\n  z = 5«\nw\n", {}),
    ("lines", "a:\n  ‹b\n  c\n›d\n«e\n", {}),
]
WRONG = [
    ("random", "ab‹c›", {"unit": "line"}, "none of the unit's"),
    ("random", "a\n‹b›¦c\n", {"unit": "line"}, "none of the unit's"),
    ("empty", "na‹›me = 1\n", {}, "inside an identifier"),
    ("empty", "x =‹› 1\n", {}, "neither at a line's end"),
    ("empty", "x‹ ›\n", {}, "the middle is not empty"),
    ("empty", "x‹›\n", {"orders": {"spm-v2": 1.0}}, "order psm"),
    ("empty", "x\r‹›\n", {}, "inside a line end"),
    ("empty", "x\ny‹›¦z\n", {}, "neither at a line's end"),
    ("line", "x = ‹1\n›y = 2\n", {}, "does not end where its line does"),
    ("line", "x = ‹1›\n", {"line_newline": True}, "does not end where its line does"),
    ("line", "x = ‹1›2\n", {}, "does not end where its line does"),
    ("line", " ‹ x›\n", {}, "not before a character of the visible part"),
    ("line", "x‹ ›\n", {}, "not before a character of the visible part"),
    ("line", "x\n‹  ›\n", {}, "no line that has something visible"),
    ("line", "x\n‹yz›¦z\n", {}, "breaks off"),
    ("line", "x‹ = 1›\n", {"cursor": {"indent": 1, "border": 0, "inside": 0}}, "neither where the indent"),
    ("line", "na‹me = 1›\n", {"cursor": {"indent": 0, "border": 1, "inside": 0}}, "nor at a border"),
    ("lines", "a:\n  ‹b\n›  c\nd\n", {}, "the middle ends at"),
    ("lines", "a:\n  ‹b\n  c\nd\n›", {}, "the middle ends at"),
    ("lines", "a:\n  ‹b\n  c›\nd\n", {}, "the middle ends at"),
    ("lines", TWENTY.replace("x0", "‹x0").replace("x5", "›x5"), {}, "the middle ends at"),
    ("lines", "a\n  ‹b\n›c\n", {}, "the middle ends at"),
    ("block", "def f(a):\n    ‹if a:\n        return 1\n›    return 2\n", {}, "neither a node nor a run"),
    ("block", "def f(a):\n    i‹f a:\n        return 1›\n    return 2\n", {}, "neither a node nor a run"),
    ("block", "‹def f(a):\n    return 1›\n", {}, "nothing visible outside"),
    ("block", "x = 1\n‹def f(:\n    return›\n", {}, "neither a node nor a run"),
    ("block", "x = ‹1›\n", {"lang": "Brainfuck"}, "neither a node nor a run"),
    ("refact-v2", "‹a› = 1\n", {}, "fewer than two rows"),
    ("refact-v2", "a = ‹1\nb› = 2\n", {}, "no splitter"),
    ("refact-v2", "a = ‹1\n\nb›\nc\n", {}, "no splitter"),
    ("line", "x = ‹1›\ny =« 2\nz\n", {}, "deleted to"),
    ("line", "x = ‹1›\ny = 2\n«z\n", {}, "deleted to"),
    ("line", "x = ‹1›\ny\ny\ny\ny«\ny\n", {}, "deleted to"),
    ("line", "x = ‹1›\ny = 2«\nz\n", {"half_written": None}, "nothing is half-written"),
    ("line", "x = ‹1›\ny\n", {"half_written": {"rate": 1.0, "max_lines": 2}}, "deleted to"),
    ("line", "  x‹1›\n  y«\n  z\nw\n", {"half_written": HALF | {"to_block_end": 1.0}}, "deleted to"),
    ("random", "x ‹= 1\n›", {"kinds": {"line": 1.0}}, "which have a place"),
    ("random", "x‹›", {"kinds": {"empty": 1.0}}, "which have a place"),
    ("random", "a:\n ‹b\n› c\n", {"kinds": {"lines": 1.0}}, "which have a place"),
    ("line", "x ‹= 1›\n", {"kinds": {"lines": 1.0}}, "nobody asked for it"),
    ("plain", "x‹›y\n", {"kinds": {"line": 1.0}}, "a plain sample has a cut"),
    ("nonsense", "x‹›\n", {"kinds": {"line": 1.0}}, "unknown kind"),
]


@pytest.mark.parametrize(("kind", "case", "changes"), RIGHT)
def test_what_the_page_allows_is_accepted(kind: str, case: str, changes: dict[str, Any]) -> None:
    assert problems(case, kind, **changes) == []


@pytest.mark.parametrize(("kind", "case", "changes", "told"), WRONG)
def test_what_the_page_forbids_is_told(kind: str, case: str, changes: dict[str, Any], told: str) -> None:
    assert told in "; ".join(problems(case, kind, **changes))


def test_windows_that_overlap_leave_out_or_divide_lines_are_told() -> None:
    settings = fim()
    text = "one = 1\ntwo = 2\nthree = 3\n"

    def told(*bounds: tuple[int, int]) -> str:
        rows = [{"part": i, "window_start": a, "window_end": b} for i, (a, b) in enumerate(bounds)]
        return "; ".join(document_violations(text, rows, settings))

    assert told((0, 8), (8, 26)) == ""
    assert "overlap" in told((0, 16), (8, 26))
    assert "inside a line that is not long" in told((0, 10), (10, 26))
    assert narrowed([{"window_start": 0, "window_end": 8}, {"window_start": 9, "window_end": 26}], text) == [
        True,
        True,
    ]


SETTINGS: dict[str, dict[str, Any]] = {
    "random": {"kinds": {"random": 1.0}, "dialect": "fim-neox"},
    "random tokens": {"kinds": {"random": 1.0}, "unit": "token"},
    "random lines": {"kinds": {"random": 1.0}, "unit": "line"},
    "empty": {"kinds": {"empty": 1.0}},
    "line": {"kinds": {"line": 1.0}},
    "line border": {"kinds": {"line": 1.0}, "cursor": {"indent": 0, "border": 1, "inside": 0}},
    "line newline": {"kinds": {"line": 1.0}, "line_newline": True},
    "lines": {"kinds": {"lines": 1.0}},
    "block": {"kinds": {"block": 1.0}},
    "refact-v2": {"kinds": {"refact-v2": 1.0}},
    "random snap": {"kinds": {"random": 1.0}, "tokenization": "snap", "dialect": "fim-neox"},
    "line snap": {"kinds": {"line": 1.0}, "tokenization": "snap"},
    "lines snap": {"kinds": {"lines": 1.0}, "tokenization": "snap"},
}


REFUSED = {
    "random tokens": 0.1,
    "random lines": 0.8,
    "empty": 0.75,
    "line": 1.0,
    "line border": 1.0,
    "line newline": 1.0,
    "lines": 0.9,
    "block": 0.95,
    "refact-v2": 0.7,
}
"""The least share of moved cuts; not all, for blank lines, tokens of one character and one-row middles."""


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")
    train(path, list(LITERALS))
    return path


@pytest.fixture(scope="module")
def encoder(tokenizer_file: str) -> Encoder:
    return load_encoder(tokenizer_file)


@pytest.fixture(scope="module")
def tokenizer(tokenizer_file: str) -> Tokenizer:
    """The same without our kernel, and so that text never becomes a control token."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.encode_special_tokens = True
    return tokenizer


def real_texts() -> list[tuple[str, str]]:
    """Text and language: Python's library, headers, a file of each language with a grammar, odd texts."""
    found = [(text, "Text") for text in EDGES]
    languages = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
    found += [(entry["text"], language) for language, entry in languages.items()]
    for folder, pattern, language in (("stdlib", "*.py", "Python"), ("include", "*.h", "C")):
        paths = sorted(Path(sysconfig.get_path(folder)).glob(pattern))[:20]
        found += [(path.read_text(encoding="utf-8")[:9000], language) for path in paths]
    return found


def cut_windows(settings: Fim, encoder: Encoder) -> list[tuple[str, str, dict[str, Any]]]:
    """(text, language, row) of each sample of the real texts whose window was not narrowed."""
    texts, languages = zip(*dict(real_texts()).items(), strict=True)
    docs = documents(texts, encoder)
    docs = docs.set_column(docs.column_names.index("lang"), "lang", pa.array(languages, pa.string()))
    by_document: dict[int, list[dict[str, Any]]] = {}
    for _, row in split_samples(make(docs, settings, encoder)):
        by_document.setdefault(int(row["repo"].removeprefix("repo-")), []).append(row)
    found = []
    for number, rows in by_document.items():
        assert document_violations(texts[number], rows, settings) == []
        narrow = narrowed(rows, texts[number])
        found += [
            (texts[number], languages[number], row)
            for row, is_narrow in zip(rows, narrow, strict=True)
            if not is_narrow
        ]
    return found


def places_of(text: str, row: dict[str, Any], settings: Fim, tokenizer: Tokenizer) -> dict[str, Any]:
    margins = {"margins": load_dialect(settings.dialect).cut_margins}
    if settings.unit != "token" and settings.tokenization != "snap":
        return margins
    window = text[row["window_start"] : row["window_end"]]
    ends = (end for _, end in tokenizer.encode(window, add_special_tokens=False).offsets)
    return margins | {"token_places": frozenset([0, *ends])}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_cut_of_real_files_is_accepted(name: str, encoder: Encoder, tokenizer: Tokenizer) -> None:
    settings = fim(**{"rate": 1.0, "context": 512, "half_written": HALF, **SETTINGS[name]})
    cuts = cut_windows(settings, encoder)
    kinds = [row["kind"] for _, _, row in cuts]
    assert kinds.count(name.partition(" ")[0]) > (50 if name == "block" else 200)
    for text, language, row in cuts:
        assert violations(text, language, row, settings, **places_of(text, row, settings, tokenizer)) == []


@pytest.mark.parametrize(("name", "least"), REFUSED.items())
def test_cuts_that_are_moved_by_one_are_refused(
    name: str, least: float, encoder: Encoder, tokenizer: Tokenizer
) -> None:
    """A middle that ends one character later, or an empty one there, is hardly ever right as well."""
    settings = fim(**{"rate": 1.0, "context": 512, **SETTINGS[name]})
    kind, refused = name.partition(" ")[0], []
    for text, language, row in cut_windows(settings, encoder)[:250]:
        if row["kind"] == kind and row["cut_end"] < row["window_end"]:
            is_point = row["cut_start"] == row["cut_end"]
            moved = row | {"cut_end": row["cut_end"] + 1, "cut_start": row["cut_start"] + is_point}
            places = places_of(text, row, settings, tokenizer)
            refused.append(bool(violations(text, language, moved, settings, **places)))
    assert len(refused) > 40
    assert sum(refused) / len(refused) >= least
