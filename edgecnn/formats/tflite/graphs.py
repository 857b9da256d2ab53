"""Files with several graphs: each signature runs one of them, and an image classifier is one of the signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgecnn.errors import BadFile
from edgecnn.formats.keras import trust
from edgecnn.formats.tflite.pack import pack

CHANNELS = (1, 3, 4)


def with_chosen_graph(path: Path, model: Any, content: bytes) -> bytes:
    """The file with the graph of one signature alone: of the one that --signature names, else of the only one that takes images.

    Args:
        path: of the file, for messages.
        model: the file as objects of the schema; is changed where a graph is chosen.
        content: of the file; returned as it is where its first graph is the only one that a signature runs.

    Raises:
        BadFile: several signatures take images and none was named, none has the name, or the graph runs others.
    """
    graphs = {_text(entry.signatureKey): int(entry.subgraphIndex) for entry in model.signatureDefs or ()}
    if len(set(graphs.values())) < 2:
        return content
    wanted = trust.current().signature
    if wanted is not None and wanted not in graphs:
        raise BadFile(f"{path} has no signature '{wanted}'; expected one of {', '.join(sorted(graphs))}")
    chosen = [wanted] if wanted is not None else [key for key, number in graphs.items() if _takes_images(model.subgraphs[number])]
    if len({graphs[key] for key in chosen}) > 1:
        raise BadFile(f"{path} has several signatures that take images ({', '.join(sorted(chosen))}); say which one with --signature NAME")
    number = graphs[chosen[0]] if chosen else 0
    if runs_graphs(model.subgraphs[number]):
        if number == 0:
            return content
        raise BadFile(f"{path}: the graph of signature '{chosen[0]}' runs other graphs of the file; convert that signature alone")
    model.signatureDefs = [entry for entry in model.signatureDefs if entry.subgraphIndex == number]
    for entry in model.signatureDefs:
        entry.subgraphIndex = 0
    model.subgraphs = [model.subgraphs[number]]
    return pack(model)


def runs_graphs(graph: Any) -> bool:
    """Whether an operator of a graph runs another graph of the file, as WHILE and IF do."""
    return any(runs_graph(operator) for operator in graph.operators or ())


def runs_graph(operator: Any) -> bool:
    """Whether an operator runs another graph of the file."""
    fields = vars(operator.builtinOptions) if operator.builtinOptions is not None else {}
    return any(name.lower().endswith("subgraphindex") for name in fields)


def _takes_images(graph: Any) -> bool:
    if len(graph.inputs) != 1:
        return False
    shape = graph.tensors[graph.inputs[0]].shape
    return shape is not None and len(shape) == 4 and (shape[3] in CHANNELS or shape[1] in CHANNELS)


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")
