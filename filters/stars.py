"""The stars filter: GitHub stars of the document's repository, as the dataset recorded them.

The Stack leaves the count null where no star event was seen, and starcoderdata stores it as a float; here
it is a 64-bit integer, and a null (or NaN) becomes `null_as`. A gate: no text is read, and a million rows
take milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, kw_only=True, slots=True)
class Stars:
    """Signal `stars`: the count, or `null_as` where it is unknown. Raises ValueError for a fractional count.

    >>> Stars()(pa.table({"max_stars_count": [7.0, None]})).to_pylist()
    [{'stars': 7}, {'stars': -1}]
    """

    name: ClassVar[str] = "stars"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("max_stars_count",)
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("stars", pa.int64(), nullable=False)])
    default_where: ClassVar[str] = "stars >= 5"

    null_as: int = field(
        default=-1, metadata={"help": "the count of a document without one (SantaCoder's code uses 0)"}
    )

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Stars of `docs["max_stars_count"]`, an integer or float column."""
        counts = docs["max_stars_count"]
        if pa.types.is_floating(counts.type):
            counts = pc.if_else(pc.is_finite(counts), counts, None)
        return pa.table([counts.cast(pa.int64()).fill_null(self.null_as)], schema=self.schema)
