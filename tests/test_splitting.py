"""Layouts of folders and archives, the split rules, and the digest."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile

import numpy as np
import pytest
from pets import CLASSES, SIZE, Recorder, fill, pack, picture, same

from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, load
from edgecnn.data.splitting import hash_split

pytestmark = pytest.mark.usefixtures("cache")


def test_class_folders_become_three_splits(folder):
    data = load(folder, SIZE)
    assert (data.name, data.classes, data.skipped, data.flip) == ("pets", CLASSES, (), False)
    assert sum(data.ref().counts.values()) == 60
    for split in data.splits.values():
        assert split.pictures.shape == (len(split), 8, 8, 3)
        assert split.pictures.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert [data.classes[label] for label in split.labels] == [name.split("/")[0] for name in split.names]


def test_the_hash_rule_gives_70_10_20_and_keeps_identical_pictures_together(tmp_path):
    fill(tmp_path / "many", 200)
    for name in CLASSES:
        for file in sorted((tmp_path / "many" / name).iterdir())[:50]:
            shutil.copy(file, file.with_name(f"copy-of-{file.name}"))
    data = load(tmp_path / "many", SIZE)
    split_of = {name: split for split in SPLITS for name in data.splits[split].names}
    assert all(split_of[name] == split_of[name.replace("copy-of-", "")] for name in split_of)
    shares = [len(data.splits[s]) / 750 for s in SPLITS]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.05)


def test_one_more_picture_moves_no_other(folder):
    before = load(folder, SIZE)
    (folder / "cat" / "new.ppm").write_bytes(picture(77))
    after = load(folder, SIZE)
    assert sum(after.ref().counts.values()) == 61
    assert all(set(before.splits[s].names) <= set(after.splits[s].names) for s in SPLITS)
    assert before.digest != after.digest


def test_split_folders_are_kept(tmp_path):
    for i, split in enumerate(("train", "validation", "test")):
        fill(tmp_path / "set" / split, 3, start=100 * i)
    data = load(tmp_path / "set", SIZE)
    assert data.ref().counts == {"train": 9, "val": 9, "test": 9}
    assert all(name.startswith("validation/") for name in data.splits["val"].names)


def test_a_lone_split_folder_is_split_by_hash(folder, tmp_path):
    expected = load(folder, SIZE)
    (tmp_path / "set").mkdir()
    shutil.copytree(folder, tmp_path / "set" / "train")
    assert same(load(tmp_path / "set", SIZE), expected)
    assert same(load(pack(tmp_path / "set", ".tar", "set"), SIZE), expected)


def test_without_a_val_folder_train_gives_a_tenth(tmp_path):
    fill(tmp_path / "set" / "train", 60)
    fill(tmp_path / "set" / "test", 3, start=100)
    data = load(tmp_path / "set", SIZE)
    assert len(data.splits["test"]) == 9
    assert 5 < len(data.splits["val"]) < 40
    assert all(name.startswith("train/") for name in data.splits["val"].names)


def test_without_a_test_folder_train_gives_a_fifth(tmp_path):
    fill(tmp_path / "set" / "train", 60)
    fill(tmp_path / "set" / "val", 3, start=100)
    data = load(tmp_path / "set", SIZE)
    assert len(data.splits["val"]) == 9
    assert 20 < len(data.splits["test"]) < 60


def test_what_is_no_picture_of_a_class_is_passed_over(folder):
    (folder / "README.md").write_text("hello")
    (folder / "cat" / "labels.csv").write_text("a,b")
    (folder / "cat" / "._000.ppm").write_bytes(b"resource fork")
    (folder / "__MACOSX" / "cat").mkdir(parents=True)
    (folder / "__MACOSX" / "cat" / "000.ppm").write_bytes(b"resource fork")
    (folder / ".thumbs").mkdir()
    (folder / ".thumbs" / "a.png").write_bytes(b"")
    (folder / "overview.ppm").write_bytes(picture(5))
    data = load(folder, SIZE)
    assert sum(data.ref().counts.values()) == 60
    assert data.skipped == (("overview.ppm", "in no class folder"),)


def test_linked_folders_are_entered_once(folder, tmp_path):
    (tmp_path / "linked").mkdir()
    for name in CLASSES:
        (tmp_path / "linked" / name).symlink_to(folder / name)
    (tmp_path / "linked" / "cat2").symlink_to(tmp_path / "linked")
    assert same(load(tmp_path / "linked", SIZE), load(folder, SIZE))


@pytest.mark.parametrize(("suffix", "root"), [(".tar", "pets"), (".tar.gz", ""), (".tar.xz", "pets"), (".zip", "pets"), (".zip", "")])
def test_an_archive_is_the_folder_it_was_made_of(folder, suffix, root):
    expected, data = load(folder, SIZE), load(pack(folder, suffix, root), SIZE)
    assert data.name == "pets"
    assert data.digest == expected.digest
    assert same(data, expected)


def test_the_digest_is_of_the_content_not_of_size_or_place(folder, tmp_path):
    digest = load(folder, SIZE).digest
    assert load(folder, Preprocessing(5, 7, resize="crop")).digest == digest
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert load(tmp_path / "elsewhere", SIZE).digest == digest
    (folder / "cat" / "000.ppm").rename(folder / "cat" / "renamed.ppm")
    assert load(folder, SIZE).digest != digest


def test_twins_in_train_and_test_are_told(tmp_path):
    for i, split in enumerate(SPLITS):
        fill(tmp_path / "set" / split, 3, start=100 * i)
    shutil.copy(tmp_path / "set" / "train" / "cat" / "000.ppm", tmp_path / "set" / "test" / "cat" / "twin.ppm")
    told = Recorder()
    load(tmp_path / "set", SIZE, progress=told)
    assert any("1 val or test pictures have the pixels of one in train too" in step and "twin.ppm is train/cat/000.ppm" in step for step in told.steps)


def test_hard_links_of_a_tar_are_the_pictures_they_mean(tmp_path):
    """A tar's reader forgets its members as it goes; what a link means is found all the same."""
    root = fill(tmp_path / "pets")
    path = tmp_path / "pets.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(root, "pets")
        first = next(name for name in archive.getnames() if name.endswith(".ppm"))
        link = tarfile.TarInfo(f"{first.rpartition('/')[0]}/zz_again.ppm")
        link.type, link.linkname = tarfile.LNKTYPE, first
        archive.addfile(link)
    assert sum(map(len, load(path, SIZE).splits.values())) == sum(map(len, load(root, SIZE).splits.values())) + 1


