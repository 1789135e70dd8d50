"""Samples as a page of HTML that needs nothing from elsewhere: light or dark, as the reader's system is.

Text is escaped, and what a browser would obey or hide is written out (preview_marks.py); the page has no
script and forbids any. The far ends of prefix and suffix are folded. Size: about 1.2 times the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from pipeline.commands.preview_marks import pieces, told_lines
from pipeline.commands.preview_samples import PARTS, Sample
from pipeline.config import Recipe

OPEN_LINES = 16
"""Lines of prefix and of suffix that are not folded."""
LAYOUTS = {
    "none": ("lead", "header", "prefix"),
    "psm": ("lead", "header", "prefix", "suffix", "middle"),
    "spm-v1": ("lead", "suffix", "header", "prefix", "middle"),
    "spm-v2": ("lead", "suffix", "header", "prefix", "middle"),
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_page(path: Path, samples: Sequence[Sample], recipe: Recipe) -> None:
    """Write the page. Raises OSError where the file cannot be written."""
    path.write_text(page(samples, recipe), encoding="utf-8")


def page(samples: Sequence[Sample], recipe: Recipe) -> str:
    """The page as text."""
    style = (files("pipeline") / "commands" / "preview.css").read_text(encoding="utf-8")
    title = f"infill preview: {recipe.name}"
    legend = "".join(
        f"<span>{_span(part, _named(part))}</span>"
        for part in ("lead", "prefix", "middle", "deleted", "suffix")
    )
    about = f"{len(samples)} samples · dialect {recipe.fim.dialect} · context {recipe.fim.context:,} tokens"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<h1>{_safe(title)}</h1>\n<div class="quiet">{_safe(about)}</div>\n'
        f'<div class="legend">{legend}</div>\n'
        + "".join(_article(sample, recipe.fim.context) for sample in samples)
        + "</body>\n</html>\n"
    )


def _named(part: str) -> str:
    return "metadata and other files" if part == "lead" else part


def _article(sample: Sample, context: int) -> str:
    badges = f'<span class="badge kind">{_safe(sample["kind"])}</span>'
    badges += f'<span class="badge">{_safe(sample["order"])}</span>'
    counts = " · ".join(f"{name} {count:,}" for name in PARTS if (count := sample["tokens"][name]))
    length = f"{sample['n_tokens']:,} of {context:,} tokens: {counts}"
    place = f"characters {sample['window_start']:,} to {sample['window_end']:,}"
    facts = [sample["lang"], sample["license"], f"{sample['split']} {sample['sample']:,}", place]
    told = _safe(" · ".join(fact for fact in facts if fact))
    return (
        f"<article>\n<header>\n<h2>{_source(sample)}</h2>\n"
        f'<div class="facts">{badges}<span>{_safe(length)}</span></div>\n{_bar(sample)}\n'
        f'<div class="facts quiet">{told}</div>\n</header>\n{_code(sample)}</article>\n'
    )


def _source(sample: Sample) -> str:
    repo = f'<span class="quiet">{_safe(sample["repo"])} / </span>' if sample["repo"] else ""
    return repo + _safe(sample["path"])


def _bar(sample: Sample) -> str:
    """The parts in the order that the sample has them in, each as wide as its tokens."""
    tokens = sample["tokens"]
    parts = (name for name in LAYOUTS[sample["order"]] if tokens[name])
    bars = (
        f'<i class="{name}" style="flex:{tokens[name]}" title="{name} {tokens[name]:,}"></i>'
        for name in parts
    )
    return f'<div class="bar">{"".join(bars)}</div>'


def _code(sample: Sample) -> str:
    """The sample's text in the document's order."""
    lead = sample["lead"] + ("\n" if sample["lead"] else "")
    before = [("lead", lead), ("header", sample["header"]), ("prefix", sample["prefix"])]
    far, near = _fold(before)
    lines = sample["suffix"].split("\n")
    cut = len("\n".join(lines[:OPEN_LINES])) + 1
    middle = _span("middle", sample["middle"]) or '<span class="cursor" title="empty middle"></span>'
    shown = "".join(_span(part, text) for part, text in near)
    shown += "" if sample["kind"] == "plain" else middle
    shown += _span("deleted", sample["deleted_text"]) + _span("suffix", sample["suffix"][:cut])
    return (
        _folded(far, "before")
        + f"<pre><code>{shown}</code></pre>\n"
        + _folded([("suffix", sample["suffix"][cut:])], "after")
    )


def _fold(parts: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The parts' far lines and their last `OPEN_LINES` lines."""
    far, near, room = [], [], OPEN_LINES
    for name, text in reversed(parts):
        lines = text.split("\n")
        keep = max(room, 0)
        cut = len("\n".join(lines[:-keep])) + 1 if keep and len(lines) > keep else len(text) * (not keep)
        far.append((name, text[:cut]))
        near.append((name, text[cut:]))
        room -= len(lines)
    return far[::-1], near[::-1]


def _folded(parts: Sequence[tuple[str, str]], where: str) -> str:
    told = told_lines("".join(text for _, text in parts))
    code = "".join(_span(part, text) for part, text in parts)
    fold = f"<details><summary>{told} {where}</summary><pre><code>{code}</code></pre></details>\n"
    return fold if code else ""


def _span(part: str, text: str) -> str:
    """A part's text; the newlines of what is added or gone can be seen."""
    if not text:
        return ""
    safe = _safe(text)
    if part in ("middle", "deleted"):
        safe = safe.replace("\n", '<span class="newline"></span>\n')
    return f'<span class="t-{part}">{safe}</span>'


def _safe(text: str) -> str:
    return "".join(
        f'<span class="mark">{escape(piece)}</span>' if is_mark else escape(piece)
        for piece, is_mark in pieces(text)
    )
