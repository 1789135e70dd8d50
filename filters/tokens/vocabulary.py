"""A tokenizer.json as the kernel's tables, or the reason why the kernel cannot serve it.

What is supported is what was proved equal to `tokenizers`: byte-level BPE with GPT-2's pattern, with or
without single digits, with or without NFC, and added tokens that are special or runs of blanks or tabs.
Whatever is not known to be harmless is refused, so a setting that a later version of the format brings leads
to the slow engine, not to other ids. Building the tables of 50,000 merges takes about 0.1 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from filters.tokens.kernel import Ids, Tables, pair_table
from filters.tokens.unicode_classes import class_table

Json = Mapping[str, Any]

_KNOWN_KEYS: Final = {"type", "vocab", "merges", "unk_token", "fuse_unk"}
"""Model keys that may have any value; no text is unknown to a vocabulary that has every byte."""
_NEVER_IN_UTF8: Final = {0xC0, 0xC1, *range(0xF5, 0x100)}
_BYTE_LEVEL: Final = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "use_regex": True,
    "trim_offsets": True,  # whatever it is, it moves offsets only
}
_NO_ID: Final = -1


class UnsupportedError(Exception):
    """The kernel cannot serve this tokenizer; the message says why."""


def kernel_tables(config: Json) -> Tables:
    """The tables for a parsed tokenizer.json. Raises UnsupportedError."""
    model = config["model"]
    _check_model(model)
    if (config.get("normalizer") or {"type": "NFC"}) != {"type": "NFC"}:
        raise UnsupportedError(
            f"its normalizer is {config['normalizer'].get('type')}; only NFC and none are known"
        )
    vocab = model["vocab"]
    alphabet = byte_alphabet()
    missing = {byte for byte, character in enumerate(alphabet) if character not in vocab} - _NEVER_IN_UTF8
    if missing:
        raise UnsupportedError(
            f"its vocabulary lacks {len(missing)} single bytes, the first is 0x{min(missing):02X}"
        )
    return Tables(
        classes=class_table(split_digits=_splits_digits(config.get("pre_tokenizer"))),
        runs=run_tokens(config.get("added_tokens") or []),
        byte_ids=np.array([vocab.get(character, _NO_ID) for character in alphabet], np.int32),
        pairs=pair_table(_merges(model)),
    )


def byte_alphabet() -> list[str]:
    """The character that byte-level BPE writes for each byte (GPT-2's bytes_to_unicode).

    A byte that Latin-1 prints stands for itself; the others are numbered from U+0100 in their order.
    """
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    codes = dict(zip(printed, printed, strict=True)) | {byte: 256 + at for at, byte in enumerate(others)}
    return [chr(codes[byte]) for byte in range(256)]


def run_tokens(added: list[Json]) -> Ids:
    """The table `runs` of added tokens that match in plain text. Raises UnsupportedError for other kinds.

    `tokenizers` takes the leftmost-longest match, so among runs of all lengths from 2 on the answer depends
    on the run alone. A special token with a blank or tab inside would compete with them, and is refused.
    """
    plain = {token["content"]: token for token in added if not token.get("special")}
    for content, token in plain.items():
        flagged = any(token.get(flag) for flag in ("single_word", "lstrip", "rstrip"))
        if flagged or content[:1] not in (" ", "\t") or content != content[0] * len(content):
            raise UnsupportedError(
                f"its added token {content!r} is neither special nor a run of blanks or tabs"
            )
    if plain and any({" ", "\t"} & set(token["content"]) for token in added if token.get("special")):
        raise UnsupportedError("a special token holds a blank or tab, and there are added runs of these")
    runs = np.zeros((2, 1 + max(map(len, plain), default=0)), np.int32)
    for row, character in enumerate(" \t"):
        lengths = sorted(len(content) for content in plain if content[0] == character)
        if lengths != list(range(2, len(lengths) + 2)):
            raise UnsupportedError(
                f"its added runs of {character!r} have lengths {lengths}, not all from 2 on"
            )
        runs[row, 0] = max(lengths, default=0)
        runs[row, lengths] = [plain[character * length]["id"] for length in lengths]
    return runs


def _check_model(model: Json) -> None:
    if model.get("type", "BPE") != "BPE" or not isinstance(model.get("merges"), list):
        raise UnsupportedError(f"its model is {model.get('type')}, not BPE")
    unknown = sorted(key for key, value in model.items() if key not in _KNOWN_KEYS and value)
    if unknown:
        raise UnsupportedError(f"its BPE model sets {', '.join(unknown)}")


def _splits_digits(pre_tokenizer: Json | None) -> bool:
    """Whether digits are split off before GPT-2's pattern. Raises UnsupportedError for other steps."""
    steps = [pre_tokenizer or {}]
    if steps[0].get("type") == "Sequence":
        steps = list(steps[0]["pretokenizers"])
    digits = steps[0] == {"type": "Digits", "individual_digits": True} if len(steps) == 2 else False
    last = {"add_prefix_space": True, "use_regex": True, **(steps[-1] if steps else {}), "trim_offsets": True}
    if len(steps) != 1 + digits or last != _BYTE_LEVEL:
        raise UnsupportedError(
            "its pre-tokenizer is neither [ByteLevel] nor [Digits (individual), ByteLevel]"
        )
    return digits


def _merges(model: Json) -> dict[tuple[int, int], tuple[int, int]]:
    """(left id, right id) → (rank, merged id). A pair listed twice has its last rank, as in `tokenizers`."""
    vocab, merges = model["vocab"], {}
    for rank, pair in enumerate(model["merges"]):
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        merges[vocab[left], vocab[right]] = rank, vocab[left + right]
    return merges
