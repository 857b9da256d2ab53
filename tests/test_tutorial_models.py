"""TensorFlow's own tutorials, written down from their layers: one command from the model to int8 files that answer as plain Keras does.

- https://ai.google.dev/edge/litert/models/post_training_integer_quant (the guide to quantization: [28, 28] input, pixel / 255 outside)
- https://www.tensorflow.org/tutorials/images/classification (augmentation and Rescaling inside, logits)
- https://www.tensorflow.org/tutorials/images/transfer_learning (augmentation, preprocess_input as operators, MobileNetV2, one logit or several)

The images are scikit-learn's digits: small, and everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from bare_runtimes import digits_folder, images_of, pixels_of, scores_of, scores_of_bytes
from helpers import edgecnn
from keras import layers

from edgecnn.runtime import tflite_file
from edgecnn.statistics import paired_interval

SIZE = 32


@dataclass(frozen=True)
class Tutorial:
    """A trained model on disk, its images, and what plain Keras answers on the test images.

    Attributes:
        path: of the .keras file.
        folder: of the class folders that it learned from.
        pixels: test images at the model's size, 0..255, float32.
        labels: their classes.
        scores: of plain Keras, fed as the tutorial feeds it.
    """

    path: Path
    folder: Path
    pixels: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    @property
    def images(self) -> list[Path]:
        """Files of the test split."""
        return images_of(self.folder, "test")[0]

    def correct(self, scores: np.ndarray) -> np.ndarray:
        """Whether answers are right, bool [N]; a single score is of the second class where it is above 0, or above 0.5 for probabilities."""
        if scores.shape[1] > 1:
            return scores.argmax(1) == self.labels
        return (scores[:, 0] > (0.5 if scores.min() >= 0 and scores.max() <= 1 else 0)) == (self.labels == 1)


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    return digits_folder(tmp_path_factory.mktemp("tutorials") / "digits")


@pytest.fixture(scope="module")
def two_digits(digits) -> Path:
    """Two classes, as cats and dogs are."""
    folder = digits.parent / "two_digits"
    for path in [*(digits / "3").iterdir(), *(digits / "5").iterdir()]:
        target = folder / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


def _augmentation() -> keras.Sequential:
    return keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)], name="augmentation")


def _stored(model: keras.Model, folder: Path, name: str, *, gray: bool = False, divisor: float = 1) -> Tutorial:
    """Save a trained model, with what it answers on the test images."""
    paths, labels = images_of(folder, "test")
    pixels = pixels_of(paths, model.input_shape[1], gray=gray)
    scores = model.predict(pixels / divisor, verbose=0)
    path = folder.parent / name / f"{name}.keras"
    path.parent.mkdir()
    model.save(path)
    return Tutorial(path, folder, pixels, labels, scores)


@pytest.fixture(scope="module")
def guide(digits) -> Tutorial:
    """The guide's model: InputLayer [28, 28], Reshape, Conv2D(12), MaxPooling, Flatten, Dense(10) of logits; trained on pixel / 255."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.InputLayer(shape=(28, 28)),
            layers.Reshape(target_shape=(28, 28, 1)),
            layers.Conv2D(filters=12, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    paths, labels = images_of(digits, "train")
    _fit(model, pixels_of(paths, 28, gray=True) / 255, labels, keras.losses.SparseCategoricalCrossentropy(from_logits=True), epochs=6)
    return _stored(model, digits, "guide", gray=True, divisor=255)


@pytest.fixture(scope="module")
def classification(digits) -> Tutorial:
    """The tutorial's last model: augmentation, Rescaling, three convolutions with pooling, Dropout, Dense(128), logits."""
    keras.utils.set_random_seed(0)
    stages = [layer for filters in (16, 32, 64) for layer in (layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D())]
    head = [layers.Dropout(0.2), layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(10, name="outputs")]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), _augmentation(), layers.Rescaling(1.0 / 255), *stages, *head])
    paths, labels = images_of(digits, "train")
    _fit(model, pixels_of(paths, SIZE), labels, keras.losses.SparseCategoricalCrossentropy(from_logits=True), epochs=4)
    return _stored(model, digits, "classification")


@pytest.fixture(scope="module")
def transfer(digits) -> Tutorial:
    """The tutorial, several classes, on the first blocks of MobileNetV2."""
    return _transfer(digits, "transfer", outputs=10, last="block_6_expand_relu")


