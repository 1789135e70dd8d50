"""What half-written samples lose after the middle: some lines, or all to the end of the cursor's block."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import HalfWritten
from pipeline.keyed import Rng, keyed_hash
from pipeline.synthesize.cuts import Cut
from pipeline.synthesize.half_written import chars_to_block_end, deleted_chars, draw_deleted

from .material import TEXTS
from .rules import indent, line_table

CODE = "def f(x):\n    if x:\n        a = 1\n\n        b = 2\n    return x\n\ny = 1\n"


@pytest.mark.parametrize(
    ("text", "middle", "deleted"),
    [
        (CODE, "= 1", "\n\n        b = 2"),  # inside a line: the last newline stays
        (CODE, "a = 1\n", "\n        b = 2\n"),  # at a line's start: whole lines
        (CODE, "x:\n", "        a = 1\n\n        b = 2\n    return x\n\n"),
        (CODE, "(x):", ""),  # not indented: no block
        (CODE, "b = 2", ""),  # the block's last line
        (CODE, "a = 1\n\n        b = 2\n", ""),
        ("\tif x:\r\n\t\ta\r\n\t\tb\r\n\tc\r\n", "a", "\r\n\t\tb"),
        ("  a\r  b\r  c", "a", "\r  b\r  c"),  # to the text's end
        ("  a\n  b\n\n", "a", "\n  b\n"),
        ("  a\n\n\n b", "a", "\n\n"),  # blank lines before the smaller indent belong to the block
    ],
)
def test_what_is_deleted_to_the_end_of_the_block(text: str, middle: str, deleted: str) -> None:
    start = text.index(middle)
    end = start + len(middle)
    assert text[end : end + chars_to_block_end(text, Cut(start, end))] == deleted


def test_a_cursor_in_a_blank_line_has_no_block() -> None:
    texts = ("a\n    \n    b\n", "a\n", "a\n\n  b\n", "\n\n")
    assert [chars_to_block_end(text, Cut(2, 2)) for text in texts] == [0] * 4


def test_the_block_is_that_of_the_middles_first_line() -> None:
    text = "if a:\n        b\n    c\n    d\ne\n"
    assert chars_to_block_end(text, Cut(text.index("b"), text.index("c"))) == 0
    assert chars_to_block_end(text, Cut(text.index("c"), text.index("c") + 1)) == len("\n    d")


@settings(deadline=None, max_examples=300)
@given(text=TEXTS.filter(bool), places=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_block_is_deleted_to_its_end_in_any_text(text: str, places: tuple[float, float]) -> None:
    start, end = sorted(round(place * len(text)) for place in places)
    kept = end + chars_to_block_end(text, Cut(start, end))
    if kept == end:
        return
    table = line_table(text)
    own = next(line for line in table if line[0] <= start < line[2] or line == table[-1])
    depth = indent(text[own[0] : own[1]])
    gone = [line for line in table if line[0] >= end and line[1] <= kept]
    assert gone
    assert all(not text[a:b].strip() or indent(text[a:b]) >= depth > 0 for a, b, _ in gone)
    rest = [line for line in table if line[0] > gone[-1][0]]
    assert not rest or (text[slice(*rest[0][:2])].strip() and indent(text[slice(*rest[0][:2])]) < depth)


def test_shares_of_the_ways_to_delete() -> None:
    text = "if a:\n" + "    b\n" * 30 + "c\n"
    cut = Cut(10, 11)
    ways = HalfWritten(rate=0.6, max_lines=3, to_block_end=0.25)
    drawn = [draw_deleted(text, cut, Rng(keyed_hash(0, b"", n, "way")), ways) for n in range(4000)]
    by_lines = {deleted_chars(text, 11, lines) for lines in (1, 2, 3)}
    assert set(drawn) == {0, chars_to_block_end(text, cut)} | by_lines
    assert abs(drawn.count(0) - 1600) < 4 * (4000 * 0.6 * 0.4) ** 0.5
    assert abs(drawn.count(chars_to_block_end(text, cut)) - 600) < 4 * (4000 * 0.15 * 0.85) ** 0.5


def test_where_there_is_no_block_lines_are_deleted() -> None:
    ways = HalfWritten(rate=1.0, max_lines=1, to_block_end=1.0)
    assert {draw_deleted("a\nb\nc\n", Cut(0, 1), Rng(seed), ways) for seed in range(20)} == {2}
