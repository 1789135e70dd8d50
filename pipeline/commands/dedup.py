"""`infill dedup`: near-dedup of any Parquet files, without a recipe."""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any, Final

import click
from rich.markup import escape
from rich.table import Table

from pipeline.commands.console import StageProgress, megabytes, number, output_console, print_json
from pipeline.commands.filter_options import INPUTS, field_option
from pipeline.commands.losses import losses_table, sound_alarms
from pipeline.commands.run import from_here

PREFIX: Final = "minhash__"
GIVEN: Final = ("threshold", "verify", "cluster", "alarm", "alarm_documents")


@functools.cache
def _minhash_options() -> tuple[click.Option, ...]:
    """The flags of the minhash filter; what is not given comes from the preset."""
    from filters.minhash import MinHash

    options = []
    for field in dataclasses.fields(MinHash):
        option = field_option(field)
        option.name, option.default, option.show_default = PREFIX + field.name, None, False
        options.append(option)
    return tuple(options)


class _Dedup(click.Command):
    """Filters are imported only when this command is asked for."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        *own, about = super().get_params(ctx)
        return [*own, *_minhash_options(), about]


def _bands(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    """(bands, rows) of `25x10`; None of `auto`; "" if it is not given."""
    if value is None:
        return ""
    if value == "auto":
        return None
    bands, _, rows = value.lower().replace("×", "x").partition("x")
    if not (bands.isdecimal() and rows.isdecimal()):
        raise click.BadParameter(f"found {value!r}, expected BANDSxROWS such as 25x10, or auto")
    return int(bands), int(rows)


def _fields(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Fields of filters by the filter's name."""
    from pipeline.recipe import apply_override

    fields: dict[str, Any] = {}
    for text in value:
        if "." not in text.partition("=")[0]:
            raise click.BadParameter(f"found {text!r}, expected FILTER.FIELD=VALUE")
        apply_override(fields, text)
    return fields


@click.command(cls=_Dedup)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--preset", default="code", show_default=True, help="What holds where nothing is given.")
@click.option("--threshold", type=float, help="Jaccard similarity from which documents are near-duplicates.")
@click.option("--bands", callback=_bands, metavar="BxR", help="Bands and rows, such as 25x10; or auto.")
@click.option(
    "--verify", type=click.Choice(["exact", "estimate", "none"]), help="How candidates are checked."
)
@click.option(
    "--cluster", type=click.Choice(["greedy", "components", "extremes"]), help="What goes of those alike."
)
@click.option("--keep", multiple=True, metavar="SQL", help="Which one stays, best first; may be repeated.")
@click.option("--where", multiple=True, metavar="SQL", help="Which documents take part; may be repeated.")
@click.option("--set", "fields", multiple=True, callback=_fields, metavar="FILTER.FIELD=VALUE",
              help="A field of a filter that --keep or --where reads.")  # fmt: skip
@click.option("--against", multiple=True, metavar="INDEX", help="What is like this index goes, too.")
@click.option("--alarm", type=float, help="Share of a source or language whose loss is an alarm.")
@click.option("--alarm-documents", type=int, help="Groups of fewer documents raise no alarm.")
@click.option("--index/--no-index", default=True, show_default=True, help="Save an index of what stays.")
@click.option("--copy", is_flag=True, help="Write the kept rows as Parquet, with all their columns.")
@click.option(
    "--columns", metavar="PRESET,NAME=COLUMN", help="What the columns are called.  [default: found out]"
)
@click.option("--max-document-bytes", type=click.IntRange(min=1, max=(1 << 31) - 1), default=10_000_000,
              show_default=True, help="A longer text is quarantined.")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=0), help="CPUs to use; 0 is a plain loop.  [default: all]")
