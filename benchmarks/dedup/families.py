"""Planted documents that are alike to the eye of a near-dedup tool, and are not duplicates.

Five families, each from a seed: `case` (a real file, and the same with other case, digits, underscores and
operators: another program, equal once a normaliser lower-cases it, maps digits to 0 and drops punctuation);
`operators` (a real file, and the same with only its operators turned round: every set of words holds them
equal; if they are dense enough, sets of tokens do not); `template` (files out of one template, each two alike
below the threshold); `tiny` (one to nine words, or none at all, each file its own).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEED = 4
TEMPLATES = (0.50, 0.54, 0.58, 0.60, 0.62, 0.64, 0.65, 0.66, 0.67, 0.68)  # Jaccard of each two files
FILES_OF_TEMPLATE = 60
SHARED_LINES = 68
TOKENS_A_LINE = 12
TINY = 300
PUNCTUATION = ("[]", "{}", "()", ";", ";;", "---", "...", "[[]]", "{}\n{}", "[{}]", "({})", "//", "#", "##")
OPERATOR = re.compile(r"(?<= )(<<=|>>=|<=|>=|==|!=|\+=|-=|\*=|/=|<<|>>|<|>|\+|-|\*|/|&|\|)(?= )")
OTHER = {
    "<<=": ">>=", "<=": ">=", "==": "!=", "+=": "-=", "*=": "/=", "<<": ">>", "<": ">", "+": "-", "*": "/",
    "&": "|",
}  # fmt: skip
TURNED = OTHER | {value: key for key, value in OTHER.items()}
FEWEST_OPERATORS = 5
SYLLABLES = ("ba", "co", "di", "fe", "gu", "ka", "lo", "mi", "ne", "pa", "ru", "si", "to", "ve", "za", "xo")


@dataclass(frozen=True)
class Planted:
    """A document and the family it was planted for."""

    family: str
    name: str
    text: str


def planted(originals: Sequence[str]) -> list[Planted]:
    """All families; `originals` are real files that are not in the corpus otherwise."""
    chance = random.Random(SEED)
    return [*_variants(originals), *_templates(chance), *_tiny(chance)]


def has_operators(text: str) -> bool:
    """Whether a file has enough operators to turn round."""
    return len(OPERATOR.findall(text)) >= FEWEST_OPERATORS


def _variants(originals: Sequence[str]) -> Iterator[Planted]:
    for number, text in enumerate(originals):
        turned = OPERATOR.sub(lambda match: TURNED[match[0]], text)
        family, other = ("case", _recased(turned)) if number % 2 else ("operators", turned)
        yield Planted(family, f"{number:03d}a.py", text)
        yield Planted(family, f"{number:03d}b.py", other)


def _recased(text: str) -> str:
    """`a_b < 10` as `A.B < 71`: other case, other digits, a point for each underscore between letters."""
    text = re.sub(r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])", ".", text)
    text = re.sub(r"\b[a-z]", lambda match: match[0].upper(), text)
    return re.sub(r"\d", lambda match: str((int(match[0]) + 7) % 10), text)


def _templates(chance: random.Random) -> Iterator[Planted]:
    """Files of SHARED_LINES lines that all share and, in the middle, lines of their own."""
    for number, jaccard in enumerate(TEMPLATES):
        header, footer = _statements(chance, SHARED_LINES * 3 // 4), _statements(chance, SHARED_LINES // 4)
        shared = (
            TOKENS_A_LINE * SHARED_LINES - 12
        )  # shingles: each of the two pieces has six fewer than tokens
        own = round(
            (shared * (1 - jaccard) / (2 * jaccard) - 6) / TOKENS_A_LINE
        )  # seams have six of their own
        for file in range(FILES_OF_TEMPLATE):
            text = f"{header}\n{_statements(chance, own)}\n{footer}\n"
            yield Planted("template", f"{number}/{file:03d}.py", text)


def _statements(chance: random.Random, lines: int) -> str:
    """That many lines of TOKENS_A_LINE tokens: a call and its arguments."""
    names = [[_name(chance) for _ in range(6)] for _ in range(lines)]
    return "\n".join(f"{a} = {b}.{c}({d}, {e}, {f})" for a, b, c, d, e, f in names)


def _name(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=3)) + chance.choice(("", "_id", "_of", "2"))


def _tiny(chance: random.Random) -> Iterator[Planted]:
    for number, text in enumerate(PUNCTUATION):
        yield Planted("tiny", f"punctuation/{number:03d}.json", text + "\n")
    for number in range(TINY):
        names = [_name(chance) for _ in range(4)]
        texts = (
            f"from .{names[0]} import {names[1]}\n",
            f"{names[0]} = {number}\n",
            f"# {names[0]}{number}\n",
            f'version = "{number}.{number % 7}"\n',
            f'__all__ = ["{names[0]}", "{names[1]}", "{names[2]}", "{names[3]}"]\n',
            f"def {names[0]}{number}(self):\n    return self.{names[1]}\n",
            f"import {names[0]}\n\nlog = {names[0]}.get_logger(__name__, {number})\n",
        )
        yield Planted("tiny", f"{number:03d}.py", texts[number % len(texts)])
