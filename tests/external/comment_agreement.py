"""The comment scanner beside tree-sitter and Pygments: `python -m tests.external.comment_agreement FOLDER…`.

Reads the files whose language has a judge (tests/external/comment_judges.toml), compares shares of comments,
prints a table by language, and writes each disagreement by more than 0.01, with the path and all values, to
--out. Line ends are made "\\n" first, since Pygments does so. About 1 MB/s.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from filters.comments import Comments
from filters.killable import Killable
from filters.language import language_of

JUDGES: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("comment_judges.toml").read_text(encoding="utf-8")
)
KINDS = ("tree_sitter", "pygments")
TOLERANCE = 0.01
MAX_BYTES = 1_000_000


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--language", "languages", multiple=True, help="This language only; may be repeated.")
@click.option("--most", default=500, show_default=True, help="Files of each language, chosen by their hash.")
@click.option("--fewest", default=20, show_default=True, help="Leave out languages with fewer files.")
@click.option("--out", default=Path("out/comment-agreement.jsonl"), type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...], languages: tuple[str, ...], most: int, fewest: int, out: Path) -> None:
    """Compare the comment scanner with its judges on real files."""
    paths: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(walk(folder)):
            if (language := judged_language(path)) and (not languages or language in languages):
                paths.setdefault(language, []).append(path)
    out.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"{'language':18}{'files':>6}{'MB':>7}{'unknown':>9}{'tree-sitter':>13}{'Pygments':>10}{'either':>8}"
    )
    with (
        out.open("w", encoding="utf-8") as disagreements,
        Killable("tests.external.comment_judges:count", timeout_seconds=20, memory_bytes=3 << 30) as judge,
    ):
        for language in sorted(paths):
            texts = read(paths[language], most)
            if len(texts) >= fewest:
                for line in compare(language, texts, judge):
                    disagreements.write(line + "\n")


def walk(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root, name) for name in names)


def judged_language(path: Path) -> str:
    """The language of a file, or "" when it has no judge or its extension tells too little."""
    language = language_of(path.name)
    entry = JUDGES.get(language)
    is_told = entry and path.suffix[1:].lower() in entry.get("extensions", [path.suffix[1:].lower()])
    return language if is_told else ""


def read(paths: list[Path], most: int) -> dict[Path, str]:
    """Distinct texts, at most so many, in the order of their hashes."""
    found: dict[bytes, tuple[Path, str]] = {}
    for path in paths:
        if path.is_file() and 0 < path.stat().st_size <= MAX_BYTES:
            data = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            try:
                found.setdefault(blake2b(data).digest(), (path, data.decode()))
            except UnicodeDecodeError:
                continue
    return dict(found[digest] for digest in sorted(found)[:most])


def compare(language: str, texts: dict[Path, str], judge: Killable) -> list[str]:
    """Print the row of a language; returns each disagreement as JSON."""
    docs = pa.table({"content": pa.array(texts.values(), pa.large_string()), "lang": [language] * len(texts)})
    ours = Comments()(docs)["comment_ratio"].to_pylist()
    agreeing: dict[str, list[bool]] = {"either": [False] * len(texts)}
    judged: list[dict[str, float | None]] = [{} for _ in texts]
    for kind in (kind for kind in KINDS if kind in JUDGES[language]):
        header = json.dumps([kind, JUDGES[language][kind]]).encode() + b"\n"
        agreeing[kind] = []
        for index, text in enumerate(texts.values()):
            reply = judge(header + text.encode())
            share = None if reply in (None, b"-1") else int(reply or 0) / len(text)
            judged[index][kind] = share
            agrees = share is not None and abs(share - ours[index]) <= TOLERANCE
            agreeing[kind].append(agrees)
            agreeing["either"][index] |= agrees
    shares = {kind: f"{sum(own) / len(own):.1%}" for kind, own in agreeing.items()}
    size = sum(len(text.encode()) for text in texts.values()) / 1e6
    cells = [shares.get(kind, "–") for kind in (*KINDS, "either")]
    unknown = sum(share < 0 for share in ours)
    print(
        f"{language:18}{len(texts):6}{size:7.1f}{unknown:9}{cells[0]:>13}{cells[1]:>10}{cells[2]:>8}",
        flush=True,
    )
    return [
        json.dumps({"language": language, "path": str(path), "ours": ours[index], **judged[index]})
        for index, path in enumerate(texts)
        if not all(own[index] for own in agreeing.values())
    ]


if __name__ == "__main__":
    main()
