"""What dedup took, for people: tables of losses by source and language, and alarms on stderr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from pipeline.commands.console import error_console, megabytes, number

REASONS: Final = ("duplicate_id", "exact_duplicate", "near_duplicate", "split_leak")
SHOWN: Final = 12


def losses_table(losses: Sequence[Mapping[str, Any]], group: str) -> Table:
    """The sources or languages that lose the most documents, largest loss first."""
    own = [row for row in losses if row["group"] == group]
    own.sort(key=lambda row: (row["kept"] - row["documents"], row["name"]))
    reasons = [name for name in REASONS if any(row[name] for row in own)]
    table = Table(f"losses by {group}", box=None, header_style="bold", pad_edge=False)
    for heading in ("documents", "kept", "MB", *(name.replace("_", "\n") for name in reasons), "share lost"):
        table.add_column(heading, justify="right")
    for row in own[:SHOWN]:
        counts = [number(row[name]) for name in ("documents", "kept")]
        table.add_row(
            escape(row["name"]) or "(none)",
            *counts,
            megabytes(row["bytes"]),
            *(number(row[name]) for name in reasons),
            f"{share_lost(row):.1%}",
            style="bold red" if row["alarm"] else "",
        )
    if own[SHOWN:]:
        rest = own[SHOWN:]
        total = {name: sum(row[name] for row in rest) for name in ("documents", "kept", "bytes", *reasons)}
        table.add_row(
            f"{len(rest)} others",
            *(number(total[name]) for name in ("documents", "kept")),
            megabytes(total["bytes"]),
            *(number(total[name]) for name in reasons),
            f"{share_lost(total):.1%}",
        )
    return table


def share_lost(row: Mapping[str, Any]) -> float:
    """The share of its documents that a row of the table lost."""
    documents: int = row["documents"]
    return (documents - row["kept"]) / documents if documents else 0.0


def alarm_line(alarm: Mapping[str, Any], limit: float) -> str:
    """One alarm, as a sentence."""
    name = alarm["name"] or "(none)"
    lost = f"loses {alarm['share']:.0%} of its {alarm['documents']:,} documents (more than {limit:.0%})"
    return f"{alarm['group']} {name} {lost}"


def sound_alarms(alarms: Sequence[Mapping[str, Any]], limit: float, evidence: str) -> None:
    """Print every alarm, and once what to do."""
    say = error_console().print
    for alarm in alarms:
        say(
            f"[bold red]ALARM:[/] [red]{escape(alarm_line(alarm, limit))}[/]", soft_wrap=True, highlight=False
        )
    if alarms:
        advice = (
            f"look at what was removed before you use the rest (`infill explain`, {evidence}): are they "
            "copies? If not, raise the threshold or the shingle size; if so, raise the alarm's share"
        )
        say(escape(advice), soft_wrap=True, highlight=False)
