"""Three documents in every dialect and order, and the guide's examples, are what they were.

After a deliberate change run `python -m tests.pipeline.synthesize.test_golden` and read the difference.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from filters.tokens.encoder import Encoder
from pipeline.config import Fim
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.sentinels import resolve_sentinels

from .conftest import train
from .material import CODE, DIALECTS, KINDS, LITERALS, documents, fim, make, render, split_samples

GOLDEN = Path(__file__).with_name("golden.json")
GUIDE = Path(__file__).parents[3] / "docs" / "fim.md"
TEXTS = (
    CODE,
    "int main(void) {\r\n\treturn 0;\r\n}\r\n",
    "# <fim_prefix> 漢字 e\u0301 \U0001f600\u2028x = '<|endoftext|>'",
)
EXAMPLE = (
    "def total(prices, tax):\n    result = 0\n    for price in prices:\n        result += price\n"
    "    return result * tax\n\n\nprint(total([3, 4], 1.2))\n"
)


def example(
    dialect: str, order: str, kind: str, seed: int, *, half_written: bool = False, to_block_end: float = 0.0
) -> tuple[Fim, int]:
    """Settings that give one order and one kind, and a seed that gives a telling cut."""
    changes: dict[str, Any] = {"orders": {order: 1.0}, "rate": 1.0, "kinds": {kind: 1.0}}
    if kind == "plain":
        changes |= {"rate": 0.0, "kinds": dict.fromkeys(KINDS, 1.0)}
    if half_written:
        changes["half_written"] = {"rate": 1.0, "max_lines": 2, "to_block_end": to_block_end}
    return fim(dialect, context=512, **changes), seed


EXAMPLES = {
    "plain": example("starcoder", "psm", "plain", 0),
    "random": example("starcoder", "psm", "random", 6),
    "empty": example("starcoder", "psm", "empty", 5),
    "line": example("starcoder", "psm", "line", 0),
    "lines": example("starcoder", "psm", "lines", 6),
    "block": example("starcoder", "psm", "block", 3),
    "refact-v2": example("starcoder", "psm", "refact-v2", 4),
    "half-written": example("starcoder", "psm", "line", 0, half_written=True),
    "half-written block": example("starcoder", "psm", "line", 0, half_written=True, to_block_end=1.0),
    "starcoder spm-v2": example("starcoder", "spm-v2", "line", 0),
    "santacoder psm": example("santacoder", "psm", "line", 0),
    "refact spm-v1": example("refact", "spm-v1", "line", 0),
    "fim-neox spm-v1": example("fim-neox", "spm-v1", "line", 0),
}


def rendered(texts: tuple[str, ...], settings: Fim, encoder: Encoder, seed: int) -> list[str]:
    dialect = load_dialect(settings.dialect)
    sentinels = resolve_sentinels(dialect, settings, encoder)
    samples = make(documents(texts, encoder), settings, encoder, seed)
    return [render(sample.ids, dialect, sentinels, encoder) for sample in split_samples(samples)]


def golden_samples(encoder: Encoder) -> dict[str, list[str]]:
    return {
        f"{name} {order}": rendered(
            TEXTS,
            fim(name, orders={order: 1.0}, rate=1.0, context=256, half_written={"rate": 0.5, "max_lines": 2}),
            encoder,
            seed=3,
        )
        for name in DIALECTS
        for order in load_dialect(name).orders
    }


def test_samples_are_the_golden_ones(encoder: Encoder) -> None:
    assert golden_samples(encoder) == json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_guide_shows_what_the_code_makes(name: str, encoder: Encoder) -> None:
    settings, seed = EXAMPLES[name]
    (text,) = rendered((EXAMPLE,), settings, encoder, seed)
    assert f"```text\n{text}\n```" in GUIDE.read_text(encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = golden_samples(train(f"{folder}/tokenizer.json", list(LITERALS)))
    GOLDEN.write_text(json.dumps(made, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
