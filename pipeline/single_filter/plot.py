"""The picture of `infill filter --plot`: a histogram of each signal, kept and dropped in their colours.

Bins are those that are printed, so the axis is a power scale where the histogram is; each stands as wide as
the next. Lines mark the numbers that the predicate compares a signal with. The same tally gives the same
bytes: no date, no random identifiers, and fonts that come with matplotlib.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pipeline.comparisons import Comparison, comparisons, number_text
from pipeline.histogram import Bin, NumberHistogram, new_histogram
from pipeline.single_filter.tally import Tally
from pipeline.store import committed

ENDINGS: Final = (".png", ".svg")
KEPT, DROPPED, LINE, GREY = "#2b6cb0", "#c3cad3", "#c2410c", "#5b6470"
PANEL_INCHES: Final = {1: (7.6, 3.6), 2: (5.2, 3.0), 3: (4.6, 2.7)}
"""Width and height of a panel, by the number of columns."""
DOTS_PER_INCH: Final = 150
MAX_TICKS: Final = 9
MAX_LABEL: Final = 24
MIN_WIDTH: Final = 6.0
MIN_ROWS: Final = 4
"""How many bars there is room for at least, so that a lone one is not a wall."""
LOW_BAR: Final = 0.02
"""A bar of less than this share of the tallest cannot be seen, so its count is written over it."""
LOW_BAR_COUNT: Final[Any] = {
    "xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom",
    "fontsize": 6.5, "color": GREY,
}  # fmt: skip
COUNT_INCHES, CHARACTER_INCHES, LABEL_INCHES = 0.06, 0.09, 0.9
"""Widths of a digit of such a count, of a letter below the axis, and of what stands left of it."""
PALETTE: Final = 64
"""Colours of a PNG: bars, lines and the edges of letters need no more, and the file is a third as long."""
STYLE: Final[Any] = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.edgecolor": "#9aa3ad", "axes.labelcolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "svg.hashsalt": "infill",
    "text.parse_math": False,
}  # fmt: skip


def check_plot(path: Path | None, signals: pa.Schema) -> None:
    """Raise ValueError if no picture can be drawn there, before any work."""
    if path is None:
        return
    if path.suffix not in ENDINGS or path.is_dir():
        raise ValueError(f"--plot {path}: expected a file whose name ends in .png or .svg; give another")
    if find_spec("matplotlib") is None:
        raise ValueError("--plot needs matplotlib, which is not installed; run pip install 'infill[plot]'")
    if not any(new_histogram(signal.type) for signal in signals):
        raise ValueError(f"--plot {path}: {', '.join(signals.names)} has no histogram; leave --plot out")


def draw(path: Path, name: str, where: str, tally: Tally) -> None:
    """Write the picture, whole or not at all."""
    import matplotlib  # noqa: PLC0415 — half a second of import that only pictures need

    with matplotlib.rc_context(STYLE), warnings.catch_warnings(), committed(path) as temporary:
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a box stands for it
        figure = figure_of(name, where, tally)
        if path.suffix == ".svg":
            figure.savefig(temporary, format="svg", metadata={"Date": None})
        else:
            _save_png(figure, temporary)


def _save_png(figure: Any, path: Path) -> None:
    from PIL import Image  # noqa: PLC0415 — matplotlib brings it

    with BytesIO() as drawn:
        figure.savefig(drawn, format="png", dpi=DOTS_PER_INCH)
        few = Image.open(drawn).convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE)
        few.save(path, format="PNG", optimize=True)


def figure_of(name: str, where: str, tally: Tally) -> Any:
    """A matplotlib figure with a panel for each signal that has a histogram."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    panels = tally.bins()
    columns = min(3, math.ceil(math.sqrt(len(panels))))
    rows = math.ceil(len(panels) / columns)
    width, height = (size * count for size, count in zip(PANEL_INCHES[columns], (columns, rows), strict=True))
    figure = Figure(figsize=(width, height + 0.8), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for index, (signal, bins) in enumerate(panels.items()):
        own = [found for found in comparisons(where) if found.signal == signal]
        is_number = isinstance(tally.histograms[signal], NumberHistogram)
        _panel(axes[index], signal, bins, own if is_number else None)
    for spare in list(axes)[len(panels) :]:
        spare.set_visible(False)
    _heading(figure, name, where, tally)
    return figure


def _heading(figure: Any, name: str, where: str, tally: Tally) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415

    share = f", {tally.kept / tally.documents:.1%} kept" if tally.documents else ""
    wide = int(figure.get_figwidth() * 14)
    told = where if len(where) <= wide else where[: wide - 1] + "…"
    figure.suptitle(
        f"{name}: {tally.documents:,} documents{share}\n\n", x=0.02, ha="left", fontsize=12, weight="bold"
    )
    figure.text(0.02, 1 - 0.43 / figure.get_figheight(), told, ha="left", va="center", color=GREY, fontsize=9)
    handles = [Patch(color=KEPT, label="kept"), Patch(color=DROPPED, label="dropped")]
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.995, 0.995), frameon=False, ncols=2)


