"""Filters in other people's frameworks: Hugging Face datasets and Ray Data."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters import annotate
from filters.comments import Comments
from tests.filters.examples import documents

EXPECTED = Comments()(documents())["comment_ratio"].to_pylist()


def test_filter_works_in_a_datasets_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = pytest.importorskip("datasets")
    dataset = datasets.Dataset(documents()).with_format("arrow")
    annotated = dataset.map(annotate(Comments()), batched=True, batch_size=5)
    assert annotated.column_names == [*documents().column_names, "comment_ratio"]
    assert annotated.with_format(None)["comment_ratio"][:] == EXPECTED


def test_filter_works_in_a_map_of_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = pytest.importorskip("datasets")
    stream = datasets.Dataset(documents()).to_iterable_dataset().with_format("arrow")
    annotated = stream.map(annotate(Comments()), batched=True, batch_size=5)
    rows = [row for table in annotated.iter(batch_size=7) for row in table.to_pylist()]
    assert list(rows[0]) == [*documents().column_names, "comment_ratio"]
    assert [row["comment_ratio"] for row in rows] == EXPECTED


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_filter_works_in_a_ray_map_batches(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    pq.write_table(documents(), tmp_path / "docs.parquet")
    ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR")
    try:
        dataset = ray.data.read_parquet(str(tmp_path)).map_batches(
            annotate(Comments()), batch_format="pyarrow", batch_size=5
        )
        rows = dataset.take_all()
    finally:
        ray.shutdown()
    assert set(rows[0]) == {*documents().column_names, "comment_ratio"}
    assert sorted(row["comment_ratio"] for row in rows) == sorted(EXPECTED)
