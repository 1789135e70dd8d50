"""StarCoder's table and BigCode's decision by it."""

import itertools

import polars as pl
import pyarrow as pa
import pytest

from filters.extension_table import ExtensionTable, starcoder_table
from filters.lines import Lines

PREDICATE = (
    "starcoder_included = 1"
    " and (starcoder_line_max < 0 or max_line_length <= starcoder_line_max)"
    " and (starcoder_line_mean < 0 or avg_line_length <= starcoder_line_mean)"
    " and alphanum_fraction >= starcoder_alnum_min and alpha_fraction >= starcoder_alpha_min"
)

# BigCode's rows that differ from (1000, 100, 0.25, none), by hand from the notes of its table.
NO_LINE_LIMIT = {
    *(("markdown", ext) for ext in ("markdown", "md", "mkd", "mkdn", "ron")),
    *(
        ("tex", ext)
        for ext in ["bbx", "bib", "cbx", "dtx", "ins", "lbx", "mkii", "mkiv", "mkvi", "sty", "tex"]
    ),
    *{("r", "r"), ("restructuredtext", "rst"), ("rmarkdown", "rmd"), ("sql", "sql"), ("stata", "ado")},
    *{("stata", "do"), ("cmake", "cmake"), ("bluespec", "bsv"), ("matlab", "matlab"), ("mathematica", "ma")},
    *{("mathematica", "nb"), ("json", "json"), ("visual-basic", "frm"), ("assembly", "asm")},
}
NO_ALNUM_LIMIT = {("mathematica", "ma"), ("mathematica", "nb"), ("sas", "sas"), ("visual-basic", "frm")}
HALF_LETTERS = {("json", "json"), ("yaml", "yaml"), ("yaml", "yml")}
QUARTER_LETTERS = {
    *{
        ("ada", "ads"),
        ("augeas", "aug"),
        ("glsl", "fp"),
        ("maple", "mpl"),
        ("matlab", "matlab"),
        ("sql", "prc"),
    },
    *{("mathematica", "ma"), ("mathematica", "nb"), ("mathematica", "wl"), ("systemverilog", "sv")},
    *{("scheme", "scm"), ("scheme", "sld"), ("scheme", "sps"), ("vhdl", "vhd"), ("visual-basic", "bas")},
    *{("yacc", "y")},
}


def bigcode_keeps(language: str, ext: str | None, text: str) -> bool:
    """The decision of BigCode's preprocessing for one file, in words of our own."""
    dataset_name = {"C#": "c-sharp", "F#": "f-sharp"}.get(language, language.lower().replace(" ", "-"))
    row = (dataset_name, ext or "")
    if row not in starcoder_table() or not starcoder_table()[row].included:
        return False
    lengths = [len(line) for line in text.splitlines()] or [0]
    if row not in NO_LINE_LIMIT:
        limit = 500 if row == ("glsl", "fsh") else 1000
        if max(lengths) > limit or sum(lengths) / len(lengths) > 100:
            return False
    if row not in NO_ALNUM_LIMIT and sum(map(str.isalnum, text)) / len(text) < 0.25:
        return False
    letters = 0.5 if row in HALF_LETTERS else 0.25 if row in QUARTER_LETTERS else 0.0
    return sum(map(str.isalpha, text)) >= letters * len(text)


TEXTS = [
    "abc\n" * 10,
    "a" * 500 + "\n" * 9,
    "a" * 501 + "\n" * 9,
    "a" * 1000 + "\n" * 99,
    "a" * 1001 + "\n" * 99,
    "a" * 101,
    "a1--" * 10,
    "a---" * 10,
    "1---" * 10,
    "a----" * 10,
    "-" * 20,
    "ab12" * 10,
    "ab-12" * 10,
]
SPELLINGS = {"c-sharp": "C#", "f-sharp": "F#", "c++": "C++", "restructuredtext": "reStructuredText"}


def decisions(pairs: list[tuple[str, str | None]], text: str) -> list[bool]:
    docs = pa.table(
        {
            "lang": pa.array([language for language, _ in pairs], pa.string()),
            "ext": pa.array([ext for _, ext in pairs], pa.string()),
            "content": pa.array([text] * len(pairs), pa.large_string()),
        }
    )
    signals = pl.concat(
        [pl.from_arrow(ExtensionTable()(docs)), pl.from_arrow(Lines()(docs))], how="horizontal"
    )
    return list(signals.select(pl.sql_expr(PREDICATE))[:, 0].to_list())


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_one_predicate_decides_as_bigcode_does(text: str) -> None:
    pairs: list[tuple[str, str | None]] = [(SPELLINGS.get(a, a), ext) for a, ext in starcoder_table()]
    pairs += [("Python", "xyz"), ("Dockerfile", None), ("Python", None), ("Swift", "swift"), ("HTML", "py")]
    assert decisions(pairs, text) == list(itertools.starmap(bigcode_keeps, [(*pair, text) for pair in pairs]))


def test_texts_reach_every_limit() -> None:
    """Else the test above could not fail."""
    kept = {pair: [bigcode_keeps(*pair, text) for text in TEXTS] for pair in starcoder_table()}
    plain, table = (
        kept["python", "py"],
        {pair: kept[pair] for pair in kept if kept[pair] != kept["python", "py"]},
    )
    assert any(plain)
    excluded = {pair for pair, row in starcoder_table().items() if not row.included}
    special = NO_LINE_LIMIT | NO_ALNUM_LIMIT | HALF_LETTERS | QUARTER_LETTERS | {("glsl", "fsh")} | excluded
    assert set(table) == special


def test_table_has_bigcodes_size() -> None:
    rows = starcoder_table()
    assert len(rows) == 302
    assert sum(row.included for row in rows.values()) == 266
    assert len({language for (language, _), row in rows.items() if row.included}) == 88


def test_limits_are_numbers_or_minus_one() -> None:
    docs = pa.table(
        {"lang": ["GLSL", "SAS", "JSON", "Perl", "?"], "ext": ["fsh", ".SAS", "json", "al", None]}
    )
    assert [list(row.values()) for row in ExtensionTable()(docs).to_pylist()] == [
        [1, 500, 100.0, 0.25, -1.0],
        [1, 1000, 100.0, -1.0, -1.0],
        [1, -1, -1.0, 0.25, 0.5],
        [0, -1, -1.0, -1.0, -1.0],
        [-1, -1, -1.0, -1.0, -1.0],
    ]


def test_a_column_of_nulls_is_in_no_row() -> None:
    docs = pa.table({"lang": pa.nulls(2, pa.string()), "ext": pa.nulls(2, pa.string())})
    assert ExtensionTable()(docs)["starcoder_included"].to_pylist() == [-1, -1]
