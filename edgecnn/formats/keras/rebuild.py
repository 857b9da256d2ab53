"""Builds a Keras 3 functional model from the description that Keras 2 (or 3) wrote, layer by layer, without Keras' own deserialization of models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from edgecnn.formats.keras import lambdas, layer_configs, tf_functions

Tensors = dict[tuple[str, int], Any]
Config = dict[str, Any]


@dataclass
class Rebuilt:
    """A network made anew.

    Attributes:
        model: a functional model.
        layers: name in the file -> the layer, or the rebuilt inner network, in the order of the file. Operations without weights are missing.
        file_kind: the model's class in the file: Functional or Sequential.
    """

    model: keras.Model
    layers: dict[str, keras.Layer | Rebuilt]
    file_kind: str


def rebuild(config: Config, image_size: tuple[int, int] | None = None) -> Rebuilt:
    """Build the model of {"class_name": ..., "config": ...}; weights are fresh.

    Raises:
        ValueError, TypeError, KeyError, IndexError: what Keras 3 cannot build, or a graph that does not hang together.
    """
    inner = config["config"]
    if config["class_name"] == "Sequential":
        return _sequential(inner, image_size)
    return _functional(inner, image_size)


def _sequential(config: Config | list[Config], image_size: tuple[int, int] | None) -> Rebuilt:
    entries = config if isinstance(config, list) else config["layers"]
    shape = _first_shape(entries, {} if isinstance(config, list) else config)
    dtype = entries[0]["config"].get("dtype", "float32") if entries[0]["class_name"] == "InputLayer" else "float32"
    x = image = keras.Input(batch_shape=layer_configs.fixed(shape, image_size), dtype=layer_configs.input_dtype(dtype), name=_input_name(entries))
    layers: dict[str, keras.Layer | Rebuilt] = {}
    for entry in entries:
        if entry["class_name"] != "InputLayer":
            name = entry["config"].get("name", entry["class_name"])
            layer = _make(entry)
            x = _named(_call(entry, layer, x, {}), name, [x], layer)
            _keep(layers, name, layer)
    name = None if isinstance(config, list) else config.get("name")
    return Rebuilt(keras.Model(image, x, name=layer_configs.valid_name(name)), layers, "Sequential")


def _input_name(entries: list[Config]) -> str | None:
    return entries[0]["config"].get("name") if entries[0]["class_name"] == "InputLayer" else None


def _first_shape(entries: list[Config], config: Config) -> list[int | None]:
    first = entries[0]["config"]
    shape = (
        first.get("batch_shape") or first.get("batch_input_shape") or config.get("build_input_shape") or entries[0].get("build_config", {}).get("input_shape")
    )
    if shape is None and entries[0]["class_name"] in ("Functional", "Model", "Sequential"):
        inner = first["layers"][0]["config"]
        shape = inner.get("batch_shape") or inner.get("batch_input_shape")
    if shape is None:
        raise ValueError("it does not say the shape of its input")
    return layer_configs.plain(shape)


def _functional(config: Config, image_size: tuple[int, int] | None) -> Rebuilt:
    entries = {entry["name"]: entry for entry in config["layers"]}
    shifts = {name: _shift(name, entry, config) for name, entry in entries.items()}
    layers: dict[str, keras.Layer | Rebuilt] = {}
    made: dict[str, Any] = {}
    tensors: Tensors = {}
    for name, entry in entries.items():
        if entry["class_name"] == "InputLayer":
            tensors[name, 0] = _input(entry["config"], image_size)
        else:
            made[name] = _make(entry)
            _keep(layers, name, made[name])
    waiting = [(name, index, node) for name in made for index, node in enumerate(entries[name]["inbound_nodes"])]
    while waiting:
        ready = [item for item in waiting if all((layer, place - shifts[layer]) in tensors for layer, place in _references(item[2], entries))]
        if not ready:
            raise ValueError(f"its layers do not hang together: '{waiting[0][0]}' has no input")
        for name, index, node in ready:
            x, arguments = _arguments(node, tensors, shifts, entries)
            tensors[name, index] = _named(_call(entries[name], made[name], x, arguments), name, list(tensors.values()), made[name])
        waiting = [item for item in waiting if item not in ready]
    inputs, outputs = ([_output(tensors, shifts, ref) for ref in _leaves(config[key])] for key in ("input_layers", "output_layers"))
    model = keras.Model(
        inputs[0] if len(inputs) == 1 else inputs, outputs[0] if len(outputs) == 1 else outputs, name=layer_configs.valid_name(config.get("name"))
    )
    return Rebuilt(model, layers, "Functional")


def _keep(layers: dict[str, Any], name: str, layer: Any) -> None:
    if isinstance(layer, keras.Layer | Rebuilt):
        layers[name] = layer


def _input(config: Config, image_size: tuple[int, int] | None) -> Any:
    shape = layer_configs.plain(config.get("batch_shape") or config.get("batch_input_shape"))
    return keras.Input(batch_shape=layer_configs.fixed(shape, image_size), dtype=layer_configs.input_dtype(config.get("dtype", "float32")), name=config["name"])


def _make(entry: Config) -> Any:
    """The layer of an entry: one of Keras, a rebuilt network, or None for what is a function."""
    kind = entry["class_name"]
    if kind in ("Functional", "Model", "Sequential"):
        return rebuild(entry)
    if kind in ("TFOpLambda", "SlicingOpLambda", "Lambda"):
        return None
    return layer_configs.make(entry)


def _call(entry: Config, layer: Any, x: Any, arguments: Config) -> Any:
    kind, config = entry["class_name"], entry["config"]
    if kind == "Lambda":
        return _prepared(x, lambdas.recognize(config))
    if kind in ("TFOpLambda", "SlicingOpLambda"):
        return tf_functions.call(config["function"], x, arguments)
    if isinstance(layer, Rebuilt):
        return layer.model(x)
    result = layer(x, **{key: value for key, value in arguments.items() if key not in ("training", "mask") and value is not None})
    return layer_configs.activated(config, result)


def _named(result: Any, name: str, known: list[Any], layer: Any) -> Any:
    """Name the layers and operations that were made for one entry after it: Keras' own numbering would meet the names of the file."""
    seen = {id(t._keras_history.operation) for t in keras.tree.flatten(known)} | {id(layer), id(layer.model) if isinstance(layer, Rebuilt) else 0}
    waiting, count = list(keras.tree.flatten(result)), 0
    while waiting:
        operation = waiting.pop()._keras_history.operation
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        operation.name = layer_configs.valid_name(name) if count == 0 and layer is None else f"{layer_configs.valid_name(name)}.part{count}"
        count += 1
        waiting += [t for node in operation._inbound_nodes for t in node.input_tensors]
    return result


