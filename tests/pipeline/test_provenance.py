"""What a manifest says of a run does not tell where its files lay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.config import Recipe
from pipeline.provenance import provenance
from pipeline.recipe import filters_of
from pipeline.synthesize.dialects import load_dialect


@pytest.mark.parametrize("folder", ["here", "there"])
def test_files_stand_by_name_and_by_digest(tmp_path: Path, folder: str) -> None:
    lists = tmp_path / folder
    lists.mkdir()
    (lists / "optouts.txt").write_text("somebody\n")
    (lists / "tasks.jsonl").write_text('{"text": "write a function that adds two numbers"}\n')
    recipe = Recipe.model_validate(
        {
            "name": "r",
            "source": {"path": str(lists)},
            "tokenizer": {"file": str(lists / "optouts.txt")},
            "filters": {
                "optout": {"optouts": str(lists / "optouts.txt")},
                "decontaminate": {"benchmarks": [f"mine={lists / 'tasks.jsonl'}"]},
                "license": {"policy": "the-stack-v1"},
            },
            "fim": {
                "dialect": "starcoder",
                "rate": 0.5,
                "orders": {"psm": 1},
                "kinds": {"random": 1},
                "context": 64,
            },
            "shards": {"sequence_length": 64, "tokens_per_shard": 1000, "validation": 0, "seed": 1},
        }
    )
    found = provenance(recipe, filters_of(recipe, str(lists / "optouts.txt")), load_dialect("starcoder"))
    assert str(tmp_path) not in json.dumps(found)
    assert found["recipe"]["filters"]["optout"] == {"optouts": "optouts.txt"}
    assert found["recipe"]["filters"]["decontaminate"] == {"benchmarks": ["mine=tasks.jsonl"]}
    before = found["filters"]["optout"]["optouts"]
    (lists / "optouts.txt").write_text("somebody\nelse\n")
    again = provenance(recipe, filters_of(recipe, str(lists / "optouts.txt")), load_dialect("starcoder"))
    assert again["filters"]["optout"]["optouts"] != before
    assert again["filters"]["license"] == found["filters"]["license"]
