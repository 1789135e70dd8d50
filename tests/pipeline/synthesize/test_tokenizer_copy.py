"""A copied tokenizer has the missing control tokens, puts no space before a part, and is else the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from filters.text import pack_texts
from filters.tokens.encoder import Encoder, load_encoder
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.sentinels import missing_tokens, resolve_sentinels
from pipeline.synthesize.tokenizer_copy import (
    CopyWork,
    copied_path,
    copy_tokenizer_file,
    copy_unit,
    needs_copy,
    with_tokens,
    without_leading_space,
)

from .material import LITERALS, TEXTS, fim

METADATA = {"repository": 0.2, "path": 0.2, "stars": 0.2}


def make_copy(folder: Path, work: CopyWork) -> Path:
    unit = copy_unit(folder, work)
    copy_tokenizer_file(work, unit.products)
    return copied_path(unit.products[0])


@pytest.fixture(scope="module")
def copy(bare_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """The tokenizer without sentinels, with those that StarCoder's metadata need too."""
    missing = missing_tokens(load_dialect("starcoder"), fim(metadata=METADATA), bare_encoder)
    work = CopyWork(Path(bare_encoder.path), tuple(missing))
    return load_encoder(str(make_copy(tmp_path_factory.mktemp("copy"), work)))


def test_missing_tokens_get_the_ids_after_the_last_in_order(bare_encoder: Encoder, copy: Encoder) -> None:
    first = bare_encoder.vocab_size
    sentinels = resolve_sentinels(load_dialect("starcoder"), fim(metadata=METADATA), copy)
    assert sentinels.eot == bare_encoder.token_id("<|endoftext|>")
    assert (sentinels.prefix, sentinels.middle, sentinels.suffix, sentinels.pad) == tuple(
        range(first, first + 4)
    )
    assert sentinels.lead == {"<reponame>": first + 4, "<filename>": first + 5, "<gh_stars>": first + 6}
    assert copy.vocab_size == first + 7
    assert copy.engine == bare_encoder.engine == "kernel"


@settings(deadline=None, max_examples=50)
@given(texts=st.lists(TEXTS, max_size=4))
def test_text_is_encoded_as_before_also_text_that_spells_the_new_tokens(
    bare_encoder: Encoder, copy: Encoder, texts: list[str]
) -> None:
    packed = pack_texts([text.encode() for text in [*texts, "".join(LITERALS)]])
    assert np.array_equal(copy.encode(packed).ids, bare_encoder.encode(packed).ids)


def test_a_copy_has_the_same_bytes_each_time_and_a_path_by_its_content(
    bare_encoder: Encoder, tmp_path: Path
) -> None:
    works = [CopyWork(Path(bare_encoder.path), tokens) for tokens in (("<a>",), ("<a>",), ("<b>",))]
    one, again, other = (make_copy(tmp_path / str(n), work) for n, work in enumerate(works))
    assert one.read_bytes() == again.read_bytes()
    assert one.parent.name == again.parent.name != other.parent.name
    before = json.loads(Path(bare_encoder.path).read_text(encoding="utf-8"))
    after = json.loads(one.read_text(encoding="utf-8"))
    assert {key for key in after if after[key] != before[key]} == {"added_tokens"}
    assert after["added_tokens"][:-1] == before["added_tokens"]


def test_a_tokenizer_that_lacks_nothing_needs_no_copy(encoder: Encoder) -> None:
    assert not needs_copy(CopyWork(Path(encoder.path), ()))
    assert needs_copy(CopyWork(Path(encoder.path), ("<new>",)))


def llama_like(path: Path, *, metaspace: bool) -> Path:
    """A tokenizer that puts a space before a text, as SentencePiece does, in one of the forms it comes in."""
    vocab = {
        "<unk>": 0,
        **{f"<0x{byte:02X}>": byte + 1 for byte in range(256)},
        "▁": 257,
        "a": 258,
        "▁a": 259,
    }
    tokenizer = Tokenizer(
        models.BPE(vocab, [("▁", "a")], unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    )
    steps: list[Any] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize("metaspace", [False, True])
def test_parts_are_encoded_without_the_space_that_sentencepiece_puts_before_a_text(
    tmp_path: Path, metaspace: bool
) -> None:
    work = CopyWork(llama_like(tmp_path / "tokenizer.json", metaspace=metaspace), ())
    assert needs_copy(work)
    original = Tokenizer.from_file(str(work.tokenizer))
    copied = load_encoder(str(make_copy(tmp_path, work)))
    space, letter, both = 257, 258, 259
    assert original.encode("a").ids == [both]
    for text, ids in {"a": [letter], " a": [both], "": [], "  a": [space, both], " ": [space]}.items():
        encoded = copied.encode(pack_texts([text.encode()])).ids
        assert encoded.tolist() == ids
        assert copied.decode(encoded) == text


def test_byte_level_tokenizers_put_no_space_and_stay_as_they_are(encoder: Encoder) -> None:
    config = json.loads(Path(encoder.path).read_text(encoding="utf-8"))
    assert without_leading_space(config) == config


@pytest.mark.parametrize(
    ("vocabulary", "added", "first"),
    [({"a": 0, "b": 5}, [], 6), ({"a": 0}, [7], 8), ([["a", -1.0], ["b", -2.0]], [], 2), ({}, [], 0)],
)
def test_new_ids_follow_the_last_of_vocabulary_and_added_tokens(
    vocabulary: Any, added: list[int], first: int
) -> None:
    tokens = [{"id": number, "content": f"<{number}>", "special": True} for number in added]
    config = with_tokens({"model": {"vocab": vocabulary}, "added_tokens": tokens}, ["<x>", "<y>"])
    new = [(token["content"], token["id"]) for token in config["added_tokens"][len(added) :]]
    assert new == [("<x>", first), ("<y>", first + 1)]
