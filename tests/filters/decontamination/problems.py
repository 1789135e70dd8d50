"""Hand-written benchmark files in the shapes of the known benchmarks, and their problems planted in code."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_PROBLEMS: Final = (
    (
        "count_vowels(words)",
        "For each of the given words, count how many of its letters are vowels, and return the\n"
        "counts in the order of the words. An empty list gives an empty list.",
        "counts = [sum(letter in 'aeiou' for letter in word) for word in words]\nreturn counts",
    ),
    (
        "longest_plateau(values)",
        "A plateau is a run of equal neighbours. Find the longest plateau in the list and return where it\n"
        "starts; of several plateaus of the same length the first one counts.",
        "best = start = 0\nfor at, value in enumerate(values):\n"
        "    start = start if value == values[start] else at\nreturn best",
    ),
    (
        "fold_paper(height, folds)",
        "A sheet of paper is folded in half again and again. Return how many layers it has after\n"
        "that many folds, or minus one if the stack is thicker than the height that is allowed.",
        "layers = 2 ** folds\nreturn layers if layers <= height else -1",
    ),
    (
        "ferry_trips(cars, capacity)",
        "Cars wait at a ferry in one line. Each trip takes as many cars from the front of the line as fit.\n"
        "Return the number of trips that are needed until nobody waits any more.",
        "trips = -(-len(cars) // capacity)\nreturn trips",
    ),
    (
        "bell_changes(bells)",
        "Ringers swap neighbouring bells in turn: first every odd pair, then every even pair. Return all\n"
        "the orders that come up before the first one returns.",
        "orders = [tuple(bells)]\nwhile len(orders) < 2 * len(bells):\n"
        "    orders.append(orders[-1][::-1])\nreturn orders",
    ),
    (
        "tidy_shelf(books, width)",
        "Put the books on shelves of the given width from left to right, and begin a new shelf as soon as\n"
        "the next book does not fit. Return how much room is left on each shelf.",
        "left = [width]\nfor book in books:\n    left.append(width - book)\nreturn left",
    ),
    (
        "mirror_dates(year)",
        "List all the dates of that year which read the same from both ends when they are written with\n"
        "eight digits, and do so in the order in which they come.",
        "dates = [f'{year}{str(year)[::-1]}']\nreturn dates",
    ),
    (
        "weigh_coins(coins)",
        "Exactly one of the coins is lighter than all the others. Return its number and how often a\n"
        "balance with two pans must be used to find it in the worst case.",
        "light = coins.index(min(coins))\nreturn light, len(bin(len(coins)))",
    ),
    (
        "knit_pattern(rows, repeat)",
        "Write out a knitting pattern: each row is given once and is repeated that many times, and every\n"
        "second row is knitted from the back, so that its stitches stand in reverse.",
        "pattern = [row[::-1] if at % 2 else row for at, row in enumerate(rows * repeat)]\nreturn pattern",
    ),
    (
        "river_path(field)",
        "Water always flows to the lowest of the four neighbouring squares. Follow it from the upper left\n"
        "corner of the field until it cannot flow any further and return the squares it passes.",
        "path = [(0, 0)]\nreturn path",
    ),
)


def humaneval() -> list[dict[str, str]]:
    """Rows in the shape of HumanEval."""
    return [
        {
            "task_id": f"Made/{number}",
            "prompt": f'def {signature}:\n    """\n{textwrap.indent(prose, " " * 4)}\n    """\n',
            "canonical_solution": textwrap.indent(solution, " " * 4) + "\n",
            "entry_point": signature.partition("(")[0],
        }
        for number, (signature, prose, solution) in enumerate(_PROBLEMS)
    ]


def exact() -> list[str]:
    """Each problem as it stands, amid other code."""
    rows = humaneval()
    return [f"import os\n\n\n{row['prompt']}{row['canonical_solution']}\n\nprint(os.name)\n" for row in rows]


def shouted() -> list[str]:
    """Docstring alone, in capitals."""
    return [row["prompt"].upper() for row in humaneval()]


def reflowed() -> list[str]:
    """The prose in lines of other lengths, deeper indented, the code squeezed."""
    narrow = [textwrap.fill(prose, 41, subsequent_indent="\t\t") for _, prose, _ in _PROBLEMS]
    return [f'class A:\n\tdef f(self):\n\t\t"""{prose}"""\r\n' for prose in narrow]


def renamed() -> list[str]:
    """Other names for everything that the problem names, in the code and in the prose, as line comments."""
    texts = []
    for signature, prose, solution in _PROBLEMS:
        names = sorted(set(re.findall(r"\w+", signature)) | set(re.findall(r"(\w+) =", solution)), key=len)
        code = f"def {signature}:\n{textwrap.indent(textwrap.fill(prose, 60), '    # ')}\n{solution}\n"
        for number, name in enumerate(reversed(names)):
            code = re.sub(rf"\b{name}\b", f"v{number}", code)
        texts.append(code)
    return texts


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """A JSON-lines file of the rows; returns its path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)
