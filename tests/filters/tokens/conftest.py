"""Tiny tokenizers of each supported kind, trained once a session on the standard library's own text."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPECIALS = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>"]

Edit = Callable[[dict[str, Any]], None]


def train(*, digits: bool) -> Tokenizer:
    """A byte-level BPE of 600 entries, with or without single digits."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = (
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
        if digits
        else byte_level
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        show_progress=False,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    text = inspect.getsource(textwrap) + inspect.getsource(inspect) + "it's 1234 año 中文 naïve\r\n\t\t" * 50
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


@pytest.fixture(scope="session")
def tokenizer_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of tokenizer.json files by kind, all of which the kernel supports."""
    folder = tmp_path_factory.mktemp("tokenizers")
    kinds = {"plain": train(digits=False), "digits": train(digits=True), "runs": train(digits=True)}
    kinds["nfc"] = train(digits=False)
    kinds["nfc"].normalizer = normalizers.NFC()
    kinds["runs"].add_tokens([AddedToken(" " * count, normalized=True) for count in range(2, 9)])
    kinds["runs"].add_tokens([AddedToken("\t" * count, normalized=False) for count in range(2, 5)])
    for kind, tokenizer in kinds.items():
        tokenizer.save(str(folder / f"{kind}.json"))
    return {kind: str(folder / f"{kind}.json") for kind in kinds}


@pytest.fixture
def edited(tokenizer_files: dict[str, str], tmp_path: Path) -> Callable[[Edit], str]:
    """A function that saves a changed copy of the plain tokenizer.json and gives its path."""

    def save(edit: Edit) -> str:
        config = json.loads(Path(tokenizer_files["plain"]).read_text(encoding="utf-8"))
        edit(config)
        path = tmp_path / "edited.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return str(path)

    return save
