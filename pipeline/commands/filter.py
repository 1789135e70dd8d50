"""`infill filter NAME` and `infill filters`: one filter on any files of documents, and the list of filters.

A filter's command is made from its class: a field is a flag of the same name, with its type, default and
help. What is printed for people is made in filter_report.py; `--json` prints the plain
result.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from pipeline.commands.console import StageProgress, output_console, print_json

TYPES: dict[str, Any] = {"int": int, "float": float, "bool": bool, "str": str}
FILE = click.Path(exists=True, dir_okay=False)
INPUTS = """INPUT is a Parquet, Arrow or JSON-lines file, a folder or a glob of them, or hf://datasets/OWNER/NAME/…"""


class _FilterGroup(click.Group):
    """A subcommand a filter, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from filters import REGISTRY

        return list(REGISTRY)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        from filters import REGISTRY, filter_class

        if cmd_name not in REGISTRY:
            ctx.fail(f"there is no filter {cmd_name!r}; the filters are {', '.join(REGISTRY)}")
        return _command_of(filter_class(cmd_name))


@click.command("filter", cls=_FilterGroup)
def filter_() -> None:
    """Run one filter on Parquet, Arrow or JSON-lines files, and show what it keeps."""


def _command_of(cls: Any) -> click.Command:
    options: list[click.Parameter] = [
        click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT..."),
        *map(_option_of, dataclasses.fields(cls)),
        click.Option(
            ["--where"], metavar="SQL", help=f"Which documents pass.  [default: {cls.default_where}]"
        ),
        click.Option(
            ["--out"],
            type=click.Path(path_type=Path),
            help="Write those that pass: FILE.parquet, or a folder.",
        ),
        click.Option(["--annotate"], is_flag=True, help="With --out: write every document, and its signals."),
        click.Option(
            ["--columns"],
            default="stack-v1",
            show_default=True,
            metavar="PRESET,NAME=COLUMN",
            help="What the columns are called: a preset, pairs, or both.",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON on stdout."),
    ]
    about = f"{_summary(cls)}\n\n{INPUTS}\n\nReads {', '.join(cls.columns)}."
    return click.Command(
        cls.name, params=options, callback=_callback_of(cls), help=about, short_help=_summary(cls)
    )


def _summary(cls: Any) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]


def _option_of(field: dataclasses.Field[Any]) -> click.Option:
    """The flag of a filter's field."""
    flag = "--" + field.name.replace("_", "-")
    kind = FILE if field.metadata.get("file") else TYPES[str(field.type)]
    if kind is bool:
        flag = f"{flag}/--no-{flag[2:]}"
    help_text = field.metadata.get("help", "")
    if field.default is dataclasses.MISSING:
        return click.Option([flag, field.name], type=kind, required=True, help=help_text)
    return click.Option(
        [flag, field.name], type=kind, default=field.default, show_default=True, help=help_text
    )


def _callback_of(cls: Any) -> Any:
    def callback(
        inputs: tuple[str, ...],
        where: str | None,
        out: Path | None,
        annotate: bool,
        columns: str,
        as_json: bool,
        **fields: Any,
    ) -> int:
        from pipeline.commands.filter_report import report_lines
        from pipeline.single_filter.run import FilterRun, run_filter

        if annotate and out is None:
            raise click.UsageError("--annotate has nothing to write to: add --out")
        run = FilterRun(where=where, out=out, annotated=annotate, columns=columns)
        with StageProgress(quiet=as_json) as progress:
            result = run_filter(cls(**fields), inputs, run, progress)
        if as_json:
            print_json(result)
        else:
            output_console().print(*report_lines(result), sep="\n")
        return 0

    return callback


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
        "columns": list(cls.columns),
        "signals": {signal.name: str(signal.type) for signal in cls.schema},
        "fields": {field.name: _describe_field(field) for field in dataclasses.fields(cls)},
        "default_where": cls.default_where,
    }


def _describe_field(field: dataclasses.Field[Any]) -> dict[str, Any]:
    required = field.default is dataclasses.MISSING
    return {
        "type": str(field.type),
        "required": required,
        "default": None if required else field.default,
        "help": field.metadata.get("help", ""),
    }
