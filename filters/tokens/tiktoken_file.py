"""A `.tiktoken` file as a tokenizer.json that gives the same ids.

Each line of the file is a token in base64 and its rank, which is its id; the pattern that splits text is not
in the file and must be named. tiktoken joins the pair whose joined token has the lowest rank, so a token's
one merge is the pair that is left when its bytes are joined by all lower ranks. A token that no pair makes is
reached only as a whole piece of text, as `ignore_merges` does. About 3 s for 100,000 tokens.
"""

from __future__ import annotations

import base64
import binascii
import json
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from filters.tokens.vocabulary import byte_alphabet

SUFFIX: Final = ".tiktoken"
_CONTRACTION: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL: Final = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER: Final = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"
_LOWER: Final = r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
_WORD: Final = r"[^\r\n\p{L}\p{N}]?"
PATTERNS: Final[dict[str, str]] = {
    "gpt2": "",  # ByteLevel's own
    "cl100k": rf"{_CONTRACTION}|{_WORD}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s+\z|{_TAIL}",
    "o200k": (
        rf"{_WORD}[{_UPPER}]*[{_LOWER}]+{_CONTRACTION}?|{_WORD}[{_UPPER}]+[{_LOWER}]*{_CONTRACTION}?"
        rf"|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_TAIL}"
    ),
    "qwen": rf"{_CONTRACTION}|{_WORD}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_TAIL}",
}
"""Those of openai/tiktoken (tiktoken_ext/openai_public.py) and of Qwen, without their possessive signs."""

Ranks = dict[bytes, int]


@lru_cache(maxsize=2)
def as_tokenizer_json(path: str, pattern: str) -> str:
    """The text of a tokenizer.json. Raises ValueError for an unknown pattern and for a file that is none."""
    if pattern not in PATTERNS:
        raise ValueError(
            f"{path} does not say how text is split (pattern = {pattern!r}): name the pattern, one of "
            f"{', '.join(PATTERNS)}"
        )
    ranks = read_ranks(path)
    splits = {token: split for token in ranks if len(token) > 1 and (split := merge_of(token, ranks))}
    whole = sum(len(token) > 1 for token in ranks) > len(splits)
    model = {
        "type": "BPE",
        "vocab": {_spelled(token): rank for token, rank in ranks.items()},
        "merges": [
            [_spelled(part) for part in splits[token]] for token in sorted(splits, key=ranks.__getitem__)
        ],
        "ignore_merges": whole,
    }
    decoder = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return json.dumps(
        {"added_tokens": [], "pre_tokenizer": _pre_tokenizer(pattern), "decoder": decoder, "model": model}
    )


def read_ranks(path: str) -> Ranks:
    """The tokens of a file and their ranks. Raises ValueError with the number of a line that is wrong."""
    ranks: Ranks = {}
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        try:
            token, rank = line.split()
            decoded, id_ = base64.b64decode(token, validate=True), int(rank)
        except (ValueError, binascii.Error) as error:
            raise ValueError(
                f"{path}, line {number}: {line[:60]!r} is not a token in base64 and its rank"
            ) from error
        if decoded in ranks or id_ < 0:
            raise ValueError(f"{path}, line {number}: the token or the rank of {line[:60]!r} cannot be")
        ranks[decoded] = id_
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing or len(set(ranks.values())) < len(ranks):
        raise ValueError(
            f"{path} lacks {len(missing)} of the 256 single bytes"
            if missing
            else f"{path} gives a rank twice"
        )
    return ranks


def merge_of(token: bytes, ranks: Ranks) -> tuple[bytes, bytes] | None:
    """The two parts of a token that its bytes are joined to by lower ranks, or None if they are not two."""
    parts, most = [bytes([byte]) for byte in token], ranks[token]
    while len(parts) > 2:
        joined = [ranks.get(left + right, most) for left, right in pairwise(parts)]
        best = min(joined)
        if best >= most:
            return None
        at = joined.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def _spelled(token: bytes) -> str:
    return "".join(map(_ALPHABET.__getitem__, token))


_ALPHABET: Final = byte_alphabet()


def _pre_tokenizer(pattern: str) -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    if not PATTERNS[pattern]:
        return byte_level
    split = {
        "type": "Split",
        "pattern": {"Regex": PATTERNS[pattern]},
        "behavior": "Isolated",
        "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, byte_level | {"use_regex": False}]}
