"""The stage compares the encoder with `tokenizers` on a keyed share of the documents that it encodes."""

from __future__ import annotations

import pyarrow as pa
import pytest

from filters.tokens.encoder import Encoder
from pipeline.synthesize.stage import check_encoder


def documents(count: int) -> pa.Table:
    return pa.table(
        {
            "doc_id": pa.array([number.to_bytes(16) for number in range(count)], pa.binary(16)),
            "content": pa.array(
                [f"value = {number} + 12345\n" for number in range(count)], pa.large_string()
            ),
            "repo": ["ann/tools"] * count,
            "path": [f"{number}.py" for number in range(count)],
        }
    )


def test_an_exact_encoder_passes(encoder: Encoder) -> None:
    check_encoder(encoder, documents(50), seed=1, share=1.0)
    check_encoder(encoder, documents(0), seed=1, share=1.0)


def test_ids_that_are_not_those_of_tokenizers_stop_the_unit_and_name_the_document(encoder: Encoder) -> None:
    class Wrong(Encoder):
        def first_difference(self, texts: object) -> int | None:
            height = texts.height  # type: ignore[attr-defined]
            return height - 1 if height else None

    wrong = Wrong(encoder.path)
    with pytest.raises(
        RuntimeError, match=r"ann/tools:49\.py: the encoder's token ids are not those of tokenizers"
    ):
        check_encoder(wrong, documents(50), seed=1, share=1.0)
    check_encoder(wrong, documents(50), seed=1, share=0.0)


def test_probed_documents_are_about_the_share_and_the_same_each_time(encoder: Encoder) -> None:
    seen: list[int] = []

    class Counting(Encoder):
        def first_difference(self, texts: object) -> int | None:
            seen.append(texts.height)  # type: ignore[attr-defined]
            return None

    counting = Counting(encoder.path)
    seen.clear()  # the encoder has proved itself on its own probes
    for _ in range(2):
        check_encoder(counting, documents(2000), seed=3, share=0.1)
    assert seen[0] == seen[1]
    assert 150 < seen[0] < 250
