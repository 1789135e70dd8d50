"""The whole job as a chain of stages, each keyed by what it reads; `infill run` runs it and `infill plan`
walks it.

sources → splits → metadata → gate → tokenizer → annotate → select → dedup → (repository contexts) →
synthesize → shards → manifest. What a stage makes, later ones find in the `Job`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filters import Filter
from filters.minhash import MinHash
from filters.tokens.encoder import load_encoder
from pipeline import sources
from pipeline.annotate import Identity, annotate_split, annotate_units
from pipeline.config import Recipe, Source
from pipeline.dedup.stage import deduplicate, survivor_part
from pipeline.dedup.work import DedupWork
from pipeline.documents import Reading
from pipeline.ingest import ingest_repository, ingest_units
from pipeline.job import Job
from pipeline.numbering import number_splits
from pipeline.provenance import provenance
from pipeline.recipe import filters_of, is_gate_filter
from pipeline.repository_context import stage as repository_context
from pipeline.repository_context.files import ContextSettings
from pipeline.select import select_split, select_units
from pipeline.shards.mmidx import token_dtype
from pipeline.shards.stage import (
    SPLITS,
    FinishWork,
    RunList,
    finish_shards,
    finish_unit,
    merge_one,
    merge_units,
)
from pipeline.sources import Plan
from pipeline.store import key_of
from pipeline.synthesize.dialects import Dialect, check_fim, load_dialect
from pipeline.synthesize.sentinels import missing_tokens, resolve_sentinels, special_tokens
from pipeline.synthesize.stage import Synthesis, run_stem, synthesize_split, synthesize_units
from pipeline.synthesize.tokenizer_copy import (
    CopyWork,
    copied_path,
    copy_tokenizer_file,
    copy_unit,
    needs_copy,
)
from pipeline.tokenizer import (
    TrainWork,
    fetch_tokenizer,
    sample_split,
    sample_units,
    train_tokenizer,
    train_unit,
)

STAGES = (
    *("ingest", "metadata", "gate", "tokenizer sample", "tokenizer", "annotate"),
    *("select", "dedup", *repository_context.STAGES, "synthesize", "shards", "manifest"),
)


def run_job(job: Job) -> None:
    """Run every stage that is not done. Raises ValueError for bad input, Pending when the runner is
    planning.
    """
    recipe = job.recipe
    dialect = load_dialect(recipe.fim.dialect)
    check_fim(recipe.fim, dialect)
    if recipe.tokenizer.train is None:
        path = fetch_tokenizer(recipe.tokenizer.file, recipe.tokenizer.hub, recipe.tokenizer.revision)
        job.tokenizer = _fit_for_parts(job, path, dialect)
        resolve_sentinels(dialect, recipe.fim, load_encoder(str(job.tokenizer)))  # refuse before any work
    source = _ingest(job) if recipe.source.env else recipe.source
    filters = job.filters = filters_of(recipe, str(job.tokenizer))
    gate_filters: list[Filter] = [Identity(), *(f for f in filters.values() if is_gate_filter(f))]
    columns = {c for f in filters.values() for c in f.columns} | {"content", *sources.IDENTITY[:2]}
    columns |= {"max_stars_count"} if recipe.fim.metadata is not None and recipe.fim.metadata.stars else set()
    plan = sources.plan_splits(source, columns, split_bytes=recipe.engine.split_bytes, limit=job.limit)
    numbered = number_splits(plan.splits, job.out / "splits.json", remember=not job.runner.planning)
    job.plan = Plan(numbered, plan.quarantine)
    reading = Reading(
        sources.source_name(recipe.source),
        sources.column_mapping(source),
        source.max_document_bytes,
        recipe.engine.batch_bytes,
    )
    _gate(job, reading, gate_filters)
    if recipe.tokenizer.train is not None:
        job.tokenizer = _train(job, reading, special_tokens(dialect, recipe.fim))
        job.filters = filters_of(recipe, str(job.tokenizer))
    text_filters = [f for f in job.filters.values() if not is_gate_filter(f)]
    survivors, digests = _select(job, reading, text_filters)
    encoder = load_encoder(str(job.tokenizer))
    sentinels = resolve_sentinels(dialect, recipe.fim, encoder)
    vocabulary = max(encoder.vocab_size, sentinels.pad + 1, *(number + 1 for number in sentinels.placed()))
    synthesis = Synthesis(
        reading,
        recipe.fim,
        dialect,
        sentinels,
        job.tokenizer,
        token_dtype(vocabulary),
        recipe.shards.seed,
        recipe.redact,
    )
    job.synthesis = synthesis
    _assemble(job, synthesis, survivors, digests, vocabulary)


def _fit_for_parts(job: Job, path: Path, dialect: Dialect) -> Path:
    """The tokenizer, or a copy with the dialect's tokens and without a space of its own before each part."""
    fim = job.recipe.fim
    missing = missing_tokens(dialect, fim, load_encoder(str(path))) if fim.add_sentinels else []
    work = CopyWork(path, tuple(missing))
    if not needs_copy(work):
        return path
    unit = copy_unit(job.out / "tokenizer", work)
    job.stage("tokenizer", copy_tokenizer_file, [unit])
    return copied_path(unit.products[0])


