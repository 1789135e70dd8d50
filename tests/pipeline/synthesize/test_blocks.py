"""`block` cuts out complete nodes, those that the guide says and as often, and survives any text."""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
import tree_sitter_cpp
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_sitter import Language

from filters.language import canonical_languages
from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.block_parser import GRAMMARS, LANGUAGES
from pipeline.synthesize.blocks import block_cut
from pipeline.synthesize.cuts import Cut, Limits
from pipeline.synthesize.syntax_trees import MAX_BYTES, Nodes, parse_trees

from .material import TEXTS
from .rules import check_block

CPP = Language(tree_sitter_cpp.language())
WHOLE = Limits((0, 0), 5, whole_end=True)
FILES = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
PYTHON = (
    "def f(a, b):\n    if a:\n        return g(a,  b)\n    # 漢字 \U0001f600\n    return 'é'\n\n\nf(1, 2)\n"
)
SNIPPETS = st.lists(
    st.sampled_from(
        [
            *("def f(a, b):\n", "    return g(a, [1, 2])\n", "    x = 'é'\n", "if x:\n", "\n", "# 漢\n"),
            *("y = (1,\n", "2)\n", ")\n", "  "),
        ]
    ),
    max_size=12,
).map("".join)

HOSTILE = ["(", "[", "{", "<", "a(", '"', "'", "`${", "/*", "\x00", "\r", "\u2028", "漢"]


def nodes_of(text: str, language: str = "Python") -> Nodes:
    (nodes,), _ = parse_trees([text], [language])
    assert nodes is not None
    return nodes


def cuts_of(text: str, draws: int, limits: Limits = WHOLE, language: str = "Python") -> list[Cut | None]:
    limits = limits._replace(nodes=nodes_of(text, language))
    return [block_cut(text, Rng(keyed_hash(0, b"", seed, "block")), limits) for seed in range(draws)]


def middles_of(text: str, draws: int, language: str = "Python") -> Counter[str]:
    return Counter(text[cut.start : cut.end] for cut in cuts_of(text, draws, language=language) if cut)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_with_a_grammar_gives_its_constructs(language: str) -> None:
    text = FILES[language]["text"]
    assert not nodes_of(text, language).broken.any()
    middles = middles_of(text, 600, language)
    assert sum(middles.values()) == 600
    assert {middle.lstrip("\n") for middle in FILES[language]["middles"]} <= set(middles)


def test_there_are_files_for_all_grammars_and_the_stacks_names() -> None:
    assert sorted(FILES) == list(LANGUAGES)
    assert canonical_languages(pa.chunked_array([list(LANGUAGES)])).to_pylist() == list(LANGUAGES)


@settings(deadline=None, max_examples=150)
@given(text=st.one_of(SNIPPETS, TEXTS), seed=st.integers(0, 2**64 - 1))
def test_middles_are_complete_nodes_in_any_text(text: str, seed: int) -> None:
    cut = block_cut(text, Rng(seed), WHOLE._replace(nodes=nodes_of(text)))
    if cut is not None:
        check_block(text, *cut, 0)


@settings(deadline=None, max_examples=200)
@given(text=st.one_of(SNIPPETS, TEXTS), seed=st.integers(0, 2**63 - 1))
def test_aligned_cuts_have_the_greatest_intersection_over_union(text: str, seed: int) -> None:
    rng, nodes = Rng(seed), nodes_of(text)
    if not text or rng.below(2) == 0:
        return
    one, other = rng.below(len(text) + 1), rng.below(len(text))
    low, high = sorted((one, other + (other >= one)))
    cut = block_cut(text, Rng(seed), WHOLE._replace(nodes=nodes))
    ratios = {run: overlap(run, low, high) for run in runs(text, nodes, low, high)}
    best = max(ratios.values(), default=0.0)
    if best > 0:
        assert cut == min(run for run, ratio in ratios.items() if ratio == best)


def overlap(run: Cut, low: int, high: int) -> float:
    shared = min(high, run.end) - max(low, run.start)
    return shared / (max(high, run.end) - min(low, run.start)) if shared > 0 else 0.0


def runs(text: str, nodes: Nodes, low: int, high: int) -> set[Cut]:
    """The smallest node that holds the span, and all runs of its children, by looking at every one."""
    rows = list(zip(*(column.tolist() for column in nodes), strict=True))
    holding = [row for row, (start, end, _, _) in enumerate(rows) if start <= low and end >= high]
    parent = holding[-1] if holding else 0
    children = []
    for row in range(parent + 1, len(rows)):
        if rows[row][2] <= rows[parent][2]:
            break
        if rows[row][2] == rows[parent][2] + 1:
            children.append(rows[row])
    families = [children[i : j + 1] for i in range(len(children)) for j in range(i, len(children))]
    found = [family for family in [[rows[parent]], *families] if not any(broken for *_, broken in family)]
    return {
        Cut(family[0][0], family[-1][1])
        for family in found
        if text[family[0][0] : family[0][1]].strip()
        and text[family[-1][0] : family[-1][1]].strip()
        and (text[: family[0][0]].strip() or text[family[-1][1] :].strip())
    }


