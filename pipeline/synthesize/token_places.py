"""Where the tokens of a text end, in code points, for cuts that fall between tokens.

A border inside a character counts as that character's end. From the encoder's own ids and the lengths of its
tokens in bytes, about 50 MB/s; by `tokenizers`, which is far slower, for texts and tokenizers where these do
not tell (a normaliser that changes the text, or a vocabulary that is not byte-level).
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from filters.text import characters_before, pack_texts
from filters.tokens.encoder import Encoder, reference_tokenizer


def token_places(encoder: Encoder, text: str) -> list[int]:
    """0, and where each token of `text` ends, ascending, each place once; the last is the text's end."""
    _, ends = tokens_with_ends(encoder, text)
    return sorted({0, len(text), *ends})


def tokens_with_ends(encoder: Encoder, text: str) -> tuple[npt.NDArray[np.int32], list[int]]:
    """The ids of `text`, and where each of these tokens ends in it, ascending."""
    # The kernel serves byte-level vocabularies only, and no normaliser but NFC.
    if encoder.engine != "kernel" or not unicodedata.is_normalized("NFC", text):
        encoding = _reference(encoder.path).encode(text, add_special_tokens=False)
        return np.array(encoding.ids, np.int32), [end for _, end in encoding.offsets]
    data = text.encode()
    ids = encoder.encode(pack_texts([data])).ids
    ends = np.cumsum(_token_bytes(encoder.path)[ids])
    if text.isascii():
        return ids, ends.tolist()
    # A token's end inside a character counts it.
    return ids, characters_before(np.frombuffer(data, np.uint8))[ends].tolist()


@cache
def _reference(path: str) -> Tokenizer:
    return reference_tokenizer(path)


@cache
def _token_bytes(path: str) -> npt.NDArray[np.int64]:
    """The bytes of each id. Byte-level vocabularies write a character for each byte."""
    config = json.loads(Path(path).read_text(encoding="utf-8"))
    added = ((token["content"], token["id"]) for token in config.get("added_tokens") or [])
    entries = dict(chain(config["model"]["vocab"].items(), added))
    lengths = np.zeros(max(entries.values()) + 1, np.int64)
    for token, number in entries.items():
        lengths[number] = len(token)
    return lengths
