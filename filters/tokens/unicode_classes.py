"""Which code points the pre-tokenizers of `tokenizers` call letter, number, white space and numeric.

The classes are not Python's: the regex engine and the Rust standard library inside `tokenizers` each have a
Unicode version of their own, and one character that is classed differently changes ids. So they are asked of
the library itself, once, and kept as ranges in filters/data/unicode_classes.csv; a row there is
`first,last,class,numeric`. When another version of the library is installed than the one that the file names,
it is asked again.

`python -m filters.tokens.unicode_classes` writes the file. Reading it costs about 2 ms, asking about 4 s.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, pre_tokenizers

OTHER: Final = 0
LETTER: Final = 1
NUMBER: Final = 2
SPACE: Final = 3
ALONE: Final = 4
"""A numeric character that the Digits pre-tokenizer splits off: a piece of its own."""

CODE_POINTS: Final = 0x110000
PATTERNS: Final = {LETTER: r"\p{L}", NUMBER: r"\p{N}", SPACE: r"\s"}
PATH: Final = Path(__file__).parents[1] / "data" / "unicode_classes.csv"

Classes = npt.NDArray[np.uint8]


def unicode_classes() -> tuple[Classes, npt.NDArray[np.bool_]]:
    """The class of every code point (LETTER, NUMBER, SPACE or OTHER), and whether Rust calls it numeric."""
    head, *rows = PATH.read_text(encoding="ascii").splitlines()
    if head != _header():
        return ask_library()
    classes, numeric = np.zeros(CODE_POINTS, np.uint8), np.zeros(CODE_POINTS, np.bool_)
    for row in rows:
        first, last, class_, is_numeric = row.split(",")
        span = slice(int(first, 16), int(last, 16) + 1)
        classes[span], numeric[span] = int(class_), is_numeric == "1"
    return classes, numeric


def class_table(*, split_digits: bool) -> Classes:
    """The classes as the scanner reads them, with numeric characters ALONE if the tokenizer splits digits
    off.

    The table covers every number that four UTF-8 bytes can spell, valid or not, so that no index leaves it.
    """
    classes, numeric = unicode_classes()
    table = np.zeros(1 << 21, np.uint8)
    table[:CODE_POINTS] = classes
    if split_digits:
        table[:CODE_POINTS][numeric] = ALONE
    return table


def ask_library() -> tuple[Classes, npt.NDArray[np.bool_]]:
    """The same as `unicode_classes`, from the installed `tokenizers`."""
    characters = [chr(code) for code in range(CODE_POINTS) if not 0xD800 <= code < 0xE000]
    classes, numeric = np.zeros(CODE_POINTS, np.uint8), np.zeros(CODE_POINTS, np.bool_)
    for class_, pattern in PATTERNS.items():
        found = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(
            "".join(characters)
        )
        classes[[ord(piece) for piece, _ in found]] = class_
    # Between two letters, a digit is a piece of its own and nothing else is.
    pieces = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str("a" + "a".join(characters) + "a")
    numeric[[ord(piece) for piece, (start, stop) in pieces if stop - start == 1 and piece != "a"]] = True
    return classes, numeric


def as_csv() -> str:
    """The data file's text, from the installed `tokenizers`: ranges that are not (OTHER, not numeric)."""
    classes, numeric = ask_library()
    code = classes + 8 * numeric.astype(np.uint8)
    edges = np.flatnonzero(np.diff(code)) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), CODE_POINTS]
    rows = [
        f"{start:X},{stop - 1:X},{classes[start]},{int(numeric[start])}"
        for start, stop in zip(starts, stops, strict=True)
        if code[start]
    ]
    return "\n".join([_header(), *rows]) + "\n"


def _header() -> str:
    return f"# first,last,class,numeric of tokenizers {version('tokenizers')}"


if __name__ == "__main__":
    PATH.write_text(as_csv(), encoding="ascii")
