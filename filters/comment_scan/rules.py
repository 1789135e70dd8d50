"""The vocabulary of comment rules: what a rule may begin, where, and with which properties.

filters/data/comment_syntax.toml is written in these words, filters/comment_scan/syntax.py packs it into
arrays of the columns below, and the kernels in spans.py and scanner.py read those.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt


class Kind(IntEnum):
    """What a rule's opener begins."""

    LINE = 0  # a comment to the end of the line, or to the rule's closer when it has one
    BLOCK = 1  # a comment to its closer, or to the end of the file
    STRING = 2
    CHARACTER = 3  # one character in quotes; else the quote is a prime, a lifetime or a transposition
    REGEX = 4  # a regular expression between slashes
    DELIMITED = 5  # quotes of the writer's choice: Perl's q{…} and s/…/…/, Ruby's %w[…]
    HEREDOC = 6
    INDENTED = 7  # YAML's block scalars
    ESCAPE = 8  # passes over the next byte too
    PLAIN = 9  # passes over the opener, which is no other rule's
    STOP = 10  # nothing after it is code; what begins with the rule's closer, if it has one, is comment
    OUTSIDE = 11  # PHP's ?>: nothing is code until the rule's closer
    NEWLINE = 12  # heredoc bodies begin; docstrings: a logical line begins
    COLON = 13  # docstrings: the end of a header
    OPENING = 14  # docstrings: a bracket
    CLOSING = 15
    DATUM = 16  # a comment: Lisp's #; and the expression after it


class Where(IntEnum):
    """What must stand before (or just after) an opener."""

    ANYWHERE = 0
    LINE_START = 1  # blanks only before it on its line
    COLUMN_ZERO = 2
    WORD_START = 3  # white space or an opening or separating sign before it
    NOT_AFTER_WORD = 4  # no letter, digit or underscore before it
    NOT_AFTER_SIGIL = 5  # none of $ \ ? @ & % * - nor a letter, digit or underscore before it
    NOT_AFTER_COLON = 6
    OPERAND = 7  # where an operand may begin, so that a slash does not divide
    AFTER_BLANK = 8  # white space or one of ;&|() before it
    DASHES = 9  # no operator character before it, nor after its run of dashes
    COMMAND = 10  # where a command may begin: after a line end or one of ;{(&@, and blanks; a word must end
    NOT_AFTER_ITSELF = 11  # the opener's first byte does not stand before it


class Flag(IntEnum):
    """Further properties of a rule, as bits."""

    NESTED = 1
    MULTILINE = 2
    BACKSLASH = 4  # a backslash takes the next byte's meaning away; in a line comment, the line end's
    DOUBLED = 8  # a doubled closer stands for itself
    DOCSTRING = 16
    TWO_PARTS = 32
    BARE = 64  # a heredoc's word may be lower case without quotes, and after blanks
    COMMAND = 128  # Ruby: a word, a blank and a slash without a blank after it begin a regular expression
    BACKTICK = 256  # as BACKSLASH, with PowerShell's sign
    FLAT = 512  # brackets in a delimited literal are not counted


# Columns of a rule: i32[RULE_WIDTH]. Texts are (position, length) in the blob.
KIND, OPEN, OPEN_LENGTH, CLOSE, CLOSE_LENGTH, WHERE, FLAGS = 0, 1, 2, 3, 4, 5, 6
FENCE, AFTER, AFTER_LENGTH, TAIL, TAIL_LENGTH = 7, 8, 9, 10, 11
HOLE_1, HOLE_1_LENGTH, HOLE_2, HOLE_2_LENGTH, NEXT = 12, 13, 14, 15, 16
RULE_WIDTH: Final = 17
ANY_FENCE: Final = 1  # FENCE: 0 for none, this for C++'s free text, …
WORD_FENCE: Final = 2  # … this for OCaml's lower-case words, else the one byte that a fence repeats


class Tables(NamedTuple):
    """Every language's rules: see filters/comment_scan/syntax.py, which packs them."""

    rules: npt.NDArray[np.int32]
    """i32[rules, RULE_WIDTH]."""
    blob: npt.NDArray[np.uint8]
    """The texts that rules point to."""
    keywords: npt.NDArray[np.uint8]
    """Words after which an operand begins, each between two spaces."""
    first: npt.NDArray[np.int32]
    """i32[languages, 256]: the first rule that may begin with a byte, or -1."""
    outside: npt.NDArray[np.int32]
    """i32[languages]: the rule whose closer must come before any code (PHP), or -1."""
