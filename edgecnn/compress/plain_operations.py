"""Operations of a graph, such as x / 255 or a + b, as layers where Keras has one, else as copies; and layers that do nothing in inference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

# Layers that do nothing in inference.
DROPPED = ("Dropout", "SpatialDropout2D", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity")
HALF = ("float16", "bfloat16")

# Operations of one tensor, and of two.
OF_ONE: Mapping[str, Callable[[Any, str], keras.Layer]] = {
    "Relu": lambda operation, name: layers.ReLU(name=name),
    "Relu6": lambda operation, name: layers.ReLU(6.0, name=name),
    "Sigmoid": lambda operation, name: layers.Activation("sigmoid", name=name),
    "Tanh": lambda operation, name: layers.Activation("tanh", name=name),
    "Silu": lambda operation, name: layers.Activation("silu", name=name),
    "HardSigmoid": lambda operation, name: layers.Activation("hard_sigmoid", name=name),
    "HardSilu": lambda operation, name: layers.Activation("hard_silu", name=name),
    "Softmax": lambda operation, name: layers.Softmax(operation.axis, name=name),
}
OF_TWO = {"Add": layers.Add, "Multiply": layers.Multiply, "Subtract": layers.Subtract}


def copy_of_operation(operation: keras.Operation, name: str, *args: Any, **kwargs: Any) -> Any:
    """What an operation gives to other tensors, by a layer or a copy of that name: the graph that it is from stays as it is."""
    kind = type(operation).__name__
    tensors = [one for one in args if isinstance(one, keras.KerasTensor)]
    if kind in OF_ONE and len(args) == len(tensors) == 1 and not kwargs:
        return OF_ONE[kind](operation, name)(args[0])
    if kind in OF_TWO and len(args) == len(tensors) == 2 and _same_form(*tensors) and not kwargs:
        return OF_TWO[kind](name=name)(tensors)
    return _copy(operation, name)(*args, **kwargs)


def _same_form(one: Any, other: Any) -> bool:
    """Two tensors of as many axes and one type, which the layers of Keras take."""
    return one is not other and len(one.shape) == len(other.shape) and one.dtype == other.dtype


def _copy(operation: keras.Operation, name: str) -> keras.Operation:
    config = {**operation.get_config(), "name": name}
    if config.get("dtype") in HALF:
        config["dtype"] = "float32"
    try:
        return type(operation).from_config(config)
    except TypeError:  # some operations take no name
        twin = copy.copy(operation)
        twin.name, twin._inbound_nodes, twin._outbound_nodes = name, [], []
        return twin


def does_nothing(layer: keras.Layer, tensor: Any) -> bool:
    """Whether a layer gives in inference what it takes: dropout and noise by their kind, augmentation by trying it."""
    if type(layer).__name__ in DROPPED:
        return True
    if type(layer).__name__ == "Activation":
        return layer.get_config()["activation"] == "linear"
    if (
        "image_preprocessing" not in type(layer).__module__
        or layer.weights
        or tensor is None
        or tuple(layer.compute_output_shape(tensor.shape)) != tensor.shape
    ):
        return False
    image = np.rint(np.random.default_rng(0).uniform(0, 255, (1, *tensor.shape[1:]))).astype(np.float32)
    return bool(np.allclose(keras.ops.convert_to_numpy(layer(image, training=False)), image, atol=1e-3))
