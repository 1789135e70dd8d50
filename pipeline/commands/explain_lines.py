"""What `infill explain` prints for people: signals, predicates, the cluster, and two texts side by side.

What a terminal would obey is written out. A long line is cut round the place where it differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipeline.commands.console import number
from pipeline.commands.preview_marks import visible
from pipeline.text_diff import Line

LONGEST: Final = 200
BEFORE: Final = 60
EQUAL: Final = ("duplicate_id", "exact_duplicate")


def explain_lines(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Lines and tables; the fate comes last, before it what it rests on."""
    yield _signals(result["signals"])
    if result["predicates"]:
        yield _predicates(result["predicates"])
    if result["cluster"]:
        yield from ("", _cluster(result["cluster"]))
    if result["stands_for"]:
        yield from ("", *_stands_for(result["stands_for"]))
    if result["diff"]:
        yield from ("", *_difference(result["diff"]))
    elif result["duplicate"]:
        yield f"[yellow]{_why_no_difference(result['duplicate'])}[/]"
    yield ""
    if result["duplicate"]:
        yield _likeness(result["duplicate"])
    yield f"[bold]{escape(visible(result['document']))}[/]: {escape(result['fate'])}"


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, header_style="bold", pad_edge=False)


def _signals(signals: Mapping[str, Any]) -> Table:
    table = _table("signal", "value")
    for name, value in signals.items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else escape(visible(str(value))))
    return table


def _predicates(predicates: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("predicate", "", "verdict")
    for p in predicates:
        verdict = "[green]passes[/]" if p["passes"] else "[bold red]fails[/]"
        table.add_row(escape(p["name"]), escape(p["predicate"]), verdict)
    return table


def _cluster(cluster: Mapping[str, Any]) -> Table:
    table = _table(f"cluster of {number(cluster['size'])}", "", "verdict")
    for member in cluster["members"]:
        stays = member["verdict"] == "kept"
        verdict = f"[green]{member['verdict']}[/]" if stays else member["verdict"]
        table.add_row(member["doc_id"][:12], _document(member["document"]), verdict)
    left = cluster["size"] - len(cluster["members"])
    if left:
        table.add_row("", f"and {number(left)} more", "")
    return table


def _stands_for(lost: Mapping[str, Any]) -> Iterator[RenderableType]:
    table = _table(f"stays instead of {number(lost['documents'])}", "", "reason", "Jaccard")
    for own in lost["shown"]:
        table.add_row(own["doc_id"][:12], _document(own["document"]), own["reason"], f"{own['jaccard']:.3f}")
    left = lost["documents"] - len(lost["shown"])
    if left:
        table.add_row("", f"and {number(left)} more", "", "")
    yield table


def _document(name: str | None) -> str:
    return escape(visible(name)) if name is not None else "(not in this corpus)"


def _likeness(duplicate: Mapping[str, Any]) -> str:
    kept = duplicate["kept"] or duplicate["kept_in"] or duplicate["kept_doc_id"]
    parts = [f"stays instead: [bold]{escape(visible(kept))}[/]"]
    if duplicate["measure"] != "none":
        how = "estimated" if duplicate["measure"] == "estimate" else "exact"
        parts.append(f"Jaccard {duplicate['jaccard']:.3f} ({how})")
        share = f"{duplicate['containment']:.1%}"
        parts.append(f"{share} of the removed one's shingles are in it")
    else:
        parts.append("not verified: the two met in a band")
    if duplicate["reason"] in EQUAL and duplicate["jaccard"] < 1:
        parts.append("the document that it equals went itself, for this one")
    return "; ".join(parts)


def _why_no_difference(duplicate: Mapping[str, Any]) -> str:
    if duplicate["kept_in"]:
        return f"its text is not compared: what stays is known from the index {escape(duplicate['kept_in'])}"
    return "its text is not compared: it, or the kept one, cannot be read from the source any more"


def _difference(diff: Mapping[str, Any]) -> Iterator[RenderableType]:
    if diff["equal"]:
        yield "the two texts are equal, byte for byte"
        return
    table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
    for side, name in (("removed", diff["left"]), ("kept", diff["right"])):
        table.add_column("", justify="right", style="dim", no_wrap=True)
        table.add_column(Text(f"{side}: {visible(name)}"), ratio=1, overflow="fold")
    for number_of_hunk, hunk in enumerate(diff["hunks"]):
        if number_of_hunk:
            table.add_row("⋮", "", "⋮", "")
        for line in hunk:
            table.add_row(*_row(Line(*line)))
    yield table
    for note in diff["notes"]:
        yield f"[yellow]{escape(note)}[/]"


def _row(line: Line) -> tuple[str, Text, str, Text]:
    start = 0
    if line.changed and max(len(line.left), len(line.right)) > LONGEST:
        pairs = zip(line.left, line.right, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        start = max(0, same - BEFORE)
    styles = ("red", "green") if line.changed else ("", "")
    return (
        "" if line.left_number is None else str(line.left_number),
        _cut(line.left, start, styles[0]),
        "" if line.right_number is None else str(line.right_number),
        _cut(line.right, start, styles[1]),
    )


def _cut(text: str, start: int, style: str) -> Text:
    shown = text[start : start + LONGEST].expandtabs(4)
    before = "…" if start and text else ""
    after = "…" if len(text) > start + LONGEST else ""
    return Text(f"{before}{visible(shown)}{after}", style)
