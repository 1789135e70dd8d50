"""`infill verify`: check a shard directory end to end."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from pipeline.commands.console import error_console, output_console, print_json, say_error


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def verify(folder: Path, as_json: bool) -> int:
    """Check every file of a shard directory: digests, structure, sentinels, order, packing. Exit code 1 on a
    problem.
    """
    from pipeline.shards.verify import verify as check

    result = check(folder)
    if as_json:
        print_json(result)
    elif result["ok"]:
        counts = ", ".join(f"{result[name]:,} {name}" for name in ("files", "samples", "tokens"))
        output_console().print(f"[bold green]ok[/]: {counts}")
    else:
        for problem in result["problems"]:
            sample = "" if problem["sample"] is None else f" sample {problem['sample']:,}"
            say_error(f"{problem['rule']}: {problem['message']}", mark=f"{escape(problem['file'])}{sample}:")
        error_console().print(
            f"[bold]{len(result['problems']):,} problems[/]: make these shards again, or copy them again"
        )
    return 0 if result["ok"] else 1
