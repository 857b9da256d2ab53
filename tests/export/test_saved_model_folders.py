"""Folders of model.export: bytes at the input, and what cannot be done without layers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from export import foreign_files as theirs
from PIL import Image

from edgecnn.compress import compress
from edgecnn.errors import BadFile
from edgecnn.export import export
from edgecnn.settings import FINE_TUNING, Compress, Export, Prune


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return theirs.photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """uint8 in, Rescaling inside, the hand-set weights of `foreign_files`."""
    weights, layers = theirs.weights(), keras.layers
    image = keras.Input((theirs.SIDE, theirs.SIDE, 3), dtype="uint8")
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.Rescaling(1 / 127.5, offset=-1)(image))
    model = keras.Model(image, layers.Dense(theirs.CLASSES, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    model.set_weights([weights["w1"].transpose(2, 3, 1, 0), weights["b1"], weights["w2"], weights["b2"]])
    return model


@pytest.fixture
def folder(network, tmp_path) -> Path:
    network.export(tmp_path / "served", verbose=False)
    return tmp_path / "served"


def test_bytes_at_the_input_of_a_graph(network, folder, photos, tmp_path):
    files = {file.path.name: file.path for file in export(folder, settings=Export(("float32", "int8")), data=photos, out=tmp_path)}
    images = np.stack([np.asarray(Image.open(path)) for path in sorted(photos.glob("*/*.png"))])
    right = network(images).numpy()
    for name, tolerance in (("served.tflite", 1e-5), ("served_int8.tflite", 0.05)):
        np.testing.assert_allclose(by_litert(files[name], images), right, atol=tolerance)
    for name, tolerance in (("served.onnx", 1e-5), ("served_int8.onnx", 0.05)):
        session = onnxruntime.InferenceSession(str(files[name]), providers=["CPUExecutionProvider"])
        values = session.run(None, {session.get_inputs()[0].name: images.astype(np.float32)})[0]
        np.testing.assert_allclose(values, right, atol=tolerance)


def by_litert(path: Path, images: np.ndarray) -> np.ndarray:
    """Scores of images that are fed as they are, bytes or the same numbers as floats."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for image in images:
        interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
        interpreter.invoke()
        row, (scale, zero) = interpreter.get_tensor(result["index"])[0].astype(np.float32), result["quantization"]
        rows.append((row - zero) * scale if scale else row)
    return np.stack(rows)


def test_a_graph_is_not_compressed(folder, photos):
    with pytest.raises(BadFile, match=r"served is a SavedModel without its layers.* give it as \.keras"):
        compress(folder, settings=Compress(train=FINE_TUNING, prune=Prune(0.5)), data=photos)