def _prepared(x: Any, mapping: lambdas.ImageMapping | None) -> Any:
    """A recognised Lambda as layers of Keras."""
    if mapping is None:
        raise ValueError("a Lambda that is not recognised")
    x = ops.flip(x, axis=-1) if mapping.reverse_channels else x
    scale, offset = (values[0] if len(values) == 1 else list(values) for values in (mapping.scale, mapping.offset))
    return tf_functions.affine(x, scale, offset)


def _shift(name: str, entry: Config, config: Config) -> int:
    """How much the first call of a layer is above 0: Keras 2 counts an inner network's own making as a call."""
    if entry["class_name"] not in ("Functional", "Model", "Sequential"):
        return 0
    places = [place for other in config["layers"] for node in other["inbound_nodes"] for layer, place in _references(node, {name: entry}) if layer == name]
    places += [ref[1] for ref in _leaves(config["output_layers"]) if ref[0] == name]
    return 1 if places and max(places) >= len(entry["inbound_nodes"]) else 0


def _is_reference(value: Any, names: Config) -> bool:
    return (
        isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and value[0] in names and type(value[1]) is int and type(value[2]) is int
    )


def _references(node: Any, names: Config) -> Iterator[tuple[str, int]]:
    """(layer, number of its call) of every tensor that a node takes."""
    if _is_reference(node, names):
        yield node[0], node[1]
        node = node[3:]
    if isinstance(node, dict):
        history = node["config"].get("keras_history") if node.get("class_name") == "__keras_tensor__" else None
        if history:
            if history[0] in names:
                yield history[0], history[1]
            return
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _references(inner, names)


def _arguments(node: Any, tensors: Tensors, shifts: dict[str, int], names: Config) -> tuple[Any, Config]:
    """First argument and keyword arguments of a call; of Keras 2 a list of references, of Keras 3 a dictionary."""

    def value(raw: Any) -> Any:
        if _is_reference(raw, names):
            return _output(tensors, shifts, raw)
        if isinstance(raw, dict) and raw.get("class_name") == "__keras_tensor__":
            return _output(tensors, shifts, raw["config"]["keras_history"])
        if isinstance(raw, dict) and raw.get("class_name") == "__tuple__":
            return [value(inner) for inner in raw["items"]]
        if isinstance(raw, dict) and "class_name" in raw and raw["class_name"] != "__ellipsis__":
            return keras.saving.deserialize_keras_object(raw, safe_mode=True)
        return [value(inner) for inner in raw] if isinstance(raw, list) else raw

    if isinstance(node, dict):
        arguments = {key: value(raw) for key, raw in node["kwargs"].items()}
        return value(node["args"][0]) if node["args"] else None, arguments
    if node and isinstance(node[0], str):
        first = node[2] if node[0] == "_CONSTANT_VALUE" else _output(tensors, shifts, node)
        return first, {key: value(raw) for key, raw in (node[3] if len(node) > 3 else {}).items()}
    parts = [value(part[2]) if part[0] == "_CONSTANT_VALUE" else _output(tensors, shifts, part) for part in node]
    arguments = {key: value(raw) for key, raw in (node[0][3] if node and len(node[0]) > 3 else {}).items()}
    return parts[0] if len(parts) == 1 else parts, arguments


def _output(tensors: Tensors, shifts: dict[str, int], reference: list[Any]) -> Any:
    name, place, number = reference[:3]
    result = tensors[name, place - shifts[name]]
    return result[number] if isinstance(result, list | tuple) else result


def _leaves(value: Any) -> list[list[Any]]:
    """References to tensors in any nesting of lists and dictionaries."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [leaf for part in inner for leaf in _leaves(part)]
