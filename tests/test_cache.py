"""The decoded cache: made once, never half, done without where it cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pets import SIZE, Recorder, fill, picture, same

from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, building, cache_check, copies, load
from edgecnn.data.cache import find, write
from edgecnn.data.cache_check import signed
from edgecnn.data.catalogue import opened
from edgecnn.data.origin import Origin
from edgecnn.data.sources import Read
from edgecnn.errors import BadData

pytestmark = pytest.mark.usefixtures("cache")


def test_pictures_are_decoded_once(folder):
    first, second = Recorder(), Recorder()
    data = load(folder, SIZE, progress=first)
    again = load(folder, SIZE, progress=second)
    assert first.tracked == [("decoding pets", 60)]
    assert second.tracked == []
    assert same(data, again)
    assert isinstance(again.splits["train"].pictures, np.memmap)
    assert not again.splits["train"].pictures.flags.writeable


@pytest.mark.parametrize("other", [Preprocessing(8, 9), Preprocessing(8, 8, resize="crop")])
def test_another_size_or_rule_is_decoded_anew(folder, other):
    load(folder, SIZE)
    told = Recorder()
    assert load(folder, other, progress=told).splits["train"].pictures.shape[1:] == (other.height, other.width, 3)
    assert told.tracked


def test_mean_std_and_order_share_the_cache(folder):
    load(folder, SIZE)
    told = Recorder()
    load(folder, Preprocessing(8, 8, order="bgr", mean=(1.0,), std=(2.0,)), progress=told)
    assert told.tracked == []


def test_a_changed_picture_is_decoded_anew(folder):
    before = load(folder, SIZE).digest
    (folder / "cat" / "000.ppm").write_bytes(picture(999))
    assert load(folder, SIZE).digest != before


PARTS = ("pictures.npy", "manifest.json", "labels.npy", "names", "name_ends.npy")


def assert_built_again(folder, place, expected) -> None:
    """The content is right, and the cache then holds it: nothing fails for ever."""
    for tracked in (1, 0):
        told = Recorder()
        assert told_by(load(folder, SIZE, progress=told)) == expected
        assert len(told.tracked) == tracked
    assert [p.name for p in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize("file", PARTS)
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other end", "gone"])
def test_every_damage_of_a_cache_is_found(folder, cache, file, damage):
    expected = told_by(load(folder, SIZE))
    (place,) = (cache / "decoded").iterdir()
    content = (place / file).read_bytes()
    flipped = content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]
    spoilt = {"empty": b"", "cut": content[: len(content) // 2], "flipped": flipped, "other end": content[:-4] + b"\x07" * 4}
    (place / file).unlink()
    if damage != "gone":
        (place / file).write_bytes(spoilt[damage])
    assert_built_again(folder, place, expected)


KEYS = ("classes", "counts", "digest", "skipped", "findings", "multi_label", "totals", "seals")
VALUES = ("x", None, [[1]], [None], {"train": "x"}, 1e308, [{"kind": 1}], -1)
MANIFESTS = {
    "deep": lambda raw: "[" * 100_000,
    "list": lambda raw: "[]",
    "huge number": lambda raw: signed({**raw, "counts": {"train": 10**400, "val": 0, "test": 0}}),
    "no seal": lambda raw: signed({**raw, "seals": {}}),
    "other file": lambda raw: signed({**raw, "seals": {**raw["seals"], "../x": raw["seals"]["names"]}}),
    "other totals": lambda raw: signed({**raw, "totals": raw["totals"][:-1]}),
    "fewer classes": lambda raw: signed({**raw, "classes": raw["classes"][:1]}),
    **{f"{key} {value}": lambda raw, key=key, value=value: signed({**raw, key: value}) for key in KEYS for value in VALUES if (key, value) != ("digest", "x")},
}


def test_a_hostile_manifest_is_no_manifest(folder, cache):
    expected = told_by(load(folder, SIZE))
    (place,) = (cache / "decoded").iterdir()
    whole = (place / "manifest.json").read_text()
    raw = json.loads(whole)
    assert signed({**raw, "crc32": None}) != whole
    del raw["crc32"]
    assert signed(raw) == whole
    for name, change in MANIFESTS.items():
        (place / "manifest.json").write_text(change(raw))
        assert find(place.name) is None, name
    (place / "manifest.json").write_text(whole.replace(raw["digest"][:8], raw["digest"][8:16]))
    assert find(place.name) is None
    (place / "manifest.json").write_text(whole)
    assert find(place.name) is not None
    (place / "manifest.json").write_text(MANIFESTS["deep"](None))
    assert_built_again(folder, place, expected)


def test_a_large_set_is_summed_in_part_as_long_as_nobody_touches_it(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_check, "BLOCK", 64)
    path = tmp_path / "pictures.npy"
    path.write_bytes(os.urandom(64 * 1000))
    sealed = cache_check.seal(path)
    read = []
    monkeypatch.setattr(cache_check.zlib, "crc32", lambda block, crc32=zlib.crc32: read.append(1) or crc32(block))
    cache_check.check(path, sealed, whole=False)
    assert len(read) == cache_check.SAMPLE
    cache_check.check(path, sealed, whole=True)
    assert len(read) == cache_check.SAMPLE + 1000
    times = path.stat()
    with open(path, "r+b") as stream:
        stream.seek(64 * 777)
        stream.write(b"other")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # the time of change tells all the same
    with pytest.raises(cache_check.DamagedCache, match="other content"):
        cache_check.check(path, sealed, whole=False)


def test_a_changed_picture_with_its_old_time_and_size_is_decoded_anew(folder):
    before, path = load(folder, SIZE).digest, folder / "cat" / "000.ppm"
    status = path.stat()
    path.write_bytes(picture(999))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert load(folder, SIZE).digest != before


@pytest.mark.parametrize("file", ["pictures.npy", "manifest.json"])
def test_a_damaged_cache_is_built_again(folder, cache, file):
    expected = load(folder, SIZE)
    kept = {split: np.array(expected.splits[split].pictures) for split in SPLITS}
    (place,) = (cache / "decoded").iterdir()
    (place / file).write_bytes((place / file).read_bytes()[:200])
    data = load(folder, SIZE)
    assert all(np.array_equal(data.splits[s].pictures, kept[s]) for s in SPLITS)
    assert [p.name for p in (cache / "decoded").iterdir()] == [place.name]


def test_an_unwritable_cache_is_done_without(folder, tmp_path, monkeypatch):
    expected = load(folder, SIZE)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGECNN_CACHE", str(tmp_path / "file" / "cache"))
    spoiled = Recorder()
    assert same(load(folder, SIZE, progress=spoiled), expected)
    assert any(step.startswith("no cache in") and "stay in memory" in step for step in spoiled.steps)


LOAD = """
import json, os, resource, signal, sys, contextlib
from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, load
from edgecnn.progress import Progress

