"""Any classifier as a flat functional model: nested models inlined, augmentation gone, activations that files compute on their own as layers of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from edgecnn.arch.blocks import MOMENTUM
from edgecnn.card import Preprocessing
from edgecnn.compress.endings import ending_of
from edgecnn.compress.flat_check import check_same_scores
from edgecnn.compress.plain_operations import copy_of_operation, does_nothing
from edgecnn.compress.traced_layer import traced
from edgecnn.errors import BadFile
from edgecnn.formats.keras.saved_model import NO_LAYERS, SavedModelLayer
from edgecnn.sources.keras_input import filled_shape, is_channels_first

# Layers with an activation inside, and the activations that files fuse with them: the others become layers of their own.
WITH_ACTIVATION = ("Dense", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")
# Name of the layer that brings images to [N, C, H, W], for a network that wants them so; no flat model has its channels first.
TO_CHANNELS_FIRST = "to_channels_first"
FUSED = ("linear", "relu", "relu6")


@dataclass(frozen=True)
class FlatModel:
    """A flat copy of a classifier.

    Attributes:
        net: functional, float32, of one image input [N, H, W, C] or [N, H, W] of fixed size and open batch; gives the same scores as the original.
        whole: names of layers of their author's own class, which are kept as they are.
    """

    net: keras.Model
    whole: tuple[str, ...] = ()


@dataclass
class _Flattening:
    """Copies that were made.

    Attributes:
        copies: id of a layer of the original -> (layer, its copy).
        names: that are taken.
        whole: layers that Keras does not know, and whose own graph cannot be told.
    """

    copies: dict[int, tuple[keras.Layer, keras.Layer]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    whole: list[str] = field(default_factory=list)

    def run(self, model: Any, tensors: Any) -> Any:
        """The model's graph on other tensors, every layer as a copy."""
        graph = getattr(model, "_functional", None) or model
        return graph._run_through_graph(tensors, operation_fn=self._substitute, call_fn=_call)

    def _substitute(self, operation: Any) -> Callable[..., Any]:
        if _has_graph(operation):
            return lambda *tensors, **_: self.run(operation, list(tensors))
        if not isinstance(operation, keras.Layer):
            return partial(copy_of_operation, operation, self._unused(operation.name))
        if is_foreign(operation):
            return partial(self._foreign, operation)
        return partial(self._known, operation)

    def _known(self, layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        """What a layer of Keras gives."""
        if does_nothing(layer, args[0] if args else None):
            return args[0]
        config, apart = layer.get_config(), _activation_apart(layer)
        copy = self._copy(layer, {**config, "activation": "linear"} if apart else config)
        result = copy(*args, **kwargs)
        return keras.layers.Activation(apart, name=self._unused(f"{copy.name}_{apart}"))(result) if apart else result

    def _foreign(self, layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        """What a layer of another author gives: by what it is made of, where that can be told, else by itself."""
        graph = traced(layer, args, kwargs)
        if graph is not None:
            return self.run(graph, keras.tree.flatten((args, kwargs)))
        self.whole.append(layer.name)
        return self._copy(layer, layer.get_config())(*args, **kwargs)

    def _copy(self, layer: keras.Layer, config: dict[str, Any]) -> keras.Layer:
        """A float32 copy that can learn; one with weights that is called again is the same one."""
        if id(layer) in self.copies and layer.weights:
            return self.copies[id(layer)][1]
        config = {**config, "dtype": "float32", "name": self._unused(layer.name)}
        if type(layer).__name__ == "Normalization":
            config |= _statistics(layer)
        if "momentum" in config:  # with 0.99 of Keras or 0.999 of keras.applications, statistics would not follow the weights in an epoch or two
            config["momentum"] = min(config["momentum"], MOMENTUM)
        copy = type(layer).from_config(config)
        copy.trainable = not is_unused_norm(layer)
        self.copies[id(layer)] = layer, copy
        return copy

    def _unused(self, name: str) -> str:
        free, number = name, 2
        while free in self.names:
            free, number = f"{name}_{number}", number + 1
        self.names.add(free)
        return free

    def set_weights(self) -> None:
        """Give every copy the weights of its layer."""
        for layer, copy in self.copies.values():
            if copy.weights:
                copy.set_weights(layer.get_weights())


def _has_graph(operation: Any) -> bool:
    """Whether something is a functional or sequential model."""
    return isinstance(operation, keras.Model) and hasattr(getattr(operation, "_functional", None) or operation, "_run_through_graph")


def is_foreign(layer: keras.Layer) -> bool:
    """Whether a layer is of a class that Keras brings for no other networks, or not at all, or holds a function of its author."""
    return not type(layer).__module__.startswith(("keras.src.layers.", "keras.src.models.")) or isinstance(layer, keras.layers.Lambda | keras.Model)


def _activation_apart(layer: keras.Layer) -> str:
    """Name of the activation inside of a layer that becomes a layer of its own; "" where there is none."""
    activation = layer.get_config().get("activation") if type(layer).__name__ in WITH_ACTIVATION else None
    return activation if isinstance(activation, str) and activation not in FUSED else ""


def _statistics(layer: keras.layers.Normalization) -> dict[str, list[float] | float]:
    """What a layer was adapted to, as arguments: the copy has no weights that must be adapted again."""
    flat = {name: np.asarray(keras.ops.convert_to_numpy(getattr(layer, name))).reshape(-1).tolist() for name in ("mean", "variance")}
    return {name: values if len(values) > 1 else values[0] for name, values in flat.items()}


def _call(operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Inference: what a layer was told of training does not matter."""
    result = operation(*args, **{name: value for name, value in kwargs.items() if name != "training" and not (name == "mask" and value is None)})
    for tensor in keras.tree.flatten(result):
        if isinstance(tensor, keras.KerasTensor):
            tensor._sparse = False  # Keras calls a product with a number sparse, and then knows no shape of what an author's layer makes of it
    return result


def is_flat(model: keras.Model, shape: tuple[int | None, ...]) -> bool:
    """Whether a model is a graph of float32 layers alone, each called once, that ends in a layer Softmax, as those of edgecnn."""
    operations = getattr(model, "operations", [])
    tensor = model.inputs[0]
    if tuple(tensor.shape) != shape or is_channels_first(shape) or _dtype(tensor) != "float32" or shape[0] is not None or not operations:
        return False
    return all(_is_ready(one) for one in operations) and ending_of(model).activation == "softmax"


def _is_ready(operation: Any) -> bool:
    """Whether something can be fine-tuned as it is: a layer of Keras in float32 that learns, is called once, and has nothing in it that must come apart."""
    if not isinstance(operation, keras.Layer) or isinstance(operation, keras.Model) or is_foreign(operation) or len(operation._inbound_nodes) != 1:
        return False
    slow = getattr(operation, "momentum", 0) > MOMENTUM
    return (
        operation.compute_dtype == "float32"
        and operation.trainable
        and not slow
        and not is_unused_norm(operation)
        and not _activation_apart(operation)
        and not _is_random(operation)
    )


def is_unused_norm(layer: keras.Layer) -> bool:
    """Whether a batch norm has the statistics that it was born with, because what it did was folded into a kernel: in training it would normalize again."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return False
    mean, variance = (keras.ops.convert_to_numpy(value) for value in (layer.moving_mean, layer.moving_variance))
    return bool((mean == 0).all() and (variance == 1).all())


def _is_random(layer: keras.Layer) -> bool:
    return "image_preprocessing" in type(layer).__module__


def flatten_model(model: keras.Model, preprocessing: Preprocessing, path: Path) -> FlatModel:
    """A flat float32 copy that gives the same scores; the model itself where it is flat.

    Args:
        model: functional or sequential, of one input of any type and batch.
        preprocessing: says the size where the input leaves it open.
        path: names it in errors.

    Raises:
        BadFile: it has no graph of layers, cannot be built for the size, or the copy gives other scores.
    """
    shape = (None, *filled_shape(tuple(model.inputs[0].shape), preprocessing)[1:])
    if any(isinstance(layer, SavedModelLayer) for layer in model._flatten_layers()):
        raise BadFile(f"{path} is {NO_LAYERS}")
    if is_flat(model, shape):
        return FlatModel(model)
    if not _has_graph(model):
        raise BadFile(f"{path} holds a {type(model).__name__} without a graph of layers; expected a functional or sequential model, which can be compressed")
    flattening = _Flattening()
    try:
        flat = _flat(flattening, model, shape)
    # Keras raises whatever a layer raises that does not take the shape.
    except Exception as error:
        if isinstance(error, BadFile):  # a layer says itself why it is not copied
            raise BadFile(f"{path}: {error}") from error
        text = " ".join(str(error).split())[:200]
        raise BadFile(f"{path} cannot be built for an input of {list(shape[1:])} ({type(error).__name__}: {text}); give another --image-size") from error
    check_same_scores(model, flat, path)
    return FlatModel(flat, tuple(flattening.whole))


def _flat(flattening: _Flattening, model: keras.Model, shape: tuple[int | None, ...]) -> keras.Model:
    name = model.inputs[0]._keras_history.operation.name
    flattening.names.add(name)
    if is_channels_first(shape):
        image = keras.Input((*shape[2:], shape[1]), name=name, dtype="float32")
        flattening.names.add(TO_CHANNELS_FIRST)
        outputs = flattening.run(model, [keras.layers.Permute((3, 1, 2), name=TO_CHANNELS_FIRST)(image)])
    else:
        image = keras.Input(shape[1:], name=name, dtype="float32")
        outputs = flattening.run(model, [image])
    flat = keras.Model(image, keras.tree.flatten(outputs)[0], name=model.name)
    flattening.set_weights()
    return flat


def with_input_of(flat: keras.Model, original: keras.Model) -> keras.Model:
    """A flat model with the batch, the type and the order of axes of the original's input; the model itself where they are the same."""
    tensor, own = original.inputs[0], flat.inputs[0]
    batch, dtype, name = tensor.shape[0], _dtype(tensor), own._keras_history.operation.name
    channels_first = is_channels_first(tuple(tensor.shape))
    if batch is None and dtype == _dtype(own) and not channels_first:
        return flat
    flattening = _Flattening()
    flattening.names.add(name)
    inner = keras.Model(flat.get_layer(TO_CHANNELS_FIRST).output, flat.output) if channels_first else flat
    image = keras.Input(batch_shape=(batch, *inner.inputs[0].shape[1:]), name=name, dtype=dtype)
    outputs = flattening.run(inner, [image])
    model = keras.Model(image, outputs, name=flat.name)
    flattening.set_weights()
    return model


def _dtype(tensor: Any) -> str:
    return tensor.dtype if isinstance(tensor.dtype, str) else tensor.dtype.name
