"""Presets of dedup: named settings of published recipes, and our own (pipeline/dedup_presets.toml).

A preset has fields of the minhash filter, keys of `[select.dedup]`, and predicates. In a recipe they stand
where nothing else is said: an explicit key always wins. Bands go with a threshold and a number of
permutations, so a recipe that gives one of these and no bands of its own gets datasketch's choice for them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

DEFAULT_PRESET: Final = "code"


@dataclass(frozen=True)
class Preset:
    """What one table of dedup_presets.toml says."""

    minhash: Mapping[str, Any]
    """Fields of the minhash filter."""
    dedup: Mapping[str, Any]
    """Keys of `[select.dedup]`."""
    where: Mapping[str, str]
    """Predicates by name: documents that they refuse go before dedup."""


def preset_names() -> tuple[str, ...]:
    """The known presets, in the order of their file."""
    return tuple(_tables())


def load_preset(name: str) -> Preset:
    """A preset by its name. Raises ValueError naming the known ones."""
    tables = _tables()
    if name not in tables:
        raise ValueError(f"there is no dedup preset {name!r}; the presets are {', '.join(tables)}")
    own = tables[name]
    return Preset(own.get("minhash", {}), own.get("dedup", {}), own.get("where", {}))


def _tables() -> dict[str, Any]:
    return tomllib.loads(files("pipeline").joinpath("dedup_presets.toml").read_text(encoding="utf-8"))


def with_preset(
    preset: Preset, minhash: Mapping[str, Any], dedup: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of minhash and keys of dedup: the given ones, and the preset's where none is given."""
    ours = dict(preset.dedup)
    others = ((minhash, preset.minhash, "num_perm"), (dedup, preset.dedup, "threshold"))
    if any(key in given and given[key] != theirs.get(key) for given, theirs, key in others):
        ours.pop("bands", None)
    return {**preset.minhash, **minhash}, {**ours, **dedup}


def apply_preset(recipe: dict[str, Any]) -> None:
    """Fill a recipe that names a `select.dedup.preset`, as TOML has it, in place.

    Raises ValueError for an unknown preset. Whatever else is wrong is left to the recipe's own checks.
    """
    select = recipe.get("select")
    dedup = select.get("dedup") if isinstance(select, dict) else None
    name = dedup.get("preset") if isinstance(dedup, dict) else None
    filters = recipe.get("filters", {})
    minhash = filters.get("minhash", {}) if isinstance(filters, dict) else None
    if not isinstance(name, str) or not isinstance(minhash, dict):
        return
    assert isinstance(select, dict)
    assert isinstance(dedup, dict)
    try:
        preset = load_preset(name)
    except ValueError as error:
        raise ValueError(f"select.dedup.preset: {error}") from error
    minhash, select["dedup"] = with_preset(preset, minhash, dedup)
    recipe["filters"] = {**filters, "minhash": minhash}
    own = select.get("where")
    predicates = own if isinstance(own, dict) else select
    for key, text in preset.where.items():
        predicates.setdefault(key, text)
