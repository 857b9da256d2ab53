"""Refuses a Keras model that would run code of its author, or read other files, before anything of it is built."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from edgecnn.errors import BadFile, UnsafeModelError
from edgecnn.formats.keras import allowed, lambdas
from edgecnn.formats.keras.inspection import KerasFile
from edgecnn.formats.keras.saved_graph import SavedGraph

# Classes of Keras that import a module, load a file or run code that the configuration names.
RUNS = frozenset(("TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "Wrapper"))
READS = frozenset(("StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup", "Hashing", "HashedCrossing", "FeatureSpace"))
TRUST = "pass --trust-code if you trust its author"
CUSTOM = "pass the Python file that defines it: --custom-objects FILE.py"
SAVER = re.compile(r"__inference__traced_(save|restore)_\d+")


def check_config(file: KerasFile, custom: Collection[str] = ()) -> None:
    """Refuse what is not made of Keras' own classes, pure functions of TensorFlow and operators on tensors.

    Args:
        file: as `inspect_config` reads it.
        custom: names of the user's own classes and functions, which are trusted.

    Raises:
        UnsafeModelError: with the name of the layer, what is wrong with it and what to do.
    """
    if file.graph is not None:
        check_graph(file, file.graph)
        return
    problem = config_problem(file, custom)
    if problem:
        raise UnsafeModelError(f"{file.path}: {problem}")


def config_problem(file: KerasFile, custom: Collection[str] = ()) -> str | None:
    """The first thing in the configuration that may not be built; None where all of it may.

    What is wrong with the configuration of a SavedModel does not matter, as long as its graph alone is used.
    """
    found = next(_problems(file.config, "the model", frozenset(custom)), None)
    return _printable(found) if found else None


def check_graph(file: KerasFile, graph: SavedGraph) -> None:
    """Refuse a SavedModel with operators that do more than compute on tensors; UnsafeModelError."""
    if not graph.has_objects:
        raise BadFile(f"{file.path} was saved by TensorFlow 1, which keeps no functions; load it there, and save it with TensorFlow 2 (tf.saved_model.save)")
    plain = allowed.GRAPH_OPERATORS
    for name, operators in {"": graph.operators, **graph.functions}.items():
        saver = not name or (SAVER.fullmatch(name) is not None and name not in graph.called)
        wrong = operators - plain - (allowed.SAVER_OPERATORS if saver else frozenset()) - graph.functions.keys()
        if wrong:
            raise UnsafeModelError(
                f"{file.path}: its graph has the operator {_printable(min(wrong))}, which is not one of those that only compute on tensors; "
                "export the network without it (model.export), or save it as .keras"
            )


def _problems(value: Any, owner: str, custom: frozenset[str]) -> Iterator[str]:
    """What is wrong inside of plain data, the first thing first. `owner` names the layer that it belongs to."""
    if isinstance(value, list):
        for inner in value:
            yield from _problems(inner, owner, custom)
    if not isinstance(value, dict):
        return
    inner_config = value.get("config")
    if "class_name" in value:
        name = inner_config.get("name") if isinstance(inner_config, dict) else None
        if isinstance(name, str):
            owner = f"layer '{name}'"
        problem = _problem(value, owner, custom)
        if problem:
            yield problem
        if value["class_name"] == "Lambda":
            return
    for key, inner in value.items():
        # How it was trained is not needed, and is taken away before the model is built.
        if key != "compile_config":
            yield from _problems(inner, owner, custom)


def _problem(value: dict[str, Any], owner: str, custom: frozenset[str]) -> str | None:
    """What is wrong with one object of the configuration; None when it is Keras' own or the user's."""
    kind, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if not isinstance(kind, str) or not isinstance(module, str | None) or not isinstance(registered, str | None):
        return f"{owner} has a class that is not named by text; expected a Keras configuration"
    if kind in custom or registered in custom:
        return None
    if kind == "function":
        return _function_problem(value, owner, custom)
    if kind == "Lambda":
        return None if isinstance(value.get("config"), dict) and lambdas.recognize(value["config"]) else _lambda_problem(owner)
    if kind == "__lambda__":
        return _lambda_problem(owner)
    if kind in allowed.DATA and module is None and registered is None:
        return None
    if (registered or kind).removeprefix(allowed.REGISTERED) in allowed.APPLICATION_LAYERS:
        kind, registered = kind.removeprefix(allowed.REGISTERED), None
    if registered and registered != kind:
        return f"{owner} is a '{registered}', which is not a class of Keras; {CUSTOM}"
    if kind in allowed.OP_LAYERS and _within(module, allowed.MODULES):
        return _operation_problem(value, owner)
    return None if _is_own(kind, module) else _class_problem(kind, module, owner)


def _is_own(kind: str, module: str | None) -> bool:
    if module in allowed.OPERATIONS:
        return re.fullmatch(r"[A-Z][A-Za-z0-9]*", kind) is not None and kind not in ("Operation", "KerasTensor", "Any")
    if module == "keras.src.ops.core":
        return kind in allowed.CORE
    if kind in allowed.APPLICATION_LAYERS:
        return module is None or module in {f"{package}.{allowed.APPLICATION_LAYERS[kind]}" for package in allowed.APPLICATIONS}
    return kind in allowed.LAYERS | allowed.MODELS | allowed.PARTS and _within(module, allowed.MODULES)


def _within(module: str | None, packages: Collection[str]) -> bool:
    return module is None or any(module == package or module.startswith(f"{package}.") for package in packages)


def _lambda_problem(owner: str) -> str:
    return f"{owner} is a Lambda, which runs code of its author; replace it by a layer such as keras.layers.Rescaling(1/255) and save again, or {TRUST}"


def _function_problem(value: dict[str, Any], owner: str, custom: frozenset[str]) -> str | None:
    name, module = value.get("config"), value.get("module")
    if name in custom:
        return None
    if isinstance(name, str) and name in allowed.ACTIVATIONS and _within(module, allowed.ACTIVATION_MODULES) and value.get("registered_name") in (None, name):
        return None
    return f"{owner} uses the function '{name}' of {module}, which is not an activation of Keras; {CUSTOM}"


def _operation_problem(value: dict[str, Any], owner: str) -> str | None:
    config = value.get("config")
    function = config.get("function") if isinstance(config, dict) else None
    if isinstance(function, str) and function in allowed.FUNCTIONS:
        return None
    return f"{owner} calls tf.{function}, which is not one of the functions that edgecnn knows to be harmless; write it with layers of Keras and save again"


def _class_problem(kind: str, module: str | None, owner: str) -> str:
    if kind in RUNS:
        return f"{owner} is a {kind}, which loads code that the file names; write it with layers of Keras and save again, or {TRUST}"
    if kind in READS:
        return f"{owner} is a {kind}, which can read other files; an image classifier needs none: save it without"
    if _within(module, allowed.MODULES) and ">" not in kind and module is not None:
        return f"{owner} is a {kind} of {module}, which is not among the layers that edgecnn opens; {CUSTOM}"
    place = f" of {module}" if module else ""
    return f"{owner} is a {kind}{place}, which is not a class of Keras; {CUSTOM}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)[:600]
