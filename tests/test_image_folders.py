"""Folders and archives as people have them: which images are found, in which class and split, and what is said of the others."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import shutil
import socket
import tarfile
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import edgecnn
from pets import Recorder, picture
from PIL import Image

from edgecnn.card import Preprocessing
from edgecnn.data import SPLITS, class_counts, load, originals, sources
from edgecnn.data.splitting import hash_split
from edgecnn.errors import BadData, BadFile, UnlabelledError

pytestmark = pytest.mark.usefixtures("cache")

SIZE = Preprocessing(16, 16)


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 14, 3), np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def fill(root: Path, folders: str, count: int = 20) -> Path:
    """`count` images, all different, in each of the folders."""
    for folder in folders.split():
        for i in range(count):
            put(root / folder / f"{i}.ppm", picture(int(hashlib.sha256(f"{folder}/{i}".encode()).hexdigest()[:8], 16)))
    return root


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def counts(data) -> dict[str, int]:
    return {name: sum(own.values()) for name, own in class_counts(data).items()}


def kinds(data) -> dict[str, int]:
    return {finding.kind: finding.count for finding in data.findings}


def split_of(data) -> dict[str, str]:
    return {name: split for split in SPLITS for name in data.splits[split].names}


# Suffixes


def test_every_suffix_that_pillow_opens_is_an_image(tmp_path):
    """Phones and browsers: the pixels of each file are those that Pillow decodes; nothing is passed over."""
    kinds_of = {".jfif": "JPEG", ".jpe": "JPEG", ".avif": "AVIF", ".jp2": "JPEG2000", ".tga": "TGA", ".apng": "PNG", ".JPG": "PNG", ".heic": "AVIF", "": "WEBP"}
    for i, (suffix, kind) in enumerate(kinds_of.items()):
        for k in range(4):
            put(tmp_path / "set" / "plum" / f"{i}-{k}{suffix}", saved(noise(10 * i + k), kind))
    fill(tmp_path / "set", "apple pear")
    data = load(tmp_path / "set", Preprocessing(12, 14))
    assert counts(data) == {"apple": 20, "pear": 20, "plum": 36}
    assert (data.skipped, data.findings) == ((), ())
    for split in SPLITS:
        part = data.splits[split]
        for name, pixels in zip(part.names, part.pictures, strict=True):
            if name.startswith("plum"):
                image = Image.open(tmp_path / "set" / name).convert("RGB").resize((14, 12), Image.Resampling.BILINEAR)
                assert np.array_equal(pixels, np.asarray(image)), name


def test_a_class_whose_files_cannot_be_read_is_an_error_that_names_it(tmp_path):
    if importlib.util.find_spec("pillow_heif"):
        pytest.skip("the package is installed")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    root = fill(tmp_path / "set", "apple pear")
    for i in range(3):
        put(root / "plum" / f"{i}.heic", heic)
    with pytest.raises(BadData, match=r"class 'plum' of .* no picture that can be used.* plum/0\.heic: .*pillow-heif"):
        load(root, SIZE)
    put(root / "plum" / "3.ppm", picture(1))
    data = load(root, SIZE, need_train=False)
    (passed,) = data.findings
    assert (passed.kind, passed.count, passed.names) == ("passed over", 3, ("plum/0.heic", "plum/1.heic", "plum/2.heic"))
    assert "pillow-heif" in passed.text


@pytest.mark.parametrize("content", [None, b"", b"no image"], ids=["no file", "empty file", "broken file"])
def test_an_empty_class_is_an_error_that_names_it(tmp_path, content):
    root = fill(tmp_path / "set", "apple pear")
    if content is None:
        (root / "plum").mkdir()
    else:
        put(root / "plum" / "a.jpg", content)
    with pytest.raises(BadData, match="class 'plum' of"):
        load(root, SIZE)


def test_the_only_other_class_is_named_before_one_class_only_is_said(tmp_path):
    root = fill(tmp_path / "set", "train/apple test/apple val/apple")
    put(root / "train" / "plum" / "a.cr2", b"II*\0" + bytes(60))
    with pytest.raises(BadData, match=r"class 'plum' .*a\.cr2 cannot|class 'plum' .*\.cr2 cannot be read"):
        load(root, SIZE)


def test_what_is_passed_over_is_counted_named_and_refused_by_strict(tmp_path):
    root = fill(tmp_path / "set", "apple pear")
    for name in ("README.md", "apple/notes.txt", "pear/.hidden.ppm", "pear/model.xyz"):
        put(root / name, picture(3) if "hidden" in name else b"text")
    data = load(root, SIZE, progress=(told := Recorder()))
    assert sum(counts(data).values()) == 40
    assert sorted((f.count, f.names) for f in data.findings) == [
        (1, ("README.md",)), (1, ("apple/notes.txt",)), (1, ("pear/.hidden.ppm",)), (1, ("pear/model.xyz",)),
    ]  # fmt: skip
    assert any("1 passed over, not an image (.txt): apple/notes.txt" in step for step in told.steps)
    with pytest.raises(BadData, match=r"passed over.*leave out --strict"):
        load(root, SIZE, strict=True)


def test_what_systems_leave_is_counted_and_no_reason_to_refuse(tmp_path):
    root = fill(tmp_path / "set", "apple pear")
    for name in ("apple/.DS_Store", "apple/._0.jpg", "pear/Thumbs.db", "pear/desktop.ini", "__MACOSX/apple/._0.jpg"):
        put(root / name, b"\0\5\x16\7")
    assert kinds(load(root, SIZE, strict=True)) == {"passed over": 5}


def test_only_regular_files_are_read(tmp_path):
    root = fill(tmp_path / "set", "apple pear")
    os.mkfifo(root / "apple" / "pipe.jpg")
    (root / "apple" / "zero.jpg").symlink_to("/dev/zero")
    (root / "apple" / "gone.jpg").symlink_to("nowhere")
    with open(root / "pear" / "large.png", "wb") as stream:
        stream.truncate(sources.MOST_BYTES + 1)
    short = os.path.relpath(root / "pear" / "s.jpg")  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(short)
        data = load(root, SIZE)
    assert counts(data) == {"apple": 20, "pear": 20}
    assert {f.text.partition(", ")[2]: f.names for f in data.findings} == {
        "a named pipe": ("apple/pipe.jpg",),
        "a device": ("apple/zero.jpg",),
        "a link to nothing": ("apple/gone.jpg",),
        "larger than 256 MiB": ("pear/large.png",),
        "a socket": ("pear/s.jpg",),
    }


# Copies


def test_copies_saved_anew_stay_in_one_split(tmp_path):
    root, exif = tmp_path / "set", Image.Exif()
    exif[0x0112] = 6
    for i in range(60):
        for label in "ab":
            image = noise(i + 1000 * (label == "b"))
            put(root / label / f"{i}.png", saved(image, "PNG"))
            put(root / label / f"{i} copy.webp", saved(image, "WEBP", lossless=True))
            put(root / label / f"{i} turned.png", saved(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif))
    data = load(root, SIZE)
    splits = split_of(data)
    groups: dict[bytes, set[str]] = {}
    for split in SPLITS:
        for name in data.splits[split].names:
            image = np.asarray(Image.open(root / name).convert("RGB"))
            groups.setdefault((np.rot90(image, -1) if "turned" in name else image).tobytes(), set()).add(splits[name])
    assert len(groups) == 120
    assert all(len(own) == 1 for own in groups.values())
    # Each group lies where the rule puts the file with the smallest hash, and the rows hold their images.
    for label in "ab":
        for i in range(60):
            names = [f"{label}/{i}{end}" for end in (".png", " copy.webp", " turned.png")]
            least = min(hashlib.sha256((root / name).read_bytes()).digest() for name in names)
            assert {splits[name] for name in names} == {hash_split(least)}
    for split in SPLITS:
        for name, pixels in zip(data.splits[split].names, data.splits[split].pictures, strict=True):
            if "turned" not in name:
                assert np.array_equal(pixels, np.asarray(Image.open(root / name).convert("RGB").resize((16, 16), Image.Resampling.BILINEAR)))
    assert kinds(data) == {"joined": sum(splits[name] != hash_split(hashlib.sha256((root / name).read_bytes()).digest()) for name in splits)}


def test_copies_in_given_splits_are_named_and_refused_by_strict(tmp_path):
    root = fill(tmp_path / "set", "train/cat train/dog val/cat val/dog test/cat test/dog")
    original = Image.open(root / "train" / "cat" / "3.ppm")
    put(root / "test" / "cat" / "same.png", saved(original, "PNG"))
    for _ in range(2):
        data = load(root, SIZE, progress=(told := Recorder()))
        assert kinds(data) == {"leak": 1}
        assert any("1 val or test pictures have the pixels" in step and "test/cat/same.png is train/cat/3.ppm" in step for step in told.steps)
        with pytest.raises(BadData, match=r"same\.png is train/cat/3\.ppm"):
            load(root, SIZE, strict=True)


def test_copies_under_two_labels_are_named_and_refused_by_strict(tmp_path):
    root = fill(tmp_path / "set", "a b", 40)
    for i in range(15):
        put(root / "b" / f"again{i}.png", saved(Image.open(root / "a" / f"{i}.ppm"), "PNG"))
    data = load(root, SIZE)
    assert kinds(data)["two labels"] == 30
    with pytest.raises(BadData, match="30 pictures have the pixels of one with another label"):
        load(root, SIZE, strict=True)


# Names


@pytest.mark.parametrize("split", [False, True], ids=["side by side", "in two splits"])
def test_composed_and_decomposed_names_are_one_class(tmp_path, split):
    composed, decomposed = (unicodedata.normalize(form, "Käse") for form in ("NFC", "NFD"))
    folders = [f"{s}/{name}" for s, name in zip(SPLITS, (composed, decomposed, composed), strict=True)] if split else [composed, decomposed]
    root = fill(tmp_path / "set", " ".join(folders + ([f"{s}/Brot" for s in SPLITS] if split else ["Brot"])))
    data = load(root, SIZE)
    assert counts(data) == {"Brot": 20 * (3 if split else 1), composed: 20 * len(folders)}
    assert kinds(data) == {"merged": 1}
    assert dict(originals(root, data.splits["val"].names))[0] == (root / data.splits["val"].names[0]).read_bytes()


def test_blanks_at_the_end_are_nothing_and_case_is_kept(tmp_path):
    root = fill(tmp_path / "set", "Cat cat dog")
    (root / "dog ").mkdir()
    for file in list((root / "dog").iterdir())[:10]:
        shutil.move(file, root / "dog " / file.name)
    data = load(root, SIZE, strict=True)
    assert counts(data) == {"Cat": 20, "cat": 20, "dog": 20}
    assert kinds(data) == {"merged": 1, "case": 1}


ZIPS = {
    "backslashes": lambda label, i: f"{label}\\{i}.ppm",
    "out of the archive": lambda label, i: f"../../{label}/{i}.ppm",
    "absolute": lambda label, i: f"/{label}/x/../{i}.ppm",
    "with drive": lambda label, i: f"C:\\set\\{label}\\{i}.ppm",
}


@pytest.mark.parametrize("name", ZIPS.values(), ids=ZIPS)
def test_names_in_zips_are_paths_below_its_root(tmp_path, name):
    files = {name(label, i): picture(i + 100 * (label == "dog")) for label in ("cat", "dog") for i in range(30)}
    data = load(zipped(tmp_path / "set.zip", files), SIZE)
    assert counts(data) == {"cat": 30, "dog": 30}
    assert sorted(split_of(data)) == sorted(f"{label}/{i}.ppm" for label in ("cat", "dog") for i in range(30))
    assert len(dict(originals(tmp_path / "set.zip", data.splits["test"].names))) == len(data.splits["test"])


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_in_zips_without_the_flag_are_read_as_they_were_meant(tmp_path, encoding):
    path = tmp_path / "set.zip"
    # The same number of bytes stands in for the name, which zipfile would write with the flag.
    raw = "Käse".encode(encoding)
    zipped(path, {f"{label}/{i}.ppm": picture(i + 100 * (label == "Brot")) for label in ("#" * len(raw), "Brot") for i in range(30)})
    path.write_bytes(path.read_bytes().replace(b"#" * len(raw), raw))
    assert counts(load(path, SIZE)) == {"Brot": 30, "Käse": 30}


# Layouts

SPELLINGS = ["train val test", "training validation testing", "Train Valid Test", "training_set validation_set test_set", "train_images val_images test_images",
             "train-data dev eval", "seg_train/seg_train seg_val/seg_val seg_test/seg_test", "set/train2017 set/val2017 set/test2017",
             "train/images val/images test/images", "archive/dataset/train archive/dataset/dev archive/dataset/test"]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_split_folders_are_known_in_their_usual_spellings(tmp_path, spelling):
    folders = spelling.split()
    root = fill(tmp_path / "set", " ".join(f"{folder}/{label}" for folder in folders for label in ("cat", "dog")), 5)
    data = load(root, SIZE)
    assert data.ref().counts == {"train": 10, "val": 10, "test": 10}
    assert data.classes == ("cat", "dog")
    for folder, split in zip(folders, SPLITS, strict=True):
        base = "archive/dataset/" if folder.startswith("archive") else "set/" if folder.startswith("set/") else ""
        assert sorted(data.splits[split].names) == sorted(f"{folder.removeprefix(base)}/{label}/{i}.ppm" for label in ("cat", "dog") for i in range(5))


def test_eval_is_val_beside_test(tmp_path):
    data = load(fill(tmp_path / "set", "train/a train/b eval/a eval/b test/a test/b", 5), SIZE)
    assert {name.partition("/")[0]: split for name, split in split_of(data).items()} == {"train": "train", "eval": "val", "test": "test"}


@pytest.mark.parametrize("flat", ["seg_pred/seg_pred", "pred", "test", "test/images", "test1"])
def test_unlabelled_folders_beside_labelled_splits_are_left_out(tmp_path, flat):
    rest = "seg_test/seg_test/cat seg_test/seg_test/dog" if "pred" in flat else ""
    root = fill(tmp_path / "set", f"seg_train/seg_train/cat seg_train/seg_train/dog {rest} {flat}")
    data = load(root, SIZE)
    assert sum(counts(data).values()) == (80 if rest else 40)
    assert kinds(data) == {"left out": 20}
    assert all(len(data.splits[split]) for split in SPLITS)
    with pytest.raises(BadData, match=r"20 pictures left out.*--strict"):
        load(root, SIZE, strict=True)


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        ("images/animals/cat images/animals/dog images/plants/fern", ("animals/cat", "animals/dog", "plants/fern")),
        ("cat/images dog/images", ("cat", "dog")),
        ("cat cat/more dog dog/old/older", ("cat", "dog")),
        ("train/pets/cat train/pets/dog train/wild/owl test/pets/cat test/pets/dog test/wild/owl", ("pets/cat", "pets/dog", "wild/owl")),
        ("a/b/c/cat a/b/c/dog", ("cat", "dog")),
        ("train car bus", ("bus", "car", "train")),
        ("images/train/cat images/train/dog images/val/cat images/val/dog images/test/cat images/test/dog", ("cat", "dog")),
    ],
)
def test_nested_folders_name_classes_where_that_is_plain(tmp_path, folders, classes):
    root = fill(tmp_path / "set", folders)
    data = load(root, SIZE)
    assert data.classes == classes
    assert sum(counts(data).values()) == 20 * len(folders.split())
    assert Counter(kinds(data)) == ({"nested": 3} if "/" in classes[0] else {})


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        ("cat/left cat/right dog/left dog/right", r"names that repeat \(cat/left, cat/right, dog/left"),
        ("cat birds/owl birds/hen", r"different depths.* \(birds/hen, birds/owl, cat"),
        ("cat dog test", "has test beside the class folders cat, dog"),
        ("train/cat train/dog extra/cat extra/dog", "split folders train and beside them extra"),
    ],
)
def test_folders_that_can_be_read_in_two_ways_are_refused_with_what_was_seen(tmp_path, folders, why):
    with pytest.raises(BadData, match=why) as refused:
        load(fill(tmp_path / "set", folders), SIZE)
    assert "\n" not in str(refused.value)


def test_a_set_of_test_images_alone_serves_whoever_needs_no_training(tmp_path):
    root = fill(tmp_path / "set", "test/cat test/dog")
    data = load(root, SIZE, need_train=False)
    assert data.ref().counts == {"train": 0, "val": 0, "test": 40}
    for _ in range(2):
        with pytest.raises(BadData, match="pictures in test only, none in train"):
            load(root, SIZE)
    alone = load(root / "test" / "..", SIZE, need_train=False)
    assert alone.digest == data.digest
    few = fill(tmp_path / "few", "cat dog owl", 1)
    assert sum(len(split) for split in load(few, SIZE, need_train=False).splits.values()) == 3
    with pytest.raises(BadData, match=r"no picture in train|none in"):
        load(few, SIZE)


def test_flat_folders_have_no_classes_and_say_the_way_on(tmp_path):
    root = tmp_path / "set"
    for i in range(4):
        put(root / f"cat.{i}.jpg", saved(noise(i), "JPEG"))
    with pytest.raises(UnlabelledError, match=r"in no class folder.*labels\.csv"):
        load(root, SIZE)


@pytest.mark.parametrize("suffix", [".tar.bz2", ".tbz2"])
def test_archives_of_other_kinds(tmp_path, suffix):
    root = fill(tmp_path / "set", "cat dog")
    with tarfile.open(tmp_path / f"pets{suffix}", "w:bz2") as archive:
        archive.add(root, "set")
    assert load(tmp_path / f"pets{suffix}", SIZE).digest == load(root, SIZE).digest
    (tmp_path / "pets.7z").write_bytes(b"7z")
    with pytest.raises(BadFile, match="unpack other archives"):
        load(tmp_path / "pets.7z", SIZE)
    inner = zipped(tmp_path / "cat.zip", {"0.ppm": picture(1)}).read_bytes()
    with pytest.raises(BadData, match=r"no pictures in .*2 passed over.*cat\.zip, dog\.zip"):
        load(zipped(tmp_path / "nested.zip", {"cat.zip": inner, "dog.zip": inner}), SIZE)


def test_train_prints_the_classes(tmp_path):
    root = fill(tmp_path / "set", "train/cat train/dog val/cat val/dog test/cat test/dog", 4)
    ended = edgecnn("train", "lenet", "--data", root, "--epochs", 1, "--warmup", 0, "--no-augment", "--out", tmp_path / "models")
    assert ended.code == 0, ended.err
    assert "2 classes in set\n  class  train  val  test\n  cat        4    4  4\n  dog        4    4  4\n" in ended.err
