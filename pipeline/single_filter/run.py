"""A filter, or several as one, on any files of documents: judge each, tell what was found, write what passes.

Rows stay in the order of the files, and a document that cannot be used (no text, or text that is not UTF-8)
never passes. Every file's columns are checked before any text is judged. Memory is a few batches of about 8
MB and one output row group, whatever the size of the input; the output appears whole, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from pipeline.recipe import check_predicate
from pipeline.select import evaluate
from pipeline.single_filter.columns import DEFAULT_PRESET, Columns, choose_columns, parse_columns
from pipeline.single_filter.inputs import Rows, list_files, read_rows, read_schema
from pipeline.single_filter.output import output_target, writing
from pipeline.single_filter.plot import check_plot, draw
from pipeline.single_filter.several import Annotator, Several
from pipeline.single_filter.tally import Judged, new_tally

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class FilterRun:
    """What to do beside running the filter."""

    where: str | None = None
    """A predicate in SQL over the filter's signals; None is the filter's own default."""
    out: Path | None = None
    """A Parquet file, or a folder for one, to write; None writes nothing."""
    annotated: bool = False
    """Write every document with its signals, in place of those that pass as they were."""
    columns: str = DEFAULT_PRESET
    plot: Path | None = None
    """A PNG or SVG file for a picture of the histograms."""


def run_filter(
    fltr: Annotator, inputs: Sequence[str], run: FilterRun, progress: Progress = lambda *_: None
) -> dict[str, Any]:
    """The result that `infill filter NAME --json` prints (docs/commands/filter.md); writes `run.out`.

    Raises ValueError for a wrong predicate, a file that cannot be read, and one without the filter's columns.
    """
    where = fltr.default_where if run.where is None else run.where
    _check(fltr, where, run)
    files = list_files(inputs)
    target = output_target(run.out, files)
    with ThreadPoolExecutor(4) as pool:
        schemas = dict(zip(files, pool.map(read_schema, files), strict=True))
    if isinstance(fltr, Several):
        fltr = fltr.narrowed(parse_columns(run.columns), schemas)
        _check(fltr, where, run)
    columns = choose_columns(fltr, run.columns)
    for file, schema in schemas.items():
        columns.check(file, schema)
    tally = new_tally(fltr.schema)
    with writing(target, schemas, fltr.schema if run.annotated else None) as write:
        for done, (file, schema) in enumerate(schemas.items()):
            progress("filter", done, len(files))
            for rows in read_rows(file, schema, schema.names if target else columns.own(schema)):
                judged = _judge(rows, fltr, columns, where)
                tally.add(judged)
                write(judged)
    progress("filter", len(files), len(files))
    if run.plot:
        draw(run.plot, fltr.name, where, tally)
    left_out = {"left_out": dict(fltr.left_out)} if isinstance(fltr, Several) else {}
    written = {"out": str(target) if target else None, "plot": str(run.plot) if run.plot else None}
    return {"where": where, "files": len(files), **tally.result(), **written, **left_out}


def _check(fltr: Annotator, where: str, run: FilterRun) -> None:
    """Raise ValueError for what cannot be, before anything is read."""
    check_predicate("--where", where, _frame(fltr.schema.empty_table()), "see `infill filters`")
    if not isinstance(fltr, Several):  # of several, those that lack columns are left out
        choose_columns(fltr, run.columns)
    check_plot(run.plot, fltr.schema)


def _judge(rows: Rows, fltr: Annotator, columns: Columns, where: str) -> Judged:
    documents, problems = columns.documents(rows)
    try:
        signals = fltr(documents)
    except ValueError as error:
        raise ValueError(f"{rows.file}, rows from {rows.first_row}: {error}") from error
    passes = evaluate(_frame(signals), {"where": where})["where"].copy()
    passes[list(problems)] = False
    return Judged(rows, documents, columns.reported(rows), signals, problems, passes)


def _frame(signals: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(signals)
    assert isinstance(frame, pl.DataFrame)
    return frame
