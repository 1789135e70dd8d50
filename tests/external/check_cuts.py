"""Every cut of real files against the rules of docs/fim.md: `python -m tests.external.check_cuts FOLDER…`.

Takes files of as many languages as it finds, cuts all of them by each kind alone, with half-written code, and
checks every sample: the rules of its kind by tests/pipeline/synthesize/checker.py, which knows nothing of
the code; the laws of samples by laws.py; and that other batches, orders and processes make the same samples.
Prints a line a setting and exits with 1 at any violation. About a minute a 1,000 files and setting.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from tokenizers import Tokenizer

from filters.language import language_of
from filters.tokens.encoder import Encoder, load_encoder
from pipeline.config import Fim
from pipeline.synthesize.dialects import load_dialect
from tests.pipeline.synthesize.checker import violations
from tests.pipeline.synthesize.checker_windows import document_violations, narrowed
from tests.pipeline.synthesize.conftest import train
from tests.pipeline.synthesize.laws import check_sample
from tests.pipeline.synthesize.material import LITERALS, Sample, documents, fim, make, split_samples

HALF = {"rate": 0.3, "max_lines": 4, "to_block_end": 0.5}
WHOLE = {"rate": 1.0, "max_lines": 3, "to_block_end": 1.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "random": {"kinds": {"random": 1.0}},
    "random, FIM-NeoX": {"kinds": {"random": 1.0}, "dialect": "fim-neox"},
    "random, tokens": {"kinds": {"random": 1.0}, "unit": "token"},
    "random, lines": {"kinds": {"random": 1.0}, "unit": "line"},
    "empty": {"kinds": {"empty": 1.0}},
    "line": {"kinds": {"line": 1.0}},
    "line, to a border": {"kinds": {"line": 1.0}, "cursor": {"indent": 0, "border": 1, "inside": 0}},
    "line, its newline": {"kinds": {"line": 1.0}, "line_newline": True, "half_written": WHOLE},
    "lines": {"kinds": {"lines": 1.0}},
    "lines, at the indent": {"kinds": {"lines": 1.0}, "cursor": {"indent": 1, "border": 0, "inside": 0}},
    "block": {"kinds": {"block": 1.0}},
    "refact-v2": {"kinds": {"refact-v2": 1.0}},
    "random, snapped": {"kinds": {"random": 1.0}, "tokenization": "snap", "dialect": "fim-neox"},
    "line, snapped": {"kinds": {"line": 1.0}, "tokenization": "snap"},
    "lines, snapped": {"kinds": {"lines": 1.0}, "tokenization": "snap"},
}
MAX_BYTES = 100_000


@dataclass(frozen=True)
class Corpus:
    """Texts, each with its language, and a tokenizer for them."""

    texts: list[str]
    languages: list[str]
    tokenizer: str

    def table(self, encoder: Encoder) -> pa.Table:
        docs = documents(self.texts, encoder)
        return docs.set_column(docs.column_names.index("lang"), "lang", pa.array(self.languages, pa.string()))


@dataclass(frozen=True)
class Wanted:
    """Which files: how many, of which languages (none: all), and whether each newline becomes CR LF."""

    count: int
    languages: tuple[str, ...]
    crlf: bool


def find_files(folders: tuple[Path, ...]) -> dict[str, dict[bytes, Path]]:
    """Files by language and by a hash of their place, which is the order that they are taken in."""
    found: dict[str, dict[bytes, Path]] = {}
    for folder in folders:
        for root, _, names in os.walk(folder):
            for name in names:
                path = Path(root, name)
                if language := language_of(name):
                    digest = blake2b(str(path.relative_to(folder)).encode(), digest_size=8).digest()
                    found.setdefault(language, {})[digest] = path
    return found


def read_corpus(folders: tuple[Path, ...], wanted: Wanted, tokenizer: str) -> Corpus:
    """Distinct texts, of every language about as many as of every other."""
    found = find_files(folders)
    languages = [language for language in sorted(found) if language in (wanted.languages or found)]
    queues = {language: read_texts(found[language], wanted.crlf) for language in languages}
    texts: dict[str, str] = {}
    while queues and len(texts) < wanted.count:
        for language in list(queues):
            text = next((text for text in queues[language] if text not in texts), None)
            if text is None:
                del queues[language]
            elif len(texts) < wanted.count:
                texts[text] = language
    if not texts:
        raise click.UsageError("no file of a known language there")
    train(tokenizer, list(LITERALS))
    return Corpus(list(texts), list(texts.values()), tokenizer)


def read_texts(paths: dict[bytes, Path], crlf: bool) -> Iterator[str]:
    for digest in sorted(paths):
        path = paths[digest]
        if path.is_file() and 0 < path.stat().st_size <= MAX_BYTES:
            try:
                text = path.read_bytes().decode()
                yield text.replace("\r\n", "\n").replace("\n", "\r\n") if crlf else text
            except UnicodeDecodeError:
                continue


def settings_of(changes: dict[str, Any], context: int) -> Fim:
    known = {"dialect": "santacoder", "max_lines": 8, "half_written": HALF, **changes}
    return fim(rate=1.0, context=context, **known)


def token_places(window: str, tokenizer: Tokenizer) -> frozenset[int]:
    """Where the window's tokens end, as `tokenizers` itself tells it."""
    ends = (end for _, end in tokenizer.encode(window, add_special_tokens=False).offsets)
    return frozenset([0, *ends])


