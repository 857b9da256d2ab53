"""Small classifiers of every kind of score, with weights set by hand, the images that they half understand, and their answers by bare runtimes."""

from __future__ import annotations

import csv
from pathlib import Path

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from PIL import Image

SIZE = 12
CLASSES = ("blue", "green", "red")
CENTERS = np.array([(60, 75, 110), (115, 140, 110), (185, 165, 170)])
ATTRIBUTES = ("light", "red", "violet")
# A label holds where the weighted mean color of an image is above its threshold.
MIXES, THRESHOLDS = np.array([(1, 1, 1), (2, -1, -1), (1, -2, 1)]), np.array([384, 0, 0])


def class_folder(folder: Path, classes: tuple[str, ...] = CLASSES, each: int = 60) -> Path:
    """`<class>/<n>.png` around the color of the class, noisy, and every sixth in the color of another class."""
    random = np.random.default_rng(0)
    for place, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            shown = classes[(place + (number % 6 == 0)) % len(classes)]
            _save(CENTERS[CLASSES.index(shown)] + random.normal(0, 25, 3) + random.normal(0, 20, (SIZE, SIZE, 3)), folder / name / f"{number}.png")
    return folder


def label_folder(folder: Path, count: int = 150) -> Path:
    """Images of any color with `labels.csv`: a column for each attribute, and one in eight of them wrong."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    rows = []
    for number in range(count):
        color = random.uniform(40, 216, 3)
        holds = (MIXES @ color > THRESHOLDS) ^ (random.uniform(size=3) < 1 / 8)
        _save(color + random.normal(0, 20, (SIZE, SIZE, 3)), folder / f"{number}.png")
        rows.append([f"{number}.png", *holds.astype(int)])
    with (folder / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["file", *ATTRIBUTES], *rows])
    return folder


def _save(pixels: np.ndarray, path: Path) -> None:
    Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(path)


def net(scores: str, *, uneven: bool = False) -> keras.Model:
    """A network of one kind of scores, which takes pixels of 0..255; `uneven`: with one channel so much larger than the others that int8 loses these."""
    source = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255)(source)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 1, activation="relu", name="mix")(x))
    kernel, bias, activation = _head(scores)
    x = layers.Dense(len(bias), activation=activation, name="last")(x)
    x = layers.Rescaling(100.0)(x) if scores == "percent" else x
    model = keras.Model(source, x)
    factors = np.array([1000 if uneven else 1, 1, 1], np.float32)
    model.get_layer("mix").set_weights([np.diag(factors)[None, None], np.zeros(3, np.float32)])
    model.get_layer("last").set_weights([(kernel / factors[:, None]).astype(np.float32), bias.astype(np.float32)])
    return model


def _head(scores: str) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Kernel [3, units] for colors of 0..1, bias [units] and activation."""
    centers = CENTERS / 255
    kernel, bias = 40 * 2 * centers.T, -40 * np.square(centers).sum(1)
    if scores == "attributes":
        return 10 * MIXES.T, -10 * THRESHOLDS / 255, "sigmoid"
    if scores in ("sigmoid", "logit"):  # of the last of two classes, blue and red
        return (kernel[:, 2] - kernel[:, 0])[:, None], (bias[2] - bias[0])[None], "sigmoid" if scores == "sigmoid" else None
    if scores == "background first":
        return np.hstack([np.full((3, 1), 0.01), kernel]), np.concatenate([[25.0], bias]), "softmax"
    if scores == "spare last":
        return np.hstack([kernel, np.full((3, 1), 0.01)]), np.concatenate([bias, [-50.0]]), "softmax"
    if scores == "a sigmoid each":
        return kernel - kernel.mean(1, keepdims=True), bias - bias.mean(), "sigmoid"
    return kernel, bias, None if scores == "logits" else "softmax"


def run_tflite(path: Path, images: np.ndarray) -> np.ndarray:
    """Scores [N, units] of a file with bytes as input, dequantized."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = result["quantization"]
    rows = []
    for image in images:
        interpreter.set_tensor(given["index"], image[None].astype(given["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(result["index"])[0].astype(np.float32))
    return (np.stack(rows) - zero) * scale if scale else np.stack(rows)
