"""Decontamination finds what `item.lower() in content.lower()` finds, where it stands, and shared n-grams."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from filters.decontaminate import Decontaminate
from filters.decontamination.folding import folded, resolve_sigma
from pipeline.annotate import filter_key
from tests.filters.decontamination.problems import exact, humaneval, reflowed, renamed, shouted, write_lines

ODD = "aAbB İΣσςßẞKſéÉ中🙂ǅ'.\n\t\u2003\u2028\u0307_1"
NO_SIGMA = "aAbBcC İßẞK中🙂'.\n\u2003\u2028_1"
HOSTILE = [
    "",
    "x",
    "\0\0",
    "a\rb\r\nc\u2028d",
    "\ufeffx",
    "🙂" * 9,
    '"""unterminated',
    "(" * 100_000,
    "Σ" * 99,
]
no_deadline = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def rows_of(texts: Sequence[str], benchmark: str, **fields: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Decontaminate(benchmarks=(benchmark,), **fields)(
        pa.table({"content": pa.array(texts, pa.large_string())})
    ).to_pylist()
    return rows


def plain_file(path: Path, items: Sequence[str]) -> str:
    return "made=" + write_lines(path, [{"text": item} for item in items])


def by_python(text: str, items: Sequence[str], *, squeeze: bool) -> tuple[str, int, int]:
    """(number of the first item that stands in the text, start, end), by str.lower and `in`."""

    def form(content: str) -> str:
        return "".join(content.lower().split()) if squeeze else content.lower()

    owners = [at for at, c in enumerate(text) if not (squeeze and c.isspace()) for _ in c.lower()]
    for number, item in enumerate(items):
        if item.strip() and form(item) in form(text):
            at = form(text).index(form(item))
            return f"#{number}", owners[at], owners[at + len(form(item)) - 1] + 1
    return "", -1, -1


def words(text: str) -> list[str]:
    return [word.lower() for word in re.findall(r"\w+", text)]


def grams(text: str, n: int) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + n]) for at in range(len(found) - n + 1)}


@st.composite
def texts_and_items(draw: Callable[[Any], Any], alphabet: str) -> tuple[list[str], list[str]]:
    texts = draw(st.lists(st.text(alphabet, max_size=60), min_size=1, max_size=4))
    whole = "".join(texts) or "a"
    starts = draw(st.lists(st.tuples(st.integers(0, len(whole)), st.integers(1, 40)), max_size=4))
    items = [whole[start : start + size] for start, size in starts]
    items += (
        [item.upper() for item in items]
        + draw(st.lists(st.text(alphabet, max_size=12), max_size=3))
        + ["zzz"]
    )
    return texts, items


@no_deadline
@given(drawn=texts_and_items(ODD), squeeze=st.booleans())
def test_substrings_are_those_that_python_finds(
    drawn: tuple[list[str], list[str]], squeeze: bool, tmp_path: Path
) -> None:
    texts, items = drawn
    found = rows_of(texts, plain_file(tmp_path / "items.jsonl", items), ignore_whitespace=squeeze, ngram=64)
    got = [(r["contamination_item"], r["contamination_start"], r["contamination_end"]) for r in found]
    assert got == [by_python(text, items, squeeze=squeeze) for text in texts]


@no_deadline
@given(drawn=texts_and_items(NO_SIGMA), n=st.integers(1, 3))
def test_overlap_is_the_largest_share_of_distinct_ngrams(
    drawn: tuple[list[str], list[str]], n: int, tmp_path: Path
) -> None:
    texts, items = drawn
    # No item is a substring: of each, one character is replaced by one that no text has.
    items = [f"{item} zzz {item[::-1]}" for item in items]
    rows = rows_of(texts, plain_file(tmp_path / "items.jsonl", items), ngram=n)
    for text, row in zip(texts, rows, strict=True):
        held = grams(text, n)
        shares = [len(own & held) / len(own) if (own := grams(item, n)) else 0.0 for item in items]
        best = max(shares)
        assert row["ngram_overlap"] == best
        assert row["contamination_item"] == (f"#{shares.index(best)}" if best else "")
        if best:
            shared = grams(items[shares.index(best)], n) & held
            assert shared <= grams(text[row["contamination_start"] : row["contamination_end"]], n)


@no_deadline
@given(text=st.text(ODD + "ΑΒ-", max_size=40))
def test_lower_case_is_pythons(text: str) -> None:
    assert folded(text, "lower") == text.lower().encode()
    assert folded(text, "squeezed") == "".join(text.lower().split()).encode()


def test_lower_case_is_pythons_for_every_code_point() -> None:
    every = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    assert folded(every, "lower") == every.lower().encode()
    assert folded(every, "squeezed") == "".join(every.lower().split()).encode()
    assert resolve_sigma("ΣΑΣ ΑΣ'Α") == "σΑς ΑΣ'Α".replace("Α", "Α").replace("ΑΣ'", "Ασ'")


@pytest.mark.parametrize(
    ("planted", "fields", "least"),
    [
        (exact, {}, 1.0),
        (shouted, {}, 1.0),
        (reflowed, {"ignore_whitespace": True}, 1.0),
        (renamed, {}, 0.9),
    ],
)
def test_planted_problems_are_found_and_named(
    planted: Callable[[], list[str]], fields: dict[str, Any], least: float, tmp_path: Path
) -> None:
    benchmark = "he=" + write_lines(tmp_path / "he.jsonl", humaneval())
    rows = rows_of(planted(), benchmark, **fields)
    right = [row["contamination_item"] == f"Made/{number}" for number, row in enumerate(rows)]
    assert sum(right) / len(right) >= least
    method = "ngram" if planted is renamed else "substring"
    assert {row["contamination_method"] for row in rows} - {""} == {method}
    assert {row["contaminated_by"] for row in rows} - {""} == {"he"}


