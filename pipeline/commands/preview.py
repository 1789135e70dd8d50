"""`infill preview`: samples in colour, as they stand in the shards."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from pipeline.commands.console import error_console, output_console, print_json
from pipeline.commands.run import CONFIG, JSON, OUT, SET, load

if TYPE_CHECKING:
    from pipeline.shards.reader import Shards

FEW_DOCUMENTS = 200
KINDS = ("plain", "random", "empty", "line", "lines")
CONTEXT_LINES = 12
SVG_COLUMNS = 110


@click.command()
@CONFIG
@click.option(
    "-n", "count", default=5, show_default=True, type=click.IntRange(min=1), help="How many samples."
)
@click.option("--kind", type=click.Choice(KINDS), help="Only samples of this kind.")
@click.option("--svg", type=click.Path(path_type=Path), help="Write the picture to this SVG file instead.")
@OUT
@SET
@JSON
def preview(
    config: Path,
    count: int,
    kind: str | None,
    svg: Path | None,
    out: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Show samples: prefix, middle, suffix, kind, order and source.

    They come from the shards of a finished run; if there is none, from a run of a few documents that is
    thrown away.
    """
    recipe, folder = load(config, overrides, out)
    if (folder / "shards" / "manifest.json").is_file():
        _show(samples_of(folder / "shards", count, kind), svg=svg, as_json=as_json)
        return 0
    notice = f"{folder} has no shards yet: running the recipe on {FEW_DOCUMENTS} documents"
    error_console().print(notice, markup=False, highlight=False, soft_wrap=True)
    from pipeline.engine import Engine
    from pipeline.job import Job, run_job
    from pipeline.units import Runner

    with tempfile.TemporaryDirectory() as scratch:
        run_job(Job(recipe, Path(scratch), Runner(Engine(workers=0)), FEW_DOCUMENTS))
        _show(samples_of(Path(scratch) / "shards", count, kind), svg=svg, as_json=as_json)
    return 0


def samples_of(shards_dir: Path, count: int, kind: str | None) -> list[dict[str, Any]]:
    """The first `count` samples, in parts."""
    from itertools import islice

    import numpy as np

    from filters.tokens.encoder import load_encoder
    from pipeline.shards.manifest import read_manifest
    from pipeline.shards.reader import Shards

    shards = Shards.open(shards_dir)
    sentinels = read_manifest(shards_dir)["sentinels"]
    encoder = load_encoder(str(shards_dir / "tokenizer" / "tokenizer.json"))
    found: list[dict[str, Any]] = []
    wanted = (place for place in _rows(shards) if kind in (None, place[2]["kind"]))
    for split, number, row in islice(wanted, count):
        ids = split_parts(shards.tokens(split, number).tolist(), row, sentinels)
        parts = {name: encoder.decode(np.array(own, np.int64)) for name, own in ids.items()}
        found.append({"split": split, "sample": number, **row, "doc_id": row["doc_id"].hex(), **parts})
    return found


def _rows(shards: Shards) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """(split, number, sidecar row) of every sample, few of them as Python objects at a time."""
    for split in shards.splits:
        number = 0
        for batch in shards.sidecar(split).to_batches(max_chunksize=256):
            for row in batch.to_pylist():
                yield split, number, row
                number += 1


def split_parts(ids: list[int], row: dict[str, Any], sentinels: dict[str, int]) -> dict[str, list[int]]:
    """The ids of prefix, middle and suffix of one sample."""
    if row["order"] == "none":
        return {"prefix": ids[:-1], "middle": [], "suffix": []}
    start, end = row["middle_start"], row["middle_start"] + row["middle_len"]
    prefix_at, suffix_at, middle_at = (ids.index(sentinels[name]) for name in ("prefix", "suffix", "middle"))
    prefix_end = {"psm": suffix_at, "spm-v1": middle_at, "spm-v2": start}[row["order"]]
    suffix_end = {"psm": middle_at, "spm-v1": prefix_at, "spm-v2": middle_at}[row["order"]]
    prefix_start = middle_at if row["order"] == "spm-v2" else prefix_at
    return {
        "prefix": ids[prefix_start + 1 : prefix_end],
        "middle": ids[start:end],
        "suffix": ids[suffix_at + 1 : suffix_end],
    }


def _show(samples: list[dict[str, Any]], *, svg: Path | None, as_json: bool) -> None:
    if as_json:
        print_json(samples)
        return
    if not samples:
        error_console().print("no sample to show: nothing was kept, or none is of that kind")
    if svg is None:
        _print(samples, output_console())
        return
    picture = Console(record=True, width=SVG_COLUMNS, file=io.StringIO(), force_terminal=True)
    _print(samples, picture)
    picture.save_svg(str(svg), title="infill preview", unique_id="infill-preview")


def _print(samples: list[dict[str, Any]], console: Console) -> None:
    for sample in samples:
        source = f"{sample['repo']}:{sample['path']}"
        heading = f"{sample['kind']} · {sample['order']} · {sample['n_tokens']} tokens · {source}"
        console.print(Text(f"── {heading}", "bold"), soft_wrap=True)
        console.print(_coloured(sample), soft_wrap=True)


def _coloured(sample: dict[str, Any]) -> Text:
    """Prefix plain, middle on green, a mark where lines were deleted, suffix in blue; far ends left out."""
    prefix, suffix = sample["prefix"].splitlines(keepends=True), sample["suffix"].splitlines(keepends=True)
    text = Text()
    if len(prefix) > CONTEXT_LINES:
        text.append(f"… {len(prefix) - CONTEXT_LINES} lines\n", "dim")
    text.append("".join(prefix[-CONTEXT_LINES:]))
    if sample["kind"] != "plain":
        text.append(sample["middle"] or "▮", "black on green")
    if sample["deleted"]:
        text.append(f"⟨{sample['deleted']} characters deleted⟩", "dim red")
    text.append("".join(suffix[:CONTEXT_LINES]), "blue")
    if len(suffix) > CONTEXT_LINES:
        text.append(f"\n… {len(suffix) - CONTEXT_LINES} lines", "dim")
    return text
