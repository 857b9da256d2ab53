"""Puts the weights of a file into a rebuilt network: by the names of its layers, in each layer by order, every shape checked."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from edgecnn.formats.keras.inspection import WEIGHTS, KerasFile
from edgecnn.formats.keras.protobuf import chunks, fields, text
from edgecnn.formats.keras.rebuild import Rebuilt


def restore(file: KerasFile, rebuilt: Rebuilt) -> None:
    """Read the weights of a .h5, a .keras or a SavedModel folder.

    Raises:
        ValueError, KeyError: a layer has no weights there, or others.
    """
    if file.kind == "h5":
        with h5py.File(file.path, "r") as stored:
            _from_hdf5(stored.get("model_weights", stored), rebuilt)
    elif file.kind == "keras":
        with zipfile.ZipFile(file.path) as archive, h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as stored:
            _from_archive(stored["layers"] if "layers" in stored else stored["_layer_checkpoint_dependencies"], rebuilt)
    else:
        _from_checkpoint(file.path, rebuilt)


def _set(layer: keras.Layer, arrays: list[np.ndarray]) -> None:
    """In the order of Keras: what is trained, then what is not; whatever `trainable` says."""
    variables = list(layer._trainable_variables) + list(layer._non_trainable_variables) if not list(layer._layers) else layer.weights
    if [tuple(v.shape) for v in variables] != [tuple(a.shape) for a in arrays]:
        shapes = ", ".join(str(tuple(a.shape)) for a in arrays)
        raise ValueError(f"layer '{layer.name}' has weights of the shapes {shapes}; expected {', '.join(str(tuple(v.shape)) for v in variables)}")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()


def leaves(rebuilt: Rebuilt) -> Iterator[keras.Layer]:
    """Layers with weights, inner networks opened, in the order of the file."""
    for layer in rebuilt.layers.values():
        if isinstance(layer, Rebuilt):
            yield from leaves(layer)
        elif layer.weights:
            yield layer


def _attribute(group: h5py.Group, name: str) -> list[str]:
    """A list of names, which Keras cuts in pieces where it is long."""
    values = list(group.attrs[name]) if name in group.attrs else []
    piece = 0
    while f"{name}{piece}" in group.attrs:
        values += list(group.attrs[f"{name}{piece}"])
        piece += 1
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _from_hdf5(stored: h5py.Group, rebuilt: Rebuilt) -> None:
    for name, layer in rebuilt.layers.items():
        group = stored[name]
        arrays = {weight: np.asarray(group[weight]) for weight in _attribute(group, "weight_names")}
        if isinstance(layer, Rebuilt):
            _set_inner(layer, arrays)
        elif layer.weights or arrays:
            _set(layer, list(arrays.values()))


def _set_inner(inner: Rebuilt, arrays: dict[str, np.ndarray]) -> None:
    """An inner network's weights lie in one list: by the layer's name within the weight's, where that is clear, else by order."""
    layers = list(leaves(inner))
    named = {layer.name: [array for weight, array in arrays.items() if layer.name in weight.split("/")[:-1]] for layer in layers}
    if sum(len(own) for own in named.values()) == len(arrays) and all(named.values()):
        for layer in layers:
            _set(layer, named[layer.name])
        return
    values = iter(arrays.values())
    variables = [v for layer in layers for v in layer.trainable_weights] + [v for layer in layers for v in layer.non_trainable_weights]
    if [tuple(v.shape) for v in variables] != [tuple(a.shape) for a in arrays.values()]:
        raise ValueError(f"the weights of '{inner.model.name}' have other shapes than its layers")
    for variable in variables:
        variable.assign(next(values))


def _from_archive(stored: h5py.Group, rebuilt: Rebuilt) -> None:
    """Of the .keras format: layers are numbered by class, in the order of the network."""
    for group, layer in _numbered(stored, rebuilt, lambda layer: _snake(layer.file_kind if isinstance(layer, Rebuilt) else type(layer).__name__)):
        if isinstance(layer, Rebuilt):
            _from_archive(group["layers"], layer)
        elif layer.weights:
            own = group["vars"]
            _set(layer, [np.asarray(own[str(index)]) for index in range(len(own))])


def _numbered(stored: h5py.Group, rebuilt: Rebuilt, kind: Callable[[Any], str]) -> Iterator[tuple[h5py.Group, Any]]:
    counts: dict[str, int] = {}
    for layer in rebuilt.layers.values():
        name = kind(layer)
        number = counts[name] = counts.get(name, -1) + 1
        yield (stored[f"{name}_{number}" if number else name] if _has_weights(layer) else stored), layer


def _has_weights(layer: Any) -> bool:
    return next(leaves(layer), None) is not None if isinstance(layer, Rebuilt) else bool(layer.weights)


def _snake(name: str) -> str:
    """Keras' own rule, keras/src/utils/naming.py."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


_ORDER = ("gamma", "beta", "kernel", "depthwise_kernel", "pointwise_kernel", "embeddings", "alpha", "bias", "moving_mean", "moving_variance", "mean",
          "variance", "count")  # fmt: skip
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"


def _from_checkpoint(folder: Path, rebuilt: Rebuilt) -> None:
    """Of a SavedModel: TensorFlow's checkpoint names a layer by its number among those with weights."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    nodes = [_node(raw) for raw in chunks(reader.get_tensor(_OBJECTS), 1)]
    _from_objects(reader, nodes, 0, rebuilt)


def _node(raw: bytes) -> tuple[dict[str, int], str]:
    """Children by name, and the key of the value, of an object in trackable_object_graph.proto."""
    children = {}
    for reference in chunks(raw, 1):
        numbers = [value for number, value in fields(reference) if number == 1]
        children[text(reference, 2)] = int(numbers[-1]) if numbers else 0
    return children, next((text(value, 3) for value in chunks(raw, 2)), "")


def _from_objects(reader: Any, nodes: list[tuple[dict[str, int], str]], place: int, rebuilt: Rebuilt) -> None:
    number = 0
    for layer in rebuilt.layers.values():
        if not _has_weights(layer):
            continue
        own = nodes[place][0][f"layer_with_weights-{number}"]
        number += 1
        if isinstance(layer, Rebuilt):
            _from_objects(reader, nodes, own, layer)
            continue
        keys = [nodes[nodes[own][0][name]][1] for name in _ORDER if name in nodes[own][0]]
        _set(layer, [reader.get_tensor(key) for key in keys if key])
