"""The `infill` command: its subcommands, and how any failure is told.

Results go to stdout, progress and messages to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3
done but something was quarantined or dedup raised an alarm, 130 and 143 stopped by the user or the system
(the same command resumes).
"""

from __future__ import annotations

import errno
import re
import signal
import sys
import traceback
from types import FrameType
from typing import Final

import click

from pipeline.commands.console import error_console, say_error
from pipeline.commands.dedup import dedup
from pipeline.commands.explain import explain
from pipeline.commands.filter import filter_, filters_
from pipeline.commands.ingest import ingest
from pipeline.commands.preview import preview
from pipeline.commands.run import plan, run
from pipeline.commands.verify import verify
from pipeline.commands.whatif import whatif


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="infill")
@click.option("--traceback", "show_traceback", is_flag=True, help="Show where an error was raised.")
def cli(show_traceback: bool) -> None:
    """Turn source-code corpora into fill-in-the-middle token shards."""


for _command in (run, plan, ingest, filter_, filters_, dedup, whatif, preview, explain, verify):
    cli.add_command(_command)


RESUME: Final = "what was finished is kept; the same command goes on from there"
NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_SPACE_TEXT: Final = re.compile(r"os error 28\b|\d+ requested and \d+ written")
"""How `tokenizers` and numpy's tofile tell of a full disk: without an errno."""


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
        say(f"[bold]stopped[/]: {RESUME}", soft_wrap=True)
        return 130
    except Terminated:
        say(f"[bold]terminated[/]: {RESUME}", soft_wrap=True)
        return 143
    except Exception as error:  # the boundary: every error becomes a message and a code
        return _tell(error)


def _tell(error: Exception) -> int:
    cause = getattr(error, "cause", error)  # what a worker raised, without Ray's account of where
    wrong_input = type(cause) is ValueError  # libraries raise its subclasses, and those are defects
    no_space = _tells_of_no_space(cause)
    if "--traceback" in sys.argv or not (wrong_input or no_space):
        traceback.print_exception(error)
    if wrong_input:
        say_error(str(cause))
        return 2
    if no_space:
        where = getattr(cause, "filename", None) or "the output's disk"
        say_error(f"no space left ({where}), or a quota is used up: make room; {RESUME}")
    else:
        name = type(cause).__name__
        say_error(f"{name}; finished work is kept, and the same command resumes", mark="failed:")
    return 1


def _tells_of_no_space(error: Exception) -> bool:
    known = isinstance(error, OSError) and error.errno in NO_SPACE
    return known or NO_SPACE_TEXT.search(str(error)) is not None
