"""Redaction: spans of a text replaced by fakes that depend on nothing but the key, the kind and the value.

So one value has one fake in a file and everywhere, on any number of workers. A fake is an address that
belongs to nobody (example.com, 10.0.0.0/8, 192.168.0.0/16, fd00::/8), or, for a key, letters and digits that
begin with EXAMPLE: the secrets filter does not find it again. Text outside the spans is left as it is.
Fakes are drawn from SHAKE-256 over the keyed BLAKE2b of the value; about 5 µs a span.

The key is a seed that the shards tell, so a fake is no proof against guessing: who guesses an address can
compute its fake. A random key has too many values to be guessed.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from hashlib import blake2b, shake_256
from typing import Final, Literal, get_args

from filters.sensitive.secret_rules import load_rules
from filters.sensitive.spans import Span

REDACTION_VERSION: Final = 1
"""Raised whenever a replacement changes."""
Style = Literal["fake", "token"]

_TOKENS: Final = {"email": "<EMAIL>", "ipv4": "<IP_ADDRESS>", "ipv6": "<IP_ADDRESS>"}
_KEY_TOKEN: Final = "<KEY>"
_MARK: Final = "EXAMPLE"
_FAKE_CHARS: Final = 24  # of a key whose length is not kept, its public prefix not counted
_LETTER: Final = re.compile(r"(?<!\\)[A-Za-z0-9]")
"""What a fake key puts in place of: not the n of a \\n."""
_LONGEST_FIRST_OCTET_10: Final = len("10.255.255.255") - 2


def redact(
    text: str, spans: Iterable[Span], *, key: bytes, style: Style = "fake", keep_length: bool = False
) -> str:
    """`text` with each span replaced; spans that overlap are replaced as one, of the first one's kind.

    `key` has 1 to 64 bytes. With `keep_length` a fake has as many characters as what it replaces. Line ends
    inside a span stay in any case, so that a PEM block keeps its lines. Raises ValueError for an unknown
    style, for a token of kept length, and for a span outside the text.

    >>> redact("to: ann@site.org!", [Span("email", 4, 16)], key=b"seed", style="token")
    'to: <EMAIL>!'
    """
    check_style(style, keep_length=keep_length)
    pieces, reached = [], 0
    for span in _merged(spans):
        if not 0 <= span.start <= span.end <= len(text):
            raise ValueError(
                f"span {span.start}..{span.end} is not within the text's {len(text)} characters: give the "
                "spans of this very text"
            )
        value = text[span.start : span.end]
        pieces += [text[reached : span.start], replacement(span.kind, value, key, style, keep_length)]
        reached = span.end
    return "".join([*pieces, text[reached:]])


def check_style(style: str, *, keep_length: bool) -> None:
    """Raise ValueError for an unknown style, and for a token of kept length."""
    if style not in get_args(Style):
        raise ValueError(f"style = {style!r}; it must be one of {', '.join(get_args(Style))}")
    if style == "token" and keep_length:
        raise ValueError('keep_length goes with style = "fake": a token has a length of its own')


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order; overlapping ones as one, touching ones apart."""
    held: Span | None = None
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if held is not None and span.start < held.end:
            held = held._replace(end=max(held.end, span.end))
            continue
        if held is not None:
            yield held
        held = span
    if held is not None:
        yield held


def replacement(kind: str, value: str, key: bytes, style: Style, keep_length: bool) -> str:
    """What stands for a value of some kind."""
    if style == "token":
        return _TOKENS.get(kind, _KEY_TOKEN)
    draws = _Draws(kind, value, key)
    length = len(value) if keep_length else None
    if kind == "email":
        return _fake_email(draws, length)
    if kind == "ipv4":
        return _fake_ipv4(draws, length)
    if kind == "ipv6":
        return _fake_ipv6(draws, length)
    return _fake_key(draws, kind, value, length)


class _Draws:
    """Draws that depend on the key, the kind and the value alone."""

    def __init__(self, kind: str, value: str, key: bytes) -> None:
        seed = blake2b(value.encode(), key=key, person=kind.encode()[:16]).digest()
        self._bytes = shake_256(seed).digest(2 * len(value) + 64)
        self._at = 0

    def below(self, bound: int) -> int:
        """A number in [0, bound), for a bound that is small beside 65,536."""
        self._at += 2
        return int.from_bytes(self._bytes[self._at - 2 : self._at], "little") % bound

    def letters(self, alphabet: str, count: int) -> str:
        """`count` letters of an alphabet."""
        return "".join(alphabet[self.below(len(alphabet))] for _ in range(count))


