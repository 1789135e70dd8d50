"""What `infill dedup` is asked to do: options, files and a preset, made into one checked request.

Options that are not given come from the preset. A preset's keep order is cut down to what the files bear, and
what is left out is told; an order or a predicate that was given must be computable. Reads one footer an
input, and no text.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from filters import REGISTRY, Filter
from filters.minhash import MinHash
from pipeline.config import Dedup, Source
from pipeline.dedup.presets import DEFAULT_PRESET, load_preset, with_preset
from pipeline.dedup_alone.signals import Available, identity_columns, suppliers_of
from pipeline.recipe import build_filter, check_expression, check_predicate, no_signals, order_term
from pipeline.single_filter.columns import parse_columns
from pipeline.single_filter.inputs import HUB_NAME
from pipeline.sources import REQUIRED, list_files
from pipeline.store import filesystem_of

MAX_DOCUMENT_BYTES: Final = 10_000_000
ALWAYS_ON: Final = ("size", "digest", "minhash")
CONVERT: Final = (
    "expected a file, folder or glob of *.parquet; turn Arrow or JSON lines into it with `infill filter size "
    "INPUT --where true --out FILE.parquet`, and source trees with `infill ingest`"
)
KNOWN: Final = "`infill filters` lists all signals"


class Input(NamedTuple):
    """A source: its name, as it was given, and where it is."""

    name: str
    path: str
    """Absolute, or a URL, or OWNER/NAME of the hub."""

    def source(self, columns: Mapping[str, str], max_document_bytes: int) -> Source:
        """As a recipe's source."""
        place = {"hub": self.path} if _is_hub(self.path) else {"path": self.path}
        return Source(name=self.name, columns=dict(columns), max_document_bytes=max_document_bytes, **place)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Options:
    """The options of `infill dedup` as given; what is None or empty comes from the preset."""

    inputs: tuple[str, ...]
    preset: str = DEFAULT_PRESET
    columns: str | None = None
    where: tuple[str, ...] = ()
    minhash: Mapping[str, Any] = field(default_factory=dict)
    dedup: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields of filters whose signals are read."""
    max_document_bytes: int = MAX_DOCUMENT_BYTES


@dataclass(frozen=True)
class Request:
    """Everything that decides the result of `infill dedup`."""

    inputs: tuple[Input, ...]
    columns: Mapping[str, str]
    """Canonical column → the files' own."""
    needed: tuple[str, ...]
    """Canonical columns that every file must have."""
    filters: Mapping[str, Mapping[str, Any]]
    """Fields of every filter that runs, by name, in the registry's order."""
    dedup: Dedup
    where: Mapping[str, str]
    max_document_bytes: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Terms of the preset's keep order that these files do not bear, and why."""

    def made_filters(self) -> list[Filter]:
        """The filters."""
        return [build_filter(name, own, str(own.get("tokenizer", ""))) for name, own in self.filters.items()]

    def minhash(self) -> MinHash:
        """The filter of signatures."""
        found = build_filter("minhash", self.filters["minhash"], "")
        assert isinstance(found, MinHash)
        return found

    def as_json(self) -> dict[str, Any]:
        """Plain values, from which `restored` makes the request again; JSON does not keep a table's order."""
        where = list(self.where.items())
        return asdict(self) | {"where": where, "dedup": self.dedup.model_dump(mode="json")}

    @classmethod
    def restored(cls, values: Mapping[str, Any]) -> Self:
        """The request that `as_json` described."""
        inputs = tuple(Input(*own) for own in values["inputs"])
        filters = {name: values["filters"][name] for name in REGISTRY if name in values["filters"]}
        made: dict[str, Any] = {"inputs": inputs, "needed": tuple(values["needed"]), "filters": filters}
        made |= {"where": dict(values["where"]), "dedup": Dedup.model_validate(values["dedup"])}
        return cls(**{**values, **made})