def test_clean_code_is_clean(tmp_path: Path) -> None:
    benchmark = "he=" + write_lines(tmp_path / "he.jsonl", humaneval())
    sources = [file.read_text(encoding="utf-8") for file in sorted(Path(re.__file__).parent.glob("*.py"))]
    for row in rows_of(sources, benchmark):
        assert row == {
            "contaminated_by": "",
            "contamination_item": "",
            "contamination_start": -1,
            "contamination_end": -1,
            "contamination_method": "",
            "ngram_overlap": 0.0,
        }


def test_span_is_where_the_item_stands(tmp_path: Path) -> None:
    benchmark = plain_file(tmp_path / "items.jsonl", ["an item of several words"])
    (row,) = rows_of(["é🙂İ AN ITEM\tof  several words."], benchmark, ignore_whitespace=True)
    assert "é🙂İ AN ITEM\tof  several words."[row["contamination_start"] : row["contamination_end"]] == (
        "AN ITEM\tof  several words"
    )


def test_whole_item_goes_before_ngrams_and_the_first_item_first(tmp_path: Path) -> None:
    items = ["one two three four", "two three", "three four"]
    benchmark = plain_file(tmp_path / "items.jsonl", items)
    by_first, by_whole = rows_of(
        ["one two three four", "zero one two three x three four"], benchmark, ngram=2
    )
    assert (by_first["contamination_item"], by_first["ngram_overlap"]) == ("#0", 1.0)
    assert (by_whole["contamination_item"], by_whole["contamination_method"]) == ("#1", "substring")


def test_first_of_items_with_equal_shares_is_named(tmp_path: Path) -> None:
    benchmark = plain_file(tmp_path / "items.jsonl", ["aa bb cc", "dd ee ff"])
    for row in rows_of(["dd ee x aa bb", "aa bb x dd ee"], benchmark, ngram=2):
        assert (row["contamination_item"], row["ngram_overlap"]) == ("#0", 0.5)


def test_short_items_may_be_left_to_ngrams(tmp_path: Path) -> None:
    benchmark = plain_file(tmp_path / "items.jsonl", ["a b", "a long enough item"])
    assert rows_of(["a b"], benchmark)[0]["contamination_item"] == "#0"
    assert rows_of(["a b"], benchmark, min_item_chars=4)[0]["contamination_item"] == ""
    assert rows_of(["a b"], benchmark, min_item_chars=4, ngram=2)[0]["contamination_method"] == "ngram"


def test_hostile_texts_are_only_texts(tmp_path: Path) -> None:
    items = ["needle in a haystack of bytes", "((((((((((x", "\0\0x"]
    benchmark = plain_file(tmp_path / "items.jsonl", items)
    for squeeze in (False, True):
        for text, row in zip(HOSTILE, rows_of(HOSTILE, benchmark, ignore_whitespace=squeeze), strict=True):
            assert row["contaminated_by"] == "", text[:20]


def test_needle_is_found_at_the_end_of_50_mb_in_one_line(tmp_path: Path) -> None:
    needle = "needle in a haystack of bytes"
    benchmark = plain_file(tmp_path / "items.jsonl", [needle])
    (row,) = rows_of([needle[:-1] * 1_800_000 + needle], benchmark)
    assert row["contamination_start"] == 28 * 1_800_000
    assert row["contamination_end"] == 28 * 1_800_000 + 29


def test_lone_surrogates_stop_at_the_boundary() -> None:
    with pytest.raises((UnicodeEncodeError, pa.ArrowInvalid)):
        pa.array(["\ud800"], pa.large_string())


def test_null_text_is_an_error(tmp_path: Path) -> None:
    fltr = Decontaminate(benchmarks=(plain_file(tmp_path / "items.jsonl", ["a"]),))
    with pytest.raises(ValueError, match="1 nulls"):
        fltr(pa.table({"content": ["a", None]}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"benchmarks": ()}, "give a list of files"),
        ({"benchmarks": "a.jsonl"}, "give a list of files"),
        ({"benchmarks": ("nowhere.jsonl",)}, "no benchmark file nowhere.jsonl"),
        ({"ngram": 0}, "within 1..64"),
        ({"min_item_chars": 0}, "at least 1"),
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    right = {"benchmarks": (plain_file(tmp_path / "items.jsonl", ["a"]),)}
    with pytest.raises(ValueError, match=message):
        Decontaminate(**(right | fields))


def test_a_changed_file_is_read_anew_and_changes_the_key(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    fltr = Decontaminate(benchmarks=(plain_file(path, ["first item"]),))
    docs, before = pa.table({"content": ["The second item."]}), filter_key(fltr)
    assert fltr(docs)["contaminated_by"].to_pylist() == [""]
    plain_file(path, ["the second item"])
    assert fltr(docs)["contaminated_by"].to_pylist() == ["made"]
    assert filter_key(fltr) != before


def test_key_holds_names_and_contents_but_no_folders(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        plain_file(tmp_path / folder / "items.jsonl", ["an item"])
    keys = [
        filter_key(Decontaminate(benchmarks=(f"{n}={tmp_path}/{f}/items.jsonl",)))
        for n, f in ("xa", "xb", "ya")
    ]
    assert keys[0] == keys[1] != keys[2]
