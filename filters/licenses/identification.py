"""The licence that a text states, as an SPDX expression: by tags, by whole licence texts, by short
notices.

What was found is joined by AND (notices that offer a choice, by OR). Words of licensing that nothing
explains, and restrictions beside a licence, add LicenseRef-unidentified, which no policy calls permissive:
so what is not understood is never permissive. Time is linear in the text; a licence's length of text takes
2 to 5 ms, and equal texts are identified once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple

from filters.licenses.expressions import UNKNOWN, ids_of, join, normalise
from filters.licenses.matches import Match, matches
from filters.licenses.notices import Notice, named, notices, table
from filters.licenses.package_metadata import from_package_metadata
from filters.licenses.words import plain_words

NONE: Final = "none"
UNIDENTIFIED: Final = "LicenseRef-unidentified"
_TAG: Final = re.compile(r"SPDX-License-Identifier[ \t]*:[ \t]*([^\r\n]{1,300})", re.IGNORECASE)
_TAG_END: Final = re.compile(r"[ \t]*(?:\*/|-->|#\}|\*\)|-\}|\]\]|\"\"\"|'''|[\"'`>]|\\n).*$")
_FIELD: Final = re.compile(
    r"^[^\w\n]{0,20}@?licen[cs]e[ \t]{0,4}"
    r"(?:[:=][ \t]{0,4}|(?<=@license)[ \t]{1,4}|(?<=@licence)[ \t]{1,4})(\S[^\n]{0,120})$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADING: Final = re.compile(
    r"^[^\w\n]{0,20}licen[cs]e[^\w]{1,60}^[^\w\n\[]{0,20}([\w\[][^\n]{0,100})$", re.IGNORECASE | re.MULTILINE
)
_LINK: Final = re.compile(r"\[([^\[\]\n]{1,60})\]\([^()\n]{0,200}\)")  # markdown's
_SEE: Final = re.compile(r"[ ,;.(]{1,4}see\b[^\n]{0,60}\b(?:licen[cs]e|copying)\b[^\n]{0,40}$", re.IGNORECASE)
_COPYRIGHT: Final = re.compile(r"(?:©|\([cC]\)|[cC]opyright).*$")
_POINTER: Final = re.compile(
    r"(?:see )?(?:the )?(?:file )?(?:license|copying|unlicense|notice)(?: txt| md| rst| file)?"
)
_NEAR: Final = 400  # characters round a licence in which a restriction speaks of it
_CUT: Final = "|"


class Statement(NamedTuple):
    """What a text says of its licence."""

    expression: str
    """SPDX; "none" where nothing is said, "unknown" where nothing of it is understood."""
    method: str
    """tag, metadata, notice, text or none: what named the licence, the surest first."""
    score: float
    """1 for tags and metadata, 0.9 for notices, the share of the licence's words for texts; for "unknown" the
    best share of any licence.
    """


NOTHING: Final = Statement(NONE, NONE, 0.0)


@lru_cache(maxsize=1 << 12)
def identify(text: str, *, needs_subject: bool = False) -> Statement:
    """The licence that a text states; with `needs_subject`, notices count only if they speak of "this code".

    >>> identify("Licensed under the Apache License, Version 2.0").expression
    'Apache-2.0'
    >>> identify("MIT, but ask me first: all rights reserved").expression
    'unknown'
    """
    tags = [_tag(match[1]) for match in _TAG.finditer(text)]
    words = plain_words(_TAG.sub("|", text))
    texts, best = matches(words)
    blank = _blank(words, [span for match in texts for span in match.spans])
    told = [*notices(blank, needs_subject=needs_subject)]
    fields = _fields(_TAG.sub("|", text), alone=not told) if not texts else []
    rest = _blank(blank, [(notice.start, notice.end) for notice in told])
    found = [*tags, *_joined_notices(told, fields), *_with_exceptions(texts)]
    expression = join(_subsumed(found))
    spans = [*(span for match in texts for span in match.spans), *((n.start, n.end) for n in told)]
    spans += [(0, len(words))] if fields else []
    if any(match.altered for match in texts) or _remains(rest, spans, known=bool(expression)):
        expression = join([expression, UNIDENTIFIED]) if expression else UNKNOWN
    if not expression:
        return NOTHING
    method = "tag" if tags else "notice" if told or fields else "text" if texts else NONE
    score = {"tag": 1.0, "notice": 0.9}.get(method, min((m.share for m in texts), default=best))
    return Statement(expression, method, score)


def identify_all(texts: Iterable[str]) -> str:
    """The licence of what comes with these texts: their AND; "unknown" if one is, or if none states any."""
    stated = [identify(text).expression for text in texts]
    if UNKNOWN in stated:
        return UNKNOWN
    return join(found for found in stated if found != NONE) or UNKNOWN


def _tag(stated: str) -> str:
    """The expression of an SPDX tag's line."""
    return normalise(_TAG_END.sub("", stated).strip()) or UNIDENTIFIED


