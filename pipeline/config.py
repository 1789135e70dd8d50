"""The recipe: one TOML file, validated as a whole before anything starts.

Every key is a field of a frozen model here, an unknown key is an error that names the nearest known one, and
nothing that changes data without being seen (tokenizer, dialect, seed, thresholds) has a default. Costs
milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Order = Literal["psm", "spm-v1", "spm-v2"]
Kind = Literal["random", "empty", "line", "lines", "block", "refact-v2"]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _require_positive(name: str, weights: Iterable[float]) -> None:
    if sum(weights) <= 0:
        raise ValueError(f"{name} needs at least one positive weight")


class Section(BaseModel):
    """A table of the recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Section):
    """Where documents come from: exactly one of `env`, `path` and `hub`."""

    env: bool = False
    """The source files of the installed packages and of the standard library."""
    path: str | None = None
    """A folder or glob of Parquet files; nested folders are read."""
    hub: str | None = None
    """A dataset on the Hugging Face hub, such as bigcode/the-stack-dedup."""
    revision: str | None = None
    data_dir: str | None = None
    name: str | None = None
    """What stands for the source in document ids; by default `env`, `path`, or the hub's name."""
    columns: str | dict[str, str] = "stack-v1"
    """A preset, or a mapping from The Stack v1's column names to this source's."""
    languages: tuple[str, ...] = ()
    """Keep to these languages (The Stack's names); empty means all."""
    max_document_bytes: int = Field(default=10_000_000, gt=0, lt=1 << 31)
    """A longer document is quarantined: it would break the memory bound."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum([self.env, self.path is not None, self.hub is not None]) != 1:
            raise ValueError('give exactly one of env = true, path = "…" and hub = "…"')
        return self


class TrainTokenizer(Section):
    """Train a byte-level BPE of the StarCoder kind (single digits, GPT-2's regex) on the gated corpus."""

    vocab_size: int = Field(ge=300)
    """Sentinels included."""
    sample_bytes: int = Field(gt=0)
    """Text to train on, chosen by a keyed hash of the document id."""


class Tokenizer(Section):
    """Exactly one of a tokenizer.json file, a hub repository that holds one, and training."""

    file: str | None = None
    hub: str | None = None
    revision: str | None = None
    train: TrainTokenizer | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(choice is not None for choice in (self.file, self.hub, self.train)) != 1:
            raise ValueError("give exactly one of file, hub and train")
        return self


class Dedup(Section):
    """Removal of repeated ids, equal texts and near-duplicates among the documents that every predicate
    keeps.
    """

    preset: str | None = None
    """A table of pipeline/dedup_presets.toml: what it says holds unless the recipe says otherwise."""
    threshold: float = Field(gt=0, lt=1)
    """Jaccard similarity of shingle sets from which two documents are near-duplicates."""
    keep: tuple[str, ...] = Field(min_length=1)
    """Which document of a cluster stays: SQL expressions over signals, each with an optional ` desc`."""
    bands: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """Bands of a signature and entries a band; by default datasketch's choice for the threshold."""
    verify: Literal["exact", "estimate", "none"] = "exact"
    """How candidates are checked: on their shingles, on their signatures, or not at all."""
    cluster: Literal["greedy", "components", "extremes"] = "greedy"
    """`greedy`: a document goes only for a better one like it that stays. `components`: one of each connected
    component stays. `extremes`: BigCode's, see docs/dedup.md."""
    alarm: Share = 0.5
    """A source or language that loses more than this share of its documents raises an alarm: exit code 3."""
    alarm_documents: int = Field(default=100, ge=1)
    """Groups of fewer documents raise none."""
    against: tuple[str, ...] = ()
    """Saved indexes of earlier deliveries, the first being the best: what is like theirs goes."""
    index: bool = False
    """Save an index of what stays, against which a later delivery can be deduplicated."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.cluster == "extremes" and self.verify != "exact":
            raise ValueError('cluster = "extremes" compares texts: it goes with verify = "exact"')
        if self.cluster == "extremes" and self.against:
            raise ValueError('cluster = "extremes" compares texts, which a saved index does not hold')
        return self


class Select(Section):
    """Named predicates, in order, and near-dedup after them."""

    where: dict[str, str] = {}
    dedup: Dedup | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: object) -> object:
        """In TOML the predicates stand beside `dedup`; here they are gathered under `where`."""
        if not isinstance(data, dict) or "where" in data:
            return data
        return {"where": {k: v for k, v in data.items() if k != "dedup"}, "dedup": data.get("dedup")}


class HalfWritten(Section):
    """Delete lines after the middle from the suffix, with probability `rate`."""

    rate: Share
    max_lines: int = Field(ge=1)
    """1..max_lines lines go, drawn uniformly."""
    to_block_end: Share = 0.0
    """The share of half-written samples that lose everything to the end of the cursor's block instead."""


class Cursor(Section):
    """Weights of where the cursor of a `line` or `lines` middle stands in its line."""

    indent: Weight = 1.0
    """Where the indent ends."""
    border: Weight = 1.0
    """At a token border."""
    inside: Weight = 1.0
    """Anywhere in the visible part, inside an identifier too."""

    @model_validator(mode="after")
    def _one_positive(self) -> Self:
        _require_positive("cursor", [self.indent, self.border, self.inside])
        return self


class LanguageFim(Section):
    """What one language does otherwise than `[fim]` says; a key that is not given is as there."""

    rate: Share | None = None
    orders: dict[Order, Weight] | None = None
    kinds: dict[Kind, Weight] | None = None

    @model_validator(mode="after")
    def _weights(self) -> Self:
        for name in ("orders", "kinds"):
            if (weights := getattr(self, name)) is not None:
                _require_positive(name, weights.values())
        return self


class Metadata(Section):
    """Probabilities with which a document's metadata stand before its text, each drawn by itself."""

    repository: Share
    path: Share
    stars: Share


class RepositoryContext(Section):
    """Other files of a document's repository before it, in the dialect's repository form."""

    rate: Share
    """The share of samples, among those whose repository has other surviving files, that get a context."""
    max_tokens: int = Field(ge=16)
    """The most tokens of a context; it counts against `fim.context`."""
    order: Literal["imports", "random"]
    """`imports`: what a file depends on comes nearest before it; `random`: a keyed order."""


class Fim(Section):
    """How windows are cut and formatted."""

    dialect: str
    """The sentinels and orders of one model family: a name of pipeline/synthesize/dialects/, or the path of a
    TOML file of that form."""
    add_sentinels: bool = False
    """Add sentinels that the tokenizer lacks to it as special tokens; the result is saved with the shards."""
    rate: Share
    """The share of samples that are fill-in-the-middle; the rest are plain."""
    orders: dict[Order, Weight]
    """Weights of the orders, normalised."""
    kinds: dict[Kind, Weight]
    """Weights of the kinds, normalised."""
    languages: dict[str, LanguageFim] = {}
    """Other rates and weights for some languages, by The Stack's names."""
    context: int = Field(ge=64)
    """The most tokens a sample may have, sentinels and end-of-text included."""
    unit: Literal["character", "token", "line"] = "character"
    """Between what the cuts of `random` fall."""
    cursor: Cursor = Cursor()
    line_newline: bool = False
    """Whether a `line` middle holds its newline."""
    max_lines: int = Field(default=32, ge=2)
    """The most lines that a `lines` middle may span."""
    half_written: HalfWritten | None = None
    window_borders: Literal["line", "block"] = "line"
    """Where a document that does not fit the context is divided: at any line, or before a top-level block."""
    tokenization: Literal["separate", "joint", "snap"] = "separate"
    """Parts encoded apart, as at inference; or prefix and middle together where they are neighbours; or cuts
    moved to token borders."""
    loss: Literal["all", "middle", "no-sentinels"] = "all"
    """What a trainer should learn of a sample; recorded in the manifest, and it changes no token."""
    metadata: Metadata | None = None
    repository: RepositoryContext | None = None

    @model_validator(mode="after")
    def _weights(self) -> Self:
        for name in ("orders", "kinds"):
            _require_positive(name, getattr(self, name).values())
        return self


class Redact(Section):
    """What is replaced in every text before it is cut: see filters/redaction.py."""

    secrets: bool
    """Keys, tokens and passwords, as the filter `secrets` finds them."""
    pii: bool
    """E-mail and IP addresses, as the filter `pii` finds them."""
    style: Literal["fake", "token"]
    """By a fake of the same kind, or by `<KEY>`, `<EMAIL>` or `<IP_ADDRESS>`."""
    keep_length: bool = False
    """Whether a fake has as many characters as what it replaces."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.secrets or self.pii):
            raise ValueError("redact what? set secrets = true or pii = true, or leave the section out")
        if self.style == "token" and self.keep_length:
            raise ValueError('keep_length goes with style = "fake": a token has a length of its own')
        return self


class Shards(Section):
    """The output's shape."""

    sequence_length: int = Field(ge=64)
    """Tokens in a packed row."""
    tokens_per_shard: int = Field(ge=1_000, le=200_000_000)
    """About how many tokens a shard holds; the hard limit of 1 GiB a file is checked."""
    validation: Share
    """Share of repositories that go to the validation split, by a keyed hash of the repository's name."""
    seed: int = Field(ge=0, lt=1 << 63)
    """The seed of every random choice of the run."""


class Engine(Section):
    """How work is divided. No setting here changes an output byte."""

    split_bytes: int = Field(default=32_000_000, gt=0)
    """Uncompressed bytes of text in a split, the unit of work and of resume (at least one row group)."""
    batch_bytes: int = Field(default=8_000_000, gt=0)
    """Text that a worker holds at a time."""
    dedup_bytes: int = Field(default=500_000_000, ge=1_000_000)
    """About how much data a unit of dedup holds; see docs/scaling.md."""
    retries: int = Field(default=3, ge=0)
    """How often a unit whose worker died is tried again before it is quarantined."""


class Recipe(Section):
    """The whole recipe."""

    name: str
    source: Source
    tokenizer: Tokenizer
    filters: dict[str, dict[str, object]] = {}
    gate: dict[str, str] = {}
    select: Select = Select()
    redact: Redact | None = None
    fim: Fim
    shards: Shards
    engine: Engine = Engine()

    @model_validator(mode="after")
    def _context_fits(self) -> Self:
        if self.fim.context > self.shards.sequence_length:
            raise ValueError(
                f"fim.context = {self.fim.context} is more than shards.sequence_length = "
                f"{self.shards.sequence_length}: a sample must fit a row whole"
            )
        return self
