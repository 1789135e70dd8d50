"""What `infill filter` and `infill filters` print for people: tables that fit a terminal of 100 columns.

Nothing is computed here but shares and the lengths of bars, and no text of a document or a path is taken for
markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.commands.console import megabytes, number

BAR_CELLS: Final = 40
EIGHTHS: Final = " ▏▎▍▌▋▊▉"
TOP_LANGUAGES: Final = 12
MAX_PATH_CELLS: Final = 60
MAX_VALUE_CELLS: Final = 36
MAX_SIGNAL_COLUMNS: Final = 5
"""More signals than these do not fit beside a path, and their histograms have a line each."""
SPARKS: Final = "▁▂▃▄▅▆▇█"
NUMBERS: Final = re.compile(r"[\d.,]+(–[\d.,∞]+)?")
"""A bin of numbers; what is not one is a value, or stands apart from the bins."""
TOP_VALUES: Final = 3
EMPTY: Final = "(empty)"


def report_lines(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The result of `run_filter`: histograms, languages, examples, and last, to be seen first, the funnel."""
    yield from _histograms(result)
    if result["languages"]:
        yield _language_table(result["languages"])
        yield ""
    for side in ("kept", "dropped"):
        if result["examples"][side]:
            yield from _examples(side, result["examples"][side], result["where"])
    for example in result["examples"]["unusable"]:
        yield Text.assemble(
            ("unusable  ", "bold yellow"), _short_path(example["path"]), f": {example['message']}"
        )
    yield _funnel_table(result)
    yield Text.assemble("where ", (result["where"], "bold"))
    for name, reason in result.get("left_out", {}).items():
        yield Text.assemble("left out  ", (name, "bold yellow"), f": {reason}")
    for written in filter(None, (result["out"], result["plot"])):
        yield Text.assemble("written to ", (written, "bold"))


def _table(*headings: str) -> Table:
    """A plain table: text in the first column, numbers in the others."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _histograms(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """A table a signal; for many signals one table with a line each."""
    found = {name: own for name, own in result["histograms"].items() if own}
    if len(found) > MAX_SIGNAL_COLUMNS:
        yield _spark_table(found)
        yield ""
        return
    for name, histogram in found.items():
        yield _histogram_table(name, histogram, [count for _, count in result["histograms_kept"][name]])
        yield ""


def _histogram_table(name: str, histogram: Sequence[tuple[str, int]], kept: Sequence[int]) -> Table:
    table = _table(name, "documents", "share", "kept")
    table.add_column("", no_wrap=True)
    total = sum(count for _, count in histogram)
    largest = max(count for _, count in histogram)
    for (label, count), passing in zip(histogram, kept, strict=True):
        bar = Text(_bar(count, largest), "cyan" if passing else "dim")
        table.add_row(Text(label or EMPTY), number(count), _share(count, total), _share(passing, count), bar)
    return table


def _spark_table(histograms: Mapping[str, Sequence[tuple[str, int]]]) -> Table:
    """For each signal its first and last bin with a spark a bin between them, or its most frequent values."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("signal", no_wrap=True)
    table.add_column("documents by bin, or by value", overflow="fold")
    for name, histogram in histograms.items():
        total = sum(count for _, count in histogram)
        bins = [(label, count) for label, count in histogram if NUMBERS.fullmatch(label)]
        values = [(label, count) for label, count in histogram if not NUMBERS.fullmatch(label)]
        shown = [f"{label or EMPTY} {_share(count, total)}" for label, count in values[:TOP_VALUES]]
        more = ["…"] if len(values) > TOP_VALUES else []
        table.add_row(Text(name), Text("  ".join([*_sparks(bins), *shown, *more])))
    return table


def _sparks(bins: Sequence[tuple[str, int]]) -> list[str]:
    """The first bin, a spark a bin, and the last bin."""
    largest = max((count for _, count in bins), default=0)
    sparks = "".join(SPARKS[round(7 * count / largest)] if count else " " for _, count in bins)
    return [" ".join(dict.fromkeys((bins[0][0], sparks, bins[-1][0])))] if bins else []


