"""Logits without a last operator that says so are known as logits, whatever the first photo shows, and are called that in what is written."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from helpers import edgecnn
from keras import layers
from PIL import Image
from sources.color_nets import color_folder

import edgecnn as package


@pytest.fixture
def model(tmp_path) -> Path:
    """Mean color to three scores, which all lie between 0 and 1 for dark gray."""
    image = keras.Input((16, 16, 3))
    network = keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image))))
    network.layers[-1].set_weights([np.array([[3, 0, -3], [0, 3, -3], [1, 1, 1]], np.float32), np.array([0.1, 0.2, 0.5], np.float32)])
    network.save(tmp_path / "net.keras")
    return tmp_path / "net.keras"


def test_one_photo_does_not_decide_what_scores_mean(model, tmp_path):
    Image.new("RGB", (16, 16), (20, 20, 20)).save(tmp_path / "dark.png")
    scores = np.asarray(keras.models.load_model(model)(np.full((1, 16, 16, 3), 20.0)))[0]
    assert 0 <= scores.min() <= scores.max() <= 1
    expected = np.sort(np.exp(scores) / np.exp(scores).sum())[::-1]
    np.testing.assert_allclose([score.probability for score in package.load(model)(tmp_path / "dark.png")], expected, atol=1e-5)


def test_the_output_is_called_what_it_is_and_the_next_command_works(model, tmp_path):
    photos = color_folder(tmp_path / "photos", per_class=20)
    result = edgecnn("export", model, "--int8", "--data", photos)
    assert result.code == 0, result.err
    assert Interpreter(str(model.with_name("net_int8.tflite"))).get_output_details()[0]["name"] == "logits"
    assert [value.name for value in onnx.load(model.with_name("net_int8.onnx")).graph.output] == ["logits"]
    (line,) = [line for line in result.out.splitlines() if line.startswith("Next: ")]
    assert edgecnn(*line.removeprefix("Next: edgecnn ").split(), "--no-latency").code == 0
