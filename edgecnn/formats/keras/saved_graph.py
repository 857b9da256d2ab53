"""What a SavedModel folder is made of: the operators and functions of its graph, and what Keras 2 wrote about the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgecnn.errors import BadFile, UnsafeModelError
from edgecnn.formats.keras import bounded
from edgecnn.formats.keras.protobuf import chunks, text

# Field numbers of saved_model.proto, meta_graph.proto, graph.proto, function.proto and saved_object_graph.proto of TensorFlow.
META_GRAPHS, GRAPH, SIGNATURES, OBJECTS = 2, 2, 5, 7
NODES, LIBRARY, FUNCTION_NODES = 1, 2, 3
MAX_GRAPH = 256 << 20

UPDATES = frozenset({"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"})
RESTORING = frozenset({"RestoreV2", "SaveV2"})


@dataclass(frozen=True)
class SavedGraph:
    """A SavedModel's graph, as names.

    Attributes:
        operators: of the graph itself.
        functions: name of each function -> its operators.
        called: names of functions that a function calls, or that the object graph offers to a caller; operators are among them.
        signatures: names of the signatures.
        has_objects: False for what TensorFlow 1 wrote.
        updates: nodes that write to a variable, in functions other than those that save and restore.
    """

    operators: frozenset[str]
    functions: dict[str, frozenset[str]]
    called: frozenset[str]
    signatures: tuple[str, ...]
    has_objects: bool
    updates: tuple[str, ...]


def read(folder: Path) -> SavedGraph:
    """Read saved_model.pb; BadFile when it is damaged, too large, or no regular file, UnsafeModelError when its functions cannot be told apart."""
    model = _content(folder / "saved_model.pb")
    graphs = list(chunks(model, META_GRAPHS))
    if len(graphs) != 1:
        raise BadFile(f"{folder}: its saved_model.pb has {len(graphs)} graphs; expected one")
    graph = graphs[0]
    functions: dict[str, frozenset[str]] = {}
    called: set[str] = set()
    updates: list[str] = []
    called |= {text(node, 2) for node in chunks(graph, GRAPH, NODES)}
    for function in chunks(graph, GRAPH, LIBRARY, 1):
        # TensorFlow merges several signatures of one function, and of several functions with one name it takes any: no exporter writes either.
        signatures = list(chunks(function, 1))
        name = text(signatures[0], 1) if len(signatures) == 1 else ""
        if not name or name in functions:
            raise UnsafeModelError(f"{folder}: a function of its graph has no name of its own; expected a graph as TensorFlow writes it")
        functions[name] = frozenset(text(node, 2) for node in chunks(function, FUNCTION_NODES))
        for node in chunks(function, FUNCTION_NODES):
            called |= _references(node)
            called.add(text(node, 2))  # a function may be called by its name as the operator
            if text(node, 2) in UPDATES and not functions[name] & RESTORING:
                updates.append(text(node, 1))
    called |= {text(entry, 1) for entry in chunks(graph, OBJECTS, 2)}
    return SavedGraph(
        operators=frozenset(text(node, 2) for node in chunks(graph, GRAPH, NODES)),
        functions=functions,
        called=frozenset(called),
        signatures=tuple(sorted(text(entry, 1) for entry in chunks(graph, SIGNATURES))),
        has_objects=any(True for _ in chunks(graph, OBJECTS)),
        updates=tuple(updates),
    )


def _references(node: bytes) -> set[str]:
    """Functions that the attributes of a node name: AttrValue.func, or a list of them."""
    single = {text(name, 1) for name in chunks(node, 5, 2, 10)}
    return single | {text(name, 1) for name in chunks(node, 5, 2, 1, 9)}


def keras_config(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """The network as Keras 2 described it beside the graph, and the version of Keras; None where there is no description."""
    place = folder / "keras_metadata.pb"
    if not place.exists():
        return None, ""
    for node in chunks(_content(place), 1):
        if text(node, 3) != "root":
            continue
        metadata = bounded.parse_json(folder, text(node, 5), "keras_metadata.pb")
        if not isinstance(metadata, dict):
            return None, ""
        config = metadata.get("model_config")
        usable = isinstance(config, dict) and isinstance(config.get("config"), dict) and "layers" in config["config"]
        return (config if usable else None), str(metadata.get("keras_version", ""))[:40]
    return None, ""


def _content(place: Path) -> bytes:
    bounded.regular_file(place, "part of a SavedModel")
    if place.stat().st_size > MAX_GRAPH:
        raise BadFile(f"{place} has more than {MAX_GRAPH:,} bytes; expected a graph without weights")
    return place.read_bytes()
