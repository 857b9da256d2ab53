"""Sets of pictures: broken pictures, what is refused, calibration, and the sets that have names."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from pets import CLASSES, SIZE, Recorder, fill, pack, picture

from edgecnn.card import Preprocessing
from edgecnn.data import DATASETS, SPLITS, calibration, load, originals
from edgecnn.errors import BadData, BadFile, BadSetting, UnknownName

pytestmark = pytest.mark.usefixtures("cache")


# Broken pictures


def spoil(folder: Path) -> None:
    (folder / "cat" / "000.ppm").write_bytes(b"")
    (folder / "dog" / "000.ppm").write_bytes(picture(3)[:100])
    (folder / "owl" / "letter.jpg").write_text("dear sir")


def test_broken_pictures_are_named_and_skipped(folder):
    whole = load(folder, SIZE)
    spoil(folder)
    told = Recorder()
    data = load(folder, SIZE, progress=told)
    assert [name for name, _ in data.skipped] == ["cat/000.ppm", "dog/000.ppm", "owl/letter.jpg"]
    assert dict(data.skipped)["owl/letter.jpg"] == "not a picture"
    assert any(step.startswith("skipped 3 of 61 files") and "cat/000.ppm: empty (0 bytes)" in step for step in told.steps)
    rows = {name: row for split in SPLITS for name, row in zip(whole.splits[split].names, whole.splits[split].pictures, strict=True)}
    for split in data.splits.values():
        assert all(np.array_equal(row, rows[name]) for name, row in zip(split.names, split.pictures, strict=True))


@pytest.mark.parametrize("suffix", ["", ".tar", ".zip"])
def test_originals_are_the_files_themselves(folder, suffix):
    source = pack(folder, suffix, "pets/") if suffix else folder
    names = load(source, SIZE).splits["test"].names[::-1]
    found = dict(originals(source, names))
    assert sorted(found) == list(range(len(names)))
    assert all(found[i] == (folder / name).read_bytes() for i, name in enumerate(names))
    with pytest.raises(BadData, match=r"1 of 1 pictures are not in .* any more, the first is cat/zebra.ppm"):
        originals(source, ["cat/zebra.ppm"])


def test_strict_refuses_broken_pictures_also_from_the_cache(folder):
    spoil(folder)
    for _ in range(2):
        with pytest.raises(BadData, match=r"3 of 61 files .* cat/000.ppm: empty"):
            load(folder, SIZE, strict=True)
        load(folder, SIZE)


def test_pictures_that_are_all_broken_are_told_by_the_first(tmp_path):
    for name in ("a/x.jpg", "b/y.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("no picture")
    with pytest.raises(BadData, match=r"none of the 2 pictures .* a/x\.jpg: not a picture"):
        load(tmp_path, SIZE)


def test_a_class_of_broken_pictures_only_is_named(folder):
    for file in (folder / "dog").iterdir():
        file.write_bytes(b"")
    with pytest.raises(BadData, match=r"class 'dog' of .* has no picture that can be used; .* dog/\d+\.ppm: empty \(0 bytes\)"):
        load(folder, SIZE)


# What is refused


def test_useless_sets_are_refused_in_words(tmp_path):
    empty, flat, single, tiny, mixed = (tmp_path / name for name in ("empty", "flat", "single", "tiny", "mixed"))
    empty.mkdir()
    flat.mkdir()
    (flat / "a.ppm").write_bytes(picture(1))
    (single / "cat").mkdir(parents=True)
    (single / "cat" / "a.ppm").write_bytes(picture(1))
    fill(tiny, 1)
    for top in ("train", "test", "extra"):
        fill(mixed / top, 2)
    for path, why in (
        (empty, "no pictures in .*expected <class>/<picture>"),
        (flat, "in no class folder; expected <class>/<picture>"),
        (single, "one class only"),
        (tiny, "has no picture in train|and none in"),
        (mixed, "split folders test, train and beside them extra"),
    ):
        with pytest.raises(BadData, match=why) as refused:
            load(path, SIZE)
        assert "\n" not in str(refused.value)


def test_a_class_without_training_pictures_is_refused(tmp_path):
    for i, split in enumerate(SPLITS):
        fill(tmp_path / "set" / split, 3, start=100 * i)
    shutil.rmtree(tmp_path / "set" / "train" / "owl")
    with pytest.raises(BadData, match=r"class 'owl' .* has no picture in train"):
        load(tmp_path / "set", SIZE)


def test_missing_and_misspelt_sources(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'sign-digits'"):
        load("sign-digit", SIZE)
    with pytest.raises(BadFile, match="no such folder or archive"):
        load(tmp_path / "nothing.tar", SIZE)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadFile, match="is not a data set"):
        load(tmp_path / "notes.txt", SIZE)


def test_a_named_set_that_is_not_there_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGECNN_DATA", str(tmp_path))
    with pytest.raises(BadData, match=r"needs the file trashnet-224x168.tar; looked in .*EDGECNN_DATA.*digits"):
        load("trashnet", SIZE)


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.xz", ".zip"])
def test_damaged_archives_are_refused_in_words(folder, suffix):
    path = pack(folder, suffix)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no archive at all" * 50):
        path.write_bytes(damaged)
        with pytest.raises(BadFile, match=path.name) as refused:
            load(path, SIZE)
        assert "\n" not in str(refused.value)


def test_lists_must_match_the_archive(monkeypatch, tmp_path):
    row = DATASETS["sign-digits"]
    pack(fill(tmp_path / "pets", 3), ".tar", "pets").rename(tmp_path / row.archive)
    names = [f"{c}/{i:03d}.ppm" for c in CLASSES for i in range(3)]
    splits = {"train": names[0::3], "val": names[1::3], "test": names[2:6:3]}
    (tmp_path / row.splits).write_text(json.dumps({"splits": splits}))
    monkeypatch.setenv("EDGECNN_DATA", str(tmp_path))
    data = load("sign-digits", SIZE)
    assert {s: list(data.splits[s].names) for s in SPLITS} == splits
    assert data.skipped == (("owl/002.ppm", "in no split list"),)
    splits["test"] = ["cat/999.ppm"]
    (tmp_path / row.splits).write_text(json.dumps({"splits": splits}))
    with pytest.raises(BadData, match=r"not in .*cat/999.ppm"):
        load("sign-digits", SIZE)
    (tmp_path / row.splits).write_text("{}")
    with pytest.raises(BadFile, match="no split lists"):
        load("sign-digits", SIZE)


# Calibration


def test_calibration_takes_training_pictures_class_by_class(folder):
    data = load(folder, SIZE)
    train = data.splits["train"]
    drawn = calibration(data, 15, seed=3)
    rows = [next(i for i, p in enumerate(train.pictures) if np.array_equal(p, q)) for q in drawn.pictures]
    assert np.bincount(train.labels[rows]).tolist() == [5, 5, 5]
    assert len(set(rows)) == 15
    assert drawn.manifest == {"dataset": "pets", "digest": data.digest, "split": "train", "count": 15, "seed": 3}
    held_out = {p.tobytes() for split in ("val", "test") for p in data.splits[split].pictures}
    assert not held_out & {p.tobytes() for p in calibration(data, 1000).pictures}


def test_calibration_is_decided_by_its_seed(folder):
    data = load(folder, SIZE)
    first, same_seed, other = (calibration(data, 12, seed).pictures for seed in (1, 1, 2))
    assert np.array_equal(first, same_seed)
    assert not np.array_equal(first, other)


def test_calibration_gives_what_there_is(folder):
    data = load(folder, SIZE)
    drawn = calibration(data, 10_000)
    assert len(drawn.pictures) == drawn.manifest["count"] == len(data.splits["train"])
    with pytest.raises(BadSetting, match="expected 1 or more"):
        calibration(data, 0)


# The sets that have names


def test_digits_need_no_file_and_hold_out_whole_writers():
    data = load("digits", Preprocessing(16, 16))
    assert data.ref().counts == {"train": 1287, "val": 128, "test": 382}
    assert data.classes == tuple("0123456789")
    positions = {s: sorted(int(Path(name).stem) for name in data.splits[s].names) for s in SPLITS}
    assert positions == {"train": list(range(1287)), "val": list(range(1287, 1415)), "test": list(range(1415, 1797))}
    assert data.splits["train"].pictures.max() == 255
    assert data.digest == "72434fc0a4dfa2be80354ac30f2ac4a2d1b67037c5aa3194067eddae7889017b"


def real(name: str):
    if not os.environ.get("EDGECNN_DATA"):
        pytest.skip(f"EDGECNN_DATA is not set: {name} lies there")
    return load(name, Preprocessing(32, 32))


@pytest.mark.parametrize(
    ("name", "classes", "counts"),
    [
        ("sign-digits", 10, {"train": 1433, "val": 209, "test": 420}),
        ("trashnet", 6, {"train": 1684, "val": 294, "test": 549}),
        pytest.param("cifar10", 10, {"train": 45_000, "val": 5_000, "test": 10_000}, marks=pytest.mark.slow),
    ],
)
def test_real_sets_have_the_pictures_that_their_table_says(name, classes, counts):
    data = real(name)
    assert (len(data.classes), data.ref().counts, data.skipped) == (classes, counts, ())
    assert f"{sum(counts.values()):,}" in DATASETS[name].title
