"""Files of one format alone are those that come of both together: from Keras 3, Keras 2 and a SavedModel, through Python and the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import foreign_nets as nets
import numpy as np
import pytest
import tensorflow as tf
from helpers import edgecnn, refused, snapshot
from test_foreign_tflite import network

from edgecnn.errors import BadSetting
from edgecnn.export import export
from edgecnn.runtime import card_of, open_model
from edgecnn.settings import Export
from edgecnn.sources.given_input import GivenInput

OPTIONS = ("--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375", "--calibration", 30)
SCHEMES = ("float32", "float16", "int8")
FORMATS = (("tflite",), ("onnx",), ("tflite", "onnx"))
SOURCES = ("net.keras", "net.h5", "saved")

# The network in Keras 2, which runs in a process of its own: it must not meet Keras 3.
KERAS_2 = """
import sys, numpy as np, tf_keras
from tf_keras import layers
held = np.load(sys.argv[1])
image = tf_keras.Input((int(sys.argv[3]), int(sys.argv[3]), 3))
x = layers.Conv2D(12, 1, use_bias=False, name="conv")(image)
x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, name="norm")(x))
model = tf_keras.Model(image, layers.Dense(3, name="dense")(layers.GlobalAveragePooling2D()(x)))
model.get_layer("conv").set_weights([held["kernel"].transpose(2, 3, 1, 0)])
model.get_layer("norm").set_weights([held[name] for name in ("scale", "bias", "mean", "variance")])
model.get_layer("dense").set_weights([held["dense"], held["offsets"]])
model.save(sys.argv[2])
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.write_photos(tmp_path_factory.mktemp("photos"), 60)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    model = network()
    model.save(folder / "net.keras")
    tf.saved_model.save(model, str(folder / "saved"))
    np.savez(folder / "weights.npz", **nets.weights())
    subprocess.run([sys.executable, "-c", KERAS_2, folder / "weights.npz", folder / "net.h5", str(nets.SIZE)], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module", params=SOURCES)
def both(request: pytest.FixtureRequest, models: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and a folder with the files of both formats."""
    out = tmp_path_factory.mktemp("both")
    written(models / request.param, photos, out, ("tflite", "onnx"))
    return models / request.param, out


def written(model: Path, photos: Path, out: Path, formats: tuple[str, ...]) -> list[Path]:
    settings = Export(SCHEMES, formats, calibration=30)
    return [file.path for file in export(model, settings=settings, data=photos, preprocessing=GivenInput(nets.GIVEN), out=out)]


def check_same(one: Path, other: Path) -> None:
    """The two files give the same scores, and their cards say the same."""
    images, labels = nets.make_images(30, seed=5)
    scores = [open_model(path, threads=1).scores(images) for path in (one, other)]
    assert (scores[0].argmax(1) == labels).mean() > 0.9
    np.testing.assert_array_equal(*scores)
    assert card_of(one) == card_of(other)
    assert one.stat().st_size == other.stat().st_size


@pytest.mark.parametrize("formats", FORMATS[:2], ids="".join)
def test_python_writes_one_format(formats: tuple[str, ...], both: tuple[Path, Path], photos: Path, tmp_path: Path) -> None:
    model, together = both
    paths = written(model, photos, tmp_path, formats)
    assert sorted(path.suffix for path in paths) == [f".{formats[0]}"] * len(SCHEMES)
    assert set(snapshot(tmp_path)) == {path.name for path in paths}
    assert len(set(snapshot(together))) == 2 * len(SCHEMES)
    for path in paths:
        check_same(path, together / path.name)


@pytest.mark.parametrize("formats", FORMATS, ids="".join)
def test_the_command_line_writes_the_same(formats: tuple[str, ...], both: tuple[Path, Path], photos: Path, tmp_path: Path) -> None:
    model, together = both
    flags = [f"--{name}" for name in (*formats, *SCHEMES)]
    result = edgecnn("export", model, *flags, "--data", photos, "--out", tmp_path, *OPTIONS)
    assert result.code == 0, result.err
    assert {Path(name).suffix for name in snapshot(tmp_path)} == {f".{name}" for name in formats}
    assert len(snapshot(tmp_path)) == len(formats) * len(SCHEMES)
    for path in tmp_path.iterdir():
        check_same(path, together / path.name)


def test_a_scheme_that_a_format_lacks(models: Path, photos: Path, tmp_path: Path) -> None:
    result = edgecnn("export", models / "net.keras", "--onnx", "--int16x8", "--data", photos, "--out", tmp_path, *OPTIONS)
    refused(result, "int16x8", "tflite")
    with pytest.raises(BadSetting, match="int16x8"):
        export(models / "net.keras", settings=Export(("int16x8",), ("onnx",)), data=photos, preprocessing=GivenInput(nets.GIVEN), out=tmp_path)
    with pytest.raises(ValueError, match=r"pb.*tflite.*onnx"):
        Export(("float32",), ("pb",))
    assert not list(tmp_path.iterdir())
