"""Licence texts as sets of word pairs, and which of them a text holds: exact about twins, blind to layout.

A reference is one SPDX licence or exception (or the part of it that people copy); of what stands between
angle brackets, and of copyright lines, nothing counts. `matches` finds every reference of which a text
holds nearly all pairs, and where. `python -m filters.licenses.index SPDX-FULL.JSON SCANCODE.WHL` writes the
data file filters/data/license_texts.npz anew; see docs/filters/license_text.md. Loading takes 20 ms, a text
1 to 3 ms.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.licenses.expressions import normalise
from filters.licenses.words import Bigrams, bigrams, plain_words

DATA_FILE: Final = "license_texts.npz"
IN_GRANT: Final = 0x8000
_FEWEST_PAIRS: Final = 12  # of a reference: shorter ones are found by their notices
_PLACEHOLDER: Final = re.compile(r"<[^<>\n]{1,80}>|\[[^\[\]\n]{1,80}\]|\{[^{}\n]{1,80}\}")
_COPYRIGHT_LINE: Final = re.compile(
    r"^[ \t]*(?:portions )?copyright\s*(?:\(c\)|©|<|\[|\{|\d)"
    r"(?![^\n]*(?:permi|licen[cs]e|distrib))[^\n]{0,150}$",
    re.IGNORECASE | re.MULTILINE,
)
_HOLDER: Final = re.compile(  # what people put their names in place of
    r"(?<=name of )(?:the )?[\w. ,-]{1,60}(?= nor the names?)|"
    r"(?<=name of )(?:the )?(?:copyright holders?|authors?)|"
    r"(?<=nor the names of )(?:its |any |their |the )?(?:\w+ )?contributors|"
    r"(?<=PROVIDED BY )[\w. ,<>]{1,80}(?= .?.?AS IS)|(?<=IN NO EVENT SHALL )[\w. ,<>]{1,80}(?= BE LIABLE)|"
    r"(?<=modify, )and/or(?= distribute)|(?<=copyright \(c\) )[\d,\s-]{4,200}|"
    r"by the University of California, Berkeley and its contributors",
    re.IGNORECASE,
)
_DISCLAIMER: Final = re.compile(r"\bas.is\b|warrant|disclaim|\bliab|damages", re.IGNORECASE)
_LONGEST_TITLE: Final = 20  # words
_NO_ENDORSEMENT: Final = re.compile(
    r"Neither the name of .{1,80} nor the names of its contributors may be used", re.IGNORECASE
)
_OTHER_WORDING: Final = (
    "The name of <the author> may not be used",
    "The names of <contributors> may not be used",
    "Neither the name of <it> may be used",
)
_APPENDIX: Final = re.compile(
    r"END OF (?:THE )?TERMS AND CONDITIONS|How to Apply These Terms|Exhibit [AB] - ", re.IGNORECASE
)
_SECOND_TITLE: Final = re.compile(r"\n\s*GNU GENERAL PUBLIC LICENSE\s*\n")
_LEAST_OF_VARIANT: Final = 0.4  # a part shorter than this share of its text is not a variant of it


class Index(NamedTuple):
    """Pair `hashes` u32[k] ascending; of pair i, the references `members[firsts[i]:firsts[i + 1]]`, with
    `IN_GRANT` added where the pair stands in a sentence that grants or demands, not in a title or disclaimer.
    """

    names: tuple[str, ...]
    sizes: npt.NDArray[np.int64]
    """Pairs of each reference."""
    grants: npt.NDArray[np.int64]
    """Those in its grant."""
    hashes: npt.NDArray[np.uint32]
    firsts: npt.NDArray[np.int64]
    members: npt.NDArray[np.uint16]


@cache
def load_index() -> Index:
    """The index that is shipped."""
    with (files("filters") / "data" / DATA_FILE).open("rb") as stream, np.load(stream) as arrays:
        names = tuple(bytes(arrays["names"]).decode("ascii").split("\n"))
        firsts = np.concatenate([[0], np.cumsum(arrays["counts"], dtype=np.int64)])
        hashes = np.cumsum(arrays["hash_steps"], dtype=np.uint32)
        members = arrays["members"]
    return _index(names, hashes, firsts, members)


def _index(
    names: tuple[str, ...],
    hashes: npt.NDArray[np.uint32],
    firsts: npt.NDArray[np.int64],
    members: npt.NDArray[np.uint16],
) -> Index:
    sizes = np.bincount(members & ~np.uint16(IN_GRANT), minlength=len(names))
    grants = np.bincount(members[members >= IN_GRANT] - IN_GRANT, minlength=len(names))
    return Index(names, sizes, grants, hashes, firsts, members)


class Found(NamedTuple):
    """Which pairs of a text each reference holds."""

    shares: npt.NDArray[np.float64]
    """Of each reference, the share of its pairs that the text has."""
    granted: npt.NDArray[np.int64]
    """Of each reference, the pairs of its grant that the text has."""
    references: npt.NDArray[np.uint16]
    pairs: npt.NDArray[np.int64]
    """`references[i]` holds the text's distinct pair number `pairs[i]`."""
    numbers: npt.NDArray[np.int64]
    """Of each pair of the text, its number among the distinct ones."""

    def holds(self, reference: int) -> npt.NDArray[np.bool_]:
        """Of each pair of the text, whether the reference has it."""
        held = np.zeros(len(self.numbers) + 1, np.bool_)
        held[self.pairs[self.references == reference]] = True
        return held[self.numbers]


