"""Images without classes: for calibration alone."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from helpers import edgecnn
from pets import SIZE, pack, picture

from edgecnn.card import Preprocessing
from edgecnn.data import decode, load_unlabelled
from edgecnn.errors import BadData, BadSetting
from edgecnn.runtime import open_model

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def flat(tmp_path):
    (tmp_path / "flat").mkdir()
    for i in range(40):
        (tmp_path / "flat" / f"{i:02d}.ppm").write_bytes(picture(i))
    return tmp_path / "flat"


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar.gz"])
def test_some_are_drawn_and_decoded(flat, suffix):
    source = pack(flat, suffix) if suffix else flat
    drawn = load_unlabelled(source, SIZE, 12, seed=3)
    assert drawn.pictures.shape == (12, 8, 8, 3)
    everyone = {decode(path, SIZE).tobytes(): hashlib.sha256(path.read_bytes()).digest() for path in flat.iterdir()}
    chosen = [everyone[pixels.tobytes()] for pixels in drawn.pictures]
    assert len(set(chosen)) == 12
    digest = hashlib.sha256(b"".join(chosen)).hexdigest()
    assert drawn.manifest == {"dataset": "flat", "digest": digest, "split": "unlabelled", "count": 12, "seed": 3}
    assert np.array_equal(drawn.pictures, load_unlabelled(source, SIZE, 12, seed=3).pictures)
    assert not np.array_equal(drawn.pictures, load_unlabelled(source, SIZE, 12, seed=4).pictures)
    assert len(load_unlabelled(source, SIZE, 1000).pictures) == 40


def test_broken_images_are_replaced_by_others_and_refused_by_strict(flat):
    for i in range(0, 40, 4):
        (flat / f"{i:02d}.ppm").write_bytes(b"")
    assert len(load_unlabelled(flat, SIZE, 30).pictures) == 30
    with pytest.raises(BadData, match=r"\.ppm: empty"):
        load_unlabelled(flat, SIZE, 30, strict=True)
    for path in flat.iterdir():
        path.write_bytes(b"no")
    with pytest.raises(BadData, match=r"40 pictures and 0 of those drawn can be used; \d\d\.ppm: not a picture"):
        load_unlabelled(flat, SIZE, 30)
    with pytest.raises(BadSetting, match="expected 1 or more"):
        load_unlabelled(flat, SIZE, 0)


def test_export_calibrates_on_them_and_says_so(lenet, flat, tmp_path):
    ended = edgecnn("export", lenet, "--int8", "--tflite", "--data", flat, "--calibration", 30, "--out", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "has no classes: 30 of its pictures serve for calibration" in ended.err
    (path,) = (tmp_path / "out").glob("*.tflite")
    stored = open_model(path).card.calibration
    assert (stored["split"], stored["count"]) == ("unlabelled", 30)
    assert stored["digest"] == load_unlabelled(flat, Preprocessing(32, 32), 30).manifest["digest"]
