"""The `infill` command: its subcommands, and how any failure is told.

Results go to stdout, progress and messages to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3
done but something was quarantined, 130 and 143 stopped by the user or the system (the same command resumes).
"""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from types import FrameType

import click

from pipeline.commands.console import error_console
from pipeline.commands.explain import explain
from pipeline.commands.filter import filter_, filters_
from pipeline.commands.ingest import ingest
from pipeline.commands.preview import preview
from pipeline.commands.run import plan, run
from pipeline.commands.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="infill")
@click.option("--traceback", "show_traceback", is_flag=True, help="Show where an error was raised.")
def cli(show_traceback: bool) -> None:
    """Turn source-code corpora into fill-in-the-middle token shards."""


for _command in (run, plan, ingest, filter_, filters_, preview, explain, verify):
    cli.add_command(_command)


class Terminated(BaseException):
    """SIGTERM, raised where the program stands so that temporary files go."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def main() -> None:
    """Run the command line and exit with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_run())


def _run() -> int:
    say = error_console().print
    try:
        return cli.main(standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        say("[bold]stopped[/]: what was finished is kept; the same command goes on from there")
        return 130
    except Terminated:
        say("[bold]terminated[/]: what was finished is kept; the same command goes on from there")
        return 143
    except BrokenPipeError:
        return 0
    except Exception as error:  # the boundary: every error becomes a message and a code
        return _tell(error)


def _tell(error: Exception) -> int:
    say = error_console().print
    if "--traceback" in sys.argv:
        traceback.print_exception(error)
    if isinstance(error, ValueError):
        say("[bold red]error:[/] ", end="")
        say(str(error), markup=False, highlight=False, soft_wrap=True)
        return 2
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = error.filename or "the output's disk"
        say(f"[bold red]error:[/] no space left ({where}): free some; the same command goes on from here")
        return 1
    if "--traceback" not in sys.argv:
        traceback.print_exception(error)
    say(
        f"[bold red]failed:[/] {type(error).__name__}; finished work is kept, and the same command resumes",
        highlight=False,
    )
    return 1
