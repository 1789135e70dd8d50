"""The scanner behind the html filter: which bytes of an HTML text are text that shows, in one pass.

It follows Python's html.parser and what BeautifulSoup makes of its events, but keeps no stack of elements,
and remembers each search that failed, so that no byte is looked at more than a few times. Memory is constant.
It is one file, since numba's cache does not see changes of kernels in other files.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

_TEXT: Final = 0  # what markup may turn out to be
_START: Final = 1
_EMPTY: Final = 2  # <name/>
_END: Final = 3
_OTHER: Final = 4  # comments, declarations, processing instructions
_CDATA: Final = 5

_ELEMENTS: Final = ("script", "style", "template", "rt", "rp", "pre", "textarea", "ruby")
_PACKED: Final = tuple(int.from_bytes(name.encode(), "little") for name in _ELEMENTS)
_SCRIPT, _STYLE, _TEMPLATE, _RT, _RP, _PRE, _TEXTAREA, _RUBY = _PACKED

_TAG: Final = 0  # in `limits`: a tag that begins before this place does not end
_COMMENT: Final = 1  # from here on no comment ends
_SECTION: Final = 2  # from here on no CDATA section ends
_GREATER: Final = 3  # the last ">", double and single quote
_DOUBLE: Final = 4
_SINGLE: Final = 5

_RUN: Final = 0  # in `state`: code points since the last markup, and whether one is not white space
_INK: Final = 1
_HIDDEN: Final = 2  # the element whose text does not show, and how deep it is nested in itself
_DEPTH: Final = 3
_PRESERVED: Final = 4  # the element that keeps white space as it is
_VISIBLE: Final = 5  # the sum

ENTITY_SLOTS: Final = 8192
_FNV_OFFSET: Final = np.uint64(0xCBF29CE484222325)
_FNV_PRIME: Final = np.uint64(0x100000001B3)


@njit(cache=True, nogil=True)
def hash_bytes(data: Bytes, start: int, end: int) -> np.uint64:
    """FNV-1a of some bytes."""
    value = _FNV_OFFSET
    for byte in data[start:end]:
        value = (value ^ np.uint64(byte)) * _FNV_PRIME
    return value


@njit(cache=True, nogil=True)
def _is_letter(byte: int) -> bool:
    return 0x41 <= byte & 0xDF <= 0x5A


@njit(cache=True, nogil=True)
def _is_space(byte: int) -> bool:
    return byte == 0x20 or byte == 0x0A or byte == 0x09 or byte == 0x0D or byte == 0x0C  # noqa: PLR1714


@njit(cache=True, nogil=True)
def _find(data: Bytes, byte: int, at: int, end: int) -> int:
    """The first place of a byte from `at` on, or `end`."""
    while at < end and data[at] != byte:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _name(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(the element's name in lower case, packed as in `_PACKED`, or 0 for a longer one; its end)."""
    packed, length = 0, 0
    while at < end and not (_is_space(data[at]) or data[at] == 0x2F or data[at] == 0x3E or data[at] == 0):
        byte = int(data[at])
        if length < 8 and byte < 0x80:
            packed |= (byte | 0x20 if _is_letter(byte) else byte) << (8 * length)
        length += 1
        at += 1
    return (packed if length <= 8 else 0), at


@njit(cache=True, nogil=True)
def _value_end(data: Bytes, at: int, end: int, limits: Integers) -> int:
    """The end of an attribute's value, from behind "="; -1 if its quote never closes."""
    while at < end and (data[at] == 0x3D or _is_space(data[at])):
        at += 1
    if at < end and data[at] in (0x22, 0x27):
        quote = int(data[at])
        if at >= limits[_DOUBLE if quote == 0x22 else _SINGLE]:
            return -1
        return _find(data, quote, at + 1, end) + 1
    while at < end and not (_is_space(data[at]) or data[at] == 0x3E):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _tag_end(data: Bytes, at: int, end: int, limits: Integers) -> tuple[int, bool]:
    """From behind a tag's name: (behind its ">", whether "/>" closes it), or (0, False) and a new limit."""
    slash = False
    while at < end and data[at] != 0x3E:
        slash = data[at] == 0x2F
        if slash or _is_space(data[at]):
            at += 1
            continue
        at += 1  # an attribute: its first byte may be any
        while at < end and not (_is_space(data[at]) or data[at] in (0x2F, 0x3D, 0x3E)):
            at += 1
        value = at
        while value < end and _is_space(data[value]):
            value += 1
        if value < end and data[value] == 0x3D:
            at = _value_end(data, value, end, limits)
            if at < 0:
                limits[_TAG] = value
                return 0, False
    if at >= end:
        limits[_TAG] = end
        return 0, False
    return at + 1, slash


