"""What every filter promises: signals of its schema, row by row, without state."""

import dataclasses
import json

import pyarrow as pa
import pytest

from filters import REGISTRY, Filter, annotate, filter_class
from tests.filters.examples import FILTERS, documents, golden_path, outputs

CONTENT_SIGNALS = ["xml", "html", "generated", "config_test", "encoded", "sentinels"]

every_filter = pytest.mark.parametrize("fltr", FILTERS.values(), ids=FILTERS.keys())


def assert_well_formed(signals: pa.Table, fltr: Filter, height: int) -> None:
    assert signals.schema.equals(fltr.schema)
    assert signals.num_rows == height
    assert all(column.null_count == 0 for column in signals.columns)
    signals.validate(full=True)


def test_registry_names_every_class_by_its_own_name() -> None:
    assert {name: filter_class(name).name for name in REGISTRY} == {name: name for name in REGISTRY}


def test_unknown_filter_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ValueError, match="no filter 'sise'; the filters are license"):
        filter_class("sise")


@every_filter
def test_fields_have_help_and_signals_are_never_null(fltr: Filter) -> None:
    assert all("help" in field.metadata for field in dataclasses.fields(fltr))  # type: ignore[arg-type]
    assert not any(field.nullable for field in fltr.schema)
    assert all(field.kw_only for field in dataclasses.fields(fltr))  # type: ignore[arg-type]


@every_filter
def test_signals_match_the_schema_row_by_row(fltr: Filter) -> None:
    docs = documents()
    assert_well_formed(fltr(docs), fltr, docs.num_rows)


@every_filter
def test_empty_table_gives_empty_signals(fltr: Filter) -> None:
    assert_well_formed(fltr(documents().slice(0, 0)), fltr, 0)
    assert_well_formed(fltr(documents().schema.empty_table()), fltr, 0)


@every_filter
def test_reads_only_the_columns_it_declares(fltr: Filter) -> None:
    docs = documents()
    assert fltr(docs.select(fltr.columns)).equals(fltr(docs))


@every_filter
def test_a_row_does_not_depend_on_its_neighbours(fltr: Filter) -> None:
    docs = documents()
    rows = [fltr(docs.slice(row, 1)) for row in range(docs.num_rows)]
    assert pa.concat_tables(rows).to_pylist() == fltr(docs).to_pylist()


@every_filter
def test_chunks_and_order_do_not_matter(fltr: Filter) -> None:
    docs = documents()
    signals = fltr(docs).to_pylist()
    assert fltr(pa.concat_tables([docs.slice(0, 7), docs.slice(7)])).to_pylist() == signals
    order = list(reversed(range(docs.num_rows)))
    assert fltr(docs.take(order)).to_pylist() == [signals[row] for row in order]


@every_filter
def test_string_encodings_of_columns_do_not_matter(fltr: Filter) -> None:
    docs = documents()
    small = docs.cast(
        pa.schema([(f.name, pa.string() if f.type == pa.large_string() else f.type) for f in docs.schema])
    )
    coded = docs.set_column(1, "lang", docs["lang"].dictionary_encode())
    assert fltr(small).equals(fltr(docs))
    assert fltr(coded).equals(fltr(docs))


@every_filter
def test_annotate_appends_signals_and_keeps_columns(fltr: Filter) -> None:
    docs = documents()
    annotated = annotate(fltr)(docs)
    assert annotated.column_names == docs.column_names + fltr.schema.names
    assert annotate(fltr)(annotated).equals(annotated)


@every_filter
def test_outputs_change_only_with_the_version(fltr: Filter) -> None:
    golden = json.loads(golden_path(fltr.name).read_text(encoding="utf-8"))
    assert golden["version"] == fltr.version, "run python -m tests.filters.examples and read the difference"
    assert outputs(fltr) == golden


@pytest.mark.parametrize("name", ["size", "digest", "lines", "minhash", "comments", *CONTENT_SIGNALS])
def test_null_text_is_an_error(name: str) -> None:
    docs = pa.table({"content": pa.array(["a", None]), "lang": ["Python", "Python"]})
    with pytest.raises(ValueError, match="1 nulls"):
        FILTERS[name](docs)