def _fields(text: str, *, alone: bool) -> list[str]:
    """Licences of lines like `License: MIT`; if nothing else speaks, of a name below a heading "License"."""
    stated = [match[1] for match in _FIELD.finditer(text)]
    stated += [match[1] for match in _HEADING.finditer(text)] if alone and not stated else []
    return [stated_license(value) or UNIDENTIFIED for value in stated if not _points(value)]


def _points(value: str) -> bool:
    """Whether a value only names the file that holds the licence."""
    words = plain_words(_LINK.sub(r"\1", value))
    return bool(re.fullmatch(_POINTER, words) or _pattern("pointers").match(words))


def stated_license(value: str) -> str:
    """The normalised expression of what stands where a licence's name is expected; "" if it names none."""
    value = _COPYRIGHT.sub("", _SEE.sub("", _TAG_END.sub("", _LINK.sub(r"\1", value)))).strip(" .*#_\t")
    first = value.partition(". ")[0]  # what follows is looked through for restrictions, as all words are
    readings = (
        from_package_metadata(None, (), v) or normalise(named(plain_words(v))) for v in (value, first)
    )
    return next((found for found in readings if found), "")


def _joined_notices(told: Sequence[Notice], fields: Sequence[str]) -> list[str]:
    """Notices as expressions; one that says "alternatively" is a choice beside those before it."""
    found = ""
    for notice in told:
        expression = notice.expression.removeprefix("OR ")
        if found and notice.expression.startswith("OR "):
            found = normalise(f"({found}) OR ({expression})")
        else:
            found = join([found, normalise(expression)])
    return [found, *fields]


def _with_exceptions(texts: Sequence[Match]) -> list[str]:
    """Licences found by their texts; an exception found by its text goes to the licence it belongs to."""
    names = {match.name for match in texts}
    exceptions = sorted(name for name in names if name.startswith("WITH "))
    licenses = sorted(names.difference(exceptions))
    if "LGPL-3.0-only" in licenses:
        licenses = [name for name in licenses if name != "GPL-3.0-only"]  # to which it is an addition
    if len(exceptions) == 1 and len(licenses) == 1:
        return [f"{licenses[0]} {exceptions[0]}"]
    return [*licenses, *(UNIDENTIFIED for _ in exceptions)]


def _subsumed(found: Sequence[str]) -> list[str]:
    """Without single licences that stand in an expression which offers them as a choice."""
    choices = {part for expression in found if " OR " in expression for part in ids_of(expression)}
    return [expression for expression in found if " OR " in expression or expression not in choices]


def _blank(words: str, spans: Sequence[tuple[int, int]]) -> str:
    """The words with the spans blanked by bars, so that nothing matches in or over them."""
    pieces, at = [], 0
    for start, end in _merged(spans, around=0):
        pieces += [words[at:start], _CUT * (end - start)]
        at = end
    return "".join([*pieces, words[at:]])


def _merged(spans: Sequence[tuple[int, int]], *, around: int) -> list[tuple[int, int]]:
    """The spans, each widened by `around`, ascending and apart from each other."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((max(0, start - around), end + around) for start, end in spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


@cache
def _pattern(name: str) -> re.Pattern[str]:
    listed = table()[name]
    return re.compile(rf"\b(?:{'|'.join([listed] if isinstance(listed, str) else listed)})")


def _remains(rest: str, spans: Sequence[tuple[int, int]], *, known: bool) -> bool:
    """Whether words of licensing remain that nothing explains, or restrictions near what was found."""
    rest = _pattern("neutral").sub(_CUT, rest) if known else rest
    pointed = _pattern("pointers").sub(_CUT, rest)
    if not known and pointed == rest and _pattern("reserved").search(rest):
        return True
    if _pattern("anchors").search(_pattern("reserved").sub(_CUT, pointed)):
        return True
    near = [rest[start:end] for start, end in _merged(spans, around=_NEAR)] if known else []
    return any(_pattern("restrictions").search(part) for part in near)


def unfinished(statement: Statement) -> Statement:
    """The statement of a text of which only the beginning was read: the rest may say more."""
    if statement.expression in (NONE, UNKNOWN):
        return statement
    return statement._replace(expression=join([statement.expression, UNIDENTIFIED]))
