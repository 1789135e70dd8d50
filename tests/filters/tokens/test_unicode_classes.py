"""The data file says what the installed `tokenizers` says."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import pytest

from filters.tokens import unicode_classes as classes


def test_data_file_says_what_the_installed_library_says() -> None:
    # After an upgrade of tokenizers: python -m filters.tokens.unicode_classes
    assert classes.PATH.read_text(encoding="ascii").splitlines()[0].endswith(f" {version('tokenizers')}")
    for read, asked in zip(classes.unicode_classes(), classes.ask_library(), strict=True):
        assert np.array_equal(read, asked)


@pytest.mark.parametrize(
    ("character", "expected"),
    [
        ("a", classes.LETTER),
        ("中", classes.LETTER),
        ("一", classes.LETTER),
        ("٣", classes.NUMBER),
        ("½", classes.NUMBER),
        ("\x85", classes.SPACE),
        ("\x1c", classes.OTHER),
        ("\u200b", classes.OTHER),
    ],
)
def test_class_of_a_character(character: str, expected: int) -> None:
    assert classes.class_table(split_digits=False)[ord(character)] == expected


def test_split_digits_sets_numeric_characters_apart() -> None:
    table = classes.class_table(split_digits=True)
    expected = [classes.ALONE, classes.ALONE, classes.LETTER, classes.SPACE]
    assert [int(table[ord(character)]) for character in "7½a "] == expected
