"""Samples in colour on a terminal, or as an SVG picture of one.

Parts stand in the document's order, whatever the sample's is: lead and header dim, prefix plain, middle on
green, deleted text red and struck through, suffix blue; the far ends are left out. A picture needs nothing
from elsewhere, fonts included. Without colours, a middle stands in {+ +} and deleted text in [- -].
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from pipeline.commands.preview_marks import told_lines, visible
from pipeline.commands.preview_samples import Sample

CONTEXT_LINES = 12
SVG_COLUMNS = (60, 110)
"""The least and the most that a picture is wide."""
FONT_FROM_ELSEWHERE = re.compile(r" *@font-face \{[^}]*\}\n")
EMPTY_MIDDLE = "▮"
_BLACK, _RED, _GREEN, _BLUE = (6, 48, 26), (255, 122, 118), (120, 214, 150), (143, 181, 255)
_TEXT = (221, 227, 234)
DARK = TerminalTheme((23, 27, 34), _TEXT, [_BLACK, _RED, _GREEN, _TEXT, _BLUE, _TEXT, _TEXT, _TEXT])
"""Colours that can be told apart on the dark ground of a picture; those that are not used are text."""


def print_samples(samples: Sequence[Sample], console: Console) -> None:
    """Print each sample below a heading of two lines."""
    for sample in samples:
        console.print(Text(f"── {heading(sample)}", "bold"), soft_wrap=True)
        console.print(Text(f"   {counts(sample)}", "dim"), soft_wrap=True)
        console.print(_coloured(sample, marked=console.color_system is None), soft_wrap=True)


def write_picture(path: Path, samples: Sequence[Sample]) -> None:
    """Write what `print_samples` prints as SVG, as wide as its longest line needs."""
    written = io.StringIO()
    print_samples(samples, Console(width=SVG_COLUMNS[1], file=written))
    longest = max(map(cell_len, written.getvalue().split("\n")), default=0)
    width = min(max(longest, SVG_COLUMNS[0]), SVG_COLUMNS[1])
    picture = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    print_samples(samples, picture)
    svg = picture.export_svg(title="infill preview", theme=DARK, unique_id="infill-preview")
    path.write_text(FONT_FROM_ELSEWHERE.sub("", svg), encoding="utf-8")


def heading(sample: Sample) -> str:
    """Kind, order, length and source."""
    source = visible(f"{sample['repo']}:{sample['path']}")
    return f"{sample['kind']} · {sample['order']} · {sample['n_tokens']} tokens · {source}"


def counts(sample: Sample) -> str:
    """The tokens of each part that has any, in the order they are shown in, and the language."""
    parts = " · ".join(f"{name} {count:,}" for name, count in sample["tokens"].items() if count)
    return f"{visible(sample['lang']) or 'no language'}: {parts}"


def _coloured(sample: Sample, *, marked: bool) -> Text:
    """The sample's text with styles; `marked`: where styles cannot be seen, with marks too."""
    text = Text()
    middle, deleted = visible(sample["middle"]), visible(sample["deleted_text"])
    if marked:
        middle, deleted = (middle and f"{{+{middle}+}}"), (deleted and f"[-{deleted}-]")
    for name in ("lead", "header"):
        text.append(_last_lines(sample[name]), "dim")
    if sample["lead"]:
        text.append("\n")
    text.append(_last_lines(sample["prefix"]))
    if sample["kind"] != "plain":
        text.append(middle or EMPTY_MIDDLE, "black on green")
    text.append(deleted, "strike red")
    lines = sample["suffix"].split("\n")
    text.append(visible("\n".join(lines[: CONTEXT_LINES + 1])), "blue")
    if hidden := "\n".join(lines[CONTEXT_LINES + 1 :]):
        text.append(f"\n… {told_lines(hidden)}", "dim")
    return text


def _last_lines(text: str) -> str:
    """The last lines of a text, below a line that says how many are left out."""
    lines = text.split("\n")
    hidden = "\n".join(lines[: -CONTEXT_LINES - 1])
    told = f"… {told_lines(hidden)}\n" if hidden else ""
    return told + visible("\n".join(lines[-CONTEXT_LINES - 1 :]))
