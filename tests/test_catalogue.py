"""The table of a set's pictures: orders, what is told of them, and what happens where the disk cannot hold it."""

from __future__ import annotations

import random

import pytest
from helpers import python

from edgecnn.data import copies
from edgecnn.data.catalogue import Entry, opened

# Code points below, among and above the surrogates that stand for bytes which are no UTF-8.
LETTERS = ("a", "Z", "\x7f", "é", "\ud7ff", "\udc80", "\udcff", "\ue000", "\uffff", "\U0001f600", "/", " ")


@pytest.fixture(params=["disk", "memory"])
def catalogue(request, tmp_path):
    path = tmp_path / "catalogue" if request.param == "disk" else None
    with opened(path) as found:
        yield found
    assert list(tmp_path.iterdir()) == []


def filled(catalogue, *entries: Entry) -> None:
    catalogue.add((e.name, e.sha256) for e in entries)
    catalogue.place((found.number, entry) for found, entry in zip(catalogue.found(), entries, strict=True))


def entry(split: str, name: str, sha256: bytes = b"") -> Entry:
    return Entry(split, name.partition("/")[0], name, sha256 or name.encode())


def test_names_sort_as_strings_do(catalogue):
    draw = random.Random(0)
    names = {"".join(draw.choices(LETTERS, k=draw.randint(1, 3))) for _ in range(300)}
    filled(catalogue, *(Entry("val", "all", name, b"") for name in names))
    assert catalogue.number_rows() == len(names)
    assert list(catalogue.names()) == sorted(names)
    assert list(catalogue.members()) == list(names)
    assert list(catalogue.rows()) == [(name, sorted(names).index(name)) for name in names]


def test_of_equal_names_the_first_counts(catalogue):
    catalogue.add([("b", b"1"), ("a", b"2"), ("b", b"3")])
    assert [(found.member, found.sha256) for found in catalogue.found()] == [("b", b"1"), ("a", b"2")]


def test_rows_run_by_split_class_and_name_and_what_has_none_is_a_stray(catalogue):
    catalogue.add((name, b"") for name in ("test/x", "b/1", "out", "a/2", "a/1"))
    number = {found.member: found.number for found in catalogue.found()}
    catalogue.place([(number["test/x"], Entry("test", "a", "test/x", b"")), *((number[n], Entry("train", n[0], n, b"")) for n in ("b/1", "a/2", "a/1"))])
    assert catalogue.number_rows() == 4
    assert list(catalogue.rows()) == [("test/x", 3), ("b/1", 2), ("a/2", 1), ("a/1", 0)]
    assert list(catalogue.strays()) == ["out"]
    assert catalogue.totals() == {("train", "a"): 2, ("train", "b"): 1, ("test", "a"): 1}
    assert catalogue.remove({1, 3}) == {1: "a/2", 3: "test/x"}
    assert [e.name for e in catalogue.entries()] == ["a/1", "b/1"]


def test_the_last_of_each_class_go_to_val(catalogue):
    filled(catalogue, *(entry(split, f"{label}/{i}") for label in "ab" for i, split in enumerate(("val", "train", "test", "train", "val", "train"))))
    catalogue.last_to_val(2)
    assert [e.name for e in catalogue.entries() if e.split == "val"] == ["a/4", "a/5", "b/4", "b/5"]
    assert catalogue.totals()["test", "a"] == 1


def pixels(catalogue, hashes: dict[str, bytes]) -> None:
    rows = {name: row for row, name in enumerate(catalogue.names())}
    catalogue.number_rows()
    catalogue.add_pixels((rows[name], hashed) for name, hashed in hashes.items())


def test_copies_are_counted_as_often_as_they_are_held_out(catalogue):
    held_out = [entry("val", "a/3", b"3"), entry("test", "a/4", b"4"), entry("test", "a/5", b"5"), entry("val", "a/6", b"6")]
    filled(catalogue, entry("train", "a/1", b"1"), entry("train", "a/2", b"2"), *held_out)
    pixels(catalogue, {f"a/{i}": b"same" if i < 5 else bytes([i]) for i in range(1, 7)})
    assert copies.join(catalogue) == 0
    (leak,) = copies.findings(catalogue)
    assert (leak.kind, leak.count, leak.names) == ("leak", 2, ("a/3 is a/1", "a/4 is a/1"))


def test_drawn_copies_follow_the_smallest_hash_and_no_other_moves(catalogue):
    given = [Entry("test", "a", "a/8", b"8"), Entry("val", "b", "b/9", b"9")]
    drawn = [Entry(split, name[0], name, sha256, drawn=True) for split, name, sha256 in (("train", "a/1", b"2"), ("test", "b/2", b"1"), ("val", "a/3", b"3"))]
    filled(catalogue, *given, *drawn, Entry("val", "a", "a/4", b"0", drawn=True))
    pixels(catalogue, {"a/1": b"x", "b/2": b"x", "a/3": b"x", "b/9": b"x", "a/8": b"y", "a/4": b"z"})
    assert copies.join(catalogue) == 2
    assert {e.name: e.split for e in catalogue.entries()} == {"a/1": "test", "b/2": "test", "a/3": "test", "a/4": "val", "a/8": "test", "b/9": "val"}
    leak, labels = copies.findings(catalogue)
    assert (leak.kind, leak.count) == ("leak", 3)
    assert (labels.kind, labels.count) == ("two labels", 4)
    assert leak.strict
    assert labels.strict


def test_a_place_that_cannot_be_written_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="unable to open"), opened(tmp_path / "nowhere" / "catalogue"):
        pass


FULL = """
import resource, sys
from pathlib import Path
from edgecnn.data import copies
from edgecnn.data.catalogue import opened
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
path = Path({path!r})
try:
    with opened(path) as found:
        found.add((str(i), bytes(32)) for i in range(200_000))
except OSError as error:
    print(error, path.exists())
"""


def test_a_disk_that_is_full_while_the_table_grows_is_an_error_of_the_system(tmp_path):
    told = python(FULL.format(path=str(tmp_path / "catalogue")))
    assert told.strip() in ("disk I/O error False", "database or disk is full False")
