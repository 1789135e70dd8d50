"""`infill filter NAME` and `all`, and `infill filters`: filters on any files of documents, and their list.

A filter's command is made from its class (filter_options.py). With `all`, a filter of which a required field
is not given is left out. What is printed for people is made in filter_report.py; `--json` prints the plain
result.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from pipeline.commands.console import StageProgress, output_console, print_json
from pipeline.commands.filter_options import (
    INPUTS,
    default_of,
    field_option,
    fields_given,
    is_required,
    run_options,
)

EVERY: Final = "all"
READS: Final = (
    "INPUT is a Parquet, Arrow or JSON-lines file, a folder or a glob of them, an s3://, gs:// or "
    "hf://datasets/OWNER/NAME/… URL, or OWNER/NAME, a dataset of the Hugging Face hub."
)


class _FilterGroup(click.Group):
    """A subcommand a filter, made when it is asked for, and one for all of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from filters import REGISTRY

        return [*REGISTRY, EVERY]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        from filters import REGISTRY, filter_class

        if cmd_name == EVERY:
            return _command_of_all({name: filter_class(name) for name in REGISTRY})
        if cmd_name not in REGISTRY:
            ctx.fail(f"there is no filter {cmd_name!r}; the filters are {', '.join(REGISTRY)}, and {EVERY}")
        return _command_of(filter_class(cmd_name))


@click.command("filter", cls=_FilterGroup)
def filter_() -> None:
    """Run one filter, or all, on Parquet, Arrow or JSON-lines files, and show what it keeps."""


def _command_of(cls: Any) -> click.Command:
    return click.Command(
        cls.name,
        params=[
            INPUTS,
            *map(field_option, dataclasses.fields(cls)),
            *run_options(cls.default_where, annotates=False),
        ],
        callback=partial(_run, lambda fields: cls(**fields)),
        help=f"{_summary(cls)}\n\n{READS}\n\nReads {', '.join(cls.columns)}.",
        short_help=_summary(cls),
    )


def _command_of_all(classes: Mapping[str, Any]) -> click.Command:
    about = "Every filter in one pass: each document gets every signal that its columns allow."
    flags = "A filter that has a required field runs if that is given, as --FILTER.FIELD."
    fields = [field_option(f, of=name) for name, cls in classes.items() for f in dataclasses.fields(cls)]
    without = click.Option(
        ["--without"], multiple=True, type=click.Choice(list(classes)), help="Leave this filter out."
    )
    return click.Command(
        EVERY,
        params=[INPUTS, without, *run_options("true", annotates=True), *fields],
        callback=partial(_run, partial(_several, classes)),
        help=f"{about}\n\n{flags}\n\n{READS}",
        short_help=about,
    )


def _summary(cls: Any) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]


def _several(classes: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """All filters that need nothing more, but for those that are not wanted."""
    from pipeline.single_filter.several import Several

    made, left_out = [], {}
    for name, cls in classes.items():
        own, missing = fields_given(cls, values)
        if name in values["without"]:
            left_out[name] = "--without"
        elif missing:
            left_out[name] = f"needs {' and '.join(missing)}"
        else:
            made.append(cls(**own))
    return Several(tuple(made), left_out)


def _run(
    make: Callable[[Mapping[str, Any]], Any],
    inputs: tuple[str, ...],
    where: str | None,
    out: Path | None,
    annotate: bool,
    plot: Path | None,
    columns: str,
    as_json: bool,
    **fields: Any,
) -> int:
    from pipeline.commands.filter_report import report_lines
    from pipeline.single_filter.run import FilterRun, run_filter

    fltr = make(fields)
    if annotate and out is None and fltr.name != EVERY:
        raise click.UsageError("--annotate has nothing to write to: add --out")
    run = FilterRun(where=where, out=out, annotated=annotate, columns=columns, plot=plot)
    with StageProgress(quiet=as_json) as progress:
        result = run_filter(fltr, inputs, run, progress)
    if as_json:
        print_json(result)
    else:
        output_console().print(*report_lines(result), sep="\n")
    return 0


@click.command("filters")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON on stdout.")
def filters_(as_json: bool) -> int:
    """List the filters with their fields, signals and default predicates."""
    from filters import REGISTRY, filter_class
    from pipeline.commands.filter_report import filter_table

    listed = [describe(filter_class(name)) for name in REGISTRY]
    if as_json:
        print_json(listed)
    else:
        output_console().print(filter_table(listed))
    return 0


def describe(cls: Any) -> dict[str, Any]:
    """What a filter reads, gives and can be told, as plain values."""
    return {
        "name": cls.name,
        "version": cls.version,
        "about": _summary(cls),
        "details": (sys.modules[cls.__module__].__doc__ or "").strip(),
        "columns": list(cls.columns),
        "reads_text": "content" in cls.columns,
        "signals": {signal.name: str(signal.type) for signal in cls.schema},
        "fields": {field.name: _describe_field(field) for field in dataclasses.fields(cls)},
        "default_where": cls.default_where,
    }


def _describe_field(field: dataclasses.Field[Any]) -> dict[str, Any]:
    required = is_required(field)
    return {
        "type": str(field.type),
        "required": required,
        "default": None if required else default_of(field),
        "help": field.metadata.get("help", ""),
    }
