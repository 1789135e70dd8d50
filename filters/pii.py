"""The pii filter: e-mail and IP addresses in the text, as places and kinds, never as values.

What counts is what BigCode redacted for SantaCoder: addresses that look like a person's or a machine's, not
private ones, public name servers, or version numbers. A kernel (filters/sensitive/pii_kernel.py) points at
candidates, which are judged here over at most 320 bytes each. Time is linear in any text; some 600 MB/s of
code on one core.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.sensitive.pii_kernel import EMAIL, IPV4, IPV6, byte_classes, find_candidates
from filters.sensitive.spans import SPANS, Span, spans_column
from filters.text import Texts, utf8_buffers

KINDS: Final = {EMAIL: "email", IPV4: "ipv4", IPV6: "ipv6"}
_NEAR_BYTES: Final = 100  # BigCode looks this far for "dns" and "server"
_SHORTEST_IPV4: Final = len("1.2.3.4")
_DOMAIN: Final = re.compile(
    r"(?:[^\W_](?:[^\W_]|-){0,62}\.){1,10}(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,63})(?![^\W_])"
)
_IN_URL: Final = re.compile(rb"://[^\s/@]*\Z")
_IN_VERSION: Final = re.compile(
    rb"(?i:version|release|section|assembly|firmware|\bver|\boid|\bbuild)[\w ]{0,16}[^\w\n]{0,6}\Z"
    rb"|[\w.]/\Z|[\^~<>]\Z|[=<>~!]=[ ]?\Z"
)
# Ideographs, kana, hangul and their punctuation stand beside an address without a space between.
_BESIDE: Final = re.compile(
    "[^\\w.%+-]|[\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)

Judge = Callable[[npt.NDArray[np.uint8], int, int], tuple[int, int] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pii:
    """Signals `n_emails`, `n_ips` and `pii_spans`.

    >>> docs = pa.table({"content": ["# ann@site.org, on 81.2.69.142", "bind 10.0.0.1; dns 8.8.8.8"]})
    >>> Pii()(docs).to_pylist()[0]["pii_spans"]
    [{'kind': 'email', 'start': 2, 'end': 14}, {'kind': 'ipv4', 'start': 19, 'end': 30}]
    >>> Pii()(docs)["n_ips"].to_pylist()
    [1, 0]
    """

    name: ClassVar[str] = "pii"
    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ("content",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("n_emails", pa.int32(), nullable=False),
            pa.field("n_ips", pa.int32(), nullable=False),
            pa.field("pii_spans", SPANS, nullable=False),
        ]
    )
    default_where: ClassVar[str] = "n_emails = 0 and n_ips = 0"

    def __call__(self, docs: pa.Table) -> pa.Table:
        """E-mail and IP addresses of `docs["content"]`."""
        texts = utf8_buffers(docs["content"])
        found = find_pii(texts)
        emails, ips = np.zeros(texts.height, np.int32), np.zeros(texts.height, np.int32)
        for document, spans in found.items():
            emails[document] = sum(span.kind == KINDS[EMAIL] for span in spans)
            ips[document] = len(spans) - emails[document]
        return pa.table([pa.array(emails), pa.array(ips), spans_column(found, texts)], schema=self.schema)


def find_pii(texts: Texts) -> dict[int, list[Span]]:
    """The addresses of each text that has any, by its number; positions are bytes from the text's start."""
    found: dict[int, list[Span]] = {}
    reached = 0
    for document, kind, first, after in find_candidates(texts.data, texts.offsets, byte_classes()).tolist():
        start, end = texts.offsets[document : document + 2].tolist()
        bounds = _JUDGES[kind](texts.data[start:end], first - start, after - start)
        if bounds is not None and start + bounds[0] >= reached:
            found.setdefault(document, []).append(Span(KINDS[kind], *bounds))
            reached = start + bounds[1]
    return found


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((files("filters") / "data" / "pii.toml").read_text(encoding="utf-8"))


@cache
def _kept_ranges() -> dict[int, list[tuple[int, int]]]:
    """First and last address, as numbers, of the networks that are left alone, by version."""
    ranges: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
    for network in map(ipaddress.ip_network, _data()["keep_networks"]):
        ranges[network.version].append((int(network[0]), int(network[-1])))
    return ranges


@cache
def _not_domains() -> frozenset[str]:
    return frozenset(_data()["not_domains"])


def _email(text: npt.NDArray[np.uint8], first: int, after: int) -> tuple[int, int] | None:
    """The bounds of an address within its run of bytes, or None."""
    local, _, domain = text[first:after].tobytes().decode("utf-8", "replace").partition("@")
    local = _BESIDE.split(local)[-1].lstrip("._%+-")
    own = _DOMAIN.match(domain)
    if not local or local.endswith(".") or own is None:
        return None
    top = own[0].rpartition(".")[2].lower()
    if top in _not_domains() or re.match(r"\dx\.", own[0]) or _is_clone_url(text, local, after):
        return None
    at = after - len(domain.encode()) - 1
    bounds = at - len(local.encode()), at + 1 + len(own[0].encode())
    # The part of a URL before its host is a name or a password, which filters/secret_spans.py looks for.
    before = text[max(0, bounds[0] - _NEAR_BYTES) : bounds[0]].tobytes()
    return None if _IN_URL.search(before) else bounds


def _is_clone_url(text: npt.NDArray[np.uint8], local: str, after: int) -> bool:
    """Whether it is git@host:path."""
    return local == "git" and text[after : after + 1].tobytes() == b":"


def _ipv4(text: npt.NDArray[np.uint8], first: int, after: int) -> tuple[int, int] | None:
    """The same bounds if it is somebody's address, else None."""
    before = text[max(0, first - _NEAR_BYTES) : first].tobytes()
    if after - first == _SHORTEST_IPV4:
        near = (before + text[after : after + _NEAR_BYTES].tobytes()).lower()
        if b"dns" not in near and b"server" not in near:
            return None
    return None if _IN_VERSION.search(before) else _ip(text, first, after)


def _ip(text: npt.NDArray[np.uint8], first: int, after: int) -> tuple[int, int] | None:
    return (first, after) if _is_somebodys(text[first:after].tobytes().decode()) else None


@lru_cache(maxsize=4096)  # hosts and their like stand in a file many times
def _is_somebodys(value: str) -> bool:
    """Whether it is an address, and neither a public name server's nor in a network that is left alone."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    kept = any(first <= int(address) <= last for first, last in _kept_ranges()[address.version])
    return not kept and value not in _data()["name_servers"]


_JUDGES: Final[dict[int, Judge]] = {EMAIL: _email, IPV4: _ipv4, IPV6: _ip}
