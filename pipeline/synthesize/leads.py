"""Leads: what stands before a document's text: beginning-of-sequence, metadata, files of its repository.

Forms are the dialect's. Control tokens are put in as ids, and names, paths and texts are encoded as text with
specials off, so none of them becomes a control id. All windows of a document have the same leads, drawn by
keys of their own, so they depend on nothing but the document. One encoding of what is added, a batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.text import pack_texts
from filters.tokens.encoder import Encoder
from pipeline.config import Fim, Metadata
from pipeline.keyed import Rng, falls_in, keyed_hash
from pipeline.synthesize.dialects import Dialect, Form, MetadataPart, Place, header_limit
from pipeline.synthesize.layout import Leads, refuse_controls_from_text
from pipeline.synthesize.lines import split_lines
from pipeline.synthesize.sentinels import Sentinels

PLACES: Final[tuple[Place, ...]] = ("front", "header")
_METADATA: Final[tuple[MetadataPart, ...]] = ("repository", "path", "stars", "end")
_MAX_CHARACTERS_PER_TOKEN: Final = 16
"""Other files are looked at as far back as this times the tokens that they may have."""

Ids = npt.NDArray[np.int32]
Pieces = list[int | str]
"""Control ids, and texts that are encoded each by itself."""

# BigCode, bigcode-dataset, preprocessing/add_content_with_meta.py: the most stars of each bucket.
_STAR_BUCKETS: Final = ((0, "0"), (10, "1-10"), (100, "10-100"), (1000, "100-1000"))
_MOST_STARS: Final = "1000+"


class Lead(NamedTuple):
    """What one document's samples begin with, and what their prefixes begin with."""

    front: Pieces
    header: Pieces
    is_context: bool = False


NOTHING: Final = Lead([], [])


@dataclass(frozen=True)
class LeadSettings:
    """What all leads share."""

    fim: Fim
    dialect: Dialect
    sentinels: Sentinels
    encoder: Encoder
    seed: int


def plan_leads(docs: pa.Table, settings: LeadSettings) -> tuple[Leads, dict[str, int]]:
    """The leads of every document, and how many have a context, a cut one, or lost what was too long.

    `docs` has doc_id, repo and path, and may have `stars` (int64, null where unknown) and `context_files`
    (list<struct<path, text>>, the nearest last, null or empty where there are none).
    """
    counts = {"with_context": 0, "context_cut": 0, "context_left_out": 0, "metadata_left_out": 0}
    bos = settings.sentinels.bos
    opening = np.array([] if bos is None else [bos], np.int32)
    if settings.fim.metadata is None and settings.fim.repository is None:
        alike = np.tile(np.array([len(opening), 0], np.int64), (len(docs), 1))
        return Leads(opening, np.zeros_like(alike), alike), counts
    leads = [_lead(document, settings, counts) for document in _documents(docs)]
    encoded = encode_pieces([pieces for lead in leads for pieces in lead[:2]], settings.encoder)
    planned = sum(isinstance(piece, int) for lead in leads for pieces in lead[:2] for piece in pieces)
    refuse_controls_from_text(np.concatenate([opening[:0], *encoded]), settings.sentinels, planned=planned)
    flat: list[Ids] = []
    for lead, front, header in zip(leads, encoded[::2], encoded[1::2], strict=True):
        if not lead.is_context and len(front) + len(header) > header_limit(settings.fim.context):
            counts["metadata_left_out"] += 1
            flat += [opening, opening[:0]]
        else:
            flat += [np.concatenate((opening, front)), header]
    lengths = np.array([len(ids) for ids in flat], np.int64)
    starts = np.cumsum(lengths) - lengths
    ids = np.concatenate([np.empty(0, np.int32), *flat])
    return Leads(ids, starts.reshape(-1, 2), lengths.reshape(-1, 2)), counts


def _documents(docs: pa.Table) -> Iterator[dict[str, Any]]:
    known = ("doc_id", "repo", "path", "stars", "context_files")
    names = [name for name in known if name in docs.column_names]
    columns = [docs[name].to_pylist() for name in names]
    for values in zip(*columns, strict=True):
        yield {"stars": None, "context_files": None} | dict(zip(names, values, strict=True))


def _lead(document: dict[str, Any], settings: LeadSettings, counts: dict[str, int]) -> Lead:
    """A context if there are files, it is drawn and it fits, else metadata."""
    repository = settings.fim.repository
    files = [file for file in document["context_files"] or [] if file["text"]]
    drawn = repository is not None and falls_in(repository.rate, settings.seed, document["doc_id"], "context")
    if not files or not drawn:
        return _metadata(document, settings)
    lead = _context(document, files, settings, counts)
    counts["with_context" if lead is not None else "context_left_out"] += 1
    return lead if lead is not None else _metadata(document, settings)


