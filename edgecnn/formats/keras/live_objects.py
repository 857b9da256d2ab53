"""The classes and functions that a stored copy of a model object needs, taken from the object itself: registered with Keras or not."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras

from edgecnn.errors import BadFile
from edgecnn.formats.keras.inspection import KerasFile

# Name under which the function of a Lambda layer is handed to Keras.
LAMBDA = "edgecnn_live_function_of_{}"
# What a layer knows of its training and its graph, in which none of its own parts lie.
SKIPPED = frozenset(("optimizer", "_optimizer", "loss", "_loss", "_metrics", "_inbound_nodes", "_outbound_nodes", "_tracker", "_functional"))


def bound(file: KerasFile, model: keras.Model) -> tuple[KerasFile, dict[str, Any]]:
    """The file with the functions of its Lambda layers replaced by names, and what these and all other names of the user's own mean.

    Raises:
        BadFile: two classes or functions of one name, of which the copy can only have one.
    """
    functions = {LAMBDA.format(layer.name): layer.function for layer in _lambdas(model)}
    config = _with_names(file.config, functions)
    known: dict[str, list[Any]] = {}
    for thing in _parts(model, set()):
        for name in {thing.__name__, keras.saving.get_registered_name(thing)}:
            known.setdefault(name, []).append(thing)
    own = {name: _the_one(file, name, known.get(name, []), module) for name, module in _needed(config)}
    return replace(file, config=config), functions | {name: value for name, value in own.items() if value is not None}


def _lambdas(model: keras.Model) -> Iterator[keras.layers.Lambda]:
    """Lambda layers whose name no other has."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Lambda)]
    names = [layer.name for layer in layers]
    yield from (layer for layer in layers if names.count(layer.name) == 1)


def _with_names(value: Any, functions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with_names(inner, functions) for inner in value]
    if not isinstance(value, dict):
        return value
    value = {key: _with_names(inner, functions) for key, inner in value.items()}
    config = value.get("config")
    name = LAMBDA.format(config.get("name")) if value.get("class_name") == "Lambda" and isinstance(config, dict) else ""
    if name in functions:
        value["config"] = {**config, "function": {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}}
    return value


def _needed(value: Any) -> Iterator[tuple[str, str]]:
    """(name, module) of every class and function in plain data that is not Keras' own."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _needed(inner)
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        return
    module, registered = value.get("module") or "", value.get("registered_name")
    if value["class_name"] == "function" and isinstance(value.get("config"), str):
        yield value["config"], module
    elif isinstance(registered, str) and module.split(".")[0] != "keras":
        yield registered, module


def _the_one(file: KerasFile, name: str, candidates: list[Any], module: str) -> Any | None:
    """The class or function of a name; None leaves it to Keras, which knows what is registered."""
    if len(candidates) > 1:
        raise BadFile(f"{file.path} has {len(candidates)} classes or functions of its own that are called {name}; expected one: rename the others")
    return candidates[0] if candidates else getattr(sys.modules.get(module), name, None)


def _parts(thing: Any, seen: set[int]) -> Iterator[Any]:
    """Classes and functions of the user's own in a layer, in what it is made of, and in lists of these, each once."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list | tuple):
        for inner in thing:
            yield from _parts(inner, seen)
    elif inspect.isfunction(thing):
        if not _is_own_of_keras(thing):
            yield thing
    elif isinstance(thing, type) or not hasattr(thing, "get_config"):
        return
    else:
        kind = type(thing)
        if not _is_own_of_keras(kind) and id(kind) not in seen:
            seen.add(id(kind))
            yield kind
        inner = list(thing._flatten_layers(include_self=False)) if isinstance(thing, keras.Layer) else []
        for part in [*inner, *(value for name, value in getattr(thing, "__dict__", {}).items() if name not in SKIPPED)]:
            yield from _parts(part, seen)


def _is_own_of_keras(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).split(".")[0] == "keras"