@pytest.fixture(scope="module")
def transfer_whole(digits) -> Tutorial:
    """The same on the whole base."""
    return _transfer(digits, "transfer_whole", outputs=10)


@pytest.fixture(scope="module")
def transfer_binary(two_digits) -> Tutorial:
    """The older text of the tutorial: one logit for two classes."""
    return _transfer(two_digits, "transfer_binary", outputs=1)


def _transfer(folder: Path, name: str, outputs: int, last: str | None = None) -> Tutorial:
    """Augmentation, preprocess_input, MobileNetV2 without its top, global mean, Dropout, Dense.

    There are no ImageNet weights here, so that the base is trained too, without the tutorial's `training=False` that would keep its batch norms as they are.
    """
    keras.utils.set_random_seed(0)
    base = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None, alpha=0.35)
    if last:
        base = keras.Model(base.input, base.get_layer(last).output, name=base.name)
    for norm in [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]:
        norm.momentum = 0.9
    x = image = keras.Input((SIZE, SIZE, 3))
    x = base(keras.applications.mobilenet_v2.preprocess_input(_augmentation()(x)))
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Dense(outputs)(x))
    paths, labels = images_of(folder, "train")
    losses = keras.losses
    loss = losses.SparseCategoricalCrossentropy(from_logits=True) if outputs > 1 else losses.BinaryCrossentropy(from_logits=True)
    _fit(model, pixels_of(paths, SIZE), labels, loss, epochs=3 if last else 12, rate=5e-3)
    return _stored(model, folder, name)


def _fit(model: keras.Model, inputs: np.ndarray, labels: np.ndarray, loss: Any, *, epochs: int, rate: float = 2e-3) -> None:
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    model.fit(inputs, labels, epochs=epochs, batch_size=32, verbose=0)


def _exported(tutorial: Tutorial, *words: object) -> list[Path]:
    """The files of the one command."""
    result = edgecnn("export", tutorial.path, "--int8", "--data", tutorial.folder, *words)
    assert result.code == 0, result.err
    return sorted(path for path in tutorial.path.parent.iterdir() if path.suffix in (".tflite", ".onnx"))


def _keeps_the_accuracy(tutorial: Tutorial, scores: np.ndarray, name: str) -> None:
    """The 95 % interval of the change from plain Keras reaches to within two points of 0."""
    before, after = tutorial.correct(tutorial.scores), tutorial.correct(scores)
    assert before.mean() > 0.75, "the tutorial's model has not learned"
    low, high = paired_interval(int((after & ~before).sum()), int((before & ~after).sum()), len(before))
    assert high > -0.02, f"{name}: {before.mean():.3f} in plain Keras, {after.mean():.3f} in its runtime, {low:+.3f} to {high:+.3f}"


def _check(tutorial: Tutorial, *words: object, mapping: tuple[float, float]) -> None:
    """Export, then each file in its runtime alone; the camera's byte is the .tflite's input, and the card says `mapping` (mean, std)."""
    for path in _exported(tutorial, *words):
        _keeps_the_accuracy(tutorial, scores_of(path, tutorial.images), path.name)
        if path.suffix == ".tflite":
            rule = tflite_file.describe(path).card.preprocessing
            assert (set(rule.mean), set(rule.std)) == ({mapping[0]}, {mapping[1]})
            if path.stem.endswith("_int8"):
                _keeps_the_accuracy(tutorial, scores_of_bytes(path, np.rint(tutorial.pixels).astype(np.uint8)), f"{path.name}, bytes")


def test_the_guide_to_quantization(guide):
    _check(guide, mapping=(0, 255))


def test_the_image_classification_tutorial(classification):
    _check(classification, mapping=(0, 1))


def test_the_transfer_learning_tutorial(transfer):
    _check(transfer, "--tflite", mapping=(0, 1))


@pytest.mark.slow
def test_the_transfer_learning_tutorial_on_the_whole_base(transfer_whole):
    _check(transfer_whole, "--float32", mapping=(0, 1))


@pytest.mark.slow
def test_the_transfer_learning_tutorial_with_one_logit(transfer_binary):
    _check(transfer_binary, "--float32", mapping=(0, 1))
