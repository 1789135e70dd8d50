"""A byte-level BPE of 588 entries, trained here, besides the control tokens of every dialect."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from filters.tokens.encoder import Encoder, load_encoder

from .material import CODE, LITERALS


def train(path: str, special_tokens: list[str]) -> Encoder:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=588 + len(special_tokens),
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(
        [CODE, CODE.replace("\n", "\r\n"), "def f(x):\n    return x\n" * 9], trainer
    )
    tokenizer.save(path)
    return load_encoder(path)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return train(str(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"), list(LITERALS))


@pytest.fixture(scope="session")
def bare_encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """The same without sentinels, but with end-of-text."""
    return train(str(tmp_path_factory.mktemp("bare") / "tokenizer.json"), ["<|endoftext|>"])
