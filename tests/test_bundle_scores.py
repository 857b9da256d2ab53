"""Every kind of scores and of inputs in a bundle: the app's code makes of a file's row what the runner makes of it."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import web_apps
from c_library import outcome
from helpers import ROOT

from edgecnn.bundle import Context, android, apps, bundle, c, c_text, golden, ios, web
from edgecnn.bundle.traps import signature
from edgecnn.card import Preprocessing
from edgecnn.runtime import describe, open_model
from edgecnn.runtime.contract import Tensor
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.scores import ScoreKind, to_probabilities
from edgecnn.runtime.start import filled
from edgecnn.runtime.tensor_shapes import input_layout
from edgecnn.validate.doctor import trial
from edgecnn.validate.doctor.levels import Input
from edgecnn.validate.doctor.mistakes import RIGHT
from edgecnn.validate.doctor.trial import stored_of

TFLITE, ONNX = ROOT / "models" / "mobilenet.tflite", ROOT / "models" / "mobilenet.onnx"
COMPILER = pytest.mark.skipif(not shutil.which("gcc") or not shutil.which("make"), reason="no C compiler here")


def softmax(row: list[float]) -> np.ndarray:
    grown = np.exp(np.array(row) - max(row))
    return grown / grown.sum()


def sigmoid(row: list[float]) -> np.ndarray:
    return 1 / (1 + np.exp(-np.array(row)))


# Kind -> rows of scores, and what they mean, computed here from the words of ScoreKind.
ROWS: dict[ScoreKind, list[tuple[list[float], np.ndarray]]] = {
    ScoreKind.SOFTMAX: [([0.125, 0.75, 0.125], np.array([0.125, 0.75, 0.125]))],
    ScoreKind.LOGITS: [([-3.0, 4.0, 2.5], softmax([-3.0, 4.0, 2.5])), ([900.0, 899.0, -900.0], softmax([900.0, 899.0, -900.0]))],
    ScoreKind.SIGMOID: [([0.25], np.array([0.75, 0.25])), ([1.0], np.array([0.0, 1.0]))],
    ScoreKind.LOGIT: [([-1.5], np.array([1 - sigmoid([-1.5])[0], sigmoid([-1.5])[0]])), ([200.0], np.array([0.0, 1.0])), ([-200.0], np.array([1.0, 0.0]))],
    ScoreKind.MULTI_LABEL: [([0.875, 0.75, 0.0], np.array([0.875, 0.75, 0.0]))],
    ScoreKind.MULTI_LABEL_LOGITS: [([-2.0, 0.0, 3.5], sigmoid([-2.0, 0.0, 3.5])), ([300.0, -300.0, 1.0], np.array([1.0, 0.0, sigmoid([1.0])[0]]))],
    ScoreKind.PERCENT: [([12.5, 75.0, 12.5], np.array([0.125, 0.75, 0.125]))],
}


def with_kind(made: golden.Golden, kind: ScoreKind) -> golden.Golden:
    """The golden vectors of a file whose scores are of another kind."""
    row, probabilities = ROWS[kind][0]
    one = replace(made.pictures[0], output=np.array(row, np.float32), probabilities=probabilities.astype(np.float32))
    return replace(made, score_kind=kind, labels=tuple(f"class {i}" for i in range(len(probabilities))), pictures=(one,))


@pytest.fixture(scope="module")
def made() -> golden.Golden:
    return golden.make(TFLITE, count=1)


def test_every_kind_has_rows():
    assert set(ROWS) == set(ScoreKind)


@pytest.fixture(scope="module")
def c_library(made, tmp_path_factory) -> ctypes.CDLL:
    """The C code with one model a kind, side by side."""
    folder = tmp_path_factory.mktemp("kinds")
    info = describe(TFLITE)
    for name in ("edgecnn.h", "edgecnn.c"):
        shutil.copy(ROOT / "edgecnn" / "bundle" / "templates" / "c" / name, folder)
    for kind in ScoreKind:
        context = Context(TFLITE, kind.name, with_kind(made, kind), info, None, "")
        (folder / f"{kind.name}.h").write_text(
            f'#include "edgecnn.h"\nstatic const unsigned char {kind.name}_data[1];\nextern const edgecnn_model {kind.name};\n'
        )
        (folder / f"{kind.name}.c").write_text(c_text.model(kind.name, context, c.table(context)))
    flags = ["-O2", "-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, "-o", folder / "kinds.so", folder / "edgecnn.c", *(folder / f"{kind.name}.c" for kind in ScoreKind), "-lm"], check=True)
    return ctypes.CDLL(str(folder / "kinds.so"))


@COMPILER
@pytest.mark.parametrize("kind", ScoreKind)
def test_c_makes_probabilities_of_scores(c_library, kind):
    model = ctypes.byref(ctypes.c_char.in_dll(c_library, kind.name))
    c_library.edgecnn_output_bytes.restype = ctypes.c_size_t
    for row, wanted in ROWS[kind]:
        output, probabilities = np.array(row, np.float32), np.full(len(wanted) + 1, 7.0, np.float32)
        assert c_library.edgecnn_output_bytes(model) == output.nbytes
        c_library.edgecnn_probabilities(model, ctypes.c_void_p(output.ctypes.data), ctypes.c_void_p(probabilities.ctypes.data))
        np.testing.assert_allclose(probabilities[:-1], wanted, atol=1e-6)
        assert probabilities[-1] == 7.0, "more classes were written than there are"
        assert c_library.edgecnn_best(model, ctypes.c_void_p(probabilities.ctypes.data)) == wanted.argmax()


@pytest.mark.parametrize("kind", ScoreKind)
def test_models_of_apps_name_the_kind(made, kind):
    other = with_kind(made, kind)
    assert web.spec(other)["scoreKind"] == kind.value
    assert f"    scoreKind = ScoreKind.{kind.name},\n" in android.spec(other)
    assert f"    outputs = {len(ROWS[kind][0][0])}," in android.spec(other)
    camel = {"multi-label": "multiLabel", "multi-label-logits": "multiLabelLogits"}.get(kind.value, kind.value)
    assert f"        scoreKind: .{camel},\n" in ios.spec(other)
    text = apps.scores_in_words(kind)
    assert ("0.5 or more" in text) == kind.is_multi_label
    told = json.loads(golden.golden_text.text(other))
    assert (told["output"]["score_kind"], told["output"]["shape"]) == (kind.value, [1, len(ROWS[kind][0][0])])
    assert told["output"]["gives_probabilities"] == (kind in (ScoreKind.SOFTMAX, ScoreKind.MULTI_LABEL))
    assert len(told["labels"]) == len(ROWS[kind][0][1])


# --- files ---


def net(ending: str, shape: tuple[int, ...] = (16, 20, 3)) -> bytes:
    """A .tflite network without a card: few random weights, large enough that answers differ between images."""
    import keras
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(3)
    wide = keras.initializers.RandomNormal(0, 3, seed=3)
    image = keras.Input(shape, batch_size=1)
    pixels = layers.Reshape((*shape, 1))(image) if len(shape) == 2 else image
    row = layers.Flatten()(layers.AveragePooling2D(4)(layers.Conv2D(4, 3, activation="relu")(pixels)))
    units, activation = {"sigmoid": (1, "sigmoid"), "logit": (1, None), "multi-label": (4, "sigmoid"), "softmax": (3, "softmax")}[ending]
    scores = layers.Dense(units, activation=activation, kernel_initializer=wide)(row)
    return tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, scores)).convert()


# Ending, shape of the input, order of the channels.
FILES = [
    ("sigmoid", (16, 20), "grey"),
    ("multi-label", (16, 20, 4), "rgba"),
    pytest.param("logit", (16, 20, 3), "rgb", marks=pytest.mark.slow),
    pytest.param("softmax", (16, 20, 1), "grey", marks=pytest.mark.slow),
]


@COMPILER
@pytest.mark.parametrize(("ending", "shape", "order"), FILES)
def test_a_c_bundle_answers_as_the_runner_does(tmp_path, ending, shape, order):
    path = tmp_path / "net.tflite"
    path.write_bytes(net(ending, shape))
    channels = {"grey": 1, "rgba": 4}.get(order, 3)
    said = Preprocessing(16, 20, order, (0.0,) * channels, (255.0,) * channels)
    folder = bundle(path, "c", out=tmp_path / "b", preprocessing=said, count=2).folder
    code, text = outcome(folder)
    assert (code, "all golden vectors agree" in text) == (0, True), text
    told = json.loads((folder / "golden" / "golden.json").read_text())
    assert told["output"]["score_kind"] == ending
    assert len(told["labels"]) == {"sigmoid": 2, "logit": 2, "multi-label": 4, "softmax": 3}[ending]
    assert told["input"]["shape"] == [1, *shape]
    runner = open_model(path, preprocessing=said)
    for one in told["pictures"]:
        pixels = np.frombuffer((folder / "golden" / one["pixels"]).read_bytes(), np.uint8).reshape(1, 16, 20, 3)
        np.testing.assert_allclose(one["probabilities"], runner(pixels)[0], atol=1e-4)
    assert ("0.5 or more" in (folder / "README.md").read_text()) == (ending == "multi-label")
    litert = _litert()
    if litert is not None:
        done = subprocess.run(["make", "-C", folder, "run", f"LITERT={litert}"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _litert() -> Path | None:
    import ai_edge_litert

    library = Path(ai_edge_litert.__file__).with_name("libLiteRt.so")
    return library if library.exists() else None


@pytest.mark.parametrize(("shape", "order"), [((16, 20), "grey"), ((16, 20, 4), "rgba"), ((4, 16, 20), "rgba"), ((16, 20, 3), "bgr")])
@pytest.mark.parametrize(("dtype", "scale", "zero_point"), [("float32", None, None), ("int8", 0.0078125, 0)])
def test_golden_inputs_are_what_the_runners_feed(shape, order, dtype, scale, zero_point):
    channels, first = {"grey": 1, "rgba": 4}.get(order, 3), shape[0] == 4
    said = Preprocessing(16, 20, order, tuple(100.0 + i for i in range(channels)), tuple(120.0 + i for i in range(channels)))
    layout = input_layout(Path("net.tflite"), Tensor("image", (1, *shape), dtype, scale, zero_point))
    into = Input(said, np.dtype(dtype), scale or 1.0, zero_point or 0, layout, inside=False)
    pixels = np.random.default_rng(1).integers(0, 256, (1, 16, 20, 3), np.uint8)
    stored = stored_of(pixels, RIGHT, RIGHT.levels(into), into)
    encode = Encoder(said, dtype, scale, zero_point, channels_first=first, has_channel_axis=len(shape) == 3)
    assert stored.shape == (1, *shape)
    np.testing.assert_array_equal(stored, encode(pixels))
    assert len(signature(stored, into)) == 4 * 4 * channels * 2


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((None, None, None), (1, 16, 20)), ((None, 4, None, None), (1, 4, 16, 20)), ((1, 16, 20, 4), (1, 16, 20, 4)), (("n", 3, 16, 20), (1, 3, 16, 20))],
)
def test_open_sides_are_filled(shape, wanted):
    assert filled(shape, 16, 20) == wanted


def test_the_doctor_takes_the_larger_of_two_classes_behind_one_score():
    class OneScore:
        """A row [N, 1] of the probabilities of the second class."""

        def feed(self, stored: np.ndarray) -> np.ndarray:
            return stored

        def probabilities(self, scores: np.ndarray) -> np.ndarray:
            return to_probabilities(scores, ScoreKind.SIGMOID)

    best, chances = trial._best(OneScore(), np.array([[0.25], [0.875], [np.nan]], np.float32), 0)
    assert best.tolist() == [0, 1, trial.NONE]
    assert chances.tolist() == [0.75, 0.875, 0.0]


# --- with Node ---


@pytest.mark.slow
def test_the_web_code_makes_probabilities_of_scores_and_feeds_rgba(made, tmp_path):
    app = web_apps.installed(bundle(ONNX, "web", out=tmp_path / "app").folder, tmp_path / "node")
    cases = [{"model": {**web.spec(with_kind(made, kind))}, "row": row} for kind, rows in ROWS.items() for row, _ in rows]
    wanted = [probabilities for rows in ROWS.values() for _, probabilities in rows]
    rgba = {
        "width": 2,
        "height": 1,
        "order": "rgba",
        "mean": [0.0] * 4,
        "std": [255.0] * 4,
        "input": {"dtype": "float32", "scale": None, "channelsFirst": False},
    }
    (tmp_path / "cases.json").write_text(json.dumps({"cases": cases, "rgba": rgba}))
    script = """
    import { readFileSync, writeFileSync } from "node:fs"; import { encode, probabilities } from "./pixels.ts";
    const { cases, rgba } = JSON.parse(readFileSync(process.argv[2] + "/cases.json"));
    const rows = cases.map(({ model, row }) => [...probabilities(Float32Array.from(row), model)]);
    const fed = [...encode({ width: 2, height: 1, data: Uint8Array.of(0, 51, 102, 153, 204, 255) }, rgba)];
    writeFileSync(process.argv[2] + "/out.json", JSON.stringify({ rows, fed }));"""
    web_apps.run_script(app, script, tmp_path)
    told = json.loads((tmp_path / "out.json").read_text())
    for row, want in zip(told["rows"], wanted, strict=True):
        np.testing.assert_allclose(row, want, atol=1e-6)
    np.testing.assert_allclose(told["fed"], [0, 0.2, 0.4, 1, 0.6, 0.8, 1, 1], atol=1e-6)
