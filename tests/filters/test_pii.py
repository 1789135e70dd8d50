"""E-mail and IP addresses are found as BigCode's rules decide, and no text takes long."""

from __future__ import annotations

import ipaddress
import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.pii import Pii

MB = 1_000_000
NAME_SERVERS = (
    "8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 76.76.19.19 76.223.122.150 9.9.9.9 149.112.112.112 208.67.222.222 "
    "208.67.220.220 8.26.56.26 8.20.247.20 94.140.14.14 94.140.15.15"
)


def rows(texts: list[str]) -> list[dict[str, object]]:
    return list(Pii()(pa.table({"content": pa.array(texts, pa.large_string())})).to_pylist())


def found(text: str) -> list[tuple[str, str]]:
    row = Pii()(pa.table({"content": [text]})).to_pylist()[0]
    spans = row["pii_spans"]
    assert row["n_emails"] == sum(span["kind"] == "email" for span in spans)
    assert row["n_emails"] + row["n_ips"] == len(spans)
    return [(span["kind"], text[span["start"] : span["end"]]) for span in spans]


EMAILS = {
    "mail jane.doe@gmail.com now": "jane.doe@gmail.com",
    "<a+b@x-y.co.uk>": "a+b@x-y.co.uk",
    "mailto:a@b.com?subject=x": "a@b.com",
    "write to a@b.com.": "a@b.com",
    "__author__ = 'a_b%c@d.e.f.museum'": "a_b%c@d.e.f.museum",
    "邮箱foo@bar.com。": "foo@bar.com",
    "é jörg@müller.de": "jörg@müller.de",
    "x@xn--bcher-kva.xn--p1ai": "x@xn--bcher-kva.xn--p1ai",
    "\ufeffann@site.org\u2028": "ann@site.org",
    "\x00ann@site.org\x00": "ann@site.org",
    "who?ann@example.com": "ann@example.com",
}
NOT_EMAILS = [
    "a@b",
    "@decorator.name",
    "x = a@b.T",
    "A@B.dot(C)",
    "lodash@4.17.21",
    "icon@2x.png",
    "git@github.com:owner/repo.git",
    "https://user:pa55word@host.com/",
    "https://user@host.com/",
    "a_b@c.org_x",
    "a@.com",
    "a@b..com",
    "x" * 65 + "@site.org",
    "@",
    "a@",
    "user@host.c",
]


@pytest.mark.parametrize("text", EMAILS)
def test_emails_are_found(text: str) -> None:
    assert found(text) == [("email", EMAILS[text])]


@pytest.mark.parametrize("text", NOT_EMAILS)
def test_what_is_no_email_is_not(text: str) -> None:
    assert found(text) == []


IPS = {
    "81.2.69.142": "81.2.69.142",
    "ip=81.2.69.142:80": "81.2.69.142",
    "http://81.2.69.142/x": "81.2.69.142",
    "from 81.2.69.142.": "81.2.69.142",
    "allow 81.2.69.142/24;": "81.2.69.142",
    "漢81.2.69.142漢": "81.2.69.142",
    "the DNS is 1.2.3.4": "1.2.3.4",
    "3.4.5.6 # a server": "3.4.5.6",
    "[2a00:1450:4001:81b::200e]:443": "2a00:1450:4001:81b::200e",
    "2a00:1450:4001:81b::200e: down": "2a00:1450:4001:81b::200e",
    "2607:f8b0:4005:0805:0000:0000:0000:200e": "2607:f8b0:4005:0805:0000:0000:0000:200e",
    "::ffff:81.2.69.142": "81.2.69.142",
}
NOT_IPS = [
    *NAME_SERVERS.split(),
    *("10.0.0.1", "127.0.0.1", "172.16.0.1", "192.168.1.10", "0.0.0.0", "255.255.255.0", "169.254.1.1"),
    *("192.0.2.44", "203.0.113.9", "224.0.0.251"),
    *("1.2.3.4", "256.10.10.10", "01.22.33.44", "1.22.33", "1.3.6.1.4.1", "1.22.33.44.55", "1234.22.33.44"),
    *("v1.2.3.45", "a1.22.33.44", "lib-1.22.33.44.tar.gz", 'version = "10.20.17.134"', "pkg==1.2.30.4"),
    *(
        "pkg>=11.22.30.4",
        'AssemblyVersion("1.0.34.0")',
        "Chrome/41.0.228.0",
        "Section 2.2.24.1",
        "81.2.69.142-3",
    ),
    *(
        "fe80::1",
        "::1",
        "2001:db8::1",
        "fd00::12",
        "d3::add",
        "3::2",
        "200::1",
        "2::12:3",
        "a[2::5]",
        "12:30:45",
        "2020:01:02",
    ),
    *("2020-12-31", "31/12/2020", "2000:1:2:3:4:5:6:7:8", "3fff:g::", "00:1a:2b:3c:4d:5e", "std::vec"),
    *("", ".", "1", ":", "2", "2:", "::"),
]


