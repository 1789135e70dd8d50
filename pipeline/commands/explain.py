"""`infill explain`: why one document was kept or dropped, of a recipe's run or of `infill dedup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.console import output_console, print_json
from pipeline.commands.run import CONFIG, JSON, LIMIT, OUT, SET, load

if TYPE_CHECKING:
    from pipeline.explanation import Finished


@click.command()
@CONFIG
@click.argument("document", metavar="DOC")
@OUT
@LIMIT
@SET
@JSON
def explain(
    config: Path,
    document: str,
    out: Path | None,
    limit: int | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Say why DOC was kept or dropped: every signal and predicate, its cluster, and what it is a copy of.

    CONFIG is a recipe, or the output folder of `infill dedup`. DOC is a path in its repository, REPO:PATH, or
    a document id in hex (as `infill preview` shows it).
    """
    from pipeline.commands.explain_lines import explain_lines
    from pipeline.explanation import explanation, find

    if config.is_dir():
        if out or limit or overrides:
            raise ValueError(
                f"{config} is a folder of `infill dedup`: --out, --limit and --set go with recipes"
            )
        run = of_dedup(config.absolute())
    else:
        run = of_recipe(config, out, limit, overrides)
    result = explanation(run, find(run, document))
    if as_json:
        if result["diff"]:
            del result["diff"]["hunks"]
        print_json(result)
    else:
        for line in explain_lines(result):
            output_console().print(line, highlight=False, soft_wrap=isinstance(line, str))
    return 0


def of_recipe(config: Path, out: Path | None, limit: int | None, overrides: tuple[str, ...]) -> Finished:
    """The finished run of a recipe. Raises ValueError if it is not finished."""
    from pipeline.chain import gate_predicates, run_job
    from pipeline.engine import Engine
    from pipeline.explanation import Finished
    from pipeline.job import Job
    from pipeline.units import Pending, Runner

    recipe, folder = load(config, overrides, out)
    job = Job(recipe, folder, Runner(Engine(workers=0), planning=True), limit)
    try:
        run_job(job)
    except Pending as pending:
        raise ValueError(
            f"{folder}: stage {pending.report.name} has work to do; run `infill run {config}` first"
        ) from None
    assert job.dedup is not None
    assert job.synthesis is not None
    return Finished(
        splits=job.plan.splits,
        readings=[job.synthesis.reading] * len(job.plan.splits),
        metadata=job.metadata,
        parts=job.parts,
        gates=job.gates,
        gate_where=gate_predicates(recipe),
        where=recipe.select.where,
        quarantine=job.quarantine,
        dedup=job.dedup,
    )


def of_dedup(folder: Path) -> Finished:
    """The finished `infill dedup` in a folder. Raises ValueError if there is none, or its input changed."""
    from pipeline.dedup_alone.job import Alone, run_alone
    from pipeline.dedup_alone.report import read_request
    from pipeline.dedup_alone.request import Request
    from pipeline.engine import Engine
    from pipeline.explanation import Finished
    from pipeline.units import Pending, Runner

    request = Request.restored(read_request(folder))
    job = Alone(request, folder, Runner(Engine(workers=0), planning=True))
    try:
        run_alone(job)
    except Pending as pending:
        raise ValueError(
            f"{folder}: stage {pending.report.name} has work to do, because an input has changed; run "
            "`infill dedup` again with the same options first"
        ) from None
    assert job.dedup is not None
    return Finished(
        splits=job.plan.splits,
        readings=job.readings,
        metadata=job.metadata,
        parts=job.parts,
        gates=job.gates,
        gate_where={},
        where=request.where,
        quarantine=job.quarantine,
        dedup=job.dedup,
    )