def _ingest(job: Job) -> Source:
    """Make the `env` corpus, and read it as a folder."""
    corpus = job.out / "corpus"
    units = ingest_units(["env"], corpus)
    job.stage("ingest", ingest_repository, units)
    current = {product.path for unit in units for product in unit.products}
    stale = [path for path in corpus.glob("*.parquet") if path not in current]
    if not job.runner.planning:
        for path in stale:  # of packages that are no longer installed
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
    return job.recipe.source.model_copy(update={"env": False, "path": str(corpus)})


def _gate(job: Job, reading: Reading, filters: Sequence[Filter]) -> None:
    """Annotate metadata and decide the gate."""
    splits = job.plan.splits
    units = annotate_units(job.out, reading, splits, filters, None)
    job.stage("metadata", annotate_split, units)
    job.metadata = [tuple(product.path for product in unit.products) for unit in units]
    where = gate_predicates(job.recipe)
    folder = job.out / "select" / f"gate-{key_of(list(where.items()))[:16]}"
    units = select_units(folder, splits, job.metadata, None, where)
    job.stage("gate", select_split, units)
    job.gates = [unit.products[0].path for unit in units]


def gate_predicates(recipe: Recipe) -> dict[str, str]:
    """The gate in order: the source's languages, if it names any, then the recipe's own predicates."""
    if not recipe.source.languages:
        return dict(recipe.gate)
    names = ", ".join("'" + name.replace("'", "''") + "'" for name in recipe.source.languages)
    return {"source_languages": f"lang IN ({names})"} | dict(recipe.gate)


def _train(job: Job, reading: Reading, specials: Sequence[str]) -> Path:
    train = job.recipe.tokenizer.train
    assert train is not None
    folder = job.out / "tokenizer" / key_of(train.model_dump(), job.recipe.shards.seed)[:16]
    units = sample_units(
        folder / "sample", job.plan.splits, job.gates, reading, train=train, seed=job.recipe.shards.seed
    )
    receipts = job.stage("tokenizer sample", sample_split, units)
    cpus = job.runner.engine.workers or 64
    samples = tuple(unit.products[0].path for unit in units)
    work = TrainWork(
        samples, train, tuple(specials), cpus, redact=job.recipe.redact, seed=job.recipe.shards.seed
    )
    unit = train_unit(folder, [r.digest for own in receipts for r in own], work)
    job.stage("tokenizer", train_tokenizer, [unit], cpus=cpus)
    return unit.products[0].receipt.with_suffix("")


