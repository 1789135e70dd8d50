from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters import REGISTRY, filter_class
from filters.comments import Comments
from filters.license import License
from filters.lines import Lines
from filters.size import Size
from filters.stars import Stars
from pipeline.single_filter.several import Several
from tests.pipeline.single_filter.test_run import documents, run, write


def several(*filters: object, **left_out: str) -> Several:
    return Several(filters, left_out)  # type: ignore[arg-type]


def test_every_signal_is_that_of_its_filter_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("# one\nx = 1\n", "", max_stars_count=[3, None]))
    filters = (Lines(), Stars(), Comments())
    run(several(*filters), file, out=tmp_path / "all.parquet", annotated=True)
    got = pq.read_table(tmp_path / "all.parquet")
    for fltr in filters:
        run(fltr, file, out=tmp_path / "one.parquet", annotated=True)
        alone = pq.read_table(tmp_path / "one.parquet")
        assert got.select(fltr.schema.names).equals(alone.select(fltr.schema.names))


def test_a_predicate_may_join_signals_of_several_filters(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("a", "abc", "abcd", max_stars_count=[9, 9, 1]))
    result = run(several(Size(), Stars()), file, where="size_bytes > 2 and stars > 2")
    assert (result["kept"], result["where"]) == (1, "size_bytes > 2 and stars > 2")
    assert run(several(Size(), Stars()), file)["kept"] == 3  # all of them by default


def test_filters_whose_columns_are_missing_are_left_out_and_told(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("abc"))
    other = write(tmp_path / "b.parquet", documents("abc").drop_columns(["lang"]))
    filters = (Size(), License(policy="permissive-strict"), Stars(), Comments())
    result = run(several(*filters, fertility="needs --fertility.tokenizer"), file, other)
    assert list(result["histograms"]) == ["size_bytes", "n_chars"]
    assert result["left_out"] == {
        "fertility": "needs --fertility.tokenizer",
        "license": f"{file} has no column 'max_stars_repo_licenses'; "
        "add max_stars_repo_licenses=COLUMN to --columns",
        "stars": f"{file} has no column 'max_stars_count'; add max_stars_count=COLUMN to --columns",
        "comments": f"{other} has no column 'lang'; add lang=COLUMN to --columns",
    }


def test_a_preset_without_a_filters_metadata_leaves_it_out(tmp_path: Path) -> None:
    table = documents("abc").select(["content", "max_stars_repo_path"]).rename_columns(["text", "path"])
    file = write(tmp_path / "a.parquet", table)
    result = run(several(Size(), Comments()), file, columns="plain-text")
    assert result["left_out"] == {"comments": "found no column for lang; add lang=COLUMN to --columns"}


def test_a_predicate_over_a_filter_that_is_left_out_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("abc"))
    with pytest.raises(ValueError, match="no filter gives the column 'stars'"):
        run(several(Size(), Stars()), file, where="stars > 1")


def test_no_filter_left_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("abc"))
    with pytest.raises(ValueError, match=r"no filter can run: stars: .*max_stars_count"):
        run(several(Stars()), file)


def test_an_error_of_one_filter_names_it(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", documents("abc"))
    with pytest.raises(ValueError, match=r"a\.parquet, rows from 0: filter broken: too odd"):
        run(several(Broken()), file)


class Broken(Size):
    __slots__ = ()
    name = "broken"

    def __call__(self, docs: object) -> object:
        raise ValueError("too odd")


def test_no_two_filters_give_a_signal_of_one_name() -> None:
    names = Counter(name for own in REGISTRY for name in filter_class(own).schema.names)
    assert [name for name, count in names.items() if count > 1] == []
