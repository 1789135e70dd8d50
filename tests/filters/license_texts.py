"""Licence texts of tests/golden/license_texts.zip, and the ways in which people lay them out.

`spdx/` holds the texts that the reference data were made from, `independent/` the same licences from Debian
and from ScanCode's collection; SOURCES.txt in the archive says which from where.
"""

from __future__ import annotations

import re
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

ARCHIVE = Path(__file__).parents[1] / "golden" / "license_texts.zip"
_HOLDERS = (
    (re.compile(r"<(?:year|yyyy)>|\[(?:year|yyyy)\]|\{yyyy\}", re.IGNORECASE), "2019-2024"),
    (
        re.compile(r"<[\w ,/'-]{1,60}>|\[(?:name|fullname|owner)[\w ]*\]|\{name[\w ]*\}", re.IGNORECASE),
        "Example Software GmbH",
    ),
    (
        re.compile(r"the copyright holder(?= nor)|the <?organization>?(?= nor)", re.IGNORECASE),
        "Example Software GmbH",
    ),
)


def texts(source: str) -> dict[str, str]:
    """Licence texts by SPDX id: source is spdx or independent."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        names = [name for name in archive.namelist() if name.startswith(f"{source}/")]
        return {Path(name).stem: archive.read(name).decode("utf-8") for name in names}


def filled(text: str) -> str:
    for pattern, words in _HOLDERS:
        text = pattern.sub(words, text)
    return f"Copyright (c) 2019-2024 Example Software GmbH <info@example.com>\nAll rights reserved.\n\n{text}"


def reflowed(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(textwrap.fill(" ".join(p.split()), 60, break_on_hyphens=False) for p in paragraphs)


def commented(text: str) -> str:
    return (
        "\n".join(f"# {line}".rstrip() for line in reflowed(text).splitlines())
        + "\n\nimport os\n\nprint(os.name)\n"
    )


def in_readme(text: str) -> str:
    return (
        "# frobnicate\n\nA library that frobnicates, with a command line.\n\n"
        "## Install\n\n    pip install frobnicate\n\n"
        f"## Usage\n\nCall `frobnicate.run()`.\n\n## License\n\n{text}\n\n"
        "## Thanks\n\nTo all who sent patches.\n"
    )


LAYOUTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "plain": ("LICENSE", str),
    "filled": ("COPYING", filled),
    "reflowed": ("LICENSE.txt", reflowed),
    "commented": ("src/main.py", commented),
    "readme": ("README.md", in_readme),
}
