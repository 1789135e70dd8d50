"""What a finished dedup says of itself, as plain values: bands, alarms and the table of losses.

Read from its receipt, so a run that had nothing to do tells the same. Alarms are judged anew: their share may
change, and nothing that was done changes with it.
"""

from __future__ import annotations

from typing import Any

from pipeline.config import Dedup
from pipeline.dedup.losses import alarms
from pipeline.units import Product, Receipt, read_receipt


def receipt_of(product: Product) -> Receipt:
    """The receipt of a finished dedup."""
    receipt = read_receipt(product.receipt)
    assert receipt is not None, f"{product.receipt} is missing"
    return receipt


def dedup_record(product: Product, dedup: Dedup | None) -> dict[str, Any]:
    """`bands` (bands and rows, or None), `alarms`, and `losses`: a row a source and a language."""
    facts = receipt_of(product).facts
    raised = alarms(facts["losses"], dedup) if dedup else []
    loud = {(own["group"], own["name"]) for own in raised}
    losses = [row | {"alarm": (row["group"], row["name"]) in loud} for row in facts["losses"]]
    bands = facts.get("bands")
    return {"bands": list(bands) if bands and bands[0] else None, "alarms": raised, "losses": losses}
