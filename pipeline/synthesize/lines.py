r"""Lines of a text, ended only by \n, \r\n and \r, and how far they are indented.

`str.splitlines` also breaks at form feeds, U+0085, U+2028 and others, which source files use inside lines, so
it is not used. A line holds its own end; the lines joined are the text. A line is blank if it is all white
space (`str.isspace`). About 60 ns a line.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import Final

LINE_END: Final = re.compile(r"\r\n|\r|\n")


def split_lines(text: str) -> list[str]:
    """The lines of `text`, each with its end.

    >>> split_lines("a\\r\\nb\\u2028c\\rd")
    ['a\\r\\n', 'b\\u2028c\\r', 'd']
    """
    return StringIO(text, newline="").readlines()


def line_body(line: str) -> str:
    """A line without its end."""
    return line.rstrip("\r\n")


def indent_columns(line: str) -> int:
    """The column of a non-blank line's first non-blank character; a tab reaches to the next multiple of 8."""
    return len(line[: indent_chars(line)].expandtabs(8))


def indent_chars(line: str) -> int:
    """The number of characters before a non-blank line's first non-blank one."""
    return len(line) - len(line.lstrip())


def visible_part(text: str, position: int) -> tuple[int, int]:
    """The first and the last visible character of the non-blank line that `position` stands in."""
    start = max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1
    end = LINE_END.search(text, position)
    line = text[start : end.start() if end else len(text)]
    return start + indent_chars(line), start + len(line.rstrip()) - 1


def is_line_start(text: str, position: int) -> bool:
    r"""Whether a line starts at `position`; the place inside \r\n is no line start."""
    before = text[position - 1 : position]
    return position == 0 or before == "\n" or (before == "\r" and text[position : position + 1] != "\n")


def line_start(text: str, position: int) -> int:
    r"""Where the line that holds `position` starts; the place inside \r\n is in the line that it ends."""
    end = position - 1 if text[position - 1 : position + 1] == "\r\n" else position
    return max(text.rfind("\n", 0, end), text.rfind("\r", 0, end)) + 1
