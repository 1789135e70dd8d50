"""`infill preview`: samples in colour, in a picture, or as a page, as they stand in the shards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.console import error_console, output_console, print_json
from pipeline.commands.run import CONFIG, JSON, LIMIT, OUT, SET, load

if TYPE_CHECKING:
    from pipeline.config import Recipe
    from pipeline.job import Job

FEW_DOCUMENTS = 200
KINDS = ("plain", "random", "empty", "line", "lines", "block", "refact-v2")  # pydantic is slow to import


@click.command()
@CONFIG
@click.option(
    "-n", "count", default=5, show_default=True, type=click.IntRange(min=1), help="How many samples."
)
@click.option("--kind", type=click.Choice(KINDS), help="Only samples of this kind.")
@click.option("--lang", metavar="LANGUAGE", help="Only samples of this language.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page to this file instead.")
@click.option("--svg", type=click.Path(path_type=Path), help="Write a picture to this file instead.")
@LIMIT
@OUT
@SET
@JSON
def preview(
    config: Path,
    count: int,
    kind: str | None,
    lang: str | None,
    html: Path | None,
    svg: Path | None,
    limit: int | None,
    out: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Show samples: prefix, middle, deleted lines, suffix, kind, order, source and counts of tokens.

    They come from the shards of a finished run; if this recipe has none, from a run of a few documents that
    is thrown away.
    """
    from pipeline.commands.preview_page import write_page
    from pipeline.commands.preview_picture import print_samples, write_picture
    from pipeline.commands.preview_samples import samples_of

    if sum([html is not None, svg is not None, as_json]) > 1:
        raise click.UsageError("give one of --html, --svg and --json")
    recipe, folder = load(config, overrides, out)
    with _finished(recipe, folder, limit) as job:
        samples = samples_of(job, count=count, kind=kind, lang=lang)
    if not samples:
        error_console().print("no sample to show: nothing was kept, or none is of that kind and language")
    if as_json:
        print_json(samples)
    elif html is not None:
        write_page(html, samples, recipe)
    elif svg is not None:
        write_picture(svg, samples)
    else:
        print_samples(samples, output_console())
    return 0


@contextmanager
def _finished(recipe: Recipe, folder: Path, limit: int | None) -> Iterator[Job]:
    """The run in `folder` if it is finished for this recipe, else one of few documents, kept no longer."""
    from pipeline.chain import run_job
    from pipeline.engine import Engine
    from pipeline.job import Job
    from pipeline.units import Pending, Runner

    job = Job(recipe, folder, Runner(Engine(workers=0), planning=True), limit)
    try:
        run_job(job)
    except Pending as pending:
        few = FEW_DOCUMENTS if limit is None else limit
        error_console().print(_notice(folder, pending, few), markup=False, highlight=False, soft_wrap=True)
    else:
        yield job
        return
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(recipe, Path(scratch), Runner(Engine(workers=0)), few)
        run_job(job)
        yield job


def _notice(folder: Path, pending: Any, few: int) -> str:
    made = (folder / "shards" / "manifest.json").is_file()
    stale = f"{folder} is not up to date ({pending.report.name} has work to do)"
    why = stale if made else f"{folder} has no shards yet"
    return f"{why}: running the recipe on {few} documents"