@pytest.mark.parametrize("text", IPS)
def test_addresses_are_found(text: str) -> None:
    assert [value for _, value in found(text)] == [IPS[text]]
    assert found(text)[0][0] == ("ipv6" if ":" in IPS[text] else "ipv4")


@pytest.mark.parametrize("text", NOT_IPS)
def test_private_public_and_version_like_numbers_are_kept(text: str) -> None:
    assert found(text) == []


def test_all_name_servers_are_tried() -> None:
    assert len(NAME_SERVERS.split()) == 14


def test_dns_and_server_count_within_a_hundred_bytes_only() -> None:
    assert found("dns" + " " * 97 + "1.2.3.4") == [("ipv4", "1.2.3.4")]
    assert found("dns" + " " * 98 + "1.2.3.4") == []
    assert found("1.2.3.4" + " " * 94 + "server") == [("ipv4", "1.2.3.4")]
    assert found("1.2.3.4" + " " * 95 + "server") == []


QUAD = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\w)", re.ASCII)


def reference_quads(text: str) -> list[str]:
    """Dotted quads that are global addresses, by a regex and `ipaddress`; all have a number of two digits."""
    values = [match[0] for match in QUAD.finditer(text)]
    return [v for v in values if len(v) > 7 and _is_global(v)]


def _is_global(value: str) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(["81", "2", ".", ".", "142", "69", " ", "-", "x", "é", "999", "04", "_"])))
def test_quads_are_those_of_a_slow_search(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert [value for kind, value in found(text) if kind == "ipv4"] == reference_quads(text)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(["a", "@", ".", "com", "é", "漢", "1", "-", " ", "🙂", "\x00"]), max_size=20))
def test_every_email_found_is_one(pieces: list[str]) -> None:
    for kind, value in found("".join(pieces)):
        assert kind == "email"
        assert re.fullmatch(r"[^\s@漢🙂]+@([^\W_][\w-]*\.)+[^\W\d]{2,}", value)


HOSTILE = [
    "a@",
    "a@a.aa@",
    "a@b.c",
    "@",
    "1.",
    "1.1.1.1.",
    "12.12.12.12.",
    "2000:",
    "2a:",
    "aaaaaaaa/",
    "1",
    ":",
    "2000::1 ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear_in_hostile_text(piece: str) -> None:
    """A megabyte would take hours if a scan were quadratic."""
    text = piece * (MB // len(piece)) + "\nann@site.org"
    assert rows([text])[0]["pii_spans"][-1]["kind"] == "email"  # type: ignore[index]


@pytest.mark.parametrize("piece", ["a@", "1.", "Zm9vYmFy"])
def test_one_line_of_fifty_megabytes(piece: str) -> None:
    signals = rows([piece * (50 * MB // len(piece)) + " 81.2.69.142"])[0]
    assert (signals["n_emails"], signals["n_ips"]) == (0, 1)