@njit(cache=True, nogil=True)
def _closed_at(data: Bytes, at: int, end: int, limits: Integers, limit: int) -> int:
    """Behind the first "-->" (spaces may stand before ">") or, for `_SECTION`, "]]>" from `at`; or 0."""
    if at >= limits[limit]:
        return 0
    closer = 0x2D if limit == _COMMENT else 0x5D
    stop = at
    while stop < limits[_GREATER]:
        stop = _find(data, 0x3E, stop, end) + 1
        last = stop - 2
        while last > at and _is_space(data[last]):
            last -= 1
        if last > at and data[last] == closer and data[last - 1] == closer:
            return stop
    limits[limit] = at
    return 0


@njit(cache=True, nogil=True)
def _markup(data: Bytes, at: int, end: int, limits: Integers) -> tuple[int, int, int]:  # noqa: PLR0911
    """(what stands at "<", its end, the element's name), where `_TEXT` may end anywhere behind "<".

    `limits` remembers every search that failed, so that it is not made again.
    """
    following = int(data[at + 1]) if at + 1 < end else 0
    marked = following in (0x21, 0x2F, 0x3F) or _is_letter(following)  # ! / ?
    if not marked or at >= limits[_GREATER]:
        return _TEXT, at + 1, 0
    if _is_letter(following):
        if at >= limits[_TAG]:
            name, after = _name(data, at + 1, end)
            stop, empty = _tag_end(data, after, end, limits)
            if stop:
                return (_EMPTY if empty else _START), stop, name
    elif following == 0x2F:
        stop = _find(data, 0x3E, at, end)
        at += 2
        while _is_space(data[at]):
            at += 1
        return _END, stop + 1, _name(data, at, stop)[0]
    elif following == 0x21 and at + 4 <= end and data[at + 2] == 0x2D and data[at + 3] == 0x2D:
        stop = _closed_at(data, at + 4, end, limits, _COMMENT)
        if stop:
            return _OTHER, stop, 0
    elif following == 0x21 and at + 9 <= end and data[at + 2] == 0x5B and data[at + 8] == 0x5B:
        stop = _closed_at(data, at + 9, end, limits, _SECTION)
        if stop:
            return _CDATA, stop, 0
    else:
        return _OTHER, _find(data, 0x3E, at, end) + 1, 0
    return _TEXT, _find(data, 0x3E, at, end) + 1, 0  # what does not end is text as far as the next ">"


@njit(cache=True, nogil=True)
def _reference(
    data: Bytes, at: int, end: int, hashes: npt.NDArray[np.uint64], lengths: Bytes
) -> tuple[int, int, bool]:
    """A character reference at "&": (its end, code points, whether it is a white space); 1 if it is none."""
    after = at + 1
    if after < end and data[after] == 0x23:
        after += 1
        base = 10
        if after < end and data[after] | 0x20 == 0x78:
            base, after = 16, after + 1
        value, first = 0, after
        while after < end:
            byte = int(data[after])
            digit = (
                byte - 0x30 if 0x30 <= byte <= 0x39 else ((byte | 0x20) - 0x57 if _is_letter(byte) else 99)
            )
            if digit >= base:
                break
            value = min(value * base + digit, 0x110000)
            after += 1
        if after in (first, end):
            return at + 1, 1, False
        return after + (data[after] == 0x3B), 1, _is_space(value)
    while after < end and (_is_letter(data[after]) or (0x2D <= data[after] <= 0x39 and data[after] != 0x2F)):
        after += 1
    if after == end or not _is_letter(data[at + 1]):
        return at + 1, 1, False
    hashed = hash_bytes(data, at + 1, after)
    slot = np.int64(hashed % np.uint64(ENTITY_SLOTS))
    while lengths[slot] and hashes[slot] != hashed:
        slot = np.int64((slot + 1) % ENTITY_SLOTS)
    length = int(lengths[slot])
    stop = after + (data[after] == 0x3B)
    if length == 255:
        return stop, 1, True
    return stop, (length if length else after - at), False