def _metadata(document: dict[str, Any], settings: LeadSettings) -> Lead:
    """Metadata that are drawn, each by itself; a name that is empty is left out."""
    if settings.fim.metadata is None:
        return NOTHING
    key = keyed_hash(settings.seed, document["doc_id"], 0, "metadata")
    values = {
        "repository": document["repo"],
        "path": document["path"],
        "stars": star_bucket(document["stars"]),
    }
    given = {part for part in draw_metadata(settings.fim.metadata, Rng(key)) if values[part]}
    given |= {"end"} if given else set()
    tables = [settings.dialect.metadata.get(place, {}) for place in PLACES]
    forms = [[forms[part] for part in _METADATA if part in forms and part in given] for forms in tables]
    front, header = (compose(own, values, settings.sentinels.lead) for own in forms)
    return Lead(front, header)


def draw_metadata(shares: Metadata, rng: Rng) -> set[str]:
    """Which of repository, path and stars a document has: three draws, always all of them."""
    asked = (("repository", shares.repository), ("path", shares.path), ("stars", shares.stars))
    return {part for part, share in asked if rng.uniform() < share}


def star_bucket(stars: int | None) -> str:
    """StarCoder's name for a number of stars; unknown is none.

    >>> [star_bucket(stars) for stars in (None, 0, 10, 11, 1000, 1001)]
    ['0', '0', '1-10', '10-100', '100-1000', '1000+']
    """
    return next((name for most, name in _STAR_BUCKETS if (stars or 0) <= most), _MOST_STARS)


def _context(
    document: dict[str, Any], files: Sequence[dict[str, str]], settings: LeadSettings, counts: dict[str, int]
) -> Lead | None:
    """The repository form with as many files as fit, the nearest first; None if nothing fits."""
    assert settings.fim.repository is not None
    forms, controls = settings.dialect.context, settings.sentinels.lead
    own = {"repository": document["repo"], "path": document["path"]}
    tables = [forms.get(place, {}) for place in PLACES]
    begins = [
        compose([table.get("begin", ())], own, controls) if own["repository"] else [] for table in tables
    ]
    ends = [compose([table.get("end", ())], own, controls) for table in tables]
    frame = sum(map(len, encode_pieces([*begins, *ends], settings.encoder)))
    at = 0 if "file" in tables[0] else 1
    form, room = tables[at]["file"], settings.fim.repository.max_tokens - frame
    kept = _fitting_files(files, form, room, settings)
    if not kept:
        tail = _fitting_tail(files[-1], form, room, settings)
        if tail is None:
            return None
        counts["context_cut"] += 1
        kept = [tail]
    begins[at] += [piece for unit in kept for piece in unit]
    return Lead([*begins[0], *ends[0]], [*begins[1], *ends[1]], is_context=True)


def _fitting_files(
    files: Sequence[dict[str, str]], form: Form, room: int, settings: LeadSettings
) -> list[Pieces]:
    """The last files, whole, that have at most `room` tokens together."""
    characters = np.cumsum([len(file["text"]) for file in files[::-1]])
    near = int(np.searchsorted(characters, room * _MAX_CHARACTERS_PER_TOKEN, "right"))
    units = [compose([form], file, settings.sentinels.lead) for file in files[len(files) - near :]]
    lengths = [len(ids) for ids in encode_pieces(units, settings.encoder)]
    count = int(np.searchsorted(np.cumsum(lengths[::-1]), room, "right"))
    return units[len(units) - count :]


def _fitting_tail(file: dict[str, str], form: Form, room: int, settings: LeadSettings) -> Pieces | None:
    """The form of the longest end of a file, from the start of a line on, that has at most `room` tokens."""
    controls = settings.sentinels.lead
    lines = split_lines(file["text"][-max(1, room) * _MAX_CHARACTERS_PER_TOKEN :])
    units = [compose([form], file | {"text": ""}, controls)]
    units += [[line] for line in lines[1:]]
    empty, *tokens = [len(ids) for ids in encode_pieces(units, settings.encoder)]
    count = int(np.searchsorted(np.cumsum(tokens[::-1]), room - empty, "right"))
    while count > 0:  # tokens may differ where lines meet
        pieces = compose([form], file | {"text": "".join(lines[len(lines) - count :])}, controls)
        if len(encode_pieces([pieces], settings.encoder)[0]) <= room:
            return pieces
        count -= max(1, count // 16)
    return None


def compose(forms: Sequence[Form], values: Mapping[str, str], controls: Mapping[str, int]) -> Pieces:
    """The pieces of some forms, one after the other; texts that meet are joined."""
    pieces: Pieces = []
    for item in (item for form in forms for item in form):
        piece = controls[item] if item in controls else item.format_map(values)
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def encode_pieces(units: Sequence[Pieces], encoder: Encoder) -> list[Ids]:
    """The ids of each unit, all texts encoded in one call."""
    texts = [piece.encode() for unit in units for piece in unit if isinstance(piece, str)]
    encoded = encoder.encode(pack_texts(texts))
    bounds = iter(zip(encoded.offsets[:-1].tolist(), encoded.offsets[1:].tolist(), strict=True))

    def ids_of(piece: int | str) -> Ids:
        if isinstance(piece, int):
            return np.array([piece], np.int32)
        start, stop = next(bounds)
        return encoded.ids[start:stop]

    return [np.concatenate([np.empty(0, np.int32), *map(ids_of, unit)]) for unit in units]
