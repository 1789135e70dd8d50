"""Pictures: what they show, seen through matplotlib's own objects, and that their bytes do not change."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from filters.digest import Digest
from filters.lines import Lines
from filters.size import Size
from pipeline.comparisons import comparisons
from pipeline.histogram import divided, new_histogram
from pipeline.single_filter import plot
from pipeline.single_filter.tally import Tally
from tests.pipeline.single_filter.test_run import documents, run, write


def tally(kind: pa.DataType, every: list, kept: list) -> Tally:
    histograms = []
    for values in (every, kept):
        histogram = new_histogram(kind)
        assert histogram is not None
        histogram.add(pa.chunked_array([pa.array(values, kind)]))
        histograms.append({"signal": histogram})
    return Tally(*histograms, documents=len(every), kept=len(kept))


def figure(kind: pa.DataType, every: list, kept: list, where: str = "true") -> Any:
    return plot.figure_of("name", where, tally(kind, every, kept))


def bars(axes: Any, colour: str, *, across: bool = False) -> list[float]:
    """The lengths of the bars of a colour, in order."""
    from matplotlib.colors import to_hex

    own = [patch for patch in axes.patches if to_hex(patch.get_facecolor()) == colour]
    return [patch.get_width() if across else patch.get_height() for patch in own]


def place(kind: pa.DataType, values: list, where: str) -> float:
    own = tally(kind, values, values)
    bins = divided(own.histograms["signal"], own.histograms_kept["signal"])
    (comparison,) = comparisons(where)
    return plot.place_of([bin for bin in bins if math.isfinite(bin.low)], comparison)


def test_bars_are_kept_and_dropped_documents_by_bin() -> None:
    values = [0.01, 0.02, 0.06, 0.97, -1.0]
    (axes,) = figure(pa.float64(), values, [0.02, 0.06]).axes
    assert bars(axes, plot.KEPT) == [1, 1, *[0] * 17, 0, 0]
    assert bars(axes, plot.DROPPED) == [1, 0, *[0] * 17, 1, 1]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "0", "0.2", "0.4", "0.6", "0.8", "1", "unknown"
    ]  # fmt: skip


def test_what_is_too_low_to_be_seen_has_its_count_over_it() -> None:
    (axes,) = figure(pa.int64(), [0] * 1000 + [5] * 3 + [9] * 20, []).axes
    assert [text.get_text() for text in axes.texts] == ["3"]
    assert axes.texts[0].xy == (3.5, 3)
    assert axes.texts[0].get_rotation() == 0


def test_counts_stand_upright_where_bins_are_narrow() -> None:
    values = [*(1 << power for power in range(40)), *[1 << 40] * 9_999, *[1 << 41] * 199]
    (axes,) = figure(pa.int64(), values, []).axes
    assert {text.get_rotation() for text in axes.texts} == {90}


@pytest.mark.parametrize("kept", [0, 100])
def test_the_longest_bar_ends_within_the_panel(kept: int) -> None:
    (axes,) = figure(pa.int64(), [1] * 100, [1] * kept, "signal = 1").axes
    bottom, top = axes.get_ylim()
    assert bottom == 0
    assert top > 110
    (axes,) = figure(pa.string(), ["a"] * 100, ["a"] * kept).axes
    left, right = axes.get_xlim()
    assert left == 0
    assert right > 110


def test_no_number_stands_where_unknown_is_written() -> None:
    (axes,) = figure(pa.int64(), [*(1 << power for power in range(24)), -1], []).axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["1", "8", "64", "512", "4,096", "32.8k", "262k", "2.1M", "unknown"]


def test_texts_are_bars_to_the_right_by_frequency() -> None:
    (axes,) = figure(pa.string(), ["b", "a", "b", "$x$ \n<&"], ["b"]).axes
    assert bars(axes, plot.KEPT, across=True) == [1, 0, 0]
    assert bars(axes, plot.DROPPED, across=True) == [1, 1, 1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "$x$ <&", "a"]


def test_thresholds_are_marked_where_the_documents_part() -> None:
    (axes,) = figure(pa.float64(), [0.1, 0.9], [], where="signal > 0.25 and other < 1 and signal < 0.9").axes
    assert [line.get_xdata()[0] for line in axes.lines] == [pytest.approx(3), pytest.approx(16)]
    assert [text.get_text() for text in axes.texts] == ["> 0.25", "< 0.9"]


def test_a_threshold_stands_within_its_bin_as_the_scale_has_it() -> None:
    whole, values = pa.int64(), [0, 1, 2, 1500]
    assert place(whole, values, "signal <= 3") == pytest.approx(3)  # before 4, where a bin begins
    assert place(whole, values, "signal < 3") == pytest.approx(2 + math.log2(1.5))
    assert place(whole, values, "signal > 0") == pytest.approx(1)
    assert place(whole, values, "signal >= 1024") == pytest.approx(11)
    assert place(whole, values, "signal = 1") == pytest.approx(1.5)
    assert place(whole, values, "signal <> 3") == pytest.approx(2 + math.log2(1.5))
    assert place(pa.float64(), [0.0, 0.99], "signal > 0.025") == pytest.approx(0.5)
    assert place(pa.float64(), [1.0, 2.9], "signal > 2.25") == pytest.approx(
        4 + math.log(2.25 / 2) / math.log(1.25)
    )


def test_a_threshold_beyond_the_documents_is_marked_at_the_edge_with_an_arrow() -> None:
    assert place(pa.int64(), [4, 5], "signal < 100") == math.inf
    assert place(pa.int64(), [4, 5], "signal < 2") == -math.inf
    (axes,) = figure(pa.int64(), [4, 5], [4], where="signal < 100").axes
    assert [text.get_text() for text in axes.texts] == ["< 100 →"]


def test_heading_tells_the_filter_the_documents_and_the_predicate() -> None:
    made = figure(pa.int64(), [4, 5], [4], where="signal < 5")
    assert made.get_suptitle().strip() == "name: 2 documents, 50.0% kept"
    assert [text.get_text() for text in made.texts if text.get_text() == "signal < 5"]


def test_no_documents_and_one_document_are_drawn(tmp_path: Path) -> None:
    for texts in ((), ("x",)):
        file = write(tmp_path / "a.parquet", documents(*texts))
        run(Lines(), file, plot=tmp_path / "a.png")
        assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_run_draws_the_same_bytes(tmp_path: Path, ending: str) -> None:
    file = write(tmp_path / "a.parquet", documents("abcd", "a", "日本語 $x$", lang=["C", "$x$", "日本語"]))
    results = [run(Size(), file, plot=tmp_path / f"{number}.{ending}") for number in (1, 2)]
    first, second = (Path(result["plot"]).read_bytes() for result in results)
    assert first == second
    assert b"20" + b"26-" not in first


@pytest.mark.parametrize("name", ["a.jpg", "folder.png", "a"])
def test_a_picture_that_cannot_be_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match=r"--plot .*ends in \.png or \.svg"):
        run(Size(), "no-such-file.parquet", plot=tmp_path / name)


def test_a_filter_without_histograms_has_no_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="content_hash has no histogram"):
        run(Digest(), "no-such-file.parquet", plot=tmp_path / "a.png")
