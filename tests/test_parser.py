"""Words of a command line as values, and values as words."""

from __future__ import annotations

import argparse

import pytest

from edgecnn.cli import parser, text
from edgecnn.errors import BadSetting


@pytest.mark.parametrize(("typed", "expected"), [("500000", 500_000), ("500k", 500_000), ("2M", 2_000_000), ("1.5MB", 1_500_000), ("512Ki", 524_288)])
def test_size(typed: str, expected: int) -> None:
    assert parser.size(typed) == expected


@pytest.mark.parametrize("typed", ["", "k", "2 bananas", "nan"])
def test_size_refuses(typed: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected bytes"):
        parser.size(typed)


def test_like_takes_the_type_of_the_default() -> None:
    assert parser.like("1.0", "version", "1.1") == "1.1"
    assert parser.like(1.0, "width", "1") == 1.0
    assert parser.like(False, "bias", "true") is True
    with pytest.raises(BadSetting, match="width=wide"):
        parser.like(1.0, "width", "wide")


@pytest.mark.parametrize(("number", "expected"), [(568_740_352, "569 M"), (416_520, "417 k"), (999, "999"), (999_950, "1 M"), (5_000_000_000, "5 G")])
def test_counted_keeps_three_digits(number: int, expected: str) -> None:
    assert text.counted(number) == expected


def test_columns_fit_80_characters() -> None:
    drawn = text.columns([("name", "words " * 40), ("longer", "few")], right=(0,))
    assert max(map(len, drawn.splitlines())) <= 80
    assert drawn.splitlines()[-1] == "  longer  few"