def test_nodes_are_drawn_in_proportion_to_their_size() -> None:
    text = "f(1, 22)\n# 漢字\n"
    # call, its name, its arguments, the two numbers and the comment; a statement has the call's own text.
    sizes = {"f(1, 22)": 8 + 8, "f": 1, "(1, 22)": 7, "1": 1, "22": 2, "# 漢字": 4}
    nodes, draws = nodes_of(text), 8000
    got: Counter[str] = Counter()
    for seed in range(2 * draws):
        rng = Rng(keyed_hash(0, b"", seed, "size"))
        if Rng(keyed_hash(0, b"", seed, "size")).below(2) == 0:
            cut = block_cut(text, rng, WHOLE._replace(nodes=nodes))
            assert cut is not None
            got[text[cut.start : cut.end]] += 1
    drawn, total = sum(got.values()), sum(sizes.values())
    assert abs(drawn - draws) < 4 * (draws / 2) ** 0.5  # half of all
    assert set(got) == set(sizes)
    chi_square = sum((got[t] - drawn * s / total) ** 2 / (drawn * s / total) for t, s in sizes.items())
    assert chi_square < 20.5  # 5 degrees of freedom, p = 0.001


def test_what_is_all_that_is_visible_is_never_the_middle() -> None:
    text = "\n\ndef f():\n    return 1\n\n"
    assert "def f():\n    return 1" not in middles_of(text, 400)
    assert set(cuts_of("x\n", 50)) == {None}


def test_a_middle_holds_no_error() -> None:
    text = "x = (1,\ny = g(2, 3)\nclass\nz = h(4)\n"
    assert nodes_of(text).broken.any()
    for cut in cuts_of(text, 300):
        assert cut is not None
        check_block(text, *cut, 0)


def test_a_middle_spans_nothing_that_the_parser_missed() -> None:
    text = "class Box {\npublic:\n  int a() { return 1; }\nprivate\n  T b;\n};\nint c;\n"  # a colon
    middles = Counter(cuts_of(text, 1500, language="C++"))
    for cut in middles:
        assert cut is not None
        check_block(text, *cut, 0, CPP)
    assert {"private", "T b;"} <= {text[cut.start : cut.end] for cut in middles if cut}


def test_a_string_of_blanks_is_never_the_middle() -> None:
    middles = middles_of("x = '" + " " * 60 + "'\ny = 1\n", 500)
    assert sum(middles.values()) == 500
    assert all(middle.strip() for middle in middles)


def test_a_line_that_the_window_breaks_off_is_left_alone() -> None:
    text = "def f():\n    return 1\nresult = comp"
    cuts = cuts_of(text, 300, WHOLE._replace(whole_end=False))
    assert {cut.end <= text.index("result") for cut in cuts if cut} == {True}


@pytest.mark.parametrize("language", ["C", "Java", "Python", "Rust"])
def test_a_comment_ends_before_its_line_end_whatever_that_is(language: str) -> None:
    text = ("# one\r\nx = 1  # two é\r\n" if language == "Python" else "// one\r\nint x; // two é\r\n") * 9
    middles = middles_of(text, 400, language)
    assert {middle for middle in middles if middle.endswith("two é")}
    assert [middle for middle in middles if middle[0] == "\n" or middle[-1] == "\r"] == []


def test_headers_of_c_may_be_cpp_and_typescript_may_hold_jsx() -> None:
    assert "{ return v; }" in middles_of("class Box { public: int get() { return v; } };\nint x;\n", 300, "C")
    element = "<div className='a'>{items.map(show)}</div>"
    assert element in middles_of(f"export const Page = () => {element};\nf(1);\n", 300, "TypeScript")
    assert "<T>y" in middles_of("let x = <T>y;\nf(1);\n", 300, "TypeScript")


def test_trees_do_not_depend_on_what_is_parsed_with_them() -> None:
    texts = [FILES[language]["text"] for language in LANGUAGES] + [PYTHON, ""]
    languages = [*LANGUAGES, "Python", "Python"]
    together = parse_trees(texts * 30, languages * 30).trees
    alone = [nodes_of(text, language) for text, language in zip(texts, languages, strict=True)] * 30
    for one, other in zip(together, alone, strict=True):
        assert one is not None
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("language", ["Befunge", "", "python", "unknown"])
def test_a_language_without_a_grammar_has_no_tree(language: str) -> None:
    assert parse_trees(["x = 1\n"], [language]) == ([None], 0)
    assert block_cut("x = 1\n", Rng(0), WHOLE) is None


def test_long_texts_are_not_parsed() -> None:
    line = "x = 1\n"
    fitting = line * (MAX_BYTES // len(line))
    trees = parse_trees([fitting, fitting + line, "é" * (MAX_BYTES // 2 + 1)], ["Python"] * 3).trees
    assert [tree is not None for tree in trees] == [True, False, False]


@pytest.mark.parametrize("language", sorted(set(GRAMMARS) - {"Java", "C", "C#", "Scala", "Shell"}))
@pytest.mark.parametrize("piece", HOSTILE, ids=ascii)
def test_hostile_text_is_parsed_or_given_up(language: str, piece: str) -> None:
    text = (piece * 20_000)[: MAX_BYTES // 4]
    (nodes,), died = parse_trees([text], [language])
    assert died == 0
    for seed in range(4):
        cut = block_cut(text, Rng(seed << 61), WHOLE._replace(nodes=nodes))
        assert cut is None or 0 <= cut.start < cut.end <= len(text)


def test_deep_nesting_is_walked() -> None:
    nodes = nodes_of("(" * 20_000 + "1" + ")" * 20_000)
    assert nodes.depth.max() > 19_000


def test_text_that_takes_too_many_steps_has_no_tree() -> None:
    assert parse_trees(["case a:" * (MAX_BYTES // 7)], ["JavaScript"]) == ([None], 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
def test_text_that_kills_the_parser_costs_its_neighbours_nothing() -> None:
    deadly = "a<" * (MAX_BYTES // 2)
    trees, died = parse_trees([PYTHON, deadly, PYTHON], ["Python", "Java", "Python"])
    assert died == 1
    assert [tree is not None for tree in trees] == [True, False, True]
