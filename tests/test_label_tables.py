"""Tables of labels: what they say of each image, in one class or several, and every way in which they can be wrong."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import pytest
from pets import Recorder, picture

from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, calibration, class_counts, load, originals
from edgecnn.data.splitting import hash_split
from edgecnn.errors import BadData, BadFile
from edgecnn.train import train

pytestmark = pytest.mark.usefixtures("cache")

SIZE = Preprocessing(10, 12)
LABELS = ("cat", "dog", "night")


@pytest.fixture
def photos(tmp_path) -> Path:
    """30 images in one folder, p0.ppm to p29.ppm."""
    root = tmp_path / "photos"
    root.mkdir()
    for i in range(30):
        (root / f"p{i}.ppm").write_bytes(picture(i))
    return root


def held(i: int) -> list[int]:
    """The labels of image i."""
    return [int(i % 2 == 0), int(i % 3 == 0), int(i % 5 == 0)]


def split(i: int) -> str:
    return SPLITS[0 if i < 15 else 1 if i < 22 else 2]


def write(path: Path, header: str, line, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path.write_bytes((header + "\n" + "".join(delimiter.join(map(str, line(i))) + "\n" for i in range(30))).encode(encoding))
    return path


def joined(i: int, mark: str) -> str:
    return mark.join(name for name, has in zip(LABELS, held(i), strict=True) if has)


def check(data, *, drawn: bool = False) -> None:
    assert data.classes == LABELS
    assert data.multi_label
    seen = []
    for part in SPLITS:
        own = data.splits[part]
        assert own.targets.dtype == np.uint8
        assert own.labels.tolist() == [-1] * len(own)
        for name, pixels, targets in zip(own.names, own.pictures, own.targets, strict=True):
            i = int(name.rpartition("/")[2][1:-4])
            seen.append(i)
            assert targets.tolist() == held(i)
            assert part == (hash_split(hashlib.sha256(picture(i)).digest()) if drawn else split(i))
            assert np.array_equal(pixels, np.frombuffer(picture(i)[-360:], np.uint8).reshape(12, 10, 3))
    assert sorted(seen) == list(range(30))


FORMS = {
    "columns": ("file,cat,dog,night,split", lambda i: (f"p{i}.ppm", *held(i), split(i)), ",", "utf-8"),
    "columns, windows": ("\ufeffFilename,cat,dog,night,Split\r", lambda i: (f".\\p{i}.ppm", *held(i), f"{split(i)}\r"), ",", "utf-8"),
    "columns, semicolons": ("file;split;cat;dog;night", lambda i: (f"p{i}.ppm", split(i), *held(i)), ";", "utf-8"),
    "joined by bars": ("image,labels,split", lambda i: (f"p{i}.ppm", joined(i, "|"), split(i)), ",", "utf-8"),
    "joined by semicolons": ("file,labels,split", lambda i: (f"p{i}.ppm", joined(i, ";"), split(i)), ",", "utf-8"),
    "joined by blanks": ("file,tags,split", lambda i: (f"p{i}.ppm", joined(i, " "), split(i)), ",", "utf-8"),
    "joined by commas": ("file,labels,split", lambda i: (f"p{i}.ppm", f'"{joined(i, ", ")}"', split(i)), ",", "utf-8"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_multi_label_table_gives_targets(photos, form):
    write(photos / "labels.csv", *form)
    for source in (photos, photos / "labels.csv"):
        data = load(source, Preprocessing(12, 10), strict=True)
        check(data)
        assert data.findings == ()
        assert class_counts(data)["dog"] == {part: sum(held(i)[1] for i in range(30) if split(i) == part) for part in SPLITS}


def test_what_the_table_does_not_split_is_split_by_hash_and_cached(photos):
    write(photos / "labels.csv", "file,cat,dog,night", lambda i: (f"p{i}.ppm", *held(i)))
    for tracked in (1, 0):
        data = load(photos, Preprocessing(12, 10), progress=(told := Recorder()))
        check(data, drawn=True)
        assert len(told.tracked) == tracked


def test_images_elsewhere_are_found_by_the_end_of_their_path(photos):
    (photos / "train").mkdir()
    (photos / "rest").mkdir()
    for i in range(30):
        (photos / f"p{i}.ppm").rename(photos / ("train" if i % 2 else "rest") / f"p{i}.ppm")
    write(
        photos / "theirs.csv", "file,cat,dog,night,split", lambda i: (f"p{i}.ppm" if i < 9 else f"{'train' if i % 2 else 'rest'}/p{i}.ppm", *held(i), split(i))
    )
    data = load(photos / "theirs.csv", Preprocessing(12, 10))
    check(data)
    name = data.splits["test"].names[0]
    assert dict(originals(photos / "theirs.csv", [name])) == {0: (photos / name).read_bytes()}
    (photos / "train" / "p0.ppm").write_bytes(picture(99))
    with pytest.raises(BadData, match=r"line 2: p0\.ppm may be rest/p0\.ppm or train/p0\.ppm"):
        load(photos / "theirs.csv", SIZE)


def test_a_table_in_an_archive(photos, tmp_path):
    write(photos / "labels.csv", "file,cat,dog,night,split", lambda i: (f"p{i}.ppm", *held(i), split(i)))
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        archive.add(photos, "set")
    data = load(tmp_path / "set.tar", Preprocessing(12, 10))
    check(data)
    assert data.digest == load(photos, Preprocessing(12, 10)).digest


def test_one_class_each_is_an_ordinary_set(photos):
    write(photos / "labels.csv", "file,label,split", lambda i: (f"p{i}.ppm", " Hund" if i % 2 else "Katze ", split(i)))
    (photos / "extra.ppm").write_bytes(picture(77))
    data = load(photos, SIZE, progress=(told := Recorder()))
    assert (data.classes, data.multi_label) == (("Hund", "Katze"), False)
    assert data.ref().counts == {"train": 15, "val": 7, "test": 8}
    for part in SPLITS:
        own = data.splits[part]
        assert own.targets is None
        assert all(data.classes[label] == ("Hund" if int(name[1:-4]) % 2 else "Katze") for name, label in zip(own.names, own.labels, strict=True))
    assert any("1 pictures left out, in no row of the table: extra.ppm" in step for step in told.steps)


def test_a_table_that_is_none_of_labels_is_passed_over(photos):
    (photos / "labels.csv").write_text("a,b\n1,2\n")
    for i in range(30):
        folder = photos / "ab"[i % 2]
        folder.mkdir(exist_ok=True)
        (photos / f"p{i}.ppm").rename(folder / f"p{i}.ppm")
    assert load(photos, SIZE).classes == ("a", "b")


WRONG = {
    "a,b\np0.ppm,1\n": r"has the columns a, b; expected file,label",
    "file\np0.ppm\n": r"has the columns file; expected",
    "file,label,cat\np0.ppm,x,1\n": r"has the column label beside cat",
    "file,cat,cat\np0.ppm,1,0\n": r"has the columns file, cat, cat",
    "file,cat,dog\np0.ppm,1,2\n": r"line 2: '2' as a label's value; expected 0 or 1",
    "file,cat,dog\np0.ppm,1,\n": r"line 2: a label without a value",
    "file,cat,dog\np0.ppm,1\n": r"line 2: 2 fields; expected 3",
    "file,cat,dog\np0.ppm,1,0\np0.ppm,1,0\n": r"line 3: p0\.ppm is in line 2 already",
    "file,cat,dog\nq.ppm,1,0\np0.ppm,1,0\n": r"line 2: no image q\.ppm beside the table \(1 of",
    "file,cat,dog\n,1,0\n": r"line 2: no file",
    "file,label\np0.ppm,\n": r"line 2: no label",
    "file,cat,split\np0.ppm,1,some\n": r"line 2: split 'some'; expected train, val or test",
    "file,labels\np0.ppm,\n": r"names no label at all",
    "file,cat,dog\n": r"no line below its first",
    "file,label\np0.ppm,cat\np1.ppm,cat\n": r"one class only \(cat\)",
    b"file,label\np\xff.ppm,cat\n": r"is not text in UTF-8",
    'file,label\n"p0.ppm,cat\n': r"line \d: .*fields; expected 2|unexpected end",
}


@pytest.mark.parametrize(("content", "why"), WRONG.items(), ids=map(str, range(len(WRONG))))
def test_wrong_tables_are_refused_with_the_line(photos, content, why):
    path = photos / "theirs.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((BadFile, BadData), match=why) as refused:
        load(path, SIZE)
    assert "\n" not in str(refused.value)


def test_a_label_that_no_training_image_has_is_refused(photos):
    write(photos / "labels.csv", "file,cat,dog,night,split", lambda i: (f"p{i}.ppm", 1, int(i > 25), 0, split(i)))
    with pytest.raises(BadData, match=r"class 'dog' of .* no picture in train"):
        load(photos, SIZE)
    assert load(photos, SIZE, need_train=False).splits["test"].targets.sum(axis=0).tolist() == [8, 4, 0]


def test_calibration_draws_from_all_and_training_refuses(photos, tmp_path):
    write(photos / "labels.csv", "file,cat,dog,night,split", lambda i: (f"p{i}.ppm", *held(i), split(i)))
    data = load(photos, Preprocessing(32, 32))
    assert len(calibration(data, 10).pictures) == 10
    with pytest.raises(BadData, match="several labels for a picture"):
        train("lenet", data, out=tmp_path)
