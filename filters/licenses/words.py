"""Texts as plain words, and word pairs as numbers: the ground that licence texts are compared on.

`plain_words` lower-cases, keeps ASCII letters and digits, and puts single spaces between: comment marks,
quotes, line ends, markdown, "(a)" and "1." before a clause, and web addresses vanish, so that one licence
reads the same however it is laid out. `bigrams` hashes each pair of neighbours to 32 bits. Linear; about 30
MB/s, nearly all of it in `plain_words`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

_NOT_WORDS: Final = re.compile(r"[^a-z0-9]+")
_LINE_MARK: Final = re.compile(r"^[ \t]{0,40}(?:dnl|rem|@rem|c)(?=[ \t])", re.MULTILINE | re.IGNORECASE)
_SPELLINGS: Final = re.compile(
    r"\b(?:(licen)c(e[sd]?\b)|(non|sub) (?=commercial|infring|licens|exclusive|transfer))"
)
_PLUS: Final = re.compile(r"([0-9])\+")  # GPLv2+
_ENUMERATOR: Final = re.compile(
    r"\((?:\d{1,2}|[a-hA-H]|[ivxIVX]{1,4})\)|"
    r"(^[^\w\n]{0,20}|[.:;,][\"']?\s{1,6}(?:[#*/]{1,3}\s{1,4})?(?:and |or )?)"
    r"\(?(?:\d{1,2}|[a-hA-H]|[ivxIVX]{1,4})[.)]{1,2}(?=\s)",
    re.MULTILINE,
)
_URL: Final = re.compile(r"[a-z]{2,10}://[^\s<>\"'(){}\[\]]{1,300}", re.IGNORECASE)
_FNV_START: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)
_PAIR_PRIME: Final = np.uint64(0x9E3779B97F4A7C15)


def plain_words(text: str) -> str:
    """The words of a text, one space between two; "licence" and "non-commercial" get one spelling.

    >>> plain_words("# Licence: non-commercial\\r\\n#  use (c) 2026")
    'license noncommercial use 2026'
    """
    text = _ENUMERATOR.sub(lambda m: f"{m[1] or ''} ", _URL.sub(" ", _LINE_MARK.sub(" ", text)))
    text = _PLUS.sub(r"\1 or later ", text)
    words = _NOT_WORDS.sub(" ", text.lower()).strip()
    return _SPELLINGS.sub(_respell, words)


def _respell(match: re.Match[str]) -> str:
    return f"{match[1]}s{match[2]}" if match[1] else match[3]


class Bigrams(NamedTuple):
    """The pairs of neighbouring words: `hashes` u32[n − 1], and `starts` i64[n], where each word begins."""

    hashes: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _hash_pairs(
    data: npt.NDArray[np.uint8], n_words: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Hashes of word pairs, and where words start; `data` has single spaces between words."""
    hashes, starts = np.empty(max(n_words - 1, 0), np.uint32), np.empty(n_words, np.int64)
    word, before, current = 0, np.uint64(0), _FNV_START
    start = 0
    for at in range(len(data) + 1):
        if at < len(data) and data[at] != 0x20:
            current = (current ^ np.uint64(data[at])) * _FNV_PRIME
            continue
        starts[word] = start
        if word:
            mixed = (before * _PAIR_PRIME) ^ current
            mixed = (mixed ^ (mixed >> np.uint64(33))) * _PAIR_PRIME
            hashes[word - 1] = np.uint32(mixed >> np.uint64(32))
        before, current, start = current, _FNV_START, at + 1
        word += 1
    return hashes, starts


def bigrams(words: str) -> Bigrams:
    """The pairs of neighbours in what `plain_words` gave."""
    if not words:
        return Bigrams(np.empty(0, np.uint32), np.empty(0, np.int64))
    data = np.frombuffer(words.encode("ascii"), np.uint8)
    return Bigrams(*_hash_pairs(data, words.count(" ") + 1))
