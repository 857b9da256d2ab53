"""MediaPipe Tasks itself, in an environment of its own, on our exports as they are and on other people's files after --repair."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from environments import GERMAN, LABELS, SCHEMES, run
from helpers import ROOT, edgecnn

from edgecnn import predict
from edgecnn.card import Preprocessing
from edgecnn.export import metadata
from edgecnn.export.metadata import ScoreCalibration, Sigmoid
from edgecnn.formats.tflite.metadata import calibration
from edgecnn.runtime import tflite_file

pytestmark = pytest.mark.slow

PHOTOS, AGREE = 200, 0.99
FILES = [f"{model}{'' if scheme == 'float32' else f'_{scheme}'}" for model in ("squeezenet", "mobilenet") for scheme in SCHEMES]

CLASSIFY = """
import json, sys
import mediapipe, numpy
from mediapipe.tasks.python import BaseOptions, vision
photos, locale, *paths = sys.argv[1:]
found = {}
for path in paths:
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=path), display_names_locale=locale)
    with vision.ImageClassifier.create_from_options(options) as classifier:
        found[path] = []
        for photo in numpy.load(photos):
            result = classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=photo))
            found[path].append([[c.category_name, c.display_name, c.score] for c in result.classifications[0].categories])
print(json.dumps(found))
"""

READ = """
import json, sys
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
def plain(value):
    if isinstance(value, bytes): return value.decode()
    if isinstance(value, list): return [plain(one) for one in value]
    if hasattr(value, "tolist"): return value.tolist()
    if hasattr(value, "__dict__"): return {"table": type(value).__name__, **{key: plain(one) for key, one in vars(value).items() if one is not None}}
    return value
found = {}
for path in sys.argv[1:]:
    content = open(path, "rb").read()
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(content, 0)
    found[path] = plain(schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAsModelMetadata(content, 0)))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Path:
    """200 test photos of sign-digits in their own size."""
    from edgecnn.data import load

    pictures = load("sign-digits", Preprocessing(100, 100)).splits["test"].pictures
    chosen = np.random.default_rng(0).permutation(len(pictures))[:PHOTOS]
    path = tmp_path_factory.mktemp("photos") / "photos.npy"
    np.save(path, pictures[np.sort(chosen)])
    return path


@pytest.fixture(scope="module")
def answers(mediapipe, shipped, photos) -> dict[str, list]:
    """MediaPipe's answers of every shipped file."""
    return run(mediapipe, CLASSIFY, photos, "de", *(shipped / f"{name}.tflite" for name in FILES))


def _agreement(path: Path, photos: Path, theirs: list, labels: tuple[str, ...] | None = None) -> float:
    """Share of photos with the same first answer by `edgecnn predict`; where two scores of an integer file tie, either will do."""
    ours = predict.load(path, labels=labels)
    same = []
    for photo, rows in zip(np.load(photos), theirs, strict=True):
        scores = ours(photo)
        best = {score.label for score in scores if score.probability == scores[0].probability}
        same.append(rows[0][0] in best)
    return float(np.mean(same))


@pytest.mark.parametrize("name", FILES)
def test_mediapipe_takes_an_export_and_answers_as_predict_does(name, answers, shipped, photos, capsys):
    path = shipped / f"{name}.tflite"
    theirs = answers[str(path)]
    assert {tuple(row[:2]) for rows in theirs for row in rows} == set(zip(LABELS, GERMAN, strict=True))
    found = _agreement(path, photos, theirs)
    with capsys.disabled():
        print(f" {found:.1%} of {PHOTOS}", end="")
    assert found >= AGREE
    assert edgecnn("check", path, "--for", "mediapipe").code == 0


