"""The html filter: how much of an HTML document a browser would show as text.

BigCode's measure is the text that BeautifulSoup gives over Python's html.parser when scripts and styles are
cut out. The scanner of filters/html_scanner.py follows the same rules; docs/filters/html.md tells where it
does not. Linear in any text, 200 to 500 MB/s on one core.
"""

from __future__ import annotations

import html.entities
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.html_scanner import ENTITY_SLOTS, hash_bytes, visible_characters
from filters.size import count_code_points
from filters.text import utf8_buffers


@cache
def _entities() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint8]]:
    """HTML's named characters by the hash of the name, and how many code points each stands for; 0: a free
    slot, 255: one white space. Two names of one hash would be counted alike.
    """
    hashes, lengths = np.zeros(ENTITY_SLOTS, np.uint64), np.zeros(ENTITY_SLOTS, np.uint8)
    for name, characters in sorted((n.rstrip(";"), c) for n, c in html.entities.html5.items()):
        spelled = np.frombuffer(name.encode(), np.uint8)
        value = hash_bytes(spelled, 0, len(spelled))
        slot = int(value) % ENTITY_SLOTS
        while lengths[slot] and hashes[slot] != value:
            slot = (slot + 1) % ENTITY_SLOTS
        hashes[slot] = value
        lengths[slot] = 255 if characters in "\t\n\f\r " else len(characters)
    return hashes, lengths


@dataclass(frozen=True, kw_only=True, slots=True)
class Html:
    """Signals `visible_chars` and `visible_fraction`, of all the document's characters.

    >>> Html()(pa.table({"content": ["<p>a &lt; b</p><script>no()</script>"]})).to_pylist()
    [{'visible_chars': 5, 'visible_fraction': 0.1388888888888889}]
    """

    name: ClassVar[str] = "html"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("visible_chars", pa.int64(), nullable=False),
            pa.field("visible_fraction", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "visible_fraction > 0.2 and visible_chars > 100"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Visible text of `docs["content"]`, read as HTML whatever it is."""
        texts = utf8_buffers(docs["content"])
        visible = visible_characters(texts.data, texts.offsets, *_entities())
        characters = np.maximum(count_code_points(texts.data, texts.offsets), 1)
        return pa.table([pa.array(visible), pa.array(visible / characters)], schema=self.schema)
