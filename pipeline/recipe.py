"""Read a recipe file, apply `--set` and presets, and refuse it as a whole if anything in it is wrong.

`load_recipe` gives a validated `Recipe`; `filters_of` builds its filters; `check_predicates` tries every
predicate and keep order on an empty table of the recipe's signals, so that a wrong name, type or function is
found before any work. Problems are told together, first those of keys and values, then those of filters, then
those of predicates, each with its key and the nearest known name. Nothing here reads data.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa
from pydantic import BaseModel, TypeAdapter, ValidationError

from filters import Filter, filter_class
from pipeline.annotate import Identity
from pipeline.config import Recipe
from pipeline.dedup.presets import apply_preset
from pipeline.sources import first_line

Made = TypeVar("Made")


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The validated recipe of a TOML file. Raises ValueError that lists every problem with its key."""
    if not path.is_file():
        raise ValueError(f"there is no recipe {path}; recipes are TOML files such as configs/demo.toml")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    for override in overrides:
        apply_override(data, override)
    data.setdefault("name", path.stem)
    try:
        apply_preset(data)
    except ValueError as error:
        raise ValueError(f"{path} has problems:\n  {error}") from error
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise ValueError("\n".join([f"{path} has problems:", *map(_explain, error.errors())])) from error
    try:
        check_predicates(recipe)
    except ValueError as error:
        raise ValueError(f"{path} has problems:\n{error}") from error
    return recipe


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one `a.b=c`; the value is read as TOML, and as plain text if it is not TOML."""
    dotted, equals, text = override.partition("=")
    if not equals:
        raise ValueError(f"--set {override!r} has no '='; write --set section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, key = dotted.strip().split(".")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ValueError(f"--set {override!r}: {section} is a value, not a table")
    data[key] = value


def _explain(error: Mapping[str, Any]) -> str:
    """One line for one pydantic error: the dotted key, what is wrong, and the nearest known key."""
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    if error["type"] != "extra_forbidden":
        found = f" (found {error['input']!r})" if not isinstance(error["input"], dict) else ""
        return f"  {key or 'recipe'}: {error['msg'].removeprefix('Value error, ')}{found}"
    known = _known_keys(location[:-1])
    return f"  {key}: unknown key; {_nearest(location[-1], known)}"


def _nearest(name: str, known: Sequence[str]) -> str:
    """The known name that is most like `name`, or all of them."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known) or 'none'}"


def _known_keys(location: Iterable[str]) -> list[str]:
    """The field names of the model that stands at `location` in a recipe."""
    model: type[BaseModel] = Recipe
    for part in location:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)


ALWAYS_ON = ("size", "digest", "fertility")
"""Filters of every run: the funnel counts bytes and tokens, and exact duplicates are found by digest."""


def filters_of(recipe: Recipe, tokenizer_file: str) -> dict[str, Filter]:
    """The recipe's filters by name, in registry order of first mention; `fertility` gets the run's tokenizer.

    Raises ValueError that lists every unknown filter and field and every bad value, and what is known.
    """
    named = {**{name: {} for name in ALWAYS_ON}, **recipe.filters}
    return _all_or_problems(
        {name: partial(build_filter, name, own, tokenizer_file) for name, own in named.items()}
    )


def _all_or_problems(calls: Mapping[str, Callable[[], Made]]) -> dict[str, Made]:
    """The result of each call; raises ValueError with the message of every one that failed."""
    made: dict[str, Made] = {}
    problems = []
    for name, call in calls.items():
        try:
            made[name] = call()
        except ValueError as error:
            problems.append(f"  {error}")
    if problems:
        raise ValueError("\n".join(problems))
    return made


def build_filter(name: str, fields: Mapping[str, object], tokenizer_file: str) -> Filter:
    """The filter `name` with these fields. Raises ValueError for an unknown field or a bad value."""
    cls = filter_class(name)
    known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    if "tokenizer" in known:
        fields = {**fields, "tokenizer": tokenizer_file}
    for key in fields:
        if key not in known:
            raise ValueError(f"filters.{name}.{key}: unknown field; {_nearest(key, known)}")
    try:
        return TypeAdapter(cls).validate_python({key: _absolute(value) for key, value in fields.items()})
    except ValidationError as error:
        raise ValueError("\n  ".join(_sentences(name, error))) from error


def _absolute(value: object) -> object:
    """A path, or each path of a list, in full: workers may stand in another folder."""
    if isinstance(value, list):
        return tuple(map(_absolute, value))
    return str(Path(value).absolute()) if isinstance(value, str) and Path(value).is_file() else value