def make_request(options: Options) -> Request:
    """Check options against a preset and the files. Raises ValueError that says what to do."""
    inputs = tuple(_input(text) for text in options.inputs)
    if len(set(inputs)) < len(inputs):
        raise ValueError(f"found an input twice in {' '.join(options.inputs)}; give each once")
    schemas = [_schema(own) for own in inputs]
    columns = parse_columns(options.columns) if options.columns else _detected(schemas)
    preset = load_preset(options.preset)
    minhash, dedup = with_preset(preset, options.minhash, options.dedup)
    fields = {**options.fields, "minhash": {**minhash, **options.fields.get("minhash", {})}}
    available = Available(columns, schemas, fields)
    left_out = {}
    if "keep" not in options.dedup:
        reasons = {text: available.lacking(order_term(text)[0]) for text in dedup.get("keep", ())}
        left_out = {text: reason for text, reason in reasons.items() if reason}
        dedup["keep"] = [text for text in reasons if text not in left_out] or ["doc_id"]
    settings = _dedup(dedup | {"preset": options.preset, "against": _indexes(dedup.get("against", ()))})
    given = {f"where_{i}" if i > 1 else "where": text for i, text in enumerate(options.where, 1)}
    where = {**preset.where, **given}
    needed = {*REQUIRED, *identity_columns(where.values(), settings.keep)}
    used = {*ALWAYS_ON, *suppliers_of(where.values(), settings.keep)}
    filters = {name: fields.get(name, {}) for name in REGISTRY if name in used}
    _refuse_unread(options.fields, filters)
    request = Request(inputs, columns, (), filters, settings, where, options.max_document_bytes, left_out)
    _check(request, available)
    needed |= {column for fltr in request.made_filters() for column in fltr.columns}
    return Request(**{**vars(request), "needed": tuple(sorted(needed))})


def _check(request: Request, available: Available) -> None:
    """Every predicate and order must be computable, and right."""
    texts = {f"--where ({name})": text for name, text in request.where.items()}
    texts |= {f"--keep {text!r}": order_term(text)[0] for text in request.dedup.keep}
    for key, text in texts.items():
        if reason := available.lacking(text):
            raise ValueError(f"{key}: {text!r} cannot be computed: {reason}")
    signals = no_signals(request.made_filters())
    for key, text in texts.items():
        check = check_predicate if key.startswith("--where") else check_expression
        check(key, text, signals, KNOWN)


def _refuse_unread(fields: Mapping[str, Any], filters: Mapping[str, Any]) -> None:
    for name in fields:
        if name not in filters:
            read = ", ".join(filters)
            raise ValueError(f"--set {name}.…: no --keep and no --where reads this filter; read are {read}")


def _dedup(values: Mapping[str, Any]) -> Dedup:
    try:
        return Dedup.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            flag = "--" + "-".join(str(part) for part in problem["loc"]).replace("_", "-")
            message = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{flag if problem['loc'] else 'options'}: {message}")
        raise ValueError("\n".join(lines)) from error


def _indexes(paths: Sequence[str]) -> list[str]:
    """Folders of saved indexes; the output folder of an earlier `infill dedup` stands for its index."""
    found = []
    for text in paths:
        choices = (Path(text) / "index", Path(text))
        own = next((path for path in choices if (path / "manifest.json").is_file()), None)
        if own is None:
            raise ValueError(
                f"--against {text}: found no saved index there, expected a folder index/ that `infill dedup` "
                "or select.dedup.index has left"
            )
        found.append(str(own.absolute()))
    return found


def _is_hub(text: str) -> bool:
    return bool(HUB_NAME.fullmatch(text)) and not text.endswith(".parquet") and not Path(text).exists()


def _input(text: str) -> Input:
    remote = "://" in text or _is_hub(text)
    return Input(text, text if remote else str(Path(text).absolute()))


def _schema(own: Input) -> pa.Schema:
    """The columns of an input's first file that can be read; none if no file can, which is told later."""
    source = own.source({}, MAX_DOCUMENT_BYTES)
    try:
        urls = list_files(source)
    except ValueError as error:
        if "no Parquet file" not in str(error):
            raise
        raise ValueError(f"{own.name}: found no Parquet file there; {CONVERT}") from error
    for url in urls:
        filesystem, path = filesystem_of(url)
        try:
            with filesystem.open(path, "rb") as stream:
                return pq.read_schema(stream)
        except (pa.ArrowException, OSError):
            continue
    return pa.schema([])


def _detected(schemas: Sequence[pa.Schema]) -> dict[str, str]:
    """The preset of columns that fits the files: text and path are there, and the most of the others.

    Raises ValueError if none fits.
    """
    presets = tomllib.loads(files("pipeline").joinpath("columns.toml").read_text(encoding="utf-8"))
    shared = set.intersection(*(set(schema.names) for schema in schemas)) if schemas else set()
    fitting = [own for own in presets.values() if all(own[name] in shared for name in REQUIRED)]
    if not fitting:
        found = ", ".join(sorted(shared)) or "none"
        raise ValueError(
            f"the columns of text and path are not known; the files share the columns {found}: add "
            "--columns content=COLUMN,max_stars_repo_path=COLUMN"
        )
    return max(fitting, key=lambda own: (sum(name in shared for name in own.values()), -len(own)))
