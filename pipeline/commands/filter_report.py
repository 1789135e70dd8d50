"""What `infill filter` and `infill filters` print for people: tables that fit a terminal of 100 columns.

Nothing is computed here but shares and the lengths of bars, and no text of a document or a path is taken for
markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


def report_lines(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The result of `run_filter`: histograms, languages, examples, and last, to be seen first, the funnel."""
    for name, histogram in result["histograms"].items():
        if histogram:
            yield _histogram_table(name, histogram)
            yield ""
    if result["languages"]:
        yield _language_table(result["languages"])
        yield ""
    for side in ("kept", "dropped"):
        if result["examples"][side]:
            yield _example_table(side, result["examples"][side])
            yield ""
    for example in result["examples"]["unusable"]:
        yield Text.assemble(
            ("unusable  ", "bold yellow"), _short_path(example["path"]), f": {example['message']}"
        )
    yield _funnel_table(result)
    yield Text.assemble("where ", (result["where"], "bold"))
    if result["out"]:
        yield Text.assemble("written to ", (result["out"], "bold"))


def _table(*headings: str) -> Table:
    """A plain table: text in the first column, numbers in the others."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _histogram_table(name: str, histogram: Sequence[tuple[str, int]]) -> Table:
    table = _table(name, "documents", "share")
    table.add_column("", no_wrap=True)
    total = sum(count for _, count in histogram)
    largest = max(count for _, count in histogram)
    for label, count in histogram:
        table.add_row(Text(label), number(count), _share(count, total), Text(_bar(count, largest), "cyan"))
    return table


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
        table.add_row(Text(name), number(documents), number(kept), _share(kept, documents))
    return table


def _example_table(side: str, examples: Sequence[Mapping[str, Any]]) -> Table:
    names = list(examples[0]["signals"])
    table = _table(f"{side}, the first {len(examples)}", *(name.replace("_", "_\n") for name in names))
    for example in examples:
        table.add_row(
            Text(_short_path(example["path"])),
            *(Text(_value(value)) for value in example["signals"].values()),
        )
    return table


def _short_path(path: str) -> str:
    """A path with its middle left out where it is long: its repository and its name say most."""
    if len(path) <= MAX_PATH_CELLS:
        return path
    head = MAX_PATH_CELLS // 3
    return f"{path[:head]}…{path[head + 1 - MAX_PATH_CELLS :]}"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text if len(text) <= MAX_VALUE_CELLS else text[: MAX_VALUE_CELLS - 1] + "…"


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