def look_up(pairs: Bigrams, index: Index) -> Found:
    """Compare a text with every reference."""
    distinct, numbers = np.unique(pairs.hashes, return_inverse=True)
    at = np.minimum(np.searchsorted(index.hashes, distinct), len(index.hashes) - 1)
    known = np.flatnonzero(index.hashes[at] == distinct)
    first, count = index.firsts[at[known]], np.diff(index.firsts)[at[known]]
    ends = np.cumsum(count)
    rows = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - count), count)
    members = index.members[rows]
    references = members & ~np.uint16(IN_GRANT)
    shares = np.bincount(references, minlength=len(index.names)) / index.sizes
    granted = np.bincount(references[members >= IN_GRANT], minlength=len(index.names))
    return Found(shares, granted, references, np.repeat(known, count), numbers)


def build(licenses: Mapping[str, str]) -> Index:
    """An index of texts by SPDX id; of ids with one text, the first in order of preference stands for all."""
    names: list[str] = []
    rows: list[npt.NDArray[np.uint32]] = []
    flags: list[npt.NDArray[np.uint16]] = []
    seen: set[bytes] = set()
    for name in sorted(licenses, key=lambda name: (name.endswith("-or-later"), len(name), name)):
        for variant in _variants(licenses[name]):
            pairs = _reference_pairs([variant])
            if len(pairs) >= _FEWEST_PAIRS and pairs.tobytes() not in seen:
                seen.add(pairs.tobytes())
                in_grant = np.isin(pairs, _reference_pairs(_grant_sentences(variant)))
                flags.append((in_grant * IN_GRANT + len(names)).astype(np.uint16))
                names.append(name)
                rows.append(pairs)
    flat, members = np.concatenate(rows), np.concatenate(flags)
    order = np.lexsort((members & ~np.uint16(IN_GRANT), flat))
    hashes, counts = np.unique(flat, return_counts=True)
    return _index(tuple(names), hashes, np.concatenate([[0], np.cumsum(counts)]), members[order])


def _grant_sentences(text: str) -> list[str]:
    """The sentences of a licence that are no title and no disclaimer."""
    sentences = re.split(r"(?<=[.:;])\s+|\n\s*\n", text)
    return [
        s
        for s in sentences
        if not _DISCLAIMER.search(s) and (s[-1:] in ".:;" or len(s.split()) > _LONGEST_TITLE)
    ]


def _variants(text: str) -> Iterator[str]:
    """A licence's text, and the shorter forms that people copy: without its appendix, or what it embeds."""
    yield text
    if _NO_ENDORSEMENT.search(text):
        yield from (_NO_ENDORSEMENT.sub(wording, text) for wording in _OTHER_WORDING)
    for pattern in (_APPENDIX, _SECOND_TITLE):
        cuts = [match.start() for match in pattern.finditer(text)]
        cut = next((c for c in cuts if c > len(text) * _LEAST_OF_VARIANT), 0)
        if pattern is _SECOND_TITLE:
            cut = next((c for c in cuts if c > 1000), 0)
        if cut:
            yield text[:cut]


def _reference_pairs(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """The distinct word pairs of texts, ascending; none reaches over a placeholder or a copyright line."""
    cut = [_PLACEHOLDER.sub("\0", _HOLDER.sub("\0", _COPYRIGHT_LINE.sub("\0", text))) for text in texts]
    parts = [part for text in cut for part in text.split("\0")]
    return np.unique(
        np.concatenate([np.empty(0, np.uint32), *(bigrams(plain_words(p)).hashes for p in parts)])
    )


def save(index: Index, path: Path) -> None:
    """Write an index: the same bytes for the same texts."""
    np.savez_compressed(
        path,
        names=np.frombuffer("\n".join(index.names).encode("ascii"), np.uint8),
        hash_steps=np.diff(index.hashes, prepend=np.uint32(0)),
        counts=np.diff(index.firsts).astype(np.uint16),
        members=index.members,
    )


def _spdx_licenses(path: Path) -> dict[str, str]:
    """Texts of `spdx-full.json` (npm: spdx-license-list) by id, without deprecated ids."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {name: entry["licenseText"] for name, entry in entries.items() if _is_current(name)}


def _is_current(name: str) -> bool:
    """Whether an id is no deprecated one."""
    return normalise(name) == name and "-with-" not in name


def _exceptions(path: Path) -> dict[str, str]:
    """Texts of the SPDX exceptions in a wheel of scancode-toolkit-mini, by "WITH id"."""
    found = {}
    with zipfile.ZipFile(path) as wheel:
        for member in wheel.namelist():
            if member.startswith("licensedcode/data/licenses/") and member.endswith(".LICENSE"):
                _, header, text = wheel.read(member).decode("utf-8").split("---", 2)
                key = re.search(r"^spdx_license_key: (\S+)$", header, re.MULTILINE)
                if "is_exception: yes" in header and key and not key[1].startswith("LicenseRef-"):
                    found[f"WITH {key[1]}"] = text
    return found


if __name__ == "__main__":
    texts = _spdx_licenses(Path(sys.argv[1])) | _exceptions(Path(sys.argv[2]))
    save(build(texts), Path(__file__).parent / "data" / DATA_FILE)
