"""Runs .keras and .h5 models and SavedModel folders with Keras, compiled, on whichever backend is set."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edgecnn import card as cards
from edgecnn import files
from edgecnn.card import OUTPUT, Card, Preprocessing
from edgecnn.errors import BadFile, UnsafeModelError
from edgecnn.formats.keras.load import load as load_checked
from edgecnn.runtime import keras2
from edgecnn.runtime.base import PictureRunner, as_rows, in_words, padded
from edgecnn.runtime.contract import RawPixels, Tensor
from edgecnn.runtime.preprocess import Encoder
from edgecnn.runtime.scores import kind_of_activation
from edgecnn.runtime.tensor_shapes import input_layout, only, output_scores, select_output, settle

# Pictures of one run; more only cost memory on a processor.
BATCH = 8


class KerasRunner(PictureRunner):
    """A .keras or .h5 model with the card beside it; see `contract.Runner`.

    `threads` is not used: TensorFlow takes the number of its threads once a process. `remote.RemoteRunner` runs a model with a number of its own.
    """

    parallel = False
    checks_batch = True

    def __init__(self, path: Path, *, preprocessing: Preprocessing | RawPixels | None = None, threads: int = 1) -> None:
        card = own_card(path)
        self.model = self.load(path)
        given = only(path, [_tensor(t) for t in self.model.inputs], "input")
        outputs = [_tensor(t) for t in self.model.outputs]
        result = outputs[select_output(path, outputs)]
        layout = input_layout(path, given)
        chosen = settle(path, layout, card, preprocessing)
        num_scores = output_scores(path, result)
        if num_scores is None:
            raise BadFile(f"{path}: its output leaves the number of classes open; expected an image classifier")
        super().__init__(path, card, chosen, (given, result), num_scores, layout.batch or BATCH)
        self._layout = layout
        self._encode = self._encoder(chosen)
        self.score_kind = self.score_kind or kind_of_activation(last_activation(self.model), num_scores)
        self._call = _compiled(self.model)

    def _encoder(self, preprocessing: Preprocessing) -> Encoder:
        layout = self._layout
        return Encoder(preprocessing, self.input.dtype, channels_first=layout.channels_first, has_channel_axis=layout.has_channel_axis)

    def latencies(self, runs: int) -> list[float]:
        """Seconds of each of `runs` runs on one picture."""
        picture = keras.ops.convert_to_tensor(self._encode(self._sample()))
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            self._call(picture)
            times.append((time.perf_counter() - start) / len(picture))
        return times

    def _run(self, pictures: np.ndarray) -> np.ndarray:
        return self._feed(self._encode(pictures))

    def _feed(self, stored: np.ndarray) -> np.ndarray:
        batch = padded(stored, self.batch) if self._layout.batch else stored
        with in_words(self.path, "Keras"):
            scores = self._call(keras.ops.convert_to_tensor(batch))
        return as_rows(self.path, np.asarray(scores, np.float32), len(batch), self.num_scores)[: len(stored)]

    @staticmethod
    def load(path: Path) -> keras.Model:
        """The model; BadFile as the function of the same name."""
        return load(path)


class AnyKerasRunner(KerasRunner):
    """A model of Keras 3, or one that only Keras 2 (tf_keras) knows: such a model can be run and validated, not exported or compressed."""

    @staticmethod
    def load(path: Path) -> keras.Model:
        """The model; BadFile with Keras 3's reason where Keras 2 cannot read it either."""
        try:
            return load(path)
        except UnsafeModelError:
            raise
        except BadFile:
            model = keras2.load(path)
            if model is None or not getattr(model, "inputs", None):
                raise
            _check_weights(path, model)
            return model


def load(path: Path) -> keras.Model:
    """Load a Keras model for inference.

    Raises:
        UnsafeModelError: it would run code of its author.
        BadFile: damaged, made of layers that Keras does not know, without a fixed graph, or with a weight that is NaN or infinite.
    """
    loaded = load_checked(path)
    _check_weights(path, loaded.model)
    model = _main(loaded.model)
    model.loading_notes = loaded.notes
    return model


def _check_weights(path: Path, model: keras.Model) -> None:
    for layer in model.layers:
        if any(not np.isfinite(np.asarray(w, np.float32)).all() for w in layer.get_weights()):
            raise BadFile(f"{path}: layer '{layer.name}' has weights that are NaN or infinite; train it again or take an earlier file")


def _main(model: keras.Model) -> keras.Model:
    """The model without its auxiliary classifiers: of several outputs the one that is called `probabilities`."""
    names = list(getattr(model, "output_names", ()))
    if len(names) < 2 or names.count(OUTPUT) != 1:
        return model
    return keras.Model(model.inputs, model.outputs[names.index(OUTPUT)], name=model.name)


def own_card(path: Path) -> Card | None:
    """The card beside a model; BadFile when it was written for another file."""
    card = cards.read(path)
    if card and card.weights_sha256 and path.is_file() and card.weights_sha256 != files.sha256(path):
        raise BadFile(f"{cards.path_of(path)} is not the card of {path} (another SHA-256); put the right card beside it, or take this one away")
    return card


def last_activation(model: Any) -> str:
    """What the last layers do to the scores: `softmax`, `sigmoid`, or "" for logits and for what is not known; nested models are looked into."""
    for layer in reversed(model.layers):
        kind = type(layer).__name__
        if kind in ("Dropout", "Flatten", "Reshape", "InputLayer"):
            continue
        if hasattr(layer, "layers") and layer.layers:
            return last_activation(layer)
        name = {"Softmax": "softmax"}.get(kind) or getattr(getattr(layer, "activation", None), "__name__", "")
        return name if name in ("softmax", "sigmoid") else ""
    return ""


def _tensor(raw: keras.KerasTensor) -> Tensor:
    return Tensor(raw.name, tuple(raw.shape), raw.dtype if isinstance(raw.dtype, str) else raw.dtype.name)


def _compiled(model: keras.Model) -> Callable[[object], np.ndarray]:
    """The model's forward pass as the backend runs it best, giving numpy arrays."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        raw = model.inputs[0]
        forward = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec(raw.shape, raw.dtype)], autograph=False)
        return lambda x: forward(x).numpy()
    return model.predict_on_batch
