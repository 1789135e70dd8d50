"""`python -m benchmarks.topic_table --about DIR --other DIR --out FILE`: make a table for the topic filter.

Both folders hold text files of passages with blank lines between them: passages about the topic, and about
anything else; several files a side, of unlike origin. A word's weight is the logarithm of how much more
often it stands in a passage of the first kind, averaged over files; the words kept are those with the
largest weight times the root of their count. Bias and slope are then fitted by logistic regression on the
passages' mean weights. With `--table FILE` nothing is
made, and precision and recall of that table on the two folders are printed.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.topic import Topic, words_of

Folder = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--about", type=Folder, required=True)
@click.option("--other", type=Folder, required=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write a table made from the two folders.")
@click.option("--table", type=click.Path(exists=True), help="Measure this table on the two folders.")
@click.option("--words", default=400, show_default=True, help="Words in the table.")
def main(about: Path, other: Path, out: Path | None, table: str | None, words: int) -> None:
    """Make a table of word weights, or measure one."""
    if out is not None:
        out.write_text(as_toml(*fit(passages(about), passages(other), words)), encoding="utf-8")
    if table is not None:
        measure(table, about, other)


def passages(folder: Path) -> list[list[str]]:
    """The passages of each file of a folder."""
    return [passages_of(file) for file in sorted(folder.glob("*.txt"))]


def passages_of(file: Path) -> list[str]:
    return [passage for passage in file.read_text(encoding="utf-8").split("\n\n") if passage.strip()]


def fit(about: list[list[str]], other: list[list[str]], words: int) -> tuple[float, float, dict[str, float]]:
    """(bias, slope, weights)."""
    totals: Counter[str] = Counter(word for text in chain(*about, *other) for word in set(words_of(text)))
    known = sorted(word for word in totals if word.isalpha() and len(word) > 1)
    difference = log_rates(about, known) - log_rates(other, known)
    surest = np.argsort(-np.abs(difference) * np.sqrt([totals[word] for word in known]), kind="stable")
    table = {known[index]: round(float(difference[index]), 2) for index in surest[:words].tolist()}
    texts = [*chain(*about), *chain(*other)]
    labels = np.repeat([1.0, 0.0], [sum(map(len, about)), sum(map(len, other))])
    return *logistic_fit(np.array([mean_weight(text, table) for text in texts]), labels), table


def log_rates(files: list[list[str]], known: list[str]) -> npt.NDArray[np.float64]:
    """The mean over files of the logarithm of the share of passages that hold a word.

    The mean of logarithms keeps out a word that only one file is fond of.
    """
    rates = []
    for texts in files:
        counts = Counter(word for text in texts for word in set(words_of(text)))
        rates.append(np.log([(counts[word] + 1) / (len(texts) + 2) for word in known]))
    return np.mean(rates, axis=0)


def mean_weight(text: str, table: dict[str, float]) -> float:
    words = words_of(text)
    return sum(table.get(word, 0.0) for word in words) / max(1, len(words))


def logistic_fit(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """(bias, slope) by Newton's method."""
    design, theta = np.stack([np.ones_like(x), x], axis=1), np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ theta))
        theta += np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design, design.T @ (y - p))
    return float(theta[0]), float(theta[1])


def as_toml(bias: float, slope: float, table: dict[str, float]) -> str:
    lines = [f"{word} = {weight}" for word, weight in sorted(table.items())]
    return "\n".join([f"bias = {bias:.3f}", f"slope = {slope:.3f}", "", "[weights]", *lines, ""])


def measure(table: str, about: Path, other: Path) -> None:
    """Print the share of each file's passages above one half, and precision and recall over all."""
    found: list[tuple[int, int]] = []
    for folder in (about, other):
        above = total = 0
        for file in sorted(folder.glob("*.txt")):
            texts = passages_of(file)
            scores = Topic(table=table)(pa.table({"content": texts}))["topic_score"].to_numpy()
            print(f"{folder.name}/{file.stem}: {len(texts)} passages, {(scores > 0.5).mean():.1%} above 0.5")
            above, total = above + int((scores > 0.5).sum()), total + len(texts)
        found.append((above, total))
    (hits, total), (false, _) = found
    print(f"precision {hits / (hits + false):.3f}, recall {hits / total:.3f}")


if __name__ == "__main__":
    main()
