"""A .tiktoken file gives the ids that tiktoken gives."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters.fertility import Fertility
from filters.text import pack_texts
from filters.tokens.encoder import Encoder, load_encoder, reference_tokenizer
from filters.tokens.probes import probe_texts
from filters.tokens.tiktoken_file import PATTERNS, Ranks, merge_of, read_ranks
from filters.tokens.vocabulary import byte_alphabet

BYTES: Ranks = {bytes([byte]): byte for byte in range(256)}
CODE_LIKE = st.text(
    alphabet=" \t\n\r'\"streDvmlLS019azAZ_.=()/é中²½\u00a0\u2003\u0301\u2028ſK🙂", max_size=60
)
UPSTREAM = {  # tiktoken 0.14's own, and Qwen's
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$"
        r"|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "o200k": PATTERNS["o200k"],
    "qwen": PATTERNS["qwen"],
}


def write(path: Path, ranks: Ranks) -> str:
    lines = (base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items())
    path.write_bytes(b"".join(lines))
    return str(path)


def ranks_of(tokenizer_json: str) -> Ranks:
    """The vocabulary of a byte-level tokenizer.json without its special tokens."""
    config = json.loads(Path(tokenizer_json).read_text(encoding="utf-8"))
    byte_of = {character: byte for byte, character in enumerate(byte_alphabet())}
    specials = {token["content"] for token in config["added_tokens"]}
    vocab = config["model"]["vocab"].items()
    return {bytes(byte_of[c] for c in token): rank for token, rank in vocab if token not in specials}


def ids_of(encoder: Encoder, text: str) -> list[int]:
    ids: list[int] = encoder.encode(pack_texts([text.encode()])).ids.tolist()
    return ids


@pytest.fixture(scope="session")
def tiktoken_path(tokenizer_files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The plain tokenizer's vocabulary as a .tiktoken file."""
    return write(tmp_path_factory.mktemp("tiktoken") / "made.tiktoken", ranks_of(tokenizer_files["plain"]))


def test_gpt2_pattern_gives_the_ids_of_the_tokenizer_json_by_the_kernel(
    tiktoken_path: str, tokenizer_files: dict[str, str]
) -> None:
    ours, other = load_encoder(tiktoken_path, "gpt2"), reference_tokenizer(tokenizer_files["plain"])
    assert ours.engine == "kernel", ours.reason
    for text in probe_texts([]):
        assert ids_of(ours, text) == other.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("pattern", ["cl100k", "o200k", "qwen"])
def test_other_patterns_are_served_by_the_library(pattern: str, tiktoken_path: str) -> None:
    encoder = load_encoder(tiktoken_path, pattern)
    assert encoder.engine == "tokenizers"
    assert encoder.decode(encoder.encode(pack_texts([b"x = 1234  # it's\n\n"])).ids) == "x = 1234  # it's\n\n"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(st.text(max_size=40), CODE_LIKE), pattern=st.sampled_from(sorted(PATTERNS)))
def test_ids_are_those_of_tiktoken(text: str, pattern: str, tiktoken_path: str) -> None:
    tiktoken = pytest.importorskip("tiktoken")
    peer = tiktoken.Encoding(
        pattern, pat_str=UPSTREAM[pattern], mergeable_ranks=read_ranks(tiktoken_path), special_tokens={}
    )
    assert ids_of(load_encoder(tiktoken_path, pattern), text) == peer.encode_ordinary(text)


def test_token_that_no_pair_makes_is_reached_as_a_whole_piece(tmp_path: Path) -> None:
    ranks = BYTES | {b"abc": 256, b"de": 257, b"def": 258}
    encoder = Encoder(write(tmp_path / "odd.tiktoken", ranks), "gpt2")
    assert merge_of(b"abc", ranks) is None
    assert merge_of(b"def", ranks) == (b"de", b"f")
    assert [ids_of(encoder, text) for text in ("abc", "abcd", "def")] == [[256], [97, 98, 99, 100], [258]]


def test_file_without_a_pattern_and_pattern_without_need_are_errors(
    tiktoken_path: str, tokenizer_files: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="name the pattern, one of gpt2, cl100k, o200k, qwen"):
        load_encoder(tiktoken_path)
    with pytest.raises(ValueError, match="says itself how text is split"):
        load_encoder(tokenizer_files["plain"], "gpt2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines, b"YWI="], "line 257: .* is not a token"),
        (lambda lines: [*lines, b"YWI= x"], "line 257: .* is not a token"),
        (lambda lines: [*lines, b"Y*I= 256"], "line 257: .* is not a token"),
        (lambda lines: [*lines, b"YWI= -1"], "line 257: .* cannot be"),
        (lambda lines: [*lines, lines[7]], "line 257: .* cannot be"),
        (lambda lines: [*lines, b"YWI= 7"], "gives a rank twice"),
        (lambda lines: lines[1:], "lacks 1 of the 256 single bytes"),
    ],
)
def test_broken_file_is_an_error_that_names_the_line(
    change: Callable[[list[bytes]], list[bytes]], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.tiktoken"
    lines = Path(write(path, BYTES)).read_bytes().splitlines()
    path.write_bytes(b"\n".join(change(lines)))
    with pytest.raises(ValueError, match=rf"broken\.tiktoken.*{message}"):
        read_ranks(str(path))


def test_fertility_takes_the_file_and_its_pattern(tiktoken_path: str) -> None:
    docs = pa.table({"content": ["def f(self):\n    return self.x\n", ""]})
    signals = Fertility(tokenizer=tiktoken_path, pattern="gpt2")(docs)
    assert signals["n_tokens"].to_pylist()[1] == 0
    assert signals["chars_per_token"].to_pylist()[0] > 1.5
