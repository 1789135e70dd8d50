"""Two corpora of real source text, both out of the same pinned wheels (requirements/bench-dedup/text.lock).

`speed`: all files of the wheels, about 440 MB, in equal Parquet files. `quality`: at least 5,000 of these
files, whole folders and whole sets of files of one name, so that natural near-duplicates come along, and the
planted families after them; the repository of a planted file is `planted/FAMILY`. Every choice is by a hash
of names: the same wheels give the same corpora. The download is kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.dedup.families import Planted, has_operators, planted
from pipeline.ingest import STACK_V1

WHEELS = Path("requirements/bench-dedup/text.lock")
FILES = 16  # of a corpus; datatrove's tasks are files
ROWS_OF_GROUP = 500
REAL_DOCUMENTS = 6000
MOST_OF_GROUP = 300  # files of one name are taken all or not at all
ORIGINALS = 100  # real files that get a variant
PLANTED = "planted/"


@dataclass(frozen=True)
class Corpus:
    """A folder of Parquet files, and what its documents hold, in the order of files and rows."""

    folder: Path
    texts: list[bytes]
    names: list[tuple[str, str, str]]
    """Repository, path and revision of each: what identifies it."""

    @property
    def megabytes(self) -> float:
        return sum(map(len, self.texts)) / 1e6

    @cached_property
    def families(self) -> list[str]:
        """The planted family of each document, or "real"."""
        return [
            repository.removeprefix(PLANTED) if repository.startswith(PLANTED) else "real"
            for repository, _, _ in self.names
        ]


def read_corpus(folder: Path) -> Corpus:
    """A corpus from its Parquet files."""
    columns = ["max_stars_repo_name", "max_stars_repo_path", "max_stars_repo_head_hexsha", "content"]
    tables = [pq.read_table(path, columns=columns) for path in sorted(folder.glob("*.parquet"))]
    repositories, paths, revisions, texts = (pa.concat_tables(tables)[name].to_pylist() for name in columns)
    names = [
        (name, path, revision or "")
        for name, path, revision in zip(repositories, paths, revisions, strict=True)
    ]
    return Corpus(folder, [text.encode() for text in texts], names)


def real_files(scratch: Path) -> Path:
    """A folder of one Parquet file for each wheel; downloads what is not there yet."""
    out = scratch / "ingested"
    if not (out / "complete").exists():
        wheels, unpacked = scratch / "wheels", scratch / "unpacked"
        _pip_download(wheels)
        for wheel in sorted(wheels.glob("*.whl")):
            zipfile.ZipFile(wheel).extractall(unpacked / wheel.name.partition("-")[0])
        sources = [str(path) for path in sorted(unpacked.iterdir())]
        command = [sys.executable, "-m", "pipeline", "ingest", *sources, "--out", str(out), "--workers", "2"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(unpacked)
        (out / "complete").touch()
    return out


def _pip_download(folder: Path) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", *options, "--require-hashes", "-r", str(WHEELS)]
    subprocess.run([*command, "--dest", str(folder)], check=True)


def speed_corpus(real: Path, folder: Path, megabytes: float) -> Path:
    """Real files, in an order by hash, until there are that many MB."""
    table = pa.concat_tables(pq.read_table(path) for path in sorted(real.glob("*.parquet")))
    order = sorted(range(len(table)), key=_ranks(table).__getitem__)
    sizes, total, taken = table["size"].to_pylist(), 0, 0
    while taken < len(order) and total < megabytes * 1e6:
        total += sizes[order[taken]]
        taken += 1
    _write(table.take(pa.array(order[:taken])), folder)
    return folder


def quality_corpus(real: Path, folder: Path, documents: int) -> Path:
    """That many real files or a few more, then the planted ones."""
    table = pa.concat_tables(pq.read_table(path) for path in sorted(real.glob("*.parquet")))
    chosen = _whole_groups(table, documents)
    rest = sorted(set(range(len(table))) - set(chosen), key=_ranks(table).__getitem__)
    originals = list(_originals(table.take(pa.array(rest)).select(["content", "lang", "size"])))
    _write(pa.concat_tables([table.take(pa.array(chosen)), _table(planted(originals))]), folder)
    return folder


def _whole_groups(table: pa.Table, documents: int) -> list[int]:
    """Numbers of files: groups in the order of their hash, until there are enough."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, (repository, path) in enumerate(_identities(table)):
        groups["folder", repository, str(Path(path).parent)].append(number)
        groups["name", Path(path).name].append(number)
    chosen: set[int] = set()
    for group in sorted(groups, key=lambda group: _rank(*group)):
        if len(chosen) >= documents:
            break
        if 1 < len(groups[group]) <= MOST_OF_GROUP:
            chosen.update(groups[group])
    return sorted(chosen)


def _originals(table: pa.Table) -> Iterator[str]:
    """Python files of 1–10 kB with operators, each text once."""
    right = pc.and_(pc.equal(table["lang"], "Python"), pc.less(pc.subtract(table["size"], 1000), 9000))
    right = pc.and_(right, pc.greater(table["size"], 1000))
    found: dict[str, None] = {}
    for text in table.filter(right)["content"].to_pylist():
        if has_operators(text):
            found[text] = None
        if len(found) == ORIGINALS:
            break
    yield from found


def _table(documents: Sequence[Planted]) -> pa.Table:
    rows = [
        {
            "size": len(document.text.encode()),
            "ext": "py",
            "lang": "Python",
            "max_stars_repo_path": document.name,
            "max_stars_repo_name": PLANTED + document.family,
            "max_stars_repo_licenses": [],
            "content": document.text,
        }
        for document in documents
    ]
    return pa.Table.from_pylist(rows, schema=STACK_V1)


def _write(table: pa.Table, folder: Path) -> None:
    """FILES Parquet files: every FILES-th document each, so that all are about equally long."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number in range(FILES):
        own = table.take(pa.array(range(number, len(table), FILES)))
        path = folder / f"{number:05d}.parquet"
        pq.write_table(own, path, compression="zstd", row_group_size=ROWS_OF_GROUP)


def _identities(table: pa.Table) -> list[tuple[str, str]]:
    names, paths = (table[f"max_stars_repo_{what}"].to_pylist() for what in ("name", "path"))
    return list(zip(names, paths, strict=True))


def _ranks(table: pa.Table) -> list[bytes]:
    return [_rank(*identity) for identity in _identities(table)]


def _rank(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=8).digest()
