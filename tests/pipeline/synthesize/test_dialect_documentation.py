"""Samples of every dialect, rendered, are what the family's own documentation shows.

The expected texts were typed by hand: documented_samples.toml names the source of each. Prefix, middle and
suffix are given there, so no cut is drawn here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from filters.tokens.encoder import Encoder
from pipeline.config import Fim
from pipeline.synthesize.dialects import load_dialect
from pipeline.synthesize.drafts import Draft
from pipeline.synthesize.fitting import encode_fitting
from pipeline.synthesize.layout import lay_out
from pipeline.synthesize.leads import LeadSettings, plan_leads
from pipeline.synthesize.sentinels import resolve_sentinels
from pipeline.synthesize.tokenization import Tokenization

from .material import DIALECTS, fim, render

SAMPLES = tomllib.loads(Path(__file__).with_name("documented_samples.toml").read_text(encoding="utf-8"))[
    "sample"
]


def settings_of(sample: dict[str, Any]) -> Fim:
    """Settings under which the sample has surely what it is documented with."""
    changes: dict[str, Any] = {"context": 4096}
    if "metadata" in sample:
        parts = ("repository", "path", "stars")
        changes["metadata"] = {part: float(part in sample["metadata"]) for part in parts}
    if "files" in sample:
        changes["repository"] = {"rate": 1.0, "max_tokens": 1000, "order": "imports"}
    return fim(sample["dialect"], **changes)


def document_of(sample: dict[str, Any]) -> pa.Table:
    """What a lead is made of; what the sample does not tell has a name that would be seen."""
    files = [{"path": path, "text": text} for path, text in sample.get("files", [])]
    return pa.table(
        {
            "doc_id": [bytes(16)],
            "repo": [sample.get("repo", "owner/project")],
            "path": [sample.get("path", "example.py")],
            "stars": pa.array([sample.get("stars")], pa.int64()),
            "context_files": [files],
        }
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample['dialect']} {sample['order']}")
def test_samples_are_written_as_the_family_documents_them(sample: dict[str, Any], encoder: Encoder) -> None:
    settings, dialect = settings_of(sample), load_dialect(sample["dialect"])
    sentinels = resolve_sentinels(dialect, settings, encoder)
    leads, _ = plan_leads(document_of(sample), LeadSettings(settings, dialect, sentinels, encoder, 0))
    prefix, middle, suffix = sample["parts"]
    text = prefix + middle + suffix
    places = {"start": 0, "end": len(text), "cut_start": len(prefix), "cut_end": len(prefix + middle)}
    cut = Draft(
        document=0, part=0, deleted=0, order=sample["order"], kind="random", drawn="random", seed=0, **places
    )
    tokenization = Tokenization(encoder, "separate", before_prefix=dialect.before_prefix)
    drafts, parts = encode_fitting([cut], [text], rooms=[4096], tokenization=tokenization)
    ids = lay_out(parts, leads, [0], [draft.order for draft in drafts], sentinels).tokens.tolist()
    assert render(ids, dialect, sentinels, encoder) == sample["expected"]


def test_every_dialect_has_three_documented_samples() -> None:
    counts = {name: sum(sample["dialect"] == name for sample in SAMPLES) for name in DIALECTS}
    assert counts == dict.fromkeys(DIALECTS, 3)
