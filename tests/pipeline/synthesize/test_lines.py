"""Only \\n, \\r\\n and \\r end a line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.synthesize.lines import LINE_END, indent_columns, is_line_start, split_lines


@settings(deadline=None)
@given(st.text(alphabet="a \t\n\r\x0b\x0c\x1c\x85\u2028\u2029é"))
def test_lines_joined_are_the_text_and_each_ends_once(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    assert all(lines)
    for index, line in enumerate(lines):
        ends = [match.span() for match in LINE_END.finditer(line)]
        assert [end for _, end in ends] == [len(line)] or (not ends and index == len(lines) - 1)


@settings(deadline=None)
@given(st.text(alphabet="a\n\r\u2028"))
def test_line_starts_are_where_lines_begin(text: str) -> None:
    starts, position = {0}, 0
    for line in split_lines(text):
        position += len(line)
        if line[-1] in "\r\n":
            starts.add(position)
    assert {at for at in range(len(text) + 1) if is_line_start(text, at)} == starts


def test_a_tab_indents_to_the_next_multiple_of_eight() -> None:
    assert [indent_columns(line) for line in ("x", "  x", "\tx\n", "   \tx", "\t  x")] == [0, 2, 8, 8, 10]
