"""The checks of the secrets filter: whether what a shape's pattern matched is a key that somebody uses.

A value with EXAMPLE in it, with eight equal characters in a row or with fewer than five different ones stands
for a key in documentation and is none. A value of no shape of its own must look random, or be what people
choose for passwords. A check sees one match, which is bounded, and takes some 10 µs.
"""

from __future__ import annotations

import base64
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final, NamedTuple

_REPEATED: Final = re.compile(rb"(.)\1{7}", re.DOTALL)
_NOT_ALNUM: Final = re.compile(rb"[^A-Za-z0-9]+")
_UUID: Final = re.compile(rb"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX: Final = re.compile(rb"(?:0x)?(?:[0-9a-f]+|[0-9A-F]+)")
_NOT_CHOSEN: Final = re.compile(rb"/|\d{4}-\d\d-\d\dT|[a-z]+://|%[A-Za-z]")
"""How paths, times, URLs and formats begin."""
_ODD_SYMBOLS: Final = re.compile(rb"[^A-Za-z0-9._/:+ -]")
_NAMES_A_HASH: Final = re.compile(
    rb"(?i)sha|md5|hash|public|digest|checksum|integrity|fingerprint|commit|revision"
)


class Match(NamedTuple):
    """What a pattern matched: the secret, and the text from the line's start to it, at most 96 bytes."""

    value: bytes
    before: bytes


@cache
def secrets_data() -> dict[str, Any]:
    """filters/data/secrets.toml."""
    return tomllib.loads((files("filters") / "data" / "secrets.toml").read_text(encoding="utf-8"))


def is_placeholder(value: bytes) -> bool:
    """Whether a value of any shape stands for a key in documentation, as our own fakes do."""
    letters = _NOT_ALNUM.sub(b"", value)
    few = len(value) >= 16 and len(set(letters)) < 5
    return b"EXAMPLE" in letters or few or _REPEATED.search(value) is not None


def _is_placeholder_text(value: bytes) -> bool:
    """The same for what people choose or write in place of a value."""
    lower = value.lower()
    return lower.decode("utf-8", "replace") in _placeholders()[0] or any(
        part in lower for part in _placeholders()[1]
    )


@cache
def _placeholders() -> tuple[frozenset[str], tuple[bytes, ...]]:
    data = secrets_data()["placeholders"]
    return frozenset(data["whole"]), tuple(part.encode() for part in data["part"])


def entropy_bits(value: bytes) -> float:
    """Shannon entropy of a value's own bytes, in bits a byte.

    >>> entropy_bits(b"abab")
    1.0
    """
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares)


def class_changes(value: bytes) -> float:
    """The share of neighbours among letters and digits that are of two classes: lower, upper, digit.

    A capital and the lower-case letter after it count as one class, as in camelCase. About 0.5 in random
    letters and digits, 0.1 in names.
    """
    kinds = [_kind(byte) for byte in _NOT_ALNUM.sub(b"", value)]
    changes = sum(a != b and (a, b) != ("upper", "lower") for a, b in pairwise(kinds))
    return changes / max(1, len(kinds) - 1)


def _kind(byte: int) -> str:
    return "digit" if byte < 0x3A else "upper" if byte < 0x5B else "lower"


def _kinds(value: bytes) -> set[str]:
    """Which of lower, upper, digit and symbol a value has."""
    letters = _NOT_ALNUM.sub(b"", value)
    return {_kind(byte) for byte in letters} | ({"symbol"} if len(letters) < len(value) else set())


def _is_shape(match: Match) -> bool:
    return not is_placeholder(match.value)


def _has_digit(match: Match) -> bool:
    return "digit" in _kinds(match.value) and _is_shape(match)


def _is_mixed(match: Match) -> bool:
    return {"digit", "upper", "lower"} <= _kinds(match.value) and _is_shape(match)


def _is_key(match: Match) -> bool:
    """Random letters and digits of no known shape: only the text around and the randomness tell."""
    value, kinds = match.value, _kinds(match.value)
    if "digit" not in kinds or not kinds & {"lower", "upper"} or _is_placeholder_text(value):
        return False
    if is_placeholder(value) or _UUID.fullmatch(value) or _NAMES_A_HASH.search(match.before):
        return False
    if _HEX.fullmatch(value):
        return len(value) >= 16 and entropy_bits(value) >= 2.8
    symbols = len(_ODD_SYMBOLS.findall(value))
    random = class_changes(value) >= 0.25 or symbols >= 5
    return len(value) >= 16 and entropy_bits(value) >= 3.4 and random


def _is_password(match: Match) -> bool:
    """Chosen by a person: three or more of lower, upper, digit and symbol, or a random look."""
    value, kinds = match.value, _kinds(match.value)
    if is_placeholder(value) or _is_placeholder_text(value) or "digit" not in kinds:
        return False
    if _NOT_CHOSEN.match(value):
        return False
    return len(kinds) >= 3 or (len(kinds) == 2 and class_changes(value) >= 0.1)


def _is_basic(match: Match) -> bool:
    """Base64 of `user:password`."""
    try:
        user, colon, password = base64.b64decode(match.value, validate=True).decode("ascii").partition(":")
    except ValueError:
        return False
    return bool(user and colon and password) and user.isprintable() and password.isprintable()


def _is_pem(match: Match) -> bool:
    """The body of a key: base64 of at least 32 characters in lines, not an ellipsis."""
    return len(re.findall(rb"[A-Za-z0-9+/=]{16,}", match.value)) > 0 and not is_placeholder(match.value)


CHECKS: Final[Mapping[str, Callable[[Match], bool]]] = {
    "shape": _is_shape,
    "digit": _has_digit,
    "mixed": _is_mixed,
    "key": _is_key,
    "password": _is_password,
    "basic": _is_basic,
    "pem": _is_pem,
}