def test_the_digest_is_that_of_everything_in_its_order_whatever_the_names(tmp_path):
    """Names that are no UTF-8, a picture above the class folders, a broken one, and a name that a tar holds twice."""
    starts = ("a", "ü", os.fsdecode(b"\xff"))
    files = {f"{name}/{start}{i}.ppm": picture(100 * c + i) for c, name in enumerate(CLASSES) for i in range(12) for start in starts}
    broken, stray = "cat/\udcff-broken.png", "stray.ppm"
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for name, content in [*files.items(), (broken, b"no"), (stray, picture(1)), *((f"./{name}", picture(999)) for name in list(files)[:9])]:
            member = tarfile.TarInfo(f"root/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    entries = sorted((SPLITS.index(hash_split(bytes.fromhex(sha))), name.partition("/")[0], name, sha) for name, sha in hashes.items())
    told = json.dumps([CLASSES, [[SPLITS[split], *rest] for split, *rest in entries]])
    for _ in range(2):
        data = load(tmp_path / "set.tar", SIZE)
        assert [name for split in SPLITS for name in data.splits[split].names] == [name for _, _, name, _ in entries]
        assert data.digest == hashlib.sha256(told.encode()).hexdigest()
        assert data.skipped == ((broken, "not a picture"), (stray, "in no class folder"))


def test_absolute_paths_of_an_archive_are_below_its_root(folder, tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for file in folder.rglob("*.ppm"):
            member = tarfile.TarInfo(f"/{file.relative_to(folder)}")
            member.size = file.stat().st_size
            archive.addfile(member, io.BytesIO(file.read_bytes()))
    assert same(load(tmp_path / "set.tar", SIZE), load(folder, SIZE))