@njit(cache=True, nogil=True)
def _raw_text_end(data: Bytes, at: int, end: int, name: int) -> int:
    """Where the end tag of a script or style begins, or the end of the text."""
    while at < end:
        at = _find(data, 0x3C, at, end)
        if at + 2 < end and data[at + 1] == 0x2F and _name(data, at + 2, min(end, at + 11))[0] == name:
            return at if _find(data, 0x3E, at, end) < end else end
        at += 1
    return end


@njit(cache=True, nogil=True)
def _add_text(data: Bytes, start: int, end: int, state: Integers) -> None:
    """Count bytes as text, as they stand."""
    run, ink = np.int64(0), np.int64(0)
    for byte in data[start:end]:
        run += np.int64((byte & 0xC0) != 0x80)
        ink |= np.int64(not _is_space(byte))
    state[_RUN] += run
    state[_INK] |= ink


@njit(cache=True, nogil=True)
def _end_run(state: Integers) -> None:
    """Add the text since the last markup to the sum: white space alone is one character, but in <pre>."""
    if not state[_HIDDEN]:
        blank = state[_INK] == 0 and not state[_PRESERVED]
        state[_VISIBLE] += min(state[_RUN], 1) if blank else state[_RUN]
    state[_RUN] = 0
    state[_INK] = 0


@njit(cache=True, nogil=True)
def _element(what: int, name: int, state: Integers) -> None:
    """Note that a start or end tag was met."""
    if what == _START and name in (_PRE, _TEXTAREA) and not state[_PRESERVED]:
        state[_PRESERVED] = name
    elif what == _END and name == state[_PRESERVED]:
        state[_PRESERVED] = 0
    elif what == _START and name in (_TEMPLATE, _RT, _RP) and state[_HIDDEN] in (0, name):
        state[_HIDDEN] = name
        state[_DEPTH] += 1
    elif what == _END and (name == state[_HIDDEN] or (name == _RUBY and state[_HIDDEN] in (_RT, _RP))):
        state[_DEPTH] = 0 if name == _RUBY else state[_DEPTH] - 1
        if state[_DEPTH] == 0:
            state[_HIDDEN] = 0


@njit(cache=True, nogil=True)
def _visible(data: Bytes, at: int, end: int, hashes: npt.NDArray[np.uint64], lengths: Bytes) -> int:
    """Code points of a document's visible text."""
    limits, state = np.full(6, end, np.int64), np.zeros(6, np.int64)
    limits[_TAG] = at
    for limit, byte in ((_GREATER, 0x3E), (_DOUBLE, 0x22), (_SINGLE, 0x27)):
        limits[limit] = end - 1
        while limits[limit] >= at and data[limits[limit]] != byte:
            limits[limit] -= 1
    while at < end:
        if data[at] == 0x26:
            at, characters, space = _reference(data, at, end, hashes, lengths)
            state[_RUN] += characters
            state[_INK] |= not space
        elif data[at] == 0x3C:
            what, stop, name = _markup(data, at, end, limits)
            if what == _TEXT:
                _add_text(data, at, stop, state)
            else:
                _end_run(state)
                _element(what, name, state)
            if what == _CDATA:
                _add_text(data, at + 9, stop - 3, state)
                _end_run(state)
            at = (
                _raw_text_end(data, stop, end, name) if what == _START and name in (_SCRIPT, _STYLE) else stop
            )
        else:
            stop = at + 1
            while stop < end and data[stop] not in (0x26, 0x3C):
                stop += 1
            _add_text(data, at, stop, state)
            at = stop
    _end_run(state)
    return int(state[_VISIBLE])


@njit(cache=True, nogil=True)
def visible_characters(
    data: Bytes, offsets: Integers, hashes: npt.NDArray[np.uint64], lengths: Bytes
) -> Integers:
    """`_visible` of every text: i64[n]."""
    counts = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(counts)):
        counts[text] = _visible(data, offsets[text], offsets[text + 1], hashes, lengths)
    return counts
