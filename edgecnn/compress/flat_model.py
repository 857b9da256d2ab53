"""Any classifier as a flat functional model: nested models inlined, augmentation gone, the last activation a layer of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edgecnn.errors import BadFile

# Layers that do nothing in inference.
DROPPED = ("Dropout", "SpatialDropout2D", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity")
ENDINGS = ("softmax", "sigmoid")
# Layers that may have an activation inside, and the activations that stay there.
WITH_ACTIVATION = ("Dense", "Conv2D", "DepthwiseConv2D", "SeparableConv2D")
FUSED = ("linear", "relu", "relu6", "elu", "selu", "tanh", "silu", "hard_silu", "hard_sigmoid", "softplus")
# Largest difference of outputs, as a share of their spread, that sums in another order may bring.
TOLERANCE = 1e-3


@dataclass
class _Flattening:
    """Copies that were made.

    Attributes:
        copies: (layer of the original, its copy).
        names: that are taken.
    """

    copies: list[tuple[keras.Layer, keras.Layer]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def run(self, model: Any, tensors: list[Any]) -> Any:
        """The model's graph on other tensors, every layer as a copy."""
        graph = getattr(model, "_functional", None) or model
        return graph._run_through_graph(tensors, operation_fn=self._substitute, call_fn=_call)

    def _substitute(self, operation: Any) -> Callable[..., Any]:
        if isinstance(operation, keras.Model):
            return lambda *tensors, **_: self.run(operation, list(tensors[0]) if isinstance(tensors[0], list | tuple) else list(tensors))
        if not isinstance(operation, keras.Layer):
            return operation
        if type(operation).__name__ in DROPPED or type(operation).__name__.startswith("Random"):
            return lambda x, **_: x
        return self._copy(operation)

    def _copy(self, layer: keras.Layer) -> Callable[..., Any]:
        config = {**layer.get_config(), "dtype": "float32", "name": self._unused(layer.name)}
        activation = config.get("activation") if type(layer).__name__ in WITH_ACTIVATION else None
        if type(layer).__name__ == "Normalization":
            config |= _statistics(layer)
        apart = isinstance(activation, str) and activation not in FUSED
        copy = type(layer).from_config({**config, "activation": "linear"} if apart else config)
        self.copies.append((layer, copy))
        if not apart:
            return copy
        return lambda x: keras.layers.Activation(activation, name=self._unused(f"{copy.name}_{activation}"))(copy(x))

    def _unused(self, name: str) -> str:
        free, number = name, 2
        while free in self.names:
            free, number = f"{name}_{number}", number + 1
        self.names.add(free)
        return free


def _statistics(layer: keras.layers.Normalization) -> dict[str, list[float]]:
    """What a layer was adapted to, as arguments: the copy has no weights that must be adapted again."""
    return {name: np.asarray(keras.ops.convert_to_numpy(getattr(layer, name))).reshape(-1).tolist() for name in ("mean", "variance")}


def _call(operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Inference: what a layer was told of training does not matter."""
    kwargs.pop("training", None)
    return operation(*args, **kwargs)


def is_flat(model: keras.Model) -> bool:
    """Whether a model is a graph of float32 layers alone that ends in a layer Softmax, as those of edgecnn."""
    operations = getattr(model, "operations", [])
    plain = all(isinstance(one, keras.Layer) and not isinstance(one, keras.Model) and one.compute_dtype == "float32" for one in operations)
    random = any(type(one).__name__.startswith("Random") for one in operations)
    return plain and not random and bool(operations) and _ending(operations[-1]) == "softmax" and type(operations[-1]).__name__ != "Dense"


def flatten_model(model: keras.Model, path: Path) -> keras.Model:
    """A flat float32 copy that gives the same scores; the model itself where it is flat.

    Args:
        model: functional or sequential, of one fixed float32 input.
        path: names it in errors.

    Raises:
        BadFile: it has no graph of layers, or the copy gives other scores.
    """
    if is_flat(model):
        return model
    if not hasattr(getattr(model, "_functional", None) or model, "_run_through_graph"):
        raise BadFile(f"{path} holds a {type(model).__name__} without a graph of layers; expected a functional or sequential model, which can be compressed")
    flattening, image = _Flattening(), keras.Input(model.inputs[0].shape[1:], name="image", dtype="float32")
    flattening.names.add("image")
    outputs = flattening.run(model, [image])
    flat = keras.Model(image, outputs[0] if isinstance(outputs, list | tuple) else outputs, name=model.name)
    for layer, copy in flattening.copies:
        if copy.weights:
            copy.set_weights(layer.get_weights())
    _must_be_same(model, flat, path)
    return flat


def logits_layer(model: keras.Model) -> str | None:
    """Name of the layer before a final softmax or sigmoid of a flat model; None where it ends in logits."""
    last = model.operations[-1]
    return last.input._keras_history.operation.name if _ending(last) and type(last).__name__ != "Dense" else None


def _ending(layer: Any) -> str:
    """`softmax` or `sigmoid` where a layer is that activation or has it; else ""."""
    if type(layer).__name__ == "Softmax":
        return "softmax"
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    return name if name in ENDINGS and type(layer).__name__ in ("Activation", "Dense") else ""


def _must_be_same(model: keras.Model, flat: keras.Model, path: Path) -> None:
    shape = (4, *model.inputs[0].shape[1:])
    images = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    images[2:] = images[2:] / 127.5 - 1
    expected, found = (np.asarray(keras.ops.convert_to_numpy(one(images, training=False)), np.float32) for one in (model, flat))
    off = float(np.abs(found - expected).max()) / max(float(expected.std()), 1e-3)
    if not off <= TOLERANCE:
        raise BadFile(f"{path} cannot be compressed: a flat copy of its layers gives scores that are {off:.2g} of their spread off; please report it")