def _select(job: Job, reading: Reading, filters: Sequence[Filter]) -> tuple[list[Path], list[str]]:
    """Annotate text, select, deduplicate; returns each split's surviving rows and their digests."""
    splits, select = job.plan.splits, job.recipe.select
    units = annotate_units(job.out, reading, splits, filters, job.gates)
    job.stage("annotate", annotate_split, units)
    job.parts = [
        own + tuple(p.path for p in unit.products) for own, unit in zip(job.metadata, units, strict=True)
    ]
    keep = select.dedup.keep if select.dedup else ()
    folder = job.out / "select" / key_of(list(select.where.items()), list(keep))[:16]
    selected = select_units(folder, splits, job.parts, job.gates, select.where, keep)
    receipts = job.stage("select", select_split, selected)
    survivors = tuple(unit.products[0].path for unit in selected)
    minhash = next((f for f in filters if isinstance(f, MinHash)), None) if select.dedup else None
    place = filters.index(minhash) if minhash else 0
    work = DedupWork(
        survivors=survivors,
        digests=tuple(r.digest for own in receipts for r in own),
        signatures=tuple(unit.products[place].path for unit in units) if minhash else (),
        sources=(reading.source_name,) * len(splits),
        splits=splits,
        reading=reading,
        minhash=minhash,
        dedup=select.dedup,
        validation=job.recipe.shards.validation,
        seed=job.recipe.shards.seed,
        memory=job.recipe.engine.dedup_bytes,
    )
    planning = job.runner.planning
    job.dedup, receipt = deduplicate(job.stage, folder / "dedup", work, planning=planning)
    return [survivor_part(job.dedup, i) for i in range(len(splits))], receipt.facts["parts"]


def _assemble(
    job: Job, synthesis: Synthesis, survivors: Sequence[Path], digests: Sequence[str], vocabulary: int
) -> None:
    recipe = job.recipe
    job.samples = job.out / "samples" / synthesis.key()[:16]
    contexts = _contexts(job, synthesis, survivors, digests) if recipe.fim.repository else ()
    units = synthesize_units(job.samples, job.plan.splits, survivors, digests, synthesis, contexts)
    receipts = job.stage("synthesize", synthesize_split, units)
    runs = {}
    for name in SPLITS:
        own = [
            (u.products[0], r[0].facts["runs"][name])
            for u, r in zip(units, receipts, strict=True)
            if r and name in r[0].facts["runs"]
        ]
        stems = tuple(run_stem(product, name) for product, _ in own)
        runs[name] = RunList(
            stems, tuple(run["digest"] for _, run in own), sum(run["tokens"] for _, run in own)
        )
    merges = merge_units(
        job.out, runs, tokens_per_shard=recipe.shards.tokens_per_shard, dtype=synthesis.dtype
    )
    made = job.stage("shards", merge_one, merges)
    made_how = provenance(recipe, job.filters, synthesis.dialect)
    header = {"dtype": synthesis.dtype, "vocab_size": vocabulary, **made_how}
    files = tuple(record for own in made for record in own[0].facts["files"])
    finish = FinishWork(
        job.out / "shards", job.tokenizer, synthesis.sentinels, header, recipe.shards.sequence_length, files
    )
    job.stage("manifest", finish_shards, [finish_unit(job.out, finish)])


def _contexts(
    job: Job, synthesis: Synthesis, survivors: Sequence[Path], digests: Sequence[str]
) -> list[tuple[Path, str]]:
    """Each split's repository contexts, and their digest."""
    repository, redact = synthesis.fim.repository, synthesis.redact
    assert repository is not None
    secrets = redact is not None and redact.secrets
    settings = ContextSettings(synthesis.reading, repository, synthesis.seed, secrets)
    parts = list(zip(survivors, digests, strict=True))
    return repository_context.make_contexts(job.stage, job.out / "contexts", job.plan.splits, parts, settings)