def check(corpus: Corpus, settings: Fim) -> tuple[Counter[str], list[str]]:
    """Cut and check all texts; returns counts by kind and what is wrong."""
    encoder = load_encoder(corpus.tokenizer)
    tokenizer = Tokenizer.from_file(corpus.tokenizer)
    tokenizer.encode_special_tokens = True
    by_document: dict[str, list[Sample]] = {}
    made = make(corpus.table(encoder), settings, encoder)
    for sample in split_samples(made):
        by_document.setdefault(sample.row["repo"], []).append(sample)
    counts: Counter[str] = Counter(shrunk=made.counts["shrunk"])
    found: list[str] = []
    for number, text in enumerate(corpus.texts):
        samples = by_document[f"repo-{number}"]
        rows = [sample.row for sample in samples]
        found += [f"{number}: {problem}" for problem in document_violations(text, rows, settings)]
        for sample, is_narrow in zip(samples, narrowed(rows, text), strict=True):
            check_sample(sample, text, settings, encoder)
            row = sample.row
            counts[f"{row['kind']}{', narrowed' if is_narrow else ''}"] += 1
            counts["half-written"] += row["deleted"] > 0
            if not is_narrow:
                window = text[row["window_start"] : row["window_end"]]
                by_tokens = settings.unit == "token" or settings.tokenization == "snap"
                places = token_places(window, tokenizer) if by_tokens else None
                margins = load_dialect(settings.dialect).cut_margins
                problems = violations(
                    text, row["lang"], row, settings, margins=tuple(margins), token_places=places
                )
                found += [f"{number} ({row['lang']}, part {row['part']}): {text}" for text in problems]
    return counts, found


def digests(corpus: Corpus, settings: Fim, numbers: list[int]) -> dict[int, bytes]:
    """A hash of the samples of each of these documents, all made in one batch."""
    encoder = load_encoder(corpus.tokenizer)
    docs = corpus.table(encoder).take(pa.array(numbers, pa.int64()))
    found = {number: blake2b(digest_size=16) for number in numbers}
    for ids, row in split_samples(make(docs, settings, encoder)):
        found[int(row["repo"].removeprefix("repo-"))].update(repr((ids, sorted(row.items()))).encode())
    return {number: digest.digest() for number, digest in found.items()}


def differing(corpus: Corpus, settings: Fim) -> list[str]:
    """Documents whose samples are others backwards, in batches of 7, or in two processes."""
    numbers = list(range(len(corpus.texts)))
    whole = digests(corpus, settings, numbers)
    backwards = digests(corpus, settings, numbers[::-1])
    batches = [numbers[start : start + 7][::-1] for start in numbers[::7]][::-1]
    apart: dict[int, bytes] = {}
    with ProcessPoolExecutor(2) as workers:
        for own in workers.map(_digests, [(corpus, settings, batch) for batch in batches], chunksize=9):
            apart |= own
    return [
        f"{number}: other samples"
        for number in numbers
        if not whole[number] == backwards[number] == apart[number]
    ]


def _digests(work: tuple[Corpus, Fim, list[int]]) -> dict[int, bytes]:
    return digests(*work)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--files", "count", default=2000, show_default=True, help="How many, spread over the languages."
)
@click.option("--language", "languages", multiple=True, help="Of this language only; may be repeated.")
@click.option("--crlf", is_flag=True, help="Make every newline CR LF.")
@click.option("--context", "contexts", multiple=True, default=(1024,), show_default=True)
@click.option("--setting", "names", multiple=True, type=click.Choice(list(SETTINGS)), help="This one only.")
@click.option("--same/--no-same", default=True, help="Whether to compare orders, batches and processes.")
def main(
    folders: tuple[Path, ...], contexts: tuple[int, ...], names: tuple[str, ...], same: bool, **wanted: Any
) -> None:
    """Cut real files by every kind, and check every cut."""
    failed = False
    with tempfile.TemporaryDirectory() as scratch:
        corpus = read_corpus(folders, Wanted(**wanted), f"{scratch}/tokenizer.json")
        tally = Counter(corpus.languages)
        print(
            f"{len(corpus.texts)} files of {len(tally)} languages, {sum(map(len, corpus.texts)):,} characters"
        )
        for context in contexts:
            for name in names or SETTINGS:
                settings = settings_of(SETTINGS[name], context)
                counts, found = check(corpus, settings)
                found += differing(corpus, settings) if same else []
                told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()) if count)
                print(f"{context:5} {name:22} {len(found):3} violations; {told}", flush=True)
                print("".join(f"      {problem}\n" for problem in found[:20]), end="", flush=True)
                failed |= bool(found)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
