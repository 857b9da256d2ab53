"""Packed names behave like the tuple of strings that they stand for."""

from __future__ import annotations

import pytest

from edgecnn.data.names import Names

PLAIN = ("a/1.png", "b/ü 2.png", "", "c/\udcff.png", "d/last.jpg")


def test_packed_and_read_back():
    packed = Names.of(PLAIN)
    assert list(packed) == list(PLAIN)
    assert packed == PLAIN
    assert packed != PLAIN[:-1]
    assert Names(packed.letters) == PLAIN
    assert len(Names.of([])) == 0
    assert list(Names(b"")) == []


@pytest.mark.parametrize("part", [slice(1, 3), slice(None), slice(3, None), slice(2, 2), slice(None, None, -1), slice(4, 0, -2), slice(-2, None)])
def test_slices_are_those_of_the_tuple_and_can_be_sliced_and_stored_again(part):
    taken = Names.of(PLAIN)[part]
    assert list(taken) == list(PLAIN[part])
    assert list(Names(taken.letters)) == list(PLAIN[part])
    assert list(Names(taken.letters, taken.ends)) == list(PLAIN[part])
    assert list(taken[1:]) == list(PLAIN[part][1:])


def test_indices_run_from_both_ends_and_no_further():
    packed = Names.of(PLAIN)
    assert [packed[i] for i in (0, 3, -1, -5)] == [PLAIN[i] for i in (0, 3, -1, -5)]
    for wrong in (5, -6):
        with pytest.raises(IndexError):
            packed[wrong]