def _panel(axes: Any, signal: str, bins: Sequence[Bin], lines: Sequence[Comparison] | None) -> None:
    """One signal's histogram; `lines` is None for texts, which have no scale."""
    axes.set_title(signal, loc="left")
    if not bins:
        axes.text(0.5, 0.5, "no documents", ha="center", va="center", color=GREY, transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
    elif lines is None:
        _texts(axes, bins)
    else:
        _numbers(axes, bins, lines)


def _texts(axes: Any, bins: Sequence[Bin]) -> None:
    """A bar to the right for each value, the most frequent on top."""
    places = range(len(bins))
    axes.barh(places, [own.part for own in bins], color=KEPT, height=0.8)
    dropped = [own.documents - own.part for own in bins]
    ends = axes.barh(places, dropped, left=[own.part for own in bins], color=DROPPED, height=0.8)
    axes.set_xlim(0, 1.14 * max(own.documents for own in bins))
    axes.bar_label(ends, [f"{own.documents:,}" for own in bins], padding=3, fontsize=7, color=GREY)
    axes.set_yticks(places, [_short(own.label) for own in bins], fontsize=9 if len(bins) <= 12 else 7)
    axes.set_ylim(max(len(bins), MIN_ROWS) - 0.5, -0.5)
    axes.set_xlabel("documents")
    _count_axis(axes.xaxis)


def _short(label: str) -> str:
    shown = "".join(character for character in label if character.isprintable()) or "(empty)"
    return shown if len(shown) <= MAX_LABEL else shown[: MAX_LABEL - 1] + "…"


def _numbers(axes: Any, bins: Sequence[Bin], lines: Sequence[Comparison]) -> None:
    """A bar for each bin; what is in none stands apart, to the right."""
    scale = [own for own in bins if math.isfinite(own.low)]
    apart = bins[len(scale) :]
    places = [index + 0.5 for index in range(len(scale))]
    places += [len(scale) + 1.0 + 0.04 * len(scale) + 1.8 * index for index in range(len(apart))]
    axes.bar(places, [own.part for own in bins], color=KEPT, width=0.92)
    dropped = [own.documents - own.part for own in bins]
    axes.bar(places, dropped, bottom=[own.part for own in bins], color=DROPPED, width=0.92)
    axes.set_ylabel("documents")
    axes.set_xlim(-0.5, max(places[-1] + 0.5, MIN_WIDTH))
    axes.set_ylim(0, max(own.documents for own in bins) * (1.18 if lines and scale else 1.05))
    _count_axis(axes.yaxis)
    _bin_axis(axes, scale, dict(zip(places[len(scale) :], (own.label for own in apart), strict=True)))
    _low_counts(axes, places, bins)
    for comparison in lines if scale else ():
        _line(axes, scale, comparison)


def _low_counts(axes: Any, places: Sequence[float], bins: Sequence[Bin]) -> None:
    """The counts of bars too low to be seen, upright if the bins are too narrow for them."""
    counts = {place: own.documents for place, own in zip(places, bins, strict=True)}
    low = {place: _edge(own) for place, own in counts.items() if 0 < own < LOW_BAR * max(counts.values())}
    rotation = 90 if max(map(len, low.values()), default=0) * COUNT_INCHES > _bin_inches(axes) else 0
    for place, text in low.items():
        axes.annotate(text, (place, counts[place]), rotation=rotation, **LOW_BAR_COUNT)


def _bin_inches(axes: Any) -> float:
    left, right = axes.get_xlim()
    panel = axes.figure.get_figwidth() / axes.get_gridspec().ncols
    return float((panel - LABEL_INCHES) / (right - left))


def _bin_axis(axes: Any, scale: Sequence[Bin], apart: Mapping[float, str]) -> None:
    """Numbers at edges, and the words below what is in no bin, which numbers must not run into."""
    edges = [own.low for own in scale] + [own.high for own in scale[-1:] if math.isfinite(own.high)]
    ticks = {float(index): _edge(edges[index]) for index in _ticks(edges)}
    for place, word in list(apart.items())[:1]:
        room = CHARACTER_INCHES / _bin_inches(axes)
        ticks = {at: own for at, own in ticks.items() if place - at > room * (len(own) + len(word)) / 2}
    axes.set_xticks([*ticks, *apart], [*ticks.values(), *apart.values()])


def _ticks(edges: Sequence[float]) -> range:
    """Which edges get a number: of shares fifths, else as many as fit."""
    fifth = round(edges[0] * 20) % 4 if edges else 0
    if edges and edges[-1] <= 1 and isinstance(edges[0], float) and len(edges) > MAX_TICKS:
        return range((4 - fifth) % 4, len(edges), 4)
    return range(0, len(edges), max(1, math.ceil(len(edges) / MAX_TICKS)))


def _count_axis(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    axis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter("{x:,.0f}")
    axis.grid(visible=True, color="#e8ebef", linewidth=0.8)


def _edge(value: float) -> str:
    """An edge's number in at most five characters or so."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            return f"{value / (1000 if unit == 'k' else limit):,.3g}{unit}"
    return f"{value:,.4g}"


def _line(axes: Any, scale: Sequence[Bin], comparison: Comparison) -> None:
    place = place_of(scale, comparison)
    inside = min(max(place, 0.0), float(len(scale)))
    arrow = "" if place == inside else " →" if place > inside else " ←"
    axes.axvline(inside, color=LINE, linewidth=1.3, linestyle=(0, (4, 2)))
    label = f"{comparison.operator} {number_text(comparison.number)}{arrow}"
    to_left = inside > len(scale) / 2
    offset = (-4, -3) if to_left else (4, -3)
    where = {"xy": (inside, 1.0), "xycoords": axes.get_xaxis_transform(), "xytext": offset}
    axes.annotate(
        label, **where, textcoords="offset points", ha="right" if to_left else "left", va="top", color=LINE
    )


def place_of(scale: Sequence[Bin], comparison: Comparison) -> float:
    """Where the cut of a comparison stands among bins of width 1; infinite if it is beyond them.

    Within a bin of a power scale it is where its logarithm is; among whole numbers, `<= 5` cuts before 6.
    What is compared for equality has no cut: it is in the middle of its bin if that holds nothing else.
    """
    cut = comparison.number
    if isinstance(scale[0].low, int) and comparison.operator in ("<=", ">"):
        cut = math.floor(cut) + 1
    for index, own in enumerate(scale):
        if own.low <= cut < own.high:
            if comparison.side in ("=", "<>") and own.high == own.low + 1:
                return index + 0.5
            if own.low >= 1 and math.isfinite(own.high):
                return index + math.log(cut / own.low) / math.log(own.high / own.low)
            return index + ((cut - own.low) / (own.high - own.low) if math.isfinite(own.high) else 0.5)
    return -math.inf if cut < scale[0].low else math.inf if cut > scale[-1].high else float(len(scale))
