"""The license filter: one normalised SPDX expression for each document, and its class under a named policy.

The licences of a document's repository are joined by AND: all were found, so all may apply. Strings are
read as SPDX and never guessed at ("MIT License" is not an SPDX expression, so its class is unknown), and an
unknown id is never permissive. A policy is data: see filters/data/licenses/. A gate: each distinct list of
licences is parsed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from filters.licenses.expressions import UNKNOWN, classify, join, load_policy, normalise, policy_digest

_SEPARATOR: Final = "\n"


@lru_cache(maxsize=1 << 16)
def _judge(joined: str, policy: str) -> tuple[str, str]:
    """(expression, class) of licence strings that stand one a line."""
    expression = join(normalise(part) for part in joined.split(_SEPARATOR))
    return (expression, classify(expression, policy)) if expression else (UNKNOWN, UNKNOWN)


def _one_string_each(column: pa.ChunkedArray) -> pa.Array:
    """A list column as one string a row; "" for an empty or null list, and for one with a null inside.

    BigQuery exports a list as the struct `{list: [{item}]}`; that is read too.
    """
    array = pa.chunked_array(column.chunks, column.type).combine_chunks()
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_struct(array.type):
        array = plain_lists(array)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        array = pc.binary_join(array.cast(pa.list_(pa.string())), _SEPARATOR)
    return array.cast(pa.string()).fill_null("")


def plain_lists(array: pa.StructArray) -> pa.ListArray:
    """The lists of structs `{list: [{item: string}]}`; a null struct gives a null list.

    Raises ValueError for a struct of another shape.
    """
    at = array.type.get_field_index("list")
    inner = array.type.field(at).type if at >= 0 else None
    if inner is None or not pa.types.is_list(inner) or not pa.types.is_struct(inner.value_type):
        raise ValueError(
            f"max_stars_repo_licenses has type {array.type}; expected a list, a string or "
            "{list: [{item}]}"
        )
    lists = array.flatten()[at]
    return pa.ListArray.from_arrays(lists.offsets, lists.values.flatten()[0], mask=lists.is_null())


@dataclass(frozen=True, kw_only=True, slots=True)
class License:
    """Signals `license` (SPDX, or "unknown") and `license_class`.

    >>> docs = pa.table({"max_stars_repo_licenses": [["MIT", "apache-2.0"], ["MIT License"], []]})
    >>> License(policy="permissive-strict")(docs)["license"].to_pylist()
    ['Apache-2.0 AND MIT', 'LicenseRef-MIT-License', 'unknown']
    >>> License(policy="permissive-strict")(docs)["license_class"].to_pylist()
    ['permissive', 'unknown', 'unknown']
    """

    name: ClassVar[str] = "license"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("max_stars_repo_licenses",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("license", pa.string(), nullable=False),
            pa.field("license_class", pa.string(), nullable=False),
        ]
    )
    default_where: ClassVar[str] = "license_class = 'permissive'"

    policy: str = field(
        metadata={
            "help": "the-stack-v1, permissive-strict, blueoak, blueoak:TIER, or the path of a TOML file",
            "digest": policy_digest,
        }
    )

    def __post_init__(self) -> None:
        """Fail on an unknown policy before any document is read."""
        load_policy(self.policy)

    def __call__(self, docs: pa.Table) -> pa.Table:
        """Licences of `docs["max_stars_repo_licenses"]`, a list or a string a row; a null is unknown."""
        encoded = _one_string_each(docs["max_stars_repo_licenses"]).dictionary_encode()
        judged = [_judge(joined, self.policy) for joined in encoded.dictionary.to_pylist()]
        columns = [
            pa.array([answer[index] for answer in judged], pa.string()).take(encoded.indices)
            for index in range(2)
        ]
        return pa.table(columns, schema=self.schema)
