"""What a recipe asks for is what comes out, within the error of sampling."""

from __future__ import annotations

from collections import Counter

from filters.tokens.encoder import Encoder

from .material import CODE, documents, fim, make


def test_shares_come_out_as_asked(encoder: Encoder) -> None:
    asked_kinds = {"random": 0.4, "empty": 0.1, "line": 0.2, "lines": 0.3}
    config = fim("refact", rate=0.7, orders={"psm": 0.25, "spm-v1": 0.75}, kinds=asked_kinds, context=512)
    texts = [f"def f{number}():\n" + CODE for number in range(3000)]
    sidecar = make(documents(texts, encoder), config, encoder).sidecar
    kinds = Counter(sidecar["kind"].to_pylist())
    orders = Counter(sidecar["order"].to_pylist())
    cut = 3000 - kinds.pop("plain")
    assert orders.pop("none") == 3000 - cut
    assert chi_square([cut, 3000 - cut], [0.7, 0.3]) < 10.8  # 1 degree of freedom, p = 0.001
    assert chi_square([kinds[kind] for kind in asked_kinds], list(asked_kinds.values())) < 16.3  # 3 degrees
    assert chi_square([orders["psm"], orders["spm-v1"]], [0.25, 0.75]) < 10.8
    assert sum(kinds.values()) == sum(orders.values()) == cut


def chi_square(got: list[int], shares: list[float]) -> float:
    total = sum(got)
    return sum(
        (count - total * share) ** 2 / (total * share) for count, share in zip(got, shares, strict=True)
    )


def test_half_writing_happens_at_its_rate_and_never_to_plain(encoder: Encoder) -> None:
    config = fim(rate=0.8, kinds={"line": 1.0}, context=512, half_written={"rate": 0.3, "max_lines": 2})
    texts = [f"n{number} = 1\n" + CODE for number in range(2000)]
    rows = make(documents(texts, encoder), config, encoder).sidecar.to_pylist()
    assert all(row["deleted"] == 0 for row in rows if row["kind"] == "plain")
    cut = [row["deleted"] > 0 for row in rows if row["kind"] != "plain"]
    assert chi_square([sum(cut), len(cut) - sum(cut)], [0.3, 0.7]) < 16  # a few have no line left to delete
