"""The pictures of docs/fim.md, by `infill preview`: `python -m tests.pipeline.commands.kind_pictures`.

One picture a kind, of the same two documents; kind_pictures.toml has these, and the seed that gives telling
cuts. A test makes them again and compares what is written in them.
"""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

from tests.pipeline.commands.test_commands import infill
from tests.pipeline.stack import stack_row, write_stack

FOLDER = Path(__file__).parents[3] / "docs" / "img"
PLAN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
RECIPE = """
name = "pictures"
[source]
path = "{path}"
[tokenizer]
train = {{ vocab_size = 400, sample_bytes = 10000 }}
[fim]
dialect = "starcoder"
rate = 1.0
context = 512
orders = {{ psm = 0.5, spm-v2 = 0.5 }}
kinds = {{ {kind} = 1.0 }}
max_lines = 8
{half_written}
[shards]
sequence_length = 512
tokens_per_shard = 40000
validation = 0.0
seed = {seed}
"""


def draw(folder: Path, scratch: Path) -> None:
    """Write every picture into `folder`."""
    rows = [
        stack_row(own["text"].lstrip("\n"), repo=own["repo"], path=own["path"]) | {"lang": own["lang"]}
        for own in PLAN["document"]
    ]
    corpus = write_stack(scratch / "corpus" / "documents.parquet", rows).parent
    for name, picture in PLAN["picture"].items():
        half = "half_written = {{ rate = {rate}, max_lines = {max_lines} }}"
        lines = half.format(**picture["half_written"]) if "half_written" in picture else ""
        recipe = scratch / f"{name}.toml"
        text = RECIPE.format(path=corpus, kind=picture["kind"], seed=picture["seed"], half_written=lines)
        recipe.write_text(text, encoding="utf-8")
        ran = infill("preview", recipe, "--out", scratch / "none", "--svg", folder / f"kind-{name}.svg")
        assert ran.code == 0, ran.err


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        draw(FOLDER, Path(folder))
