"""What texts are compared as: lower case, lower case without white space, or lower-case words.

Lower case is that of Python's `str.lower`, white space that of `str.split`, and a word is a run of characters
that are alphanumeric to Python, or `_`. `str.lower` maps code points one by one, but for the Greek capital
sigma, whose small form depends on the word around it; `resolve_sigma` settles that before a text is folded.
Tables are built once a process, 1 s and 21 MB for both that a search needs.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, Literal

import numpy as np

from filters.decontamination.kernel import BLANK, SEPARATOR, Folding, fold
from filters.text import Texts, pack_texts

Form = Literal["lower", "squeezed", "words"]

_CODE_POINTS: Final = 0x110000
_ROWS: Final = 1 << 21
"""Every number that four bytes of UTF-8 can spell, valid or not, so that no index leaves a table."""
_SURROGATES: Final = range(0xD800, 0xE000)
_SIGMA: Final = "Σ"


@cache
def folding(form: Form) -> Folding:
    """The table of a form."""
    packed, lengths = np.zeros(_ROWS, np.uint32), np.zeros(_ROWS, np.uint8)
    for code in range(_CODE_POINTS):
        if code in _SURROGATES:
            continue
        character = chr(code)
        if form == "words" and not (character.isalnum() or character == "_"):
            packed[code], lengths[code] = BLANK, SEPARATOR
        elif form != "squeezed" or not character.isspace():
            lowered = character.lower().encode()
            packed[code], lengths[code] = int.from_bytes(lowered, "little"), len(lowered)
    return Folding(packed, lengths)


def folded(text: str, form: Form) -> bytes:
    """A text as it is compared."""
    data = np.frombuffer(resolve_sigma(text).encode(), np.uint8)
    out = np.empty(len(data) + len(data) // 2 + 4, np.uint8)
    written, _ = fold(data, folding(form), out, len(out))
    return out[:written].tobytes().removesuffix(b" " if form == "words" else b"")


def resolve_sigma(text: str) -> str:
    """The text with each capital sigma in the small form that `str.lower` gives it there."""
    if _SIGMA not in text:
        return text
    lowered = text.replace("İ", "i").lower()  # the one character that lower() makes longer
    return re.sub(_SIGMA, lambda found: lowered[found.start()], text)


def resolve_sigmas(texts: Texts) -> Texts:
    """`resolve_sigma` for each text; the same object if there is nothing to resolve."""
    spans = zip(texts.offsets[:-1].tolist(), texts.offsets[1:].tolist(), strict=True)
    data, sigma = texts.data[texts.offsets[0] : texts.offsets[-1]].tobytes(), _SIGMA.encode()
    if sigma[:1] not in data or sigma not in data:  # one byte is found several times faster than two
        return texts
    parts = (texts.data[start:stop].tobytes() for start, stop in spans)
    return pack_texts([resolve_sigma(part.decode()).encode() for part in parts])
