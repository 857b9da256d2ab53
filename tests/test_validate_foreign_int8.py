"""`validate` without options on an int8 .tflite by TensorFlow's own converter: the byte is the input, whether the file says so or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bare_runtimes import images_of, level_weights, levels_folder, pixels_of, scores_of_bytes
from environments import run
from helpers import edgecnn

from edgecnn.export import metadata
from edgecnn.export.metadata import LabelFile, Metadata, TensorNotes

CLASSES = 8
LABELS = tuple(map(str, range(CLASSES)))
MEDIAPIPE = """
import json, sys
import mediapipe, numpy
from mediapipe.tasks.python import BaseOptions, vision
images, path = sys.argv[1:]
answers = []
with vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path))) as classifier:
    for image in numpy.load(images):
        result = classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=numpy.ascontiguousarray(image)))
        best = max(result.classifications[0].categories, key=lambda category: category.score)
        answers.append([best.index, best.category_name])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eight levels of gray that lap over one another, so that no net is right everywhere."""
    return levels_folder(tmp_path_factory.mktemp("foreign_int8") / "levels", CLASSES, images=60, spread=10)


@pytest.fixture(scope="module")
def held_out(folder) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, 16, 16, 3] and labels of the test split."""
    paths, labels = images_of(folder, "test")
    return pixels_of(paths, 16).astype(np.uint8), labels


@pytest.fixture(scope="module")
def converted(folder) -> dict[str, Path]:
    """A net that wants pixel / 255, by TensorFlow's converter as its guide for whole integers has it; uint8 and int8 at both ends."""
    import keras
    import tensorflow as tf

    image = keras.Input((16, 16, 3), batch_size=1)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(image))
    dense = keras.layers.Dense(CLASSES, activation="softmax")
    model = keras.Model(image, dense(x))
    dense.set_weights(level_weights(CLASSES, 1 / 255, 0, 400))
    calibration = pixels_of(images_of(folder, "train")[0][::4], 16) / 255
    calibration[0], calibration[1] = 0, 1

    def samples() -> Iterator[list[np.ndarray]]:
        return ([one[None].astype(np.float32)] for one in calibration)

    written = {}
    for dtype in ("uint8", "int8"):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations, converter.representative_dataset = [tf.lite.Optimize.DEFAULT], samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(dtype)
        written[dtype] = folder.parent / f"{dtype}.tflite"
        written[dtype].write_bytes(converter.convert())
    return written


def _with_metadata(path: Path, target: Path, *, labels: tuple[str, ...] = LABELS) -> Path:
    """A copy that says pixel / 255 and names its outputs."""
    notes = TensorNotes("image", content="image", color="rgb", size=(16, 16), mean=(0.0,), std=(255.0,), low=(0.0,), high=(255.0,))
    scores = TensorNotes("scores", content="feature", labels=(LabelFile(labels),))
    target.write_bytes(metadata.write(path.read_bytes(), Metadata("levels", inputs=(notes,), outputs=(scores,))))
    return target


def _validated(path: Path, folder: Path, page: Path) -> tuple[float, dict]:
    """Top-1 in the report of a call without any option about the input, and the report."""
    result = edgecnn("validate", path, "--data", folder, "--no-latency", "--json", page)
    assert result.code == 0, result.err
    report = json.loads(page.read_text())
    (row,) = report["groups"][0]["rows"]
    return row["top1"]["value"], report


def _bare(path: Path, held_out: tuple[np.ndarray, np.ndarray]) -> float:
    pixels, labels = held_out
    return float((scores_of_bytes(path, pixels).argmax(1) == labels).mean())


def test_the_bytes_are_what_the_net_learned_and_another_mapping_is_not(converted, held_out):
    """The premise of this file: the right mapping is far from chance and from perfect, and the one that was once assumed is far from right."""
    from ai_edge_litert.interpreter import Interpreter

    given = Interpreter(str(converted["uint8"])).get_input_details()[0]
    assert given["quantization"] == (pytest.approx(1 / 255), 0)
    assert 0.6 < _bare(converted["uint8"], held_out) < 0.99
    pixels, labels = held_out
    wrong = np.clip(np.rint((pixels.astype(np.float32) - 128) / 128 * 255), 0, 255).astype(np.uint8)
    assert (scores_of_bytes(converted["uint8"], wrong).argmax(1) == labels).mean() < 0.4


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_without_metadata_the_byte_is_the_input(dtype, converted, folder, held_out, tmp_path):
    top1, _ = _validated(converted[dtype], folder, tmp_path / "report.json")
    assert top1 == pytest.approx(_bare(converted[dtype], held_out))


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_with_metadata_the_file_is_fed_as_it_says(dtype, converted, folder, held_out, tmp_path):
    path = _with_metadata(converted[dtype], tmp_path / "noted.tflite")
    top1, _ = _validated(path, folder, tmp_path / "report.json")
    assert top1 == pytest.approx(_bare(path, held_out))


def test_names_in_the_metadata_say_which_output_is_which_class(converted, folder, held_out, tmp_path):
    """The same file with its names the other way round: right answers become those of the mirrored class."""
    path = _with_metadata(converted["uint8"], tmp_path / "mirrored.tflite", labels=LABELS[::-1])
    pixels, labels = held_out
    wanted = float((CLASSES - 1 - scores_of_bytes(path, pixels).argmax(1) == labels).mean())
    assert wanted < 0.2
    assert _validated(path, folder, tmp_path / "report.json")[0] == pytest.approx(wanted)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_what_repair_wrote_scores_as_its_source(dtype, converted, folder, held_out, tmp_path):
    labels, mended = tmp_path / "labels.txt", tmp_path / "mended.tflite"
    labels.write_text("\n".join(LABELS) + "\n")
    result = edgecnn("check", converted[dtype], "--for", "mediapipe", "--repair", "--out", mended, "--labels", labels)
    assert result.code == 0, result.err
    top1, _ = _validated(mended, folder, tmp_path / "report.json")
    assert top1 == pytest.approx(_bare(converted[dtype], held_out))
    assert top1 == pytest.approx(_bare(mended, held_out))


def test_what_an_option_says_is_heeded(converted, folder, held_out, tmp_path):
    """Also where the bytes would be taken without it."""
    page = tmp_path / "report.json"
    result = edgecnn("validate", converted["uint8"], "--data", folder, "--no-latency", "--mean", 128, "--std", 128, "--json", page)
    assert result.code == 0, result.err
    (row,) = json.loads(page.read_text())["groups"][0]["rows"]
    assert row["top1"]["value"] < _bare(converted["uint8"], held_out) - 0.2


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_mediapipe_answers_as_validate_measures(dtype, converted, folder, held_out, mediapipe, tmp_path):
    pixels, labels = held_out
    images, names, mended = tmp_path / "images.npy", tmp_path / "labels.txt", tmp_path / "mended.tflite"
    np.save(images, pixels)
    names.write_text("\n".join(LABELS) + "\n")
    assert edgecnn("check", converted[dtype], "--for", "mediapipe", "--repair", "--out", mended, "--labels", names).code == 0
    answers = run(mediapipe, MEDIAPIPE, images, mended)
    assert {name for _, name in answers} <= set(LABELS)
    accuracy = np.mean([int(name) == label for (_, name), label in zip(answers, labels, strict=True)])
    assert _validated(mended, folder, tmp_path / "report.json")[0] == pytest.approx(accuracy, abs=1.5 / len(labels))
