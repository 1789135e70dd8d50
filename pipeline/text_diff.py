"""Where two texts differ: hunks of changed lines side by side, and as a unified diff.

Lines that both begin with are passed over. From there at most MAX_LINES lines and MAX_BYTES bytes of each
text are compared, so the work is bounded, and a note tells what was left out. Lines end at newlines only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final, NamedTuple

MAX_LINES: Final = 400
MAX_BYTES: Final = 200_000
CONTEXT: Final = 2


class Line(NamedTuple):
    """A line of each text that stand beside each other; a number is None where a text has none there."""

    left_number: int | None
    left: str
    right_number: int | None
    right: str

    @property
    def changed(self) -> bool:
        """Whether the texts differ here."""
        return self.left_number is None or self.right_number is None or self.left != self.right


Hunk = tuple[Line, ...]


@dataclass(frozen=True)
class Comparison:
    """Hunks in order. With `equal`, the whole texts are the same."""

    equal: bool
    hunks: tuple[Hunk, ...]
    notes: tuple[str, ...]


def compare_texts(left: str, right: str) -> Comparison:
    """Compare two texts line by line."""
    if left == right:
        return Comparison(True, (), ())
    old, new = left.split("\n"), right.split("\n")
    pairs = enumerate(zip(old, new, strict=False))
    first = next((i for i, (a, b) in pairs if a != b), min(len(old), len(new)))
    start = max(0, first - CONTEXT)
    old_cut, new_cut = _window(old, start), _window(new, start)
    notes = []
    for name, own, window in (("left", old, old_cut), ("right", new, new_cut)):
        if window != own[start:]:
            found = f"{len(window):,} lines from line {start + 1:,} on"
            notes.append(f"of the {len(own):,} lines of the {name} text, {found} were compared")
    hunks = tuple(
        tuple(_lines(codes, old_cut, new_cut, start)) for codes in _groups(old_cut, new_cut, bool(notes))
    )
    return Comparison(False, hunks, tuple(notes))


def _window(lines: Sequence[str], start: int) -> list[str]:
    """The lines that are compared; the last one is cut where the bytes are used up."""
    window: list[str] = []
    left = MAX_BYTES
    for line in lines[start : start + MAX_LINES]:
        raw = line.encode("utf-8", "surrogatepass")
        if len(raw) > left:
            window.append(raw[:left].decode("utf-8", "ignore"))
            break
        window.append(line)
        left -= len(raw)
    return window


Codes = Sequence[tuple[str, int, int, int, int]]


def _groups(old: Sequence[str], new: Sequence[str], cut: bool) -> list[Codes]:
    """Runs of changes with context. Where texts are cut, the last lines differ because of that: they go."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    codes = matcher.get_opcodes()
    if cut and len(codes) > 2 and codes[-1][0] != "equal":
        _, a, _, b, _ = codes[-1]
        matcher = SequenceMatcher(None, old[:a], new[:b], autojunk=False)
    return list(matcher.get_grouped_opcodes(CONTEXT))


def _lines(codes: Codes, left: Sequence[str], right: Sequence[str], start: int) -> Iterator[Line]:
    for _, a, a_end, b, b_end in codes:
        for i, j in zip_longest(range(a, a_end), range(b, b_end)):
            yield Line(
                None if i is None else start + i + 1,
                "" if i is None else left[i],
                None if j is None else start + j + 1,
                "" if j is None else right[j],
            )


def unified(comparison: Comparison, left_name: str, right_name: str) -> str:
    """The hunks as a unified diff; "" if there is none."""
    if not comparison.hunks:
        return ""
    text = [f"--- {left_name}", f"+++ {right_name}"]
    for hunk in comparison.hunks:
        text.append(f"@@ -{_span([line[0] for line in hunk])} +{_span([line[2] for line in hunk])} @@")
        gone: list[str] = []
        come: list[str] = []
        for line in hunk:
            if line.changed:
                gone += [] if line.left_number is None else [f"-{line.left}"]
                come += [] if line.right_number is None else [f"+{line.right}"]
                continue
            text += [*gone, *come, f" {line.left}"]
            gone, come = [], []
        text += [*gone, *come]
    return "\n".join(text) + "\n"


def _span(numbers: Sequence[int | None]) -> str:
    own = [number for number in numbers if number is not None]
    return f"{own[0]},{len(own)}" if own else "0,0"
