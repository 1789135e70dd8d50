"""Visible text against html.parser, whose events are counted as BeautifulSoup would keep them."""

import html.entities
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.html_text import Html
from tests.filters.hostile_texts import HOSTILE, rows

VOID = {"br", "img", "input", "hr", "meta", "link"}
HIDING = {"script", "style", "template", "rt", "rp"}


class VisibleText(HTMLParser):
    """Counts text as `BeautifulSoup(text, "html.parser").get_text()` has it, without scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.open: list[str] = []
        self.data = ""
        self.visible = 0
        self.feed(text)
        self.close()
        self.end_data()

    def end_data(self) -> None:
        blank = not self.data.strip(" \n\t\f\r") and not {"pre", "textarea"} & set(self.open)
        if not HIDING & set(self.open):
            self.visible += min(len(self.data), 1) if blank else len(self.data)
        self.data = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.end_data()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.end_data()

    def handle_endtag(self, tag: str) -> None:
        self.end_data()
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.data += data

    def handle_entityref(self, name: str) -> None:
        self.data += html.entities.html5.get(f"{name};", f"&{name}")

    def handle_charref(self, name: str) -> None:
        self.data += chr(int(name[1:], 16) if name[0] in "xX" else int(name))

    def handle_comment(self, data: str) -> None:
        self.end_data()

    handle_decl = handle_pi = handle_comment


def visible(texts: list[str]) -> list[int]:
    return [row["visible_chars"] for row in rows(Html(), texts)]


plain = st.text(st.sampled_from("ab é漢\U0001f600 \n\t\r\f\u00a0\"'=/-;]>"), max_size=12)
references = st.sampled_from(
    [
        "&amp;",
        "&lt;",
        "&nbsp;",
        "&NotEqualTilde;",
        "&NewLine;",
        "&nosuch;",
        "&eacute ",
        "&#65;",
        "&#x1F600;",
        "&#10;",
    ]
)
values = st.sampled_from(
    ["", " a", " a=b", " a = 'x > y'", ' a="</p>"', " a=''", ' a="1" b', " a=/x", "\n a=1\n"]
)
hidden = st.sampled_from(
    ["<script>if (a</b>/.exec) {}</script>", "<style> a > b {}</STYLE>", "<script/>", "<br/>"]
)
marks = st.sampled_from(
    ["<!-- <p>no</p> -->", "<!---->", "<!doctype html>", "<?php no ?>", "<!x>", "<br>", "<hr />"]
)
preserved = st.tuples(st.sampled_from(["pre", "textarea"]), plain).map(
    lambda two: f"<{two[0]}>{two[1]}</{two[0]}>"
)


def element(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(["p", "DIV", "x-y", "template", "rt", "rp", "RP", "scripts", "textareas"])
    return st.tuples(names, values, inner).map(
        lambda three: f"<{three[0]}{three[1]}>{three[2]}</{three[0]} >"
    )


documents = st.recursive(
    st.one_of(plain, references, hidden, marks, preserved),
    lambda inner: st.one_of(element(inner), st.lists(inner, max_size=6).map("".join)),
    max_leaves=30,
)


@settings(deadline=None, max_examples=400)
@given(st.lists(documents, min_size=1, max_size=4))
def test_well_formed_html_measures_as_with_html_parser(texts: list[str]) -> None:
    assert visible(texts) == [VisibleText(text).visible for text in texts]


# Each was given to BeautifulSoup 4.15 over Python 3.11.7's html.parser.
JUDGED = [
    ("<p>one &amp; two</p>\n\n<p>three</p>", 15),
    ("<ruby>漢<rt>kan</ruby>字", 2),
    ("a <!-- b -- >c", 3),
    ("a < b <3 c", 10),
    ("<pre>  \n </pre>  \n <i>x</i>", 6),
    ("x</p foo='>y", 2),
    ("<a href='never>a", 16),
    ("<script>no", 0),
    ("<style></style", 0),
    ("&lt", 3),
    ("&#65", 4),
    ("<![CDATA[yes]]>no", 5),
]


@pytest.mark.parametrize(("text", "expected"), JUDGED)
def test_html_measures_as_with_beautiful_soup(text: str, expected: int) -> None:
    assert visible([text]) == [expected]


def test_every_named_character_counts_its_code_points() -> None:
    names = sorted({name.rstrip(";") for name in html.entities.html5})
    assert len(names) > 2000
    lengths = [len(html.entities.html5[f"{name};"]) for name in names]
    assert visible([f"x&{name};" for name in names]) == [1 + length for length in lengths]


def test_fraction_is_of_all_characters() -> None:
    assert rows(Html(), ["<b>é</b>", ""]) == [
        {"visible_chars": 1, "visible_fraction": 1 / 8},
        {"visible_chars": 0, "visible_fraction": 0.0},
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_never_show_more_than_they_hold(text: str) -> None:
    assert 0 <= visible([text])[0] <= len(text)


BOMBS = [
    '<a x="',
    '<a x="1" ',
    "<a x='>\" ",
    '<a x=">" ',
    "<!--",
    "<!-- -- >x",
    "</",
    "<![CDATA[",
    "<![CDATA[ >",
]
BOMBS += [
    "<script>",
    "<style></scr",
    "&#",
    "&#1",
    "&a",
    "<",
    "<a",
    "<?",
    "<!",
    '<b x="><b ',
    "<!-- >",
    "<pre>",
    "<rt>",
]


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("end", ["", "'>\"", ">\"'-->]]>"])
def test_bombs_take_linear_time(bomb: str, end: str) -> None:
    """Quadratic time would be hours."""
    text = bomb * (3_000_000 // len(bomb)) + end
    assert 0 <= visible([text])[0] <= len(text)


def test_one_line_of_fifty_megabytes_is_read() -> None:
    assert visible(["<p>" + "a" * 50_000_000 + "</p>"]) == [50_000_000]
