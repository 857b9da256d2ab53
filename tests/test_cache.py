"""The decoded cache: made once, never half, done without where it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pets import SIZE, Recorder, fill, picture, same

from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, load

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
data = load(sys.argv[1], Preprocessing(8, 8), progress=Teller())
print(data.digest, int(sum(data.splits[s].pictures.sum() for s in SPLITS)))
"""


def start(folder: Path, before: str = "", after: str = "None") -> subprocess.Popen:
    code = LOAD.format(before=before, after=after)
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


def test_a_full_disk_is_done_without(folder, cache):
    limited = start(folder, before="resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))")
    answer, told = limited.communicate(timeout=60)
    assert "stay in memory" in told
    assert list((cache / "decoded").iterdir()) == []
    assert answer.strip() == told_by(load(folder, SIZE))
