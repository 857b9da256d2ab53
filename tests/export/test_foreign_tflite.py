"""Float .tflite files of TensorFlow's converter: quantized within their format, under their own names, with the answers that a bare loop gives."""

from __future__ import annotations

from pathlib import Path

import foreign_nets as nets
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from helpers import edgecnn, refused
from keras import layers

from edgecnn.bundle import bundle
from edgecnn.export import export
from edgecnn.formats.keras import trust
from edgecnn.runtime import describe
from edgecnn.schemes import SCHEMES
from edgecnn.settings import Export
from edgecnn.sources.given_input import GivenInput

OPTIONS = ("--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375")


def network(size: int | None = nets.SIZE) -> keras.Model:
    """The network of `foreign_nets` in Keras."""
    held = nets.weights()
    image = keras.Input((size, size, 3))
    x = layers.Conv2D(12, 1, use_bias=False, name="conv")(image)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5, name="norm")(x))
    features = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(3, name="dense")(features))
    model.get_layer("conv").set_weights([held["kernel"].transpose(2, 3, 1, 0)])
    model.get_layer("norm").set_weights([held[name] for name in ("scale", "bias", "mean", "variance")])
    model.get_layer("dense").set_weights([held["dense"], held["offsets"]])
    return model


def convert(model: keras.Model, path: Path, *, half: bool = False, int8: bool = False) -> Path:
    """What TensorFlow's own converter makes of a model."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if int8:
        images, _ = nets.make_images(12)
        converter.representative_dataset = lambda: ([one[None]] for one in ((images - nets.MEAN) / nets.STD).astype(np.float32))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if half or int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if half:
        converter.target_spec.supported_types = [tf.float16]
    path.write_bytes(converter.convert())
    return path


def two_signatures(path: Path, model: keras.Model) -> Path:
    """A file whose first graph takes no images."""

    class Both(tf.Module):
        def __init__(self) -> None:
            self.tracked = [variable.value for variable in model.variables]

        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])
        def features(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"sum": tf.reduce_sum(x, -1, keepdims=True)}

        @tf.function(input_signature=[tf.TensorSpec((1, nets.SIZE, nets.SIZE, 3), tf.float32)])
        def classify(self, photo: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"scores": model(photo)}

    both = Both()
    folder = str(path.with_suffix(""))
    tf.saved_model.save(both, folder, signatures={"a_features": both.features, "b_classify": both.classify})
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["a_features", "b_classify"]).convert())
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.write_photos(tmp_path_factory.mktemp("photos"), 60)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind."""
    folder = tmp_path_factory.mktemp("theirs")
    model = network()
    convert(model, folder / "plain.tflite")
    convert(model, folder / "half.tflite", half=True)
    convert(model, folder / "integers.tflite", int8=True)
    convert(network(None), folder / "open_size.tflite")
    convert(keras.Model(model.inputs, layers.Reshape((1, 1, 3))(model.output)), folder / "rank_4.tflite")
    convert(keras.Model(model.inputs, [layers.GlobalAveragePooling2D()(model.inputs[0]), *model.outputs]), folder / "two_outputs.tflite")
    two_signatures(folder / "two_signatures.tflite", model)
    return folder


def answers(path: Path, images: np.ndarray) -> np.ndarray:
    """Real scores [N, 3] by LiteRT alone."""
    interpreter = Interpreter(model_path=str(path))
    given = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(given["index"], (1, nets.SIZE, nets.SIZE, 3))
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for image in ((images - nets.MEAN) / nets.STD).astype(np.float32):
        scale, zero = given["quantization"]
        stored = np.clip(np.rint(image / scale) + zero, 0, 255) if scale else image
        interpreter.set_tensor(given["index"], stored[None].astype(given["dtype"]))
        interpreter.invoke()
        scores = interpreter.get_tensor(result["index"]).astype(np.float32).reshape(-1)
        scale, zero = result["quantization"]
        rows.append((scores - zero) * scale if scale else scores)
    return np.stack(rows)


@pytest.mark.parametrize("name", ["plain", "half", "open_size", "rank_4", "two_outputs", "two_signatures"])
def test_files_of_every_form_are_derived_from_a_float_file_and_answer_as_it_does(name: str, theirs: Path, photos: Path, tmp_path: Path) -> None:
    images, labels = nets.make_images(30, seed=5)
    path = theirs / f"{name}.tflite"
    expected = answers(theirs / "plain.tflite", images)
    assert (expected.argmax(1) == labels).mean() > 0.9
    chosen = next((t.name for t in describe(path).outputs if t.shape[-1] == 3 and "1" in t.name), None) if name == "two_outputs" else None
    given = GivenInput(nets.GIVEN, nets.SIZE if name == "open_size" else None)
    with trust.use(trust.LoadingOptions(output=chosen)):
        settings = Export(tuple(SCHEMES), ("tflite",), calibration=20)
        written = export(path, settings=settings, data=photos, preprocessing=given, out=tmp_path)
    assert [file.scheme for file in written] == list(SCHEMES)
    for file in written:
        ours = answers(file.path, images)
        allowed = {"float32": 2e-2 if name == "half" else 2e-3, "float16": 2e-2}.get(file.scheme, 0.2)
        assert np.sqrt(np.square(ours - expected).mean()) < allowed * expected.std(0).mean(), file.scheme
        assert [t.name for t in describe(file.path).inputs] == [t.name for t in describe(path).inputs]


def test_signature_and_its_arguments_keep_their_names(theirs: Path, photos: Path, tmp_path: Path) -> None:
    given = GivenInput(nets.GIVEN)
    for name, expected in (("plain", ["serving_default"]), ("two_signatures", ["b_classify"])):
        (written,) = export(theirs / f"{name}.tflite", settings=Export(("int8",), calibration=10), data=photos, preprocessing=given, out=tmp_path)
        before, after = (Interpreter(model_path=str(file)).get_signature_list() for file in (theirs / f"{name}.tflite", written.path))
        assert list(after) == expected
        assert all(after[key] == before[key] for key in after)


def test_bundle_of_their_float_file(theirs: Path, tmp_path: Path) -> None:
    done = bundle(theirs / "plain.tflite", "android", out=tmp_path / "app", count=1, preprocessing=GivenInput(nets.GIVEN))
    assert any(file.name == "plain.tflite" for file in done.files)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("integers", ("--int8",), ("is quantized already",)),
        ("plain", ("--onnx", "--int8"), ("within its own format", ".keras")),
        ("open_size", ("--int8",), ("--image-size",)),
        ("two_outputs", ("--int8",), ("--output NAME",)),
        ("two_signatures", ("--int8", "--signature", "nothing"), ("a_features", "b_classify")),
        ("two_signatures", ("--int8", "--signature", "a_features"), ("expected images",)),
    ],
)
def test_refusals(name: str, options: tuple[str, ...], words: tuple[str, ...], theirs: Path, photos: Path, tmp_path: Path) -> None:
    refused(edgecnn("export", theirs / f"{name}.tflite", *options, "--data", photos, "--out", tmp_path, *OPTIONS), *words)
