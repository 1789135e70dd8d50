"""What the shards' manifest says of how they were made, free of where things lie and of how work was divided.

Equal samples must give equal bytes on every machine, so a file stands by its name, and its content by its
digest among the filters' fields. Costs the hashing of those files.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filters import Filter
from pipeline.annotate import filter_fields
from pipeline.config import Recipe
from pipeline.synthesize.dialects import Dialect


def provenance(recipe: Recipe, filters: Mapping[str, Filter], dialect: Dialect) -> dict[str, Any]:
    """The recipe, the seed, and what filters, dialect and code are behind their names."""
    return {
        "recipe": portable_recipe(recipe, dialect),
        "filters": {name: {"version": fltr.version} | filter_fields(fltr) for name, fltr in filters.items()},
        "seed": recipe.shards.seed,
        "code_version": version("infill"),
        "dialect": dialect.model_dump(mode="json"),
        "loss": recipe.fim.loss,
    }


def portable_recipe(recipe: Recipe, dialect: Dialect) -> dict[str, Any]:
    """The recipe without where inputs lie and how work is divided; of other files only the names."""
    data = recipe.model_dump(mode="json", exclude={"engine": True, "source": {"path"}, "tokenizer": {"file"}})
    data["fim"]["dialect"] = dialect.name
    data["filters"] = {name: _named(fields) for name, fields in data["filters"].items()}
    return {name: section for name, section in data.items() if section}


def _named(value: Any) -> Any:
    """A value in which every text that is a file's path, or NAME=PATH, has that file's name alone."""
    if isinstance(value, dict):
        return {key: _named(own) for key, own in value.items()}
    if isinstance(value, list):
        return [_named(own) for own in value]
    name, equals, path = value.rpartition("=") if isinstance(value, str) else ("", "", "")
    return f"{name}{equals}{Path(path).name}" if path and Path(path).is_file() else value
