"""The english filter: which language a text is written in, and how likely it is English.

py3langid answers: naive Bayes over byte n-grams of 97 languages, the model inside its wheel, no network. Only
the first `max_chars` characters are looked at, so a document costs about 1 ms at most. Meant for prose; of
source code it judges the comments and identifiers, which is seldom worth much.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import ClassVar, Final

import pyarrow as pa
from py3langid.langid import LanguageIdentifier

from filters.heads import heads_of

UNKNOWN: Final = "unknown"
_MODEL: Final = "data/model.npz.xz"  # relative to the package
_NO_LANGUAGE: Final = ("zxx", "und")  # ISO 639-2: no linguistic content, undetermined
_DECIMALS: Final = 3  # the model adds 32-bit floats, in an order that may differ between machines
_lock: Final = Lock()


@dataclass(frozen=True, kw_only=True, slots=True)
class English:
    """The language of a text, and how likely it is English.

    Signals: `text_language`, a code of ISO 639-1 (639-2 where there is none), or "unknown" for a text
    without letters; `english_score`, 0..1 in steps of 0.001, the model's probability of English, 0 where
    the language is unknown.

    >>> texts = ["The quick brown fox jumps over the lazy dog.", "Der Hund schläft unter dem Tisch.", "42"]
    >>> English()(pa.table({"content": texts}))["text_language"].to_pylist()
    ['en', 'de', 'unknown']
    """

    name: ClassVar[str] = "english"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("text_language", pa.string(), nullable=False),
            pa.field("english_score", pa.float64(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "text_language = 'en' and english_score > 0.5"

    max_chars: int = field(default=2_000, metadata={"help": "characters of a text that are looked at"})

    def __post_init__(self) -> None:
        """Check that there is something to look at."""
        if self.max_chars < 1:
            raise ValueError(f"max_chars = {self.max_chars}; it must be at least 1")

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Languages of `docs["content"]`."""
        judged = [_judge(text) for text in heads_of(docs["content"], self.max_chars)]
        languages, scores = [language for language, _ in judged], [score for _, score in judged]
        return pa.table(
            [pa.array(languages, pa.string()), pa.array(scores, pa.float64())], schema=self.schema
        )


def _judge(text: str) -> tuple[str, float]:
    """(language, probability of English)."""
    if not any(map(str.isalpha, text)):
        return UNKNOWN, 0.0
    with _lock:
        ranked = _identifier().rank(text)
    language, probability = ranked[0]
    if language in _NO_LANGUAGE or probability == ranked[-1][1]:  # no n-gram that the model knows: all equal
        return UNKNOWN, 0.0
    english = next(score for name, score in ranked if name == "en")
    return language, round(english, _DECIMALS)


@cache
def _identifier() -> LanguageIdentifier:
    """The model, loaded once a process (0.5 s)."""
    return LanguageIdentifier.from_model_file(_MODEL, norm_probs=True)