def test_mediapipe_calibrates_as_we_say(mediapipe, shipped, photos, tmp_path):
    plain = shipped / "squeezenet.tflite"
    rows = (*(Sigmoid(1.0, 0.3 + i / 5, -0.1 * i, 0.01 if i % 2 else None) for i in range(9)), None)
    chosen = ScoreCalibration(rows, "inverse_logistic", 0.03125)
    path = tmp_path / "calibrated.tflite"
    path.write_bytes(metadata.with_calibration(plain.read_bytes(), chosen))
    found = run(mediapipe, CLASSIFY, photos, "en", plain, path)
    before, after = ([[{n: s for n, _, s in photo}[label] for label in LABELS] for photo in found[str(p)]] for p in (plain, path))
    # Scores near 0 and 1 lose their digits in single precision before the logarithm.
    np.testing.assert_allclose(np.array(after), calibration.calibrated(np.array(before, np.float32), chosen), atol=2e-4)
    assert np.abs(np.array(after) - np.array(before)).max() > 0.1


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Path:
    """Files by TensorFlow's converter as a person would make them: int8 to the ends, float, a batch of four."""
    import keras
    import tensorflow as tf

    from edgecnn.data import load

    model = keras.models.load_model(ROOT / "models" / "sign-digits" / "mobilenet.keras")
    inputs = (load("sign-digits", Preprocessing(96, 96)).splits["train"].pictures[:40].astype(np.float32) - 128) / 128
    inputs[0], inputs[1] = -1.0, 127 / 128

    def samples() -> Iterator[list[np.ndarray]]:
        return ([one[None]] for one in inputs)

    out = tmp_path_factory.mktemp("foreign")
    whole = tf.lite.TFLiteConverter.from_keras_model(model)
    whole.optimizations, whole.representative_dataset = [tf.lite.Optimize.DEFAULT], samples
    whole.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    whole.inference_input_type = whole.inference_output_type = tf.int8
    (out / "int8.tflite").write_bytes(whole.convert())
    (out / "float.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    image = keras.Input(batch_shape=(4, 96, 96, 3))
    (out / "batch4.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, model(image))).convert())
    return out


@pytest.mark.parametrize(("name", "words"), [("int8", ()), ("float", ("--mean", 128, "--std", 128)), ("batch4", ("--mean", 128, "--std", 128))])
def test_mediapipe_takes_a_foreign_file_after_repair(name, words, foreign, mediapipe, photos, tmp_path, capsys):
    path, labels, mended = foreign / f"{name}.tflite", tmp_path / "labels.txt", tmp_path / "mended.tflite"
    labels.write_text("\n".join(LABELS) + "\n")
    with pytest.raises(AssertionError, match="Error"):
        run(mediapipe, CLASSIFY, photos, "en", path)
    assert edgecnn("check", path, "--for", "mediapipe").code == 1
    result = edgecnn("check", path, "--repair", "--out", mended, "--labels", labels, *words)
    assert result.code == 0, result
    found = _agreement(mended, photos, run(mediapipe, CLASSIFY, photos, "en", mended)[str(mended)], LABELS)
    with capsys.disabled():
        print(f" {found:.1%} of {PHOTOS}", end="")
    assert found >= AGREE


def _expected(path: Path, calibrated: bool) -> dict:
    """What the schema module must find in a shipped file, field by field, written by hand from the card."""
    info = tflite_file.describe(path)
    card, integer = info.card, info.inputs[0].dtype == "uint8"
    graph = {
        "table": "SubGraphMetadataT",
        "inputTensorMetadata": [
            {
                "table": "TensorMetadataT", "name": "image", "description": "A picture, upright, stretched to 96x96 pixels, RGB.",
                "content": {"table": "ContentT", "contentPropertiesType": 2, "contentProperties": {
                    "table": "ImagePropertiesT", "colorSpace": 1, "defaultSize": {"table": "ImageSizeT", "width": 96, "height": 96}}},
                "processUnits": [{"table": "ProcessUnitT", "optionsType": 1, "options": {"table": "NormalizationOptionsT", "mean": [128.0], "std": [128.0]}}],
                "stats": {"table": "StatsT", "max": [255.0 if integer else 0.9921875], "min": [0.0 if integer else -1.0]},
            }
        ],
        "outputTensorMetadata": [
            {
                "table": "TensorMetadataT", "name": "probabilities", "description": "Probabilities, one a class.",
                "content": {"table": "ContentT", "contentPropertiesType": 1, "contentProperties": {"table": "FeaturePropertiesT"}},
                "stats": {"table": "StatsT", "max": [255.0 if integer else 1.0], "min": [0.0]},
                "associatedFiles": [
                    {"table": "AssociatedFileT", "name": "labels.txt", "type": 2},
                    {"table": "AssociatedFileT", "name": "labels_de.txt", "type": 2, "locale": "de"},
                ],
            }
        ],
    }  # fmt: skip
    if calibrated:
        options = {"table": "ScoreCalibrationOptionsT", "scoreTransformation": 1, "defaultScore": 0.25}
        graph["outputTensorMetadata"][0]["processUnits"] = [{"table": "ProcessUnitT", "optionsType": 2, "options": options}]
        graph["outputTensorMetadata"][0]["associatedFiles"].append({"table": "AssociatedFileT", "name": "score_calibration.csv", "type": 4})
    return {
        "table": "ModelMetadataT", "name": card.name, "version": card.weights_sha256[:12], "author": "A. Person", "license": "MIT",
        "description": f"{card.architecture} in {card.scheme}: names one of 10 classes on a picture; trained on sign-digits",
        "minParserVersion": "1.0.0", "subgraphMetadata": [graph],
    }  # fmt: skip


@pytest.mark.parametrize("calibrated", [False, True], ids=["plain", "calibrated"])
@pytest.mark.parametrize("name", FILES)
def test_an_independent_reader_finds_every_field(name, calibrated, shipped, mediapipe, tmp_path):
    """Sixteen cases, read by the module that MediaPipe generates from the schema."""
    path = shipped / f"{name}.tflite"
    content = path.read_bytes()
    if calibrated:
        content = metadata.with_calibration(content, ScoreCalibration((Sigmoid(1, 2, 3),) * 10, "log", 0.25))
    buffer = tmp_path / "metadata.bin"
    buffer.write_bytes(tflite_file.metadata(content)[metadata.ENTRY])
    assert run(mediapipe, READ, buffer)[str(buffer)] == _expected(path, calibrated)
