"""The sentinels filter: spelled-out control tokens, and characters that readers do not see.

Tokens of all known code models (filters/data/sentinels.toml) are found in text as it stands. Invisible are
the bidirectional controls (Boucher and Anderson, 2021, "Trojan Source", arXiv 2111.00169), characters of no
width, and the tag characters that can hide ASCII. One automaton finds them all in one pass, linear in any
text: 300 MB/s to 2 GB/s on one core.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.needles import Needles, compile_needles, count_needles
from filters.text import Texts, utf8_buffers

_BIDI_CONTROLS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Unicode's property Bidi_Control."""
_ZERO_WIDTH: Final = "\u180e\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff"
_TAGS: Final = "".join(map(chr, range(0xE0000, 0xE0080)))
_BYTE_ORDER_MARK: Final = np.frombuffer("\ufeff".encode(), np.uint8)


@cache
def sentinel_strings() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(control tokens of any family, those of them that ordinary files contain too), disjoint and sorted."""
    table = tomllib.loads((files("filters") / "data" / "sentinels.toml").read_text(encoding="utf-8"))
    everyday = set(table["everyday"])
    all_strings = {text for family in table["families"].values() for text in family}
    if everyday - all_strings:
        raise ValueError(f"sentinels.toml: everyday strings of no family: {sorted(everyday - all_strings)}")
    return tuple(sorted(all_strings - everyday)), tuple(sorted(everyday))


@cache
def _needles() -> Needles:
    """In the order of the signals."""
    return compile_needles([*sentinel_strings(), _BIDI_CONTROLS, _ZERO_WIDTH, _TAGS])


def _byte_order_marks(texts: Texts) -> npt.NDArray[np.bool_]:
    """Which texts begin with U+FEFF: there it is a signature, not a character of no width."""
    starts, ends = texts.offsets[:-1], texts.offsets[1:]
    marked = ends - starts >= len(_BYTE_ORDER_MARK)
    for index, byte in enumerate(_BYTE_ORDER_MARK):
        marked[marked] = texts.data[starts[marked] + index] == byte
    return marked


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentinels:
    """Signals `n_sentinels`, `n_everyday_sentinels`, `n_bidi_controls`, `n_zero_width`, `n_tag_characters`.

    >>> Sentinels()(pa.table({"content": ["<fim_prefix>a <s>b</s>\\u200b\\u202e"]})).to_pylist() == [
    ...     {"n_sentinels": 1, "n_everyday_sentinels": 2, "n_bidi_controls": 1, "n_zero_width": 1,
    ...      "n_tag_characters": 0}]
    True
    """

    name: ClassVar[str] = "sentinels"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("n_sentinels", pa.int64(), nullable=False),
            pa.field("n_everyday_sentinels", pa.int64(), nullable=False),
            pa.field("n_bidi_controls", pa.int64(), nullable=False),
            pa.field("n_zero_width", pa.int64(), nullable=False),
            pa.field("n_tag_characters", pa.int64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "n_sentinels = 0 and n_bidi_controls = 0 and n_tag_characters = 0"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Counts in `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        counts = count_needles(texts, _needles())
        counts[3] -= _byte_order_marks(texts)
        return pa.table([*map(pa.array, counts)], schema=self.schema)
