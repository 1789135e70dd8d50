"""The optout filter: whether a document's owner, repository or content is on a list of what opted out.

Names are compared without regard to case, and under every name that a rename map links to them, in either
direction: a repository stays opted out wherever it moves. Blob ids are compared as hex. A gate: no text is
read; each distinct repository is judged once, a million rows/s or more where repositories repeat.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

_BLOB: Final = re.compile(r"(?:swh:1:cnt:)?([0-9a-f]{40}|[0-9a-f]{64})")
_NAME: Final = re.compile(r"[^\s/#]+(?:/[^\s/]+)?")


class _Lists(NamedTuple):
    """What opted out, and the other names of owners and repositories; all in lower case."""

    owners: frozenset[str]
    repositories: frozenset[str]
    blobs: frozenset[str]
    renames: dict[str, set[str]]


def _stamp(path: str) -> tuple[int, int]:
    """Tells a file from what stood there before; (0, 0) for no path."""
    facts = Path(path).stat() if path else None
    return (facts.st_mtime_ns, facts.st_size) if facts else (0, 0)


@lru_cache(maxsize=8)
def _load(optouts: str, renames: str, _stamps: tuple[tuple[int, int], ...]) -> _Lists:
    entries = {entry for _, (entry,) in _entries(optouts, 1)}
    blobs = {match[1] for match in map(_BLOB.fullmatch, entries) if match}
    names = {entry for entry in entries if not _BLOB.fullmatch(entry)}
    repositories = {name for name in names if "/" in name}
    links: dict[str, set[str]] = defaultdict(set)
    for place, (old, new) in _entries(renames, 2) if renames else ():
        if ("/" in old) != ("/" in new):
            raise ValueError(f"{place}: found {old} {new}, expected two owners or two repositories")
        links[old].add(new)
        links[new].add(old)
    return _Lists(frozenset(names - repositories), frozenset(repositories), frozenset(blobs), dict(links))


def _entries(path: str, count: int) -> Iterator[tuple[str, list[str]]]:
    """(place, words in lower case) of each line of a file that is not empty or a comment."""
    for number, line in enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), start=1):
        words = line.lower().split()
        if not words or words[0].startswith("#"):
            continue
        place = f"{path}, line {number}"
        if len(words) != count or not all(_NAME.fullmatch(word) or _BLOB.fullmatch(word) for word in words):
            expected = "an owner, owner/name or a blob id" if count == 1 else "an old and a new name"
            raise ValueError(f"{place}: found {line.strip()[:80]!r}, expected {expected}")
        yield place, words


def _names(repository: str, renames: dict[str, set[str]]) -> set[str]:
    """Every name that the repository is known under, by its own renames and its owners'."""
    names = {repository}
    waiting = [repository]
    while waiting:
        name = waiting.pop()
        owner, slash, rest = name.partition("/")
        others = renames.get(name, set()) | {other + slash + rest for other in renames.get(owner, ())}
        waiting += others - names
        names |= others
    return names


def _judge(repository: str, lists: _Lists) -> str:
    names = _names(repository.strip().lower(), lists.renames)
    if not lists.owners.isdisjoint(name.partition("/")[0] for name in names):
        return "owner"
    return "" if lists.repositories.isdisjoint(names) else "repository"


def _blob(value: str) -> str:
    match = _BLOB.fullmatch(value.strip().lower())
    return match[1] if match else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Optout:
    """Signal `opted_out`: "owner", "repository" or "blob", by what is on the list, or "".

    >>> import tempfile
    >>> names, blobs = ["Ann/x", "bob/Y", "bob/z"], [None, None, "0" * 40]
    >>> docs = pa.table({"max_stars_repo_name": names, "hexsha": blobs})
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("ann\\nBob/y\\nswh:1:cnt:" + "0" * 40)
    ...     file.flush()
    ...     Optout(optouts=file.name)(docs)["opted_out"].to_pylist()
    ['owner', 'repository', 'blob']
    """

    name: ClassVar[str] = "optout"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("max_stars_repo_name", "hexsha")
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("opted_out", pa.string(), nullable=False)])
    default_where: ClassVar[str] = "opted_out = ''"

    optouts: str = field(
        metadata={"file": True, "help": "path of a text file: an owner, owner/name or blob id a line"}
    )
    # Not marked as a file, since "" is none; a path that exists counts by its digest all the same.
    renames: str = field(
        default="", metadata={"help": "path of a text file: an old and a new owner, or owner/name, a line"}
    )

    def __post_init__(self) -> None:
        """Fail on a list that cannot be read before any document is."""
        if self.renames and not Path(self.renames).is_file():
            raise ValueError(f"renames: there is no file {self.renames}")
        if not Path(self.optouts).is_file():
            raise ValueError(f"optouts: there is no file {self.optouts}")

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Reasons by `docs["max_stars_repo_name"]` and `docs["hexsha"]`; a null is on no list."""
        lists = _load(self.optouts, self.renames, (_stamp(self.optouts), _stamp(self.renames)))
        return pa.table([_reasons(docs, lists)], schema=self.schema)


def _reasons(docs: pa.Table, lists: _Lists) -> pa.Array:
    named = docs["max_stars_repo_name"].cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
    judged = pa.array([_judge(name, lists) for name in named.dictionary.to_pylist()], pa.string())
    by_name = judged.take(named.indices)
    if not lists.blobs:
        return by_name
    blobs = docs["hexsha"].cast(pa.string()).fill_null("").to_pylist()
    listed = pa.array([_blob(blob) in lists.blobs for blob in blobs], pa.bool_())
    return pc.if_else(pc.and_(pc.equal(by_name, ""), listed), "blob", by_name)
