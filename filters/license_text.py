"""The license_text filter: the licence that a document itself states, whatever its repository says.

It reads SPDX tags, package metadata, header notices and whole licence texts, in what
filters/licenses/statement.py picks out of a file. What is not understood is "unknown" and never permissive;
"none" means that nothing is said. Words of licensing are looked for first, so a file without any costs about
1 ns a byte of its first `head_bytes`; one with a header about 0.3 ms, a licence's whole text 2 to 5 ms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.licenses.expressions import UNKNOWN, classify, load_policy, policy_digest
from filters.licenses.identification import NONE, NOTHING, Statement, identify, unfinished
from filters.licenses.metadata_files import license_of_metadata
from filters.licenses.notices import table
from filters.licenses.statement import Kind, comments_of, kind_of
from filters.needles import Needles, compile_needles, count_needles
from filters.text import Texts, utf8_buffers

_LONGER: Final = 16  # how many heads of a licence file, README or metadata are read


@cache
def _triggers() -> Needles:
    return compile_needles([table()["triggers"]], ignore_case=True)


def mentions(texts: Texts, longest: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Of each text, whether a word of licensing stands in its first `longest[i]` bytes."""
    ends = np.minimum(texts.offsets[1:], texts.offsets[:-1] + longest)
    found: npt.NDArray[np.bool_] = count_needles(texts, _triggers(), ends)[0] > 0
    return found


@lru_cache(maxsize=1 << 16)
def _class_of(expression: str, policy: str) -> str:
    return NONE if expression == NONE else classify(expression, policy)


def _read(text: str, kind: Kind, path: str) -> Statement:
    """The statement of one document of which `text` is the beginning."""
    if kind == "metadata" and (stated := license_of_metadata(path, text)):
        return Statement(stated, "metadata", 1.0)
    if kind in ("source", "metadata"):
        comments = comments_of(text)
        return identify(comments) if comments else NOTHING
    found = identify(text, needs_subject=kind == "prose")
    says_nothing = kind == "license" and found == NOTHING and bool(text.strip())
    return Statement(UNKNOWN, NONE, 0.0) if says_nothing else found


@dataclass(frozen=True, kw_only=True, slots=True)
class LicenseText:
    """Signals `text_license`, `text_license_class`, `text_license_method` and `text_license_score`.

    >>> texts = ["# SPDX-License-Identifier: MIT", "x = 1", "// Released under the GPLv3."]
    >>> docs = pa.table({"content": texts, "max_stars_repo_path": ["a.py", "b.py", "c.js"]})
    >>> LicenseText(policy="permissive-strict")(docs)["text_license"].to_pylist()
    ['MIT', 'none', 'GPL-3.0-only']
    """

    name: ClassVar[str] = "license_text"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content", "max_stars_repo_path")
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("text_license", pa.string(), nullable=False),
            pa.field("text_license_class", pa.string(), nullable=False),
            pa.field("text_license_method", pa.string(), nullable=False),
            pa.field("text_license_score", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "text_license_class in ('none', 'permissive')"

    policy: str = field(
        metadata={
            "help": "the-stack-v1, permissive-strict, blueoak, blueoak:TIER, or the path of a TOML file",
            "digest": policy_digest,
        }
    )
    head_bytes: int = field(
        default=16_384,
        metadata={
            "help": f"how much of a source file is read; of licence files, READMEs and metadata {_LONGER}×"
        },
    )

    def __post_init__(self) -> None:
        """Fail on an unknown policy before any document is read."""
        load_policy(self.policy)
        if self.head_bytes < 1:
            raise ValueError(f"license_text: head_bytes is {self.head_bytes}; it must be at least 1")

    def __call__(self, docs: pa.Table) -> pa.Table:
        """What `docs["content"]` states, read as the file that `docs["max_stars_repo_path"]` names."""
        texts = utf8_buffers(docs["content"])
        paths = docs["max_stars_repo_path"].cast(pa.string()).fill_null("").to_pylist()
        kinds = [kind_of(path) for path in paths]
        longest = np.array(
            [self.head_bytes * (1 if kind == "source" else _LONGER) for kind in kinds], np.int64
        )
        statements = [NOTHING] * texts.height
        mentioned = mentions(texts, longest)
        mentioned |= np.array([kind == "license" for kind in kinds], np.bool_)
        for row in np.flatnonzero(mentioned).tolist():
            start, end = texts.offsets[row : row + 2].tolist()
            head = bytes(texts.data[start : min(end, start + int(longest[row]))]).decode("utf-8", "ignore")
            found = _read(head, kinds[row], paths[row])
            cut = kinds[row] != "source" and end - start > longest[row]
            statements[row] = unfinished(found) if cut else found
        columns = [
            pa.array([statement.expression for statement in statements], pa.string()),
            pa.array([_class_of(statement.expression, self.policy) for statement in statements], pa.string()),
            pa.array([statement.method for statement in statements], pa.string()),
            pa.array([statement.score for statement in statements], pa.float64()),
        ]
        return pa.table(columns, schema=self.schema)
