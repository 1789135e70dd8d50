"""Fertility: how many tokens a tokenizer makes of a document, and how many characters each token stands for.

Text that a tokenizer was not made for (data, hashes, minified or exotic code) has few characters per token;
SantaCoder (Ben Allal et al., 2023, section 5.2) keeps files above 2.5 for Python, 2.9 for Java and 2.6 for
JavaScript. A character is a Unicode code point; special tokens are neither added nor found in the text. About
80 MB/s where the encoder's kernel serves the tokenizer; see docs/filters/fertility.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa

from filters.size import count_code_points
from filters.text import utf8_buffers
from filters.tokens.encoder import load_encoder


@dataclass(frozen=True)
class Fertility:
    """Token counts of `content`; `tokenizer` is the path of a tokenizer.json or a .tiktoken file.

    Signals: `n_tokens`, and `chars_per_token` in code points a token, 0.0 for an empty document. Raises
    ValueError for nulls in `content`, and for a tokenizer whose special tokens can be spelled in plain text.

    >>> import json, tempfile
    >>> from filters.tokens.vocabulary import byte_alphabet
    >>> vocab = {character: byte for byte, character in enumerate(byte_alphabet())} | {"ab": 256}
    >>> model = {"type": "BPE", "vocab": vocab, "merges": [["a", "b"]]}
    >>> byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     _ = file.write(json.dumps({"added_tokens": [], "pre_tokenizer": byte_level, "model": model}))
    ...     file.flush()
    ...     Fertility(tokenizer=file.name)(pa.table({"content": ["abab", "é", ""]})).to_pydict()
    {'n_tokens': [2, 2, 0], 'chars_per_token': [2.0, 0.5, 0.0]}
    """

    tokenizer: str = field(metadata={"file": True, "help": "path of the tokenizer.json or .tiktoken file"})
    pattern: str = field(
        default="", metadata={"help": "how a .tiktoken file splits text: gpt2, cl100k, o200k or qwen"}
    )

    name: ClassVar[str] = "fertility"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("n_tokens", pa.int64(), nullable=False),
            pa.field("chars_per_token", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "chars_per_token > 2.5"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """The two signals of each document, in order."""
        texts = utf8_buffers(docs["content"])
        n_tokens = np.diff(load_encoder(self.tokenizer, self.pattern).encode(texts).offsets)
        chars_per_token = count_code_points(texts.data, texts.offsets) / np.maximum(n_tokens, 1)
        return pa.table([n_tokens, chars_per_token], schema=self.schema)
