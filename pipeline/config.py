"""The recipe: one TOML file, validated as a whole before anything starts.

Every key is a field of a frozen model here, an unknown key is an error that names the nearest known one, and
nothing that changes data without being seen (tokenizer, dialect, seed, thresholds) has a default. Costs
milliseconds.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Order = Literal["psm", "spm-v1", "spm-v2"]
Kind = Literal["random", "empty", "line", "lines"]
Share = Annotated[float, Field(ge=0, le=1)]


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
    """Near-duplicate removal among the documents that every predicate keeps."""

    threshold: float = Field(gt=0, lt=1)
    """Jaccard similarity of shingle sets, as MinHash signatures estimate it."""
    keep: tuple[str, ...] = Field(min_length=1)
    """Which document of a cluster stays: SQL expressions over signals, each with an optional ` desc`."""


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
    """Delete 1..max_lines lines after the middle from the suffix, with probability `rate`."""

    rate: Share
    max_lines: int = Field(ge=1)


class Fim(Section):
    """How windows are cut and formatted."""

    dialect: str
    """The sentinels and orders of one model family: see pipeline/synthesize/dialects/."""
    rate: Share
    """The share of samples that are fill-in-the-middle; the rest are plain."""
    orders: dict[Order, Annotated[float, Field(ge=0)]]
    """Weights of the orders, normalised."""
    kinds: dict[Kind, Annotated[float, Field(ge=0)]]
    """Weights of the kinds, normalised."""
    context: int = Field(ge=64)
    """The most tokens a sample may have, sentinels and end-of-text included."""
    max_lines: int = Field(default=32, ge=2)
    """The most lines that a `lines` middle may span."""
    half_written: HalfWritten | None = None

    @model_validator(mode="after")
    def _weights(self) -> Self:
        for name in ("orders", "kinds"):
            if sum(getattr(self, name).values()) <= 0:
                raise ValueError(f"{name} needs at least one positive weight")
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
