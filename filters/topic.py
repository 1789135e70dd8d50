"""The topic filter: how likely a text is about one topic, by a linear table of word weights.

Score = logistic(bias + slope · mean weight of the text's words); a word without an entry weighs 0. The table
is a TOML file of `bias`, `slope` and `[weights]`; the one that ships is for computer science, small, and made
as docs/filters/topic.md tells, and any other can be given by path. A simple classifier: look at its scores on
your own text before trusting a threshold. About 75 MB/s on one core.
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import pyarrow as pa

from filters.heads import heads_of

_TABLES: Final = Path(__file__).parent / "data" / "topics"
_WORD: Final = re.compile(r"\w+")


class _Table(NamedTuple):
    bias: float
    slope: float
    weights: dict[str, float]


def words_of(text: str) -> list[str]:
    """The lower-cased runs of letters, digits and `_`."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """How likely a text is about a topic: by default, computer science.

    Signal `topic_score`, 0..1, from the first `max_chars` characters; a text without words has 0.

    >>> texts = ["The compiler writes object files for the linker.", "Bake the bread until it is brown."]
    >>> Topic()(pa.table({"content": texts}))["topic_score"].to_pylist()
    [1.0, 0.396824]
    """

    name: ClassVar[str] = "topic"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("topic_score", pa.float64(), nullable=False)])
    default_where: ClassVar[str] = "topic_score > 0.5"

    table: str = field(
        default="computer-science",
        metadata={"help": "the shipped table, or the path of a TOML file of bias, slope and [weights]"},
    )
    max_chars: int = field(default=20_000, metadata={"help": "characters of a text that are looked at"})

    def __post_init__(self) -> None:
        """Check that there is something to look at."""
        if self.max_chars < 1:
            raise ValueError(f"max_chars = {self.max_chars}; it must be at least 1")

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Scores of `docs["content"]`."""
        path = next(
            (path for path in (_TABLES / f"{self.table}.toml", Path(self.table)) if path.is_file()), None
        )
        if path is None:
            shipped = ", ".join(sorted(file.stem for file in _TABLES.glob("*.toml")))
            raise ValueError(f"there is no table of word weights {self.table}; give a path, or {shipped}")
        table = _load_table(path, path.stat().st_mtime_ns)
        heads = heads_of(docs["content"], self.max_chars)
        return pa.table([pa.array([_score(text, table) for text in heads], pa.float64())], schema=self.schema)


def _score(text: str, table: _Table) -> float:
    words = words_of(text)
    if not words:
        return 0.0
    mean = sum(table.weights.get(word, 0.0) for word in words) / len(words)
    exponent = max(-700.0, min(700.0, table.bias + table.slope * mean))  # within what exp can take
    return round(1.0 / (1.0 + math.exp(-exponent)), 6)


@lru_cache(maxsize=4)
def _load_table(path: Path, _changed_ns: int) -> _Table:
    """Read a table, once a process as long as its file stays as it is."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        weights = {word.lower(): float(weight) for word, weight in data["weights"].items()}
        table = _Table(float(data["bias"]), float(data["slope"]), weights)
    except (
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
        KeyError,
        AttributeError,
        TypeError,
        ValueError,
    ) as error:
        raise ValueError(
            f"{path} is not a table of word weights (bias = number, slope = number, [weights] of word = "
            f"number): {error!r}"
        ) from error
    if not all(map(math.isfinite, (table.bias, table.slope, *weights.values()))):
        raise ValueError(f"{path} holds a number that is not finite")
    return table