def _sentences(name: str, error: ValidationError) -> Iterator[str]:
    """What is wrong with the fields of filter `name`, a sentence each."""
    for problem in error.errors():
        place = ".".join(["filters", name, *map(str, problem["loc"])])
        if problem["type"] == "missing":
            yield f"{place}: required, and not given"
        elif problem["type"] == "value_error":  # the filter's own
            yield f"{place}: {problem['ctx']['error']}"
        else:
            yield f"{place}: {problem['msg']}, found {problem['input']!r}"


def is_gate_filter(fltr: Filter) -> bool:
    """Whether the filter reads metadata only, so that its signals can gate."""
    return "content" not in fltr.columns


def check_predicates(recipe: Recipe) -> None:
    """Raise ValueError that lists every predicate and keep order that this recipe's signals do not bear."""
    filters = filters_of(recipe, "tokenizer.json")
    gate = no_signals([fltr for fltr in filters.values() if is_gate_filter(fltr)])
    every = no_signals(list(filters.values()))
    metadata_only = "a gate reads metadata signals only: move it to [select]"
    declare = "declare its filter in [filters.NAME]"
    checks: dict[str, Callable[[], object]] = {}
    for name, text in recipe.gate.items():
        key = f"gate.{name}"
        checks[key] = partial(check_predicate, key, text, gate, metadata_only)
    for name, text in recipe.select.where.items():
        key = f"select.{name}"
        checks[key] = partial(check_predicate, key, text, every, declare)
    if recipe.select.dedup:
        checks["filters.minhash"] = partial(_check_signatures, filters)
        for text in recipe.select.dedup.keep:
            term = order_term(text)[0]
            checks[f"order {text}"] = partial(check_expression, "select.dedup.keep", term, every, declare)
    _all_or_problems(checks)


def no_signals(filters: Sequence[Filter]) -> pl.DataFrame:
    """An empty table with the columns that these filters give."""
    given = (*Identity.schema, *(field for fltr in filters for field in fltr.schema))
    fields = [pa.field("doc_id", pa.binary()), *given]
    frame = pl.from_arrow(pa.schema(fields).empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def _check_signatures(filters: Mapping[str, Filter]) -> None:
    if "minhash" not in filters:
        raise ValueError("select.dedup needs signatures: add [filters.minhash] with num_perm, ngram and seed")


def check_predicate(key: str, text: str, signals: pl.DataFrame, remedy: str) -> None:
    """Raise ValueError, with the key, unless `text` is SQL that is true or false of each row."""
    found = check_expression(key, text, signals, remedy)
    if found != pl.Boolean:
        raise ValueError(f"{key}: {text!r} is {found}, not a yes or no; compare it with something")


_SEVERAL_ROWS = re.compile(r'"(?:Agg|Over|Window|SubPlan|Quantile)":|(?<!"String"):"Len"')
"""What polars' JSON of an expression holds if a row's value depends on others, which come in batches."""


def check_expression(key: str, text: str, signals: pl.DataFrame, remedy: str) -> pl.DataType:
    """The type of an SQL expression over `signals`; raises ValueError if it cannot be evaluated."""
    try:
        expression = pl.sql_expr(text)
        columns = expression.meta.root_names()
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{key}: {text!r} is not SQL that polars reads: {first_line(error)}") from error
    if expression.meta.undo_aliases().meta.ne(expression):  # SQL reads 500_000 as 500 under the name _000
        raise ValueError(f"{key}: {text!r} ends in an alias; write numbers without underscores")
    for column in columns:
        if column not in signals.columns:
            hint = _nearest(column, sorted(signals.columns))
            raise ValueError(f"{key}: no filter gives the column {column!r}; {hint} ({remedy})")
    try:
        tried = signals.select(expression)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{key}: {text!r} cannot be evaluated: {first_line(error)}") from error
    if _SEVERAL_ROWS.search(expression.meta.serialize(format="json")):
        raise ValueError(f"{key}: {text!r} sums up many documents; each is judged by its own signals")
    return tried.dtypes[0]


def order_term(text: str) -> tuple[str, bool]:
    """An SQL expression and whether it sorts descending: `stars desc` is (`stars`, True)."""
    head, _, tail = text.strip().rpartition(" ")
    if tail.lower() in ("asc", "desc"):
        return head, tail.lower() == "desc"
    return text.strip(), False
