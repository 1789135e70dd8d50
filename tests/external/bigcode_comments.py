"""BigCode's measure beside its reference: `python -m tests.external.bigcode_comments FOLDER…`.

The reference is that of tests/filters/test_bigcode_comments.py; both sides see every Python, Java and
JavaScript file of the folders that is UTF-8 and not too long. Prints counts by language, and each file that
differs; a file that ours gives up (-1) differs. About 1 MB/s.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pyarrow as pa

from filters.bigcode_comments import MAX_BYTES
from filters.comments import Comments
from filters.language import language_of
from tests.filters.test_bigcode_comments import reference

LANGUAGES = ("Python", "Java", "JavaScript")
BATCH = 256


def files(folders: list[str], language: str) -> list[Path]:
    found = (Path(root, name) for folder in folders for root, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if language_of(path.name) == language and path.is_file())


def main() -> None:
    warnings.simplefilter("ignore")
    differing = 0
    for language in LANGUAGES:
        texts: dict[Path, str] = {}
        for path in files(sys.argv[1:], language):
            data = path.read_bytes()
            try:
                texts[path] = data.decode("utf-8") if len(data) <= MAX_BYTES else ""
            except UnicodeDecodeError:
                continue
        names = [path for path, text in texts.items() if text]
        bad = 0
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            content = pa.array([texts[path] for path in batch], pa.large_string())
            docs = pa.table({"content": content, "lang": [language] * len(batch)})
            ours = Comments(measure="bigcode")(docs)["comment_ratio"].to_pylist()
            for path, ratio in zip(batch, ours, strict=True):
                expected = reference(texts[path], language)
                if ratio != expected:
                    bad += 1
                    print(f"{path}: ours {ratio}, reference {expected}")
        print(f"{language}: {len(names):,} files, {bad} differ", flush=True)
        differing += bad
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
