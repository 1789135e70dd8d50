"""The flags of filters, made from their fields: the same name, type, default and help.

With `infill filter all` a field's flag is `--FILTER.FIELD`. A field that is a list is a flag that may be
repeated; one whose metadata says `file` must name a file that exists.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

import click

TYPES: Final[dict[str, Any]] = {"int": int, "float": float, "bool": bool, "str": str}
FILE: Final = click.Path(exists=True, dir_okay=False)
PATH: Final = click.Path(path_type=Path)
INPUTS: Final = click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT...")


def field_option(field: dataclasses.Field[Any], *, of: str = "") -> click.Option:
    """The flag of a field; `of` names its filter where flags of several filters stand together."""
    several, item = _value_type(field)
    flag = f"--{of}.{field.name}" if of else f"--{field.name}"
    if item == "bool":
        flag += f"/--{of}.no-{field.name}" if of else f"/--no-{field.name}"
    settings: dict[str, Any] = {"multiple": several, "help": field.metadata.get("help", "")}
    settings["type"] = FILE if field.metadata.get("file") else TYPES[item]
    if is_required(field):
        settings["required"] = not of
    else:
        settings |= {"default": default_of(field), "show_default": bool(default_of(field)) or not several}
    return click.Option([flag.replace("_", "-"), parameter(field.name, of=of)], **settings)


def _value_type(field: dataclasses.Field[Any]) -> tuple[bool, str]:
    """Whether the flag may be repeated, and the name of its value's type."""
    given = field.type  # a text where annotations are postponed
    text = given.__name__ if isinstance(given, type) and not get_args(given) else str(given)
    text = text.removesuffix(" | None")
    several = text.startswith("tuple[")
    item = text.removeprefix("tuple[").partition(",")[0] if several else text
    if item not in TYPES:
        known = ", ".join(TYPES)
        raise TypeError(f"field {field.name} is {text}: found no flag for it, expected {known}, or a tuple")
    return several, item


def parameter(name: str, *, of: str = "") -> str:
    """The name under which click hands over a field's value."""
    return f"{of}__{name}" if of else name


def is_required(field: dataclasses.Field[Any]) -> bool:
    """Whether the filter cannot be made without it."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def default_of(field: dataclasses.Field[Any]) -> Any:
    """The value of a field that is not required."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def fields_given(cls: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A filter's fields, of the values of `--FILTER.FIELD` flags, and the required ones that are missing."""
    fields = dataclasses.fields(cls)
    own = {field.name: values[parameter(field.name, of=cls.name)] for field in fields}
    missing = [field.name for field in fields if is_required(field) and own[field.name] in (None, ())]
    return own, [f"--{cls.name}.{name}".replace("_", "-") for name in missing]


def run_options(default_where: str, *, annotates: bool) -> list[click.Option]:
    """The flags that the commands of all filters take."""
    return [
        click.Option(["--where"], metavar="SQL", help=f"Which documents pass.  [default: {default_where}]"),
        click.Option(["--out"], type=PATH, help="Write those that pass: FILE.parquet, or a folder."),
        click.Option(
            ["--annotate/--no-annotate" if annotates else "--annotate"],
            is_flag=True,
            default=annotates,
            show_default=annotates,
            help="With --out: write every document, and its signals.",
        ),
        click.Option(["--plot"], type=PATH, help="Draw the histograms: FILE.png or FILE.svg."),
        click.Option(
            ["--columns"],
            default="stack-v1",
            show_default=True,
            metavar="PRESET,NAME=COLUMN",
            help="What the columns are called: a preset, pairs, or both.",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON on stdout."),
    ]
