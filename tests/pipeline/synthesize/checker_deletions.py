"""What the checker of cuts knows of half-written code: where the deleted text may end.

Written from docs/fim.md alone, like checker.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config import Fim

from .checker_windows import Cut, column


def deletion_violations(cut: Cut, fim: Fim) -> Iterator[str]:
    """Half-written code: which ends the deleted text may have."""
    settings = fim.half_written
    if settings is None or settings.rate == 0:
        if cut.deleted:
            yield "something was deleted, but nothing is half-written"
        return
    ends = list(_deleted_ends(cut))
    few, block = set(ends[: settings.max_lines]), _block_end(cut, ends)
    shares = settings.to_block_end
    allowed = few if shares == 0 or block is None else {block} if shares == 1 else few | {block}
    if not allowed or settings.rate < 1:
        allowed |= {cut.end}
    if cut.end + cut.deleted not in allowed:
        yield f"deleted to {cut.end + cut.deleted}, allowed are {sorted(allowed)}"


def _deleted_ends(cut: Cut) -> list[int]:
    """Where the deleted text ends if 1, 2, 3 … of the following lines go."""
    whole = cut.end == 0 or any(line.start == cut.end for line in cut.lines)
    if whole:
        return [line.end for line in cut.lines if line.start >= cut.end]
    return [line.body_end for line in cut.lines if line.start > cut.end]


def _block_end(cut: Cut, ends: list[int]) -> int | None:
    """Where the block of `cut_start`'s line ends, if that line has one that goes on after the middle."""
    number = next((n for n, line in enumerate(cut.lines) if line.start <= cut.start < line.end), None)
    if number is None or cut.is_blank(cut.lines[number]):
        return None
    indent, limit = column(cut.body(cut.lines[number])), len(cut.text)
    if indent == 0:
        return None
    first = cut.end if any(line.start == cut.end for line in cut.lines) else cut.end + 1
    for line in (line for line in cut.lines if line.start >= first):
        if not cut.is_blank(line) and column(cut.body(line)) < indent:
            limit = line.start
            break
    inside = [end for end in ends if end <= limit]
    return inside[-1] if inside else None
