"""A copy of a tokenizer.json that the parts of samples can be encoded with.

With `fim.add_sentinels` the dialect's control tokens that are missing are added as special tokens, with the
ids after the last. A space that the tokenizer puts before every text (SentencePiece's) is taken out, as it
would stand before each part; a dialect says itself where its family has one. The rest of the file is as it
was, and the same input gives the same bytes. The copy encodes the run and is saved with its shards.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.store import committed, file_digest, key_of
from pipeline.units import Product, Receipt, Unit

_STEPS: Final = ("normalizer", "pre_tokenizer", "decoder")
_CHILDREN: Final = ("normalizers", "pretokenizers", "decoders")


@dataclass(frozen=True)
class CopyWork:
    """A tokenizer.json, and the special tokens to add."""

    tokenizer: Path
    tokens: tuple[str, ...]


def needs_copy(work: CopyWork) -> bool:
    """Whether the copy would differ from the tokenizer itself."""
    config = _read(work.tokenizer)
    return bool(work.tokens) or without_leading_space(config) != config


def copy_unit(folder: Path, work: CopyWork) -> Unit:
    """The one unit that makes the copy, in a folder of `folder` that is named by its content key.

    The encoder is cached by path, so different copies must not share one.
    """
    key = key_of("tokenizer copy", 1, file_digest(work.tokenizer), list(work.tokens))
    product = Product(folder / key[:16] / "tokenizer.json.json", key)
    return Unit("tokenizer", work, (product,), 0, _stands)


def _stands(product: Product, receipt: Receipt) -> bool:
    return receipt.key == product.key and copied_path(product).is_file()


def copied_path(product: Product) -> Path:
    """Where the copy of a unit's product stands."""
    return product.receipt.with_suffix("")


def copy_tokenizer_file(work: CopyWork, pending: tuple[Product, ...]) -> list[Receipt]:
    """Write the copy."""
    (product,) = pending
    config = with_tokens(without_leading_space(_read(work.tokenizer)), work.tokens)
    path = copied_path(product)
    with committed(path) as temporary:
        temporary.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return [product.commit(Receipt(product.key, 0, 0, digest=file_digest(path)))]


def _read(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config


def with_tokens(config: dict[str, Any], tokens: Sequence[str]) -> dict[str, Any]:
    """The tokenizer's JSON with special tokens after its last id, in that order."""
    vocabulary = config["model"]["vocab"]  # a list in unigram models
    entries = vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
    added = config.get("added_tokens") or []
    first = max([*entries, *(token["id"] for token in added)], default=-1) + 1
    new = [_special(number, text) for number, text in enumerate(tokens, first)]
    return config | {"added_tokens": [*added, *new]}


def _special(number: int, text: str) -> dict[str, Any]:
    """An added token as `tokenizers` writes it: found as it is spelt, no white space swallowed."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": text, **flags, "special": True}


def without_leading_space(config: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer's JSON without the steps that put a space before a text and take it away again."""
    return config | {step: _plain_step(config[step]) for step in _STEPS if config.get(step) is not None}


def _plain_step(step: dict[str, Any]) -> dict[str, Any] | None:
    if step["type"] == "Prepend" or (step["type"] == "Strip" and step.get("start", 0) > 0):
        return None
    if step["type"] == "Metaspace":
        return {name: value for name, value in step.items() if name != "add_prefix_space"} | {
            "prepend_scheme": "never"
        }
    for children in _CHILDREN:
        if children in step:
            own = [_plain_step(child) for child in step[children]]
            return step | {children: [child for child in own if child is not None]}
    return step
