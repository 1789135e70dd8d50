"""Source code that can be shown safely: what a terminal or a browser would obey is written out instead.

Control characters, and those that turn the direction of text round, hide or end a line for some readers only,
become marks: ⟨ESC⟩ for escape, ⟨U+202E⟩ for a right-to-left override. Newlines and tabs stay. Linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SPECIAL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    # Invisible, or of the direction of text.
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_NAMES = {0: "NUL", 7: "BEL", 8: "BS", 12: "FF", 13: "CR", 27: "ESC", 127: "DEL"}


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is a mark.

    >>> list(pieces("a\\x00b\\u202e"))
    [('a', False), ('⟨NUL⟩', True), ('b', False), ('⟨U+202E⟩', True)]
    """
    done = 0
    for match in _SPECIAL.finditer(text):
        if done < match.start():
            yield text[done : match.start()], False
        yield _mark(ord(match.group())), True
        done = match.end()
    if done < len(text):
        yield text[done:], False


def visible(text: str) -> str:
    """The text with marks in it."""
    return "".join(piece for piece, _ in pieces(text))


def told_lines(text: str) -> str:
    """How many lines a text has, in words.

    >>> told_lines("a\\nb\\n"), told_lines("a")
    ('2 lines', '1 line')
    """
    count = text.count("\n") + (not text.endswith("\n"))
    return f"{count:,} line{'s' * (count != 1)}"


def _mark(code: int) -> str:
    return f"⟨{_NAMES.get(code, f'U+{code:04X}')}⟩"
