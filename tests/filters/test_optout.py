"""Opt-outs: nothing that is listed stays, under any name or spelling."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.optout import Optout
from pipeline.annotate import filter_key


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return tmp_path / "optouts.txt"


def reasons(fltr: Optout, names: list[str | None], blobs: list[str | None] | None = None) -> list[str]:
    columns = {
        "max_stars_repo_name": pa.array(names, pa.string()),
        "hexsha": pa.array(blobs or [None] * len(names), pa.string()),
    }
    return list(fltr(pa.table(columns))["opted_out"].to_pylist())


def test_none_of_a_hundred_owners_and_repositories_is_left(listed: Path, tmp_path: Path) -> None:
    owners, repositories = [f"Owner{n}" for n in range(50)], [f"Kept{n}/Repo{n}" for n in range(50)]
    listed.write_text("\n".join([*owners, *repositories]), encoding="utf-8")
    renames = tmp_path / "renames.txt"
    moved = [f"KEPT{n}/repo{n} New{n}/Name{n}" for n in range(0, 50, 2)]
    moved += [f"owner{n} Renamed{n}" for n in range(0, 50, 2)]
    renames.write_text("\n".join(moved), encoding="utf-8")
    names = [f"{owner}/x" for owner in owners] + repositories
    names += [f"New{n}/Name{n}" for n in range(0, 50, 2)] + [f"Renamed{n}/x" for n in range(0, 50, 2)]
    spelled: list[str | None] = [
        *names,
        *map(str.upper, names),
        *map(str.lower, names),
        *map(str.swapcase, names),
    ]
    fltr = Optout(optouts=str(listed), renames=str(renames))
    assert "" not in reasons(fltr, spelled)
    neighbours: list[str | None] = [f"Kept{n}/other" for n in range(50)] + [
        "Owner",
        "Owner50/x",
        "x/Owner1",
        None,
    ]
    assert set(reasons(fltr, neighbours)) == {""}


def test_reasons_say_what_is_on_the_list(listed: Path) -> None:
    listed.write_text(f"# by mail, 2026\n\nann\nbob/Y\nswh:1:cnt:{'A' * 40}\n{'b' * 64}\n", encoding="utf-8")
    names: list[str | None] = ["Ann/x", "BOB/y", "bob/z", "bob/z", "bob/z", "ann/x", None]
    blobs: list[str | None] = [None, "", "a" * 40, "SWH:1:CNT:" + "B" * 64, "c" * 40, "a" * 40, "A" * 40]
    expected = ["owner", "repository", "blob", "blob", "", "owner", "blob"]
    assert reasons(Optout(optouts=str(listed)), names, blobs) == expected


def test_renames_link_both_ways_in_chains_and_circles(listed: Path, tmp_path: Path) -> None:
    listed.write_text("b/x\nzoe\n", encoding="utf-8")
    renames = tmp_path / "renames.txt"
    renames.write_text("a/x b/x\nb/x c/y\nc d\nd c\nzoe-old zoe\ne/moved zoe-old/moved\n", encoding="utf-8")
    fltr = Optout(optouts=str(listed), renames=str(renames))
    assert reasons(fltr, ["a/x", "b/x", "C/Y", "d/y", "d/z", "a/y", "e/moved", "e/other"]) == (
        ["repository"] * 4 + ["", "", "owner", ""]
    )


name = st.sampled_from(["a", "B", "c", "D"])
repository = st.tuples(name, name).map("/".join)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(name, repository)), st.lists(repository, max_size=20))
def test_without_renames_it_is_membership(
    tmp_path_factory: pytest.TempPathFactory, entries: list[str], names: list[str]
) -> None:
    path = tmp_path_factory.mktemp("lists") / "optouts.txt"
    path.write_text("\n".join(entries), encoding="utf-8")
    low = {entry.lower() for entry in entries}
    expected = [
        "owner" if n.lower().split("/")[0] in low else "repository" if n.lower() in low else "" for n in names
    ]
    assert reasons(Optout(optouts=str(path)), list(names)) == expected


@pytest.mark.parametrize("line", ["two words", "a/b/c d", "https://github.com/a/b", "a#b", "/x"])
def test_a_line_that_is_no_entry_is_an_error_that_names_it(listed: Path, line: str) -> None:
    listed.write_text(f"fine\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"optouts\.txt, line 2: found"):
        reasons(Optout(optouts=str(listed)), ["x/y"])


def test_an_owner_cannot_be_renamed_to_a_repository(listed: Path, tmp_path: Path) -> None:
    listed.write_text("a\n", encoding="utf-8")
    (tmp_path / "renames.txt").write_text("a b/c\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected two owners or two repositories"):
        reasons(Optout(optouts=str(listed), renames=str(tmp_path / "renames.txt")), ["x/y"])


def test_a_missing_list_is_an_error_before_any_document(tmp_path: Path, listed: Path) -> None:
    listed.touch()
    with pytest.raises(ValueError, match="there is no file"):
        Optout(optouts=str(tmp_path / "none.txt"))
    with pytest.raises(ValueError, match="there is no file"):
        Optout(optouts=str(listed), renames=str(tmp_path / "none.txt"))


def test_a_changed_list_is_read_anew(listed: Path) -> None:
    listed.write_text("ann\n", encoding="utf-8")
    fltr = Optout(optouts=str(listed))
    assert reasons(fltr, ["ann/x", "robert/x"]) == ["owner", ""]
    listed.write_text("robert\n", encoding="utf-8")
    assert reasons(fltr, ["ann/x", "robert/x"]) == ["", "owner"]


def test_lists_count_by_their_digest(listed: Path, tmp_path: Path) -> None:
    renames, copy = tmp_path / "renames.txt", tmp_path / "copy.txt"
    for path in (listed, copy):
        path.write_text("ann\n", encoding="utf-8")
    renames.write_text("a b\n", encoding="utf-8")
    key = filter_key(Optout(optouts=str(listed), renames=str(renames)))
    assert filter_key(Optout(optouts=str(copy), renames=str(renames))) == key
    renames.write_text("a c\n", encoding="utf-8")
    other = filter_key(Optout(optouts=str(listed), renames=str(renames)))
    listed.write_text("bob\n", encoding="utf-8")
    assert len({key, other, filter_key(Optout(optouts=str(listed), renames=str(renames)))}) == 3
