"""Redaction replaces the spans and nothing else, by fakes that depend on key, kind and value alone."""

from __future__ import annotations

import ipaddress
import re
from hashlib import blake2b

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.pii import Pii
from filters.redaction import REDACTION_VERSION, redact
from filters.secret_spans import Secrets
from filters.sensitive.spans import Span
from tests.filters.seeded_secrets import Case, more_forms, seeded

KEY = b"seed"
CASES = [*seeded().values(), *more_forms()]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)


def spans_of(text: str) -> list[Span]:
    docs = pa.table({"content": [text]})
    signals = Secrets()(docs).to_pylist()[0]["secret_spans"] + Pii()(docs).to_pylist()[0]["pii_spans"]
    return [Span(**span) for span in signals]


def fake(kind: str, value: str, *, keep_length: bool = False) -> str:
    return redact(value, [Span(kind, 0, len(value))], key=KEY, keep_length=keep_length)


@every_case
@pytest.mark.parametrize("keep_length", [False, True])
def test_a_fake_key_is_not_found_again(case: Case, keep_length: bool) -> None:
    text = redact(case.text, spans_of(case.text), key=KEY, keep_length=keep_length)
    assert case.value not in text
    assert [span for span in spans_of(text) if span.kind not in ("email", "ipv4")] == []
    assert len(text) == len(case.text) or not keep_length
    assert text.count("\n") == case.text.count("\n")


@every_case
def test_a_fake_begins_with_what_the_key_says_in_public(case: Case) -> None:
    made = fake(case.kind, case.value)
    prefix = made.partition("EXAMPLE")[0] if "\n" not in case.value else ""
    assert case.value.startswith(prefix)
    assert len(prefix) < 12


def test_one_value_has_one_fake_under_one_key() -> None:
    text = "ann@site.org bob@site.org ann@site.org"
    spans = spans_of(text)
    first, second, third = redact(text, spans, key=KEY).split()
    assert first == third != second
    assert redact(text, spans, key=b"other").split()[0] != first
    assert fake("email", "ann@site.org") == first


def test_pem_blocks_keep_their_lines() -> None:
    case = seeded()["private_key"]
    for keep_length in (False, True):
        lines = redact(case.text, spans_of(case.text), key=KEY, keep_length=keep_length).split("\n")
        assert [len(line) for line in lines] == [len(line) for line in case.text.split("\n")]
        assert lines[0] == case.text.split("\n")[0]
        assert not set(lines[1:-1]) & set(case.text.split("\n"))


def test_escaped_line_ends_stay_in_a_key() -> None:
    case = next(case for case in more_forms() if "\\n" in case.value)
    made = fake(case.kind, case.value)
    assert [len(line) for line in made.split("\\n")] == [len(line) for line in case.value.split("\\n")]


@pytest.mark.parametrize("length", range(7, 16))
def test_fake_ipv4_addresses_are_private_and_as_long(length: int) -> None:
    made = [fake("ipv4", f"{n:x}".rjust(length, "1"), keep_length=True) for n in range(40)]
    assert {len(address) for address in made} == {length}
    assert all(ipaddress.ip_address(address).is_private for address in made)
    assert len(set(made)) > 20


@pytest.mark.parametrize("length", range(6, 40))
def test_fake_ipv6_addresses_are_local_and_as_long(length: int) -> None:
    made = fake("ipv6", "a" * length, keep_length=True)
    assert len(made) == length
    assert ipaddress.ip_address(made) in ipaddress.ip_network("fd00::/8")


def test_fake_addresses_of_free_length_belong_to_nobody() -> None:
    assert ipaddress.ip_address(fake("ipv4", "81.2.69.142")) in ipaddress.ip_network("10.0.0.0/8")
    assert ipaddress.ip_address(fake("ipv6", "2a00::1:2")) in ipaddress.ip_network("fd00::/8")
    assert re.fullmatch(r"[a-z]{5,8}@example\.com", fake("email", "ann@site.org"))


@pytest.mark.parametrize("length", [*range(6, 30), 300])
def test_fake_emails_are_as_long(length: int) -> None:
    made = fake("email", "x" * length, keep_length=True)
    assert len(made) == length
    assert made.count("@") == 1
    assert length < 8 or made.endswith(("@example.com", "@x.test"))


@pytest.mark.parametrize("value", ["a", "漢" * 9, "!@#$%^&*()", "p-1", "\n\n\n", "", "x\r\ny"])
@pytest.mark.parametrize("kind", ["email", "password", "private_key"])
def test_odd_values_keep_their_length_and_lines(value: str, kind: str) -> None:
    if kind != "email" or len(value) > 5:
        made = fake(kind, value, keep_length=True)
        assert len(made) == len(value)
        assert kind == "email" or re.findall(r"[\r\n]", made) == re.findall(r"[\r\n]", value)


def test_no_space_comes_in_at_the_start_or_between_neighbours() -> None:
    spans = [Span("password", 0, 2), Span("email", 2, 4)]
    assert redact("abcd", spans, key=KEY, style="token") == "<KEY><EMAIL>"


def test_overlapping_spans_are_replaced_as_one_of_the_first_kind() -> None:
    spans = [Span("email", 3, 6), Span("password", 1, 4), Span("ipv4", 5, 7)]
    assert redact("0123456789", spans, key=KEY, style="token") == "0<KEY>789"


def test_tokens_name_the_kind() -> None:
    kinds = ("email", "ipv4", "ipv6", "github_token")
    spans = [Span(kind, index, index + 1) for index, kind in enumerate(kinds)]
    expected = "<EMAIL><IP_ADDRESS><IP_ADDRESS><KEY>"
    assert redact("abcd", spans, key=KEY, style="token") == expected


@settings(deadline=None, max_examples=200)
@given(st.text(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9))), st.booleans())
def test_text_outside_the_spans_is_untouched(
    text: str, pieces: list[tuple[int, int]], keep_length: bool
) -> None:
    spans = [Span("password", start, start + size) for start, size in pieces if start + size <= len(text)]
    covered = {place for span in spans for place in range(span.start, span.end)}
    made = redact(text, spans, key=KEY, style="token")
    kept = "".join(letter for place, letter in enumerate(text) if place not in covered)
    assert made.replace("<KEY>", "") == kept.replace("<KEY>", "")
    if keep_length:
        same = redact(text, spans, key=KEY, keep_length=True)
        assert len(same) == len(text)
        assert all(
            a == b for place, (a, b) in enumerate(zip(text, same, strict=True)) if place not in covered
        )


@pytest.mark.parametrize("span", [Span("email", 0, 9), Span("email", -1, 2), Span("email", 2, 1)])
def test_a_span_outside_the_text_is_refused(span: Span) -> None:
    with pytest.raises(ValueError, match="not within the text's 4 characters"):
        redact("abcd", [span], key=KEY)


def test_a_style_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="a token has a length of its own"):
        redact("", [], key=KEY, style="token", keep_length=True)
    with pytest.raises(ValueError, match="must be one of fake, token"):
        redact("", [], key=KEY, style="stars")  # type: ignore[arg-type]


def test_fakes_change_only_with_the_version() -> None:
    values = [*((case.kind, case.value) for case in CASES), ("email", "a@b.cc"), ("ipv4", "81.2.69.142")]
    made = [fake(kind, value, keep_length=keep) for kind, value in values for keep in (False, True)]
    digest = blake2b("\n".join(made).encode(), digest_size=8).hexdigest()
    assert (REDACTION_VERSION, digest) == (1, "b975d9634e209335")