@click.option("--address", help="Join a running Ray cluster: auto, or ray://host:port.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def dedup(
    out: Path, workers: int | None, address: str | None, copy: bool, as_json: bool, **given: Any
) -> int:
    """Remove repeated ids, equal texts and near-duplicates from Parquet files, and say why each went.

    INPUT is a Parquet file, a folder or a glob of them, a URL, or OWNER/NAME of the Hugging Face hub; each is
    a source in the table of losses. Inputs stay as they are: OUT has lists of what stays, the evidence, and
    with --copy the kept rows.
    """
    from pipeline.dedup_alone.job import Alone, run_alone
    from pipeline.dedup_alone.report import report_of, write_manifest
    from pipeline.dedup_alone.request import make_request
    from pipeline.engine import Engine
    from pipeline.lock import locked
    from pipeline.units import Runner

    request = make_request(_options(given))
    started = time.monotonic()
    out = out.absolute()
    with locked(out), StageProgress() as progress, Engine(workers=workers, address=address) as engine:
        job = Alone(request, out, Runner(engine, progress))
        run_alone(job, copy=copy)
        report = report_of(job) | {"seconds": round(time.monotonic() - started, 3)}
        write_manifest(job, report)
    if as_json:
        print_json(report)
    else:
        show(report)
    sound_alarms(report["alarms"], request.dedup.alarm, from_here(str(out / "evidence")))
    return 3 if job.quarantine or report["alarms"] else 0


dedup.params.insert(0, INPUTS)


def _options(given: dict[str, Any]) -> Any:
    from pipeline.dedup_alone.request import Options

    minhash = {name.removeprefix(PREFIX): v for name, v in given.items() if name.startswith(PREFIX)}
    asked = {name: given[name] for name in GIVEN if given[name] is not None}
    asked |= {name: given[name] for name in ("keep", "against") if given[name]}
    if given["bands"] != "":
        asked["bands"] = given["bands"]
    return Options(
        inputs=given["inputs"],
        preset=given["preset"],
        columns=given["columns"],
        where=given["where"],
        minhash={name: value for name, value in minhash.items() if value is not None},
        dedup=asked | {"index": given["index"]},
        fields=given["fields"],
        max_document_bytes=given["max_document_bytes"],
    )


def show(report: dict[str, Any]) -> None:
    """Print the report for people."""
    say = functools.partial(output_console().print, highlight=False, soft_wrap=True)
    say(_settings_line(report))
    for term, reason in report["left_out"].items():
        say(f"[yellow]left out of keep:[/] {escape(term)} ({escape(reason)})")
    say("", _funnel_table(report["funnel"]), "", sep="\n")
    for group in ("source", "language"):
        say(losses_table(report["losses"], group), "", sep="\n")
    if report["verify"] == "none":
        say("[yellow]not verified:[/] candidates went as they met in a band, however alike they are")
    kept, documents = number(report["kept"]), number(report["documents"])
    say(f"{kept} of {documents} documents stay; peak memory {megabytes(report['peak_memory_bytes'])} MB")
    if report["quarantined"]:
        count = f"[bold yellow]{number(report['quarantined'])} records quarantined[/]"
        say(f"{count}: see quarantine/records.parquet")
    for name, path in report["paths"].items():
        if path:
            say(f"[bold]{name}:[/] {escape(from_here(path))}")


def _settings_line(report: dict[str, Any]) -> str:
    bands = f"{report['bands'][0]} bands of {report['bands'][1]}" if report["bands"] else "no bands"
    columns = ", ".join(own for own in report["columns"].values())
    checked = {"exact": "checked on their shingles", "estimate": "checked on their signatures"}
    verified = checked.get(report["verify"], "not verified")
    settings = f"preset {report['preset']}: threshold {report['threshold']}, {bands}, {verified}"
    return f"{escape(settings)}\ncolumns: {escape(columns)}"


def _funnel_table(funnel: list[dict[str, Any]]) -> Table:
    table = Table("funnel", box=None, header_style="bold", pad_edge=False)
    for heading in ("documents", "MB", "dropped"):
        table.add_column(heading, justify="right")
    for step in funnel:
        table.add_row(
            escape(step["name"]), number(step["documents"]), megabytes(step["bytes"]), number(step["dropped"])
        )
    return table