def _bar(count: int, largest: int) -> str:
    """A bar to an eighth of a cell; whatever is there is seen."""
    eighths = max(round(8 * BAR_CELLS * count / largest), 1 if count else 0)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _language_table(languages: Mapping[str, tuple[int, int]]) -> Table:
    table = _table("language", "documents", "kept", "rate")
    rows = [(name, documents, kept) for name, (documents, kept) in languages.items()]
    shown, others = rows[:TOP_LANGUAGES], rows[TOP_LANGUAGES:]
    if others:
        shown.append((f"{len(others)} others", sum(row[1] for row in others), sum(row[2] for row in others)))
    for name, documents, kept in shown:
        table.add_row(Text(name or EMPTY), number(documents), number(kept), _share(kept, documents))
    return table


def _examples(side: str, examples: Sequence[Mapping[str, Any]], where: str) -> Iterator[RenderableType]:
    """A row a document and, dim, the first line of its text; of many signals, those of the predicate."""
    names = list(examples[0]["signals"])
    if len(names) > MAX_SIGNAL_COLUMNS:
        names = [name for name in names if re.search(rf"\b{re.escape(name)}\b", where)]
    if not names:
        return
    table = _table(f"{side}, the first {len(examples)}", *(name.replace("_", "_\n") for name in names))
    for example in examples:
        signals = (Text(_value(example["signals"][name])) for name in names)
        table.add_row(Text(_short_path(example["path"])), *signals)
        if example.get("text"):
            table.add_row(Text("  " + _cut(example["text"], MAX_PATH_CELLS - 2), "dim"))
    yield table
    yield ""


def _short_path(path: str) -> str:
    """A path as seen from here, without its middle where it is long: repository and name say most."""
    path = path.removeprefix(f"{Path.cwd()}/")
    if len(path) <= MAX_PATH_CELLS:
        return path
    head = MAX_PATH_CELLS // 3
    return f"{path[:head]}…{path[head + 1 - MAX_PATH_CELLS :]}"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list):
        return _cut(", ".join(map(_value, value)) or "–", MAX_VALUE_CELLS)
    if isinstance(value, dict):
        return " ".join(map(_value, value.values()))
    return _cut(f"{value:,}" if isinstance(value, int) else str(value), MAX_VALUE_CELLS)


def _cut(text: str, cells: int) -> str:
    return text if len(text) <= cells else text[: cells - 1] + "…"


def _funnel_table(result: Mapping[str, Any]) -> Table:
    documents, kept, unusable = result["documents"], result["kept"], result["unusable"]
    bytes_in, bytes_kept = result["bytes_in"], result["bytes_kept"]
    dropped_bytes = None if bytes_in is None else bytes_in - bytes_kept
    table = _table("", "documents", "share", "MB")
    files = "1 file" if result["files"] == 1 else f"{number(result['files'])} files"
    table.add_row(f"in {files}", number(documents), "", megabytes(bytes_in))
    table.add_row("kept", number(kept), _share(kept, documents), megabytes(bytes_kept), style="bold")
    dropped = documents - kept - unusable
    table.add_row("dropped", number(dropped), _share(dropped, documents), megabytes(dropped_bytes))
    if unusable:
        table.add_row("unusable (no text, or not UTF-8)", number(unusable), _share(unusable, documents), "–")
    return table


def filter_table(listed: Sequence[Mapping[str, Any]]) -> Table:
    """The list of filters: for each, what it reads, gives, can be told and keeps by default."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for entry in listed:
        name = entry["name"]
        for key, value in _facts(entry):
            table.add_row(name, key, Text(value))
            name = ""
        table.add_row()
    return table


def _facts(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "reads", ", ".join(entry["columns"])
    yield "signals", ", ".join(f"{name} ({kind})" for name, kind in entry["signals"].items())
    yield "keeps", entry["default_where"]
    for name, field in entry["fields"].items():
        default = "required" if field["required"] else f"default {field['default']}"
        yield f"--{name.replace('_', '-')}", f"{field['help']} ({field['type']}, {default})"
