"""Text to token ids, exactly as `tokenizers` does it with special tokens switched off, and many times faster.

`load_encoder` picks the engine: "kernel" (numba; see kernel.py) when it supports the tokenizer.json and gives
the reference's ids on every probe, else "tokenizers"; `reason` says which and why. Text never becomes a
control id: a literal `<fim_prefix>` in a file is encoded as the characters it is made of.

On one core about 80 MB/s of code for the kernel against 2 MB/s for `tokenizers`; loading takes about 0.5 s.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from filters.text import Texts, pack_texts
from filters.tokens.kernel import Tables, empty_memo, encode_texts
from filters.tokens.probes import probe_texts
from filters.tokens.tiktoken_file import SUFFIX, as_tokenizer_json
from filters.tokens.vocabulary import UnsupportedError, kernel_tables

MEMO_ROWS: Final = 1 << 16
_NFC_FROM: Final = 0xCC
"""The lead byte of U+0300: NFC changes no text of lower characters, and higher ones have no lower lead."""


class Tokens(NamedTuple):
    """`ids` i32[total] of n texts and `offsets` i64[n + 1]: text i is ids[offsets[i]:offsets[i+1]]."""

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]


class Encoder:
    """A loaded tokenizer, one per process. Its memo takes 4 MB; a call takes at most 4 bytes per byte of
    text.

    `engine` is "kernel" or "tokenizers" and `reason` says why; `vocab_size` is the highest id plus one.
    """

    def __init__(self, path: str, pattern: str = "", *, memo_rows: int = MEMO_ROWS) -> None:
        self.path = path
        self._reference = reference_tokenizer(path, pattern)
        config = json.loads(_json_text(path, pattern))
        _refuse_reachable_specials(path, config, self._reference)
        self.vocab_size: int = max(self._reference.get_vocab(with_added_tokens=True).values()) + 1
        self._nfc = config.get("normalizer") is not None
        self._memo = empty_memo(memo_rows)
        self._lock = Lock()  # the kernel releases the GIL, and two writers would tear a row of the memo
        self._tables: Tables | None = None
        self._tables, self.reason = self._choose(config)
        self.engine = "tokenizers" if self._tables is None else "kernel"

    def encode(self, texts: Texts) -> Tokens:
        """The ids of each text (valid UTF-8), without special tokens."""
        if self._tables is None:
            return self._encode_slowly(texts)
        if self._nfc:
            texts = self._normalized(texts)
        return self._encode_by_kernel(texts, self._tables)

    def decode(self, ids: npt.NDArray[np.integer[Any]]) -> str:
        """The text of some ids, special tokens included; a cut-off character becomes U+FFFD."""
        return str(self._reference.decode(ids.tolist(), skip_special_tokens=False))

    def token_id(self, token: str) -> int | None:
        """The id of a vocabulary entry or an added token, or None."""
        found = self._reference.token_to_id(token)
        return None if found is None else int(found)

    def first_difference(self, texts: Texts) -> int | None:
        """The index of the first text whose ids are not the reference's, or None: slow, meant for samples."""
        ours, expected = self.encode(texts), self._encode_slowly(texts)
        for index in range(texts.height):
            if not np.array_equal(_ids_of(ours, index), _ids_of(expected, index)):
                return index
        return None

    def _choose(self, config: dict[str, Any]) -> tuple[Tables | None, str]:
        """The kernel's tables if it supports the tokenizer and passes the probes, and the reason."""
        try:
            self._tables = kernel_tables(config)
        except UnsupportedError as problem:
            return None, f"the kernel does not support this tokenizer: {problem}"
        specials = [token["content"] for token in config.get("added_tokens") or []]
        probes = pack_texts([probe.encode() for probe in probe_texts(specials)])
        differing = self.first_difference(probes)
        if differing is not None:
            return None, f"the kernel's ids differ from those of tokenizers on probe {differing}"
        return self._tables, f"the kernel's ids equal those of tokenizers on {probes.height} probes"

    def _encode_by_kernel(self, texts: Texts, tables: Tables) -> Tokens:
        ids = np.empty(int(texts.offsets[-1] - texts.offsets[0]), np.int32)
        with self._lock:
            offsets = encode_texts(_read_only(texts.data), _read_only(texts.offsets), tables, self._memo, ids)
        return Tokens(ids[: offsets[-1]].copy(), offsets)

    def _encode_slowly(self, texts: Texts) -> Tokens:
        parts = [
            np.array(self._reference.encode(text, add_special_tokens=False).ids, np.int32)
            for text in _strings(texts)
        ]
        offsets = np.zeros(texts.height + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return Tokens(np.concatenate([np.empty(0, np.int32), *parts]), offsets)

    def _normalized(self, texts: Texts) -> Texts:
        """The texts in NFC, by the library's own normalizer; one that it cannot change is passed through."""
        high = (
            np.flatnonzero(texts.data[texts.offsets[0] : texts.offsets[-1]] >= _NFC_FROM) + texts.offsets[0]
        )
        if not len(high):
            return texts
        concerned = set(np.unique(np.searchsorted(texts.offsets, high, side="right") - 1).tolist())
        normalize = self._reference.normalizer.normalize_str
        parts = (texts.data[start:stop].tobytes() for start, stop in pairwise(texts.offsets.tolist()))
        return pack_texts(
            [
                normalize(part.decode()).encode() if number in concerned else part
                for number, part in enumerate(parts)
            ]
        )


@cache
def load_encoder(path: str, pattern: str = "") -> Encoder:
    """The encoder for a tokenizer.json, or for a .tiktoken file and the name of its pattern, loaded once per
    process.
    """
    return Encoder(path, pattern)


def reference_tokenizer(path: str, pattern: str = "") -> Tokenizer:
    """The `tokenizers` object that defines the ids: no truncation, no padding, special tokens off in text.

    This is the only place that builds one: `encode_special_tokens` is lost when a tokenizer is pickled or
    saved. Raises ValueError for a file that is not there, or that the library cannot read.
    """
    text = _json_text(path, pattern)
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing more precise
        raise ValueError(f"{path} is not a tokenizer.json that tokenizers can read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def _json_text(path: str, pattern: str) -> str:
    """The text of a tokenizer.json; a .tiktoken file is turned into one."""
    if path.endswith(SUFFIX):
        return as_tokenizer_json(path, pattern)
    if pattern:
        raise ValueError(f"{path} says itself how text is split; pattern = {pattern!r} is for {SUFFIX} files")
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a tokenizer.json that tokenizers can read: {error}") from error


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view that numba sees as read-only, as Arrow's buffers are, so that kernels compile for one kind."""
    view = array.view()
    view.flags.writeable = False
    return view


def _strings(texts: Texts) -> list[str]:
    """The texts as Python strings."""
    spans = zip(texts.offsets[:-1].tolist(), texts.offsets[1:].tolist(), strict=True)
    return [texts.data[start:stop].tobytes().decode() for start, stop in spans]


def _ids_of(tokens: Tokens, index: int) -> npt.NDArray[np.int32]:
    return tokens.ids[tokens.offsets[index] : tokens.offsets[index + 1]]


def _refuse_reachable_specials(path: str, config: dict[str, Any], reference: Tokenizer) -> None:
    """Refuse a tokenizer that spells a special token from plain text (say, `def` declared special)."""
    unknown = config["model"].get("unk_token")
    for token in config.get("added_tokens") or []:
        if not token.get("special") or token["content"] == unknown:
            continue
        if token["id"] in reference.encode(token["content"], add_special_tokens=False).ids:
            raise ValueError(
                f"{path}: the text {token['content']!r} encodes to {token['id']}, its own special "
                "token, so a source file could inject it: rename the special token, or drop its merges"
            )
