"""The kernel of the pii filter: where an e-mail address or an IP address may stand.

It goes over the bytes once and looks around `@`, at numbers that begin a dotted quad, and at `2…` or `3…`
that begin an IPv6 address, over at most 64 bytes to the left and 255 to the right: linear time in any text.
What it points at is read and judged in filters/pii.py.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

EMAIL: Final = 0
IPV4: Final = 1
IPV6: Final = 2
_MAX_LOCAL: Final = 64  # RFC 5321, 4.5.3.1
_MAX_DOMAIN: Final = 255
_MAX_IPV6: Final = 39

_LOCAL: Final = 1  # bits of `byte_classes`
_DOMAIN: Final = 2
_LETTER: Final = 4
_DIGIT: Final = 8
_HEX: Final = 16
_WORD: Final = 32
_STOP: Final = 64  # a digit or @: what the kernel stops at

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


def byte_classes() -> Bytes:
    """The classes of each byte: u8[256]. Non-ASCII characters may stand in both parts of an address."""
    digits, letters = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    members = (
        (_LOCAL, digits + letters + b"._%+-"),
        (_DOMAIN, digits + letters + b".-"),
        (_LETTER, letters),
        (_DIGIT, digits),
        (_HEX, digits + b"abcdefABCDEF"),
        (_WORD, digits + letters + b"_"),
        (_STOP, digits + b"@"),
    )
    classes = np.zeros(256, np.uint8)
    for bit, characters in members:
        classes[np.frombuffer(characters, np.uint8)] |= bit
    classes[0x80:] |= _LOCAL | _DOMAIN | _LETTER
    return classes


@njit(cache=True, nogil=True)
def find_candidates(data: Bytes, offsets: Integers, classes: Bytes) -> Integers:
    """(document, kind, first byte, byte after) of whatever may be an address, in order: i64[n, 4]."""
    found = np.empty((64, 4), np.int64)
    count = 0
    for document in range(len(offsets) - 1):
        start, end = offsets[document], offsets[document + 1]
        for at in range(start, end):
            byte = data[at]
            if not classes[byte] & _STOP:
                continue
            kind, first, after = EMAIL, at, -1
            if byte == 0x40:
                first, after = _email(data, start, at, end, classes)
            elif at == start or _may_precede(data[at - 1], classes):
                kind, after = IPV4, _ipv4(data, at, end, classes)
                if after < 0 and byte in (0x32, 0x33):
                    kind, after = IPV6, _ipv6(data, start, at, end, classes)
            if after >= 0:
                if count == len(found):
                    grown = np.empty((2 * count, 4), np.int64)
                    grown[:count] = found
                    found = grown
                found[count, 0], found[count, 1] = document, kind
                found[count, 2], found[count, 3] = first, after
                count += 1
    return found[:count]


@njit(cache=True, nogil=True)
def _may_precede(byte: int, classes: Bytes) -> bool:
    """Whether an IP address may begin after this byte: no letter, digit, `_`, `.` or `-`."""
    return not classes[byte] & _WORD and byte not in (0x2E, 0x2D)


@njit(cache=True, nogil=True)
def _email(data: Bytes, start: int, at: int, end: int, classes: Bytes) -> tuple[int, int]:
    """(first byte, byte after) of what surrounds the `@` at `at`; (-1, -1) if it is no address."""
    first = at
    while first > start and classes[data[first - 1]] & _LOCAL:
        first -= 1
        if at - first > _MAX_LOCAL:
            return -1, -1
    after = at + 1
    dot = -1
    while after < end and classes[data[after]] & _DOMAIN:
        if data[after] == 0x2E and after + 1 < end and classes[data[after + 1]] & _LETTER:
            dot = after
        after += 1
        if after - at > _MAX_DOMAIN:
            return -1, -1
    if first == at or dot < at + 2 or after - dot < 3:
        return -1, -1
    if after < end and (data[after] == 0x40 or data[after] == 0x28 or data[after] == 0x5F):  # @ ( _
        return -1, -1
    return first, after


@njit(cache=True, nogil=True)
def _ipv4(data: Bytes, at: int, end: int, classes: Bytes) -> int:
    """The byte after a dotted quad that begins at `at`, or -1; a number has one to three digits."""
    for group in range(4):
        if group:
            if at >= end or data[at] != 0x2E:
                return -1
            at += 1
        digits = 0
        while at < end and classes[data[at]] & _DIGIT and digits < 4:
            at += 1
            digits += 1
        if digits == 0 or digits > 3:
            return -1
    if at < end and (classes[data[at]] & _WORD or data[at] == 0x2D):
        return -1
    if at + 1 < end and data[at] == 0x2E and classes[data[at + 1]] & _WORD:
        return -1
    return at


@njit(cache=True, nogil=True)
def _ipv6(data: Bytes, start: int, at: int, end: int, classes: Bytes) -> int:
    """The byte after hexadecimal groups with two or more colons between them that begin at `at`, or -1."""
    if at >= start + 2 and data[at - 1] == 0x3A and (classes[data[at - 2]] & _HEX or data[at - 2] == 0x3A):
        return -1
    first, colons = at, 0
    # All public addresses are in 2000::/3: four digits, then a colon.
    if at + 4 >= end or data[at + 4] != 0x3A:
        return -1
    for place in range(at + 1, at + 4):
        if not classes[data[place]] & _HEX:
            return -1
    while at < end and (classes[data[at]] & _HEX or data[at] == 0x3A):
        colons += data[at] == 0x3A
        at += 1
        if at - first > _MAX_IPV6 + 1:
            return -1
    if at > first and data[at - 1] == 0x3A and data[at - 2] != 0x3A:  # the colon of a sentence
        at -= 1
        colons -= 1
    elif at < end and classes[data[at]] & _WORD:
        return -1
    return at if colons >= 2 else -1