def _fake_email(draws: _Draws, length: int | None) -> str:
    """An address at example.com (RFC 2606); a short one at .test, and one below 8 characters is none."""
    letters = string.ascii_lowercase
    if length is None:
        return f"{draws.letters(letters, 5 + draws.below(4))}@example.com"
    for host in ("@example.com", "@x.test"):
        if length > len(host):
            return draws.letters(letters, length - len(host)) + host
    return "@".join([draws.letters(letters, 1), draws.letters(letters, length - 2)])


def _fake_ipv4(draws: _Draws, length: int | None) -> str:
    """A private address: 10.0.0.0/8, the longest ones 192.168.0.0/16, the shortest 0.0.0.0/8."""
    if length is None:
        return ".".join(["10", *(str(draws.below(256)) for _ in range(3))])
    if length == len("0.0.0.0"):
        return ".".join(["0", *(draws.letters(string.digits, 1) for _ in range(3))])
    head, groups = ("10", 3) if length <= _LONGEST_FIRST_OCTET_10 else ("192.168", 2)
    left = length - len(head) - groups  # digits to share out
    sizes = [left // groups + (number < left % groups) for number in range(groups)]
    return ".".join([head, *(_octet(draws, size) for size in sizes)])


def _octet(draws: _Draws, digits: int) -> str:
    """A number below 256 of one to three digits."""
    low, high = ((0, 10), (10, 100), (100, 256))[digits - 1]
    return str(low + draws.below(high - low))


def _fake_ipv6(draws: _Draws, length: int | None) -> str:
    """A unique local address, fd00::/8 (RFC 4193): all eight groups, or `fd…::` and what fits."""
    if length is None or length == len("fdxx") + 7 * 5:
        return ":".join(["fd" + _group(draws, 2), *(_group(draws, 4) for _ in range(7))])
    if length > len("fdxx::") + 5 * 6 - 1:
        sizes = [4] * 7
        for number in range(len("fdxx") + 7 * 5 - length):
            sizes[number % 7] -= 1
        return ":".join(["fd" + _group(draws, 2), *(_group(draws, size) for size in sizes)])
    left = length - len("fdxx::")
    sizes = []
    while left > 0:  # a group of up to four digits and its colon, the last without one
        size = min(4, left)
        if left - size == 1:
            size -= 1
        sizes.append(size)
        left -= size + 1
    return "fd" + _group(draws, 2) + "::" + ":".join(_group(draws, size) for size in sizes)


def _group(draws: _Draws, digits: int) -> str:
    """Hexadecimal digits, the first of which is not 0."""
    return draws.letters("123456789abcdef", 1) + draws.letters("0123456789abcdef", digits - 1)


def _fake_key(draws: _Draws, kind: str, value: str, length: int | None) -> str:
    """The value's public prefix, EXAMPLE, and letters of the value's own alphabet.

    A value in several lines, or of kept length, is rewritten letter by letter; else the fake has 24
    characters after the prefix.
    """
    prefix = next((p for p in load_rules().prefixes.get(kind, ()) if value.startswith(p)), "")
    own = value[len(prefix) :]
    alphabet = _alphabet(own)
    if length is None and "\n" not in own and "\\n" not in own:
        return prefix + _MARK + draws.letters(alphabet, _FAKE_CHARS - len(_MARK))
    pattern = _LETTER if len(_LETTER.findall(own)) > len(_MARK) else _NOT_LINE_END
    drawn = iter(_MARK + draws.letters(alphabet, max(0, len(own) - len(_MARK))))
    return prefix + pattern.sub(lambda _: next(drawn), own)


_NOT_LINE_END: Final = re.compile(r"[^\r\n]")


def _alphabet(value: str) -> str:
    """The letters that such a value is made of: digits, hexadecimal digits, or the cases that occur."""
    letters = set(_LETTER.findall(value))
    for alphabet in (string.digits, string.digits + "abcdef", string.digits + "ABCDEF"):
        if letters and letters <= set(alphabet):
            return alphabet
    groups = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    return "".join(group for group in groups if letters & set(group)) or string.ascii_letters
