"""The encoder's law: its ids are those of `tokenizers` with special tokens off, whatever the text."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import pack_texts
from filters.tokens.encoder import Encoder, load_encoder, reference_tokenizer
from filters.tokens.probes import probe_texts
from tests.filters.tokens.conftest import SPECIALS, Edit

KINDS = ("plain", "digits", "runs", "nfc")
REAL = Path(__file__).parents[3] / "../shared/tokenizers"
CODE_LIKE = st.text(alphabet=" \t\n\r'\"stredvml019azAZ_.=()é中²½\u00a0\u2003\u0301\u2028🙂", max_size=80)
TEXTS = st.lists(st.one_of(st.text(max_size=60), CODE_LIKE, st.sampled_from(SPECIALS)), max_size=8)


def expected_ids(path: str, texts: Sequence[str]) -> list[list[int]]:
    reference = reference_tokenizer(path)
    return [reference.encode(text, add_special_tokens=False).ids for text in texts]


def ids_of(encoder: Encoder, texts: Sequence[str]) -> list[list[int]]:
    tokens = encoder.encode(pack_texts([text.encode() for text in texts]))
    assert len(tokens.offsets) == len(texts) + 1
    assert tokens.offsets[0] == 0
    assert tokens.offsets[-1] == len(tokens.ids)
    return [
        tokens.ids[start:stop].tolist()
        for start, stop in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)
    ]


@cache
def encoder_with_memo(path: str, rows: int) -> Encoder:
    return Encoder(path, memo_rows=rows)


def stdlib_texts(most_files: int) -> list[str]:
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return [file.read_text(encoding="utf-8", errors="replace")[:50_000] for file in files[:most_files]]


@pytest.mark.parametrize("kind", KINDS)
def test_kernel_serves_each_supported_kind(kind: str, tokenizer_files: dict[str, str]) -> None:
    encoder = load_encoder(tokenizer_files[kind])
    assert encoder.engine == "kernel", encoder.reason
    assert "probes" in encoder.reason


@settings(deadline=None, max_examples=150)
@given(texts=TEXTS, kind=st.sampled_from(KINDS))
def test_ids_equal_the_reference_on_any_text(
    texts: list[str], kind: str, tokenizer_files: dict[str, str]
) -> None:
    path = tokenizer_files[kind]
    assert ids_of(load_encoder(path), texts) == expected_ids(path, texts)


@settings(deadline=None, max_examples=100)
@given(texts=st.lists(CODE_LIKE, max_size=20), rows=st.sampled_from([1, 2, 8]))
def test_memo_collisions_do_not_change_ids(
    texts: list[str], rows: int, tokenizer_files: dict[str, str]
) -> None:
    path = tokenizer_files["digits"]
    crowded = encoder_with_memo(path, rows)
    assert ids_of(crowded, texts) == ids_of(crowded, texts) == expected_ids(path, texts)


@pytest.mark.parametrize("kind", KINDS)
def test_ids_equal_the_reference_on_real_files(kind: str, tokenizer_files: dict[str, str]) -> None:
    texts, path = stdlib_texts(12), tokenizer_files[kind]
    assert ids_of(load_encoder(path), texts) == expected_ids(path, texts)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="no real tokenizers beside this checkout")
@pytest.mark.parametrize("name", ["gpt2", "codegen", "gpt-neox-20b", "qwen2"])
def test_ids_equal_the_reference_for_a_real_tokenizer(name: str) -> None:
    path = str(REAL / name / "tokenizer.json")
    encoder = Encoder(path)
    assert encoder.engine == ("tokenizers" if name == "qwen2" else "kernel"), encoder.reason
    texts = [*stdlib_texts(40), *probe_texts(SPECIALS)]
    assert ids_of(encoder, texts) == expected_ids(path, texts)


def test_empty_texts_have_empty_spans(tokenizer_files: dict[str, str]) -> None:
    encoder = load_encoder(tokenizer_files["digits"])
    assert ids_of(encoder, []) == []
    assert [len(ids) > 0 for ids in ids_of(encoder, ["", "", "a", "", "b c", ""])] == [0, 0, 1, 0, 1, 0]


def test_texts_may_be_a_slice_of_a_larger_buffer(tokenizer_files: dict[str, str]) -> None:
    encoder = load_encoder(tokenizer_files["nfc"])
    whole = pack_texts([b"left out", "Cafe\u0301 1".encode(), b"x = 1"])
    part = encoder.encode(whole._replace(offsets=whole.offsets[1:]))
    assert part.offsets[0] == 0
    assert encoder.decode(part.ids) == "Café 1x = 1"


def test_normalization_reaches_each_text_that_needs_it_and_no_other(tokenizer_files: dict[str, str]) -> None:
    path, texts = tokenizer_files["nfc"], ["a", "\u2126", "", "\u2126b", "x\u212b", "c"]
    assert ids_of(load_encoder(path), texts) == expected_ids(path, texts)


@pytest.mark.parametrize("kind", KINDS)
def test_special_token_literals_never_give_control_ids(kind: str, tokenizer_files: dict[str, str]) -> None:
    encoder = load_encoder(tokenizer_files[kind])
    controls = {encoder.token_id(token) for token in SPECIALS}
    assert len(controls - {None}) == len(SPECIALS)
    text = " ".join(SPECIALS) + "".join(SPECIALS) + "  <fim_prefix>\n<fim_middle>x"
    (ids,) = ids_of(encoder, [text])
    assert not controls & set(ids)
    assert encoder.decode(np.array(ids)) == text


@pytest.mark.parametrize("flag", ["normalized", "lstrip", "rstrip", "single_word"])
def test_flags_of_special_tokens_do_not_matter(flag: str, edited: Callable[[Edit], str]) -> None:
    def flip(config: dict[str, Any]) -> None:
        for token in config["added_tokens"]:
            token[flag] = True

    encoder = Encoder(edited(flip))
    texts = ["a  <fim_prefix>  b", "<fim_suffix>", "x<fim_middle>\n\n", " <fim_pad> "]
    assert encoder.engine == "kernel", encoder.reason
    assert ids_of(encoder, texts) == expected_ids(encoder.path, texts)
    assert not set(range(5)) & {id_ for ids in ids_of(encoder, texts) for id_ in ids}


def test_special_token_that_text_can_spell_is_refused(edited: Callable[[Edit], str]) -> None:
    def make_def_special(config: dict[str, Any]) -> None:
        token = {**config["added_tokens"][0], "content": "de", "id": config["model"]["vocab"]["de"]}
        config["added_tokens"].append(token)

    path = edited(make_def_special)
    with pytest.raises(ValueError, match="'de' encodes to"):
        Encoder(path)


def set_model(key: str, value: object) -> Edit:
    return lambda config: config["model"].update({key: value})


def set_top(key: str, value: object) -> Edit:
    return lambda config: config.update({key: value})


def add_token(content: str) -> Edit:
    token = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return lambda config: config["added_tokens"].append({**token, "id": 9000, "content": content})


def drop_a_byte(config: dict[str, Any]) -> None:
    id_ = config["model"]["vocab"].pop("~")
    config["model"]["vocab"]["never"] = id_
    config["model"]["merges"] = [pair for pair in config["model"]["merges"] if "~" not in "".join(pair)]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (set_model("ignore_merges", True), "ignore_merges"),
        (set_model("dropout", 0.1), "dropout"),
        (set_model("byte_fallback", True), "byte_fallback"),
        (set_top("normalizer", {"type": "Lowercase"}), "normalizer is Lowercase"),
        (set_top("pre_tokenizer", {"type": "Whitespace"}), "pre-tokenizer"),
        (set_top("pre_tokenizer", None), "pre-tokenizer"),
        (
            set_top(
                "pre_tokenizer",
                {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            ),
            "pre-tokenizer",
        ),
        (add_token("print"), "'print' is neither special"),
        (add_token("   "), r"lengths \[3\]"),
        (drop_a_byte, "lacks 1 single bytes, the first is 0x7E"),
    ],
)
def test_unsupported_configuration_falls_back_and_says_why(
    edit: Edit, reason: str, edited: Callable[[Edit], str]
) -> None:
    path = edited(edit)
    encoder = Encoder(path)
    assert encoder.engine == "tokenizers"
    assert re.search(reason, encoder.reason), encoder.reason
    if "dropout" not in reason:
        texts = ["print (1)   x", "Ünï ~ <fim_prefix>", ""]
        assert ids_of(encoder, texts) == expected_ids(path, texts)


def test_truncation_and_padding_of_the_file_are_ignored(edited: Callable[[Edit], str]) -> None:
    truncation = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    encoder = Encoder(edited(set_top("truncation", truncation)))
    text = "one two three four five six"
    assert encoder.decode(np.array(ids_of(encoder, [text])[0])) == text


def test_probes_tell_the_kernel_of_another_tokenizer(tokenizer_files: dict[str, str]) -> None:
    probes = pack_texts([probe.encode() for probe in probe_texts(SPECIALS)])
    encoder = Encoder(tokenizer_files["plain"])
    assert encoder.first_difference(probes) is None
    encoder._tables = Encoder(tokenizer_files["digits"])._tables
    assert encoder.first_difference(probes) is not None


def test_long_line_of_one_letter(tokenizer_files: dict[str, str]) -> None:
    encoder = load_encoder(tokenizer_files["digits"])
    text = "a" * 5_000_000
    (ids,) = ids_of(encoder, [text])
    assert encoder.decode(np.array(ids)) == text


def test_vocabulary_size_is_the_highest_id_plus_one(tokenizer_files: dict[str, str]) -> None:
    assert load_encoder(tokenizer_files["digits"]).vocab_size == 600
    runs = load_encoder(tokenizer_files["runs"])
    assert runs.vocab_size == 610
    assert runs.token_id("no such token") is None
