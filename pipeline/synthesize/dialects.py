"""Dialects: the control tokens, orders and forms of one model family, as TOML data.

`load_dialect` reads a file of `dialects/` or a user's own, and `check_fim` holds a recipe against it before
any work starts. A control token is never part of a text in a form, so it can be put in as an id. docs/fim.md
explains the keys. Costs milliseconds, once a run.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.config import Fim, Order

_FOLDER: Final = Path(__file__).with_name("dialects")

Token = Annotated[str, Field(min_length=1)]
Place = Literal["front", "header"]
"""`front`: before everything but the beginning-of-sequence token; `header`: where the prefix begins."""
MetadataPart = Literal["repository", "path", "stars", "end"]
ContextPart = Literal["begin", "file", "end"]
Form = tuple[Token, ...]
"""What stands at a place: each item is a control token or a text, which may hold `{path}` and the like."""
_FIELDS: Final = {
    "metadata": {
        "repository": {"repository"},
        "path": {"path"},
        "stars": {"stars"},
        "end": set[str](),
    },
    "context": {
        "begin": {"repository"},
        "file": {"path", "text"},
        "end": {"path"},
    },
}


_LEAST_ROOM: Final = 64
"""Tokens that metadata and context leave for the file itself."""


class Dialect(BaseModel):
    """The control tokens' texts, and what a model family does with them. A TOML file's keys, and `name`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    prefix: Token
    suffix: Token
    middle: str
    """Empty in a dialect that marks no middle."""
    pad: Token
    eot: Token
    bos: str = ""
    """The first token of every sample, where the family has one."""
    before_prefix: str = ""
    """A text that is encoded together with every prefix that is not empty, at its start."""
    orders: tuple[Order, ...] = Field(min_length=1)
    """The orders that the family was trained on."""
    cut_margins: tuple[int, int] = (0, 0)
    """Characters that a random cut keeps clear at the window's start and end."""
    ids: dict[str, int] = {}
    """Ids of sentinels (by role) that the family's tokenizer file does not hold."""
    controls: Form = ()
    """Further control tokens, for metadata and context."""
    metadata: dict[Place, dict[MetadataPart, Form]] = {}
    """Forms of metadata; `end` closes them if any is there."""
    context: dict[Place, dict[ContextPart, Form]] = {}
    """Forms of a repository context: `begin`, `file` for each file, `end`, which also opens the own file."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.middle and self.orders != ("spm-v1",):
            raise ValueError("orders: without a middle sentinel only spm-v1 tells the parts apart")
        if self.context and sum("file" in forms for forms in self.context.values()) != 1:
            raise ValueError("context: give `file` at exactly one place, front or header")
        for table in ("metadata", "context"):
            for place, forms in getattr(self, table).items():
                for part, form in forms.items():
                    self._check_form(f"{table}.{place}.{part}", form, _FIELDS[table][part])
        return self

    def _check_form(self, key: str, form: Form, fields: set[str]) -> None:
        """Refuse a control token inside a text, which would be encoded as text, and an unknown field."""
        for piece in form:
            if piece in self.control_texts():
                continue
            inside = [text for text in self.control_texts() if text in piece]
            if inside:
                raise ValueError(
                    f"{key}: make {inside[0]!r} in {piece!r} an item of its own, else it is text"
                )
            strange = {name for _, name, _, _ in Formatter().parse(piece) if name is not None} - fields
            if strange:
                known = ", ".join(f"{{{name}}}" for name in sorted(fields)) or "no field"
                raise ValueError(f"{key}: {piece!r} has {sorted(strange)}; it may have {known}")

    def control_texts(self) -> tuple[str, ...]:
        """The texts that a form may name as control tokens."""
        return (*self.controls, self.eot)

    def forms(self, fim: Fim) -> list[Form]:
        """The forms that a recipe uses."""
        shares = fim.metadata.model_dump() if fim.metadata is not None else {}
        asked = {part for part, share in shares.items() if share > 0}
        asked |= {"end"} if asked else set()
        metadata = [form for parts in self.metadata.values() for part, form in parts.items() if part in asked]
        if fim.repository is None:
            return metadata
        return metadata + [form for parts in self.context.values() for form in parts.values()]

    def lead_tokens(self, fim: Fim) -> tuple[str, ...]:
        """The control tokens of metadata and context that a recipe uses, in the dialect's order."""
        pieces = {piece for form in self.forms(fim) for piece in form}
        return tuple(text for text in dict.fromkeys(self.control_texts()) if text in pieces)


def load_dialect(name: str) -> Dialect:
    """The dialect of that name, or of that TOML file if `name` ends in .toml or holds a slash.

    Raises ValueError for an unknown name (with the nearest and all of them) and for a file that is not one.
    """
    path = Path(name) if name.endswith(".toml") or "/" in name else _FOLDER / f"{name}.toml"
    if not path.is_file():
        known = sorted(path.stem for path in _FOLDER.glob("*.toml"))
        nearest = get_close_matches(name, known, n=1, cutoff=0.0)
        raise ValueError(
            f"there is no dialect {name!r}; did you mean {nearest[0]!r}? The dialects are {', '.join(known)}"
            ", or your own: the path of a TOML file"
        )
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Dialect.model_validate({"name": path.stem} | data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"dialect {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise ValueError(f"dialect {path}: {'; '.join(problems)}; docs/fim.md lists the keys") from error


def check_fim(fim: Fim, dialect: Dialect) -> None:
    """Raise ValueError if the recipe asks for what the dialect does not have, or for too long a context."""
    own = {f"fim.languages.{name}.orders": language.orders or {} for name, language in fim.languages.items()}
    for key, orders in {"fim.orders": fim.orders, **own}.items():
        foreign = [order for order in orders if order not in dialect.orders]
        if foreign:
            raise ValueError(
                f"{key} asks for {', '.join(foreign)}, but dialect {dialect.name!r} has only "
                f"{', '.join(dialect.orders)}: remove the order or choose another dialect"
            )
    known = {part for parts in dialect.metadata.values() for part in parts}
    shares = fim.metadata.model_dump() if fim.metadata is not None else {}
    for part, share in shares.items():
        if share > 0 and part not in known:
            raise ValueError(
                f"fim.metadata.{part} = {share}, but dialect {dialect.name!r} has no form for it: set it to "
                "0 or choose another dialect"
            )
    if fim.repository is None:
        return
    if not dialect.context:
        raise ValueError(
            f"fim.repository is set, but dialect {dialect.name!r} has no form for other files: remove it or "
            "choose another dialect"
        )
    most = fim.context - header_limit(fim.context) - _LEAST_ROOM
    if fim.repository.max_tokens > most:
        raise ValueError(
            f"fim.repository.max_tokens = {fim.repository.max_tokens} leaves too little of fim.context = "
            f"{fim.context} for the file itself: at most {most}"
        )


def header_limit(context: int) -> int:
    """The most tokens of metadata before a text; longer ones are left out."""
    return context // 8
