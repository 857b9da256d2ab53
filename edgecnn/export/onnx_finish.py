"""The last step of an .onnx: names, card and metadata, so that it can be run, checked and embedded with nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx

from edgecnn.card import INPUT, OUTPUT
from edgecnn.export.interface import Interface


def finished(proto: onnx.ModelProto, entries: Mapping[str, str], interface: Interface) -> bytes:
    """The file as it is shipped: ends called as `interface` says, metadata properties `entries` added, and accepted by onnx.checker, shapes included."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    rename_edges(copy.graph, _aside(copy.graph, interface) | {INPUT: interface.input, OUTPUT: interface.output})
    onnx.helper.set_model_props(copy, {**{prop.key: prop.value for prop in proto.metadata_props}, **entries})
    onnx.checker.check_model(copy, full_check=True)
    return copy.SerializeToString()


def _aside(graph: onnx.GraphProto, interface: Interface) -> dict[str, str]:
    """New names for edges within the network that are called as its ends will be."""
    edges = {edge for node in graph.node for edge in node.output}
    return {name: f"{name}_inside" for name in {interface.input, interface.output} & edges - {INPUT, OUTPUT}}


def rename_edges(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Call edges (old name -> new name) otherwise, in the graphs inside of nodes too; changes the graph in place."""
    if all(old == new for old, new in names.items()):
        return
    for node in graph.node:
        for edges in (node.input, node.output):
            edges[:] = [names.get(edge, edge) for edge in edges]
        for inner in inner_graphs(node):
            rename_edges(inner, names)
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = names.get(value.name, value.name)


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Branches and bodies of a node such as If or Loop."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