class Teller(Progress):
    def step(self, text):
        print(text, file=sys.stderr)
    @contextlib.contextmanager
    def track(self, text, total):
        yield lambda units, note="": {after}

{before}
data = load(sys.argv[1], Preprocessing({size}, {size}), progress=Teller())
print(data.digest, int(sum(data.splits[s].pictures.sum() for s in SPLITS)))
"""


def start(folder: Path, before: str = "", after: str = "None", size: int = 8) -> subprocess.Popen:
    code = LOAD.format(before=before, after=after, size=size)
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told_by(data) -> str:
    return f"{data.digest} {int(sum(data.splits[s].pictures.sum() for s in SPLITS))}"


def test_processes_may_build_the_same_cache_at_once(folder, cache):
    fill(folder, 100)
    answers = [process.communicate(timeout=60)[0].strip() for process in [start(folder) for _ in range(3)]]
    assert answers == [told_by(load(folder, SIZE))] * 3
    assert len(list((cache / "decoded").iterdir())) == 1


def test_a_killed_build_leaves_nothing_that_is_taken_for_whole(folder, cache):
    killed = start(folder, after="os.kill(os.getpid(), signal.SIGKILL)")
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    (left,) = (cache / "decoded").iterdir()
    told = Recorder()
    data = load(folder, SIZE, progress=told)
    assert told.tracked
    assert sum(data.ref().counts.values()) == 60
    os.utime(left, (0, 0))
    load(folder, Preprocessing(4, 4))
    assert not left.exists()


@pytest.mark.parametrize(("size", "most"), [pytest.param(8, 4096, id="catalogue"), pytest.param(128, 1 << 20, id="pictures")])
def test_a_full_disk_is_done_without(folder, cache, size, most):
    limited = start(folder, before=f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))", size=size)
    answer, told = limited.communicate(timeout=60)
    assert "stay in memory" in told
    assert list((cache / "decoded").iterdir()) == []
    assert answer.strip() == told_by(load(folder, Preprocessing(size, size)))


def test_what_is_kept_is_what_is_read_again(folder, cache):
    load(folder, SIZE)
    (place,) = (cache / "decoded").iterdir()
    assert sorted(p.name for p in place.iterdir()) == ["labels.npy", "manifest.json", "name_ends.npy", "names", "pictures.npy"]


def test_a_picture_that_goes_while_the_set_is_read_is_an_error(folder, cache):
    """Else its row would stay black, and count."""

    class Losing(Recorder):
        def track(self, text, total):
            (folder / "dog" / "003.ppm").unlink()
            return super().track(text, total)

    with pytest.raises(BadData, match=r"dog/003\.ppm is not in .* any more"):
        load(folder, SIZE, progress=Losing())
    assert list((cache / "decoded").iterdir()) == []


class Many:
    """A source of many pictures that are nowhere."""

    name = place = "many"

    def __init__(self, count: int) -> None:
        self.count = count

    def identity(self) -> str:
        return ""

    def members(self) -> Iterator[tuple[str, Read]]:
        return ((f"{i % 7}/{i}.ppm", lambda i=i: b"%d" % i) for i in range(self.count))


def test_what_a_first_load_holds_does_not_grow_with_the_pictures(tmp_path):
    """All that is done with a picture, but for decoding it. A list of the names alone would take 60 bytes each."""
    peaks = []
    for count in (1500, 5000):
        tracemalloc.start()
        with opened(tmp_path / "catalogue") as found:
            rows, _ = building.fill(found, Origin(Many(count)))
            assert sum(1 for _ in building.contents(found, Many(count))) == rows == count
            found.add_pixels((row, (row % (count // 2)).to_bytes(16, "big")) for row in range(count))
            assert copies.join(found) > 0
            assert [finding.kind for finding in copies.findings(found)] == ["two labels"]
            assert np.fromiter(found.old_rows(), np.int64, count).max() == count - 1
            building.digest(("a",), found.entries())
            write(tmp_path, [np.broadcast_to(np.int64(1), count)], found.names())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 3500 * 20, peaks
