"""Repository contexts as stages of a run: files of each split, contexts of each range of repositories, and
contexts of each split again.

Files of one repository lie in many splits, so this is an exchange through the disk: each split is written
sorted by repository, and each range of repositories is written sorted by split. There are as many ranges as
keep each under eight batches of text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pipeline.repository_context.contexts import choose_contexts, contexts_units
from pipeline.repository_context.files import ContextSettings, collect_files, files_units
from pipeline.repository_context.parts import parts_units, write_part
from pipeline.sources import Split
from pipeline.store import key_of
from pipeline.units import Receipt

STAGES: Final = ("repository files", "contexts", "context parts")
BATCHES_IN_A_RANGE: Final = 8


def make_contexts(
    run: Callable[..., list[list[Receipt]]],
    folder: Path,
    splits: Sequence[Split],
    survivors: Sequence[tuple[Path, str]],
    settings: ContextSettings,
) -> list[tuple[Path, str]]:
    """Run the three stages by `run(name, work, units)`; returns each split's contexts and their digest.

    `survivors` has each split's surviving rows and their digest.
    """
    paths, digests = [path for path, _ in survivors], [digest for _, digest in survivors]
    files = files_units(folder / f"files-{settings.files_key()[:16]}", splits, paths, digests, settings)
    found = run(STAGES[0], collect_files, files)
    held = [
        (split.number, unit.products[0].path, own[0])
        for split, unit, own in zip(splits, files, found, strict=True)
        if own  # a split that was lost gives no files
    ]
    text_bytes = sum(receipt.facts["text_bytes"] for _, _, receipt in held)
    count = max(1, -(-text_bytes // (BATCHES_IN_A_RANGE * settings.reading.batch_bytes)))
    repository = settings.repository.model_dump(mode="json")
    own_folder = folder / key_of(settings.files_key(), repository)[:16]
    chosen = contexts_units(
        own_folder, [held_file[:2] for held_file in held], [r.digest for _, _, r in held], count, settings
    )
    ranges = run(STAGES[1], choose_contexts, chosen)
    parts = parts_units(
        own_folder, splits, [unit.products[0].path for unit in chosen], [own[0].digest for own in ranges]
    )
    made = run(STAGES[2], write_part, parts)
    return [(unit.products[0].path, own[0].digest) for unit, own in zip(parts, made, strict=True)]
