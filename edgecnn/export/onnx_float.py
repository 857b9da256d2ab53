"""Frozen graph -> float32 ONNX: folded by onnxslim, batch left open, checked by onnx.checker."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping

import keras
import onnx
import onnxslim
import tensorflow as tf
from tf2onnx.optimizer import optimize_graph
from tf2onnx.tf_loader import tf_optimize
from tf2onnx.tfonnx import process_tf_graph

from edgecnn.card import INPUT, OUTPUT
from edgecnn.errors import BadFile
from edgecnn.export import graph, memory, names

# The newest opset that ONNX Runtime Mobile's reduced operator set lists; int8 weights with one scale a channel need 13.
OPSET = 15
BATCH = "batch"


def convert(model: keras.Model) -> onnx.ModelProto:
    """The float32 ONNX form of a Keras model: input `image` [batch, H, W, C] (NHWC, as the picture lies in memory), output `probabilities`.

    Raises:
        BadFile: tf2onnx has no translation for an operation of the model.
    """
    with _quiet():
        try:
            proto = _translate(graph.freeze(model, batch=None), model.name)
        except ValueError as error:
            raise BadFile(f"{model.name} cannot be converted to ONNX: {str(error).splitlines()[0][:200]}") from error
        memory.release()
        proto = onnxslim.slim(proto)
    return _tidy(proto)


def _translate(frozen: graph.Frozen, name: str) -> onnx.ModelProto:
    """What tf2onnx.convert.from_function does, without its second freezing and without a copy of all weights before each of its optimizers.

    The copies let it go on after an optimizer that fails; here a failure is an error. They cost a gigabyte and half of the time.
    """
    ends = [frozen.input], [frozen.output]
    with tf.Graph().as_default():
        graph_def = tf_optimize(*ends, frozen.graph_def)
    with tf.Graph().as_default() as tf_graph:
        tf.import_graph_def(graph_def, name="")
        translated = process_tf_graph(tf_graph, opset=OPSET, input_names=ends[0], output_names=ends[1])
        return optimize_graph(translated, catch_errors=False).make_model(name)


def finished(proto: onnx.ModelProto, entries: Mapping[str, str]) -> bytes:
    """The file as it is shipped: metadata properties `entries` added, and accepted by onnx.checker, shapes included."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    onnx.helper.set_model_props(copy, {**{prop.key: prop.value for prop in proto.metadata_props}, **entries})
    onnx.checker.check_model(copy, full_check=True)
    return copy.SerializeToString()


def _tidy(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Readable names, a symbolic batch, and no mark of opsets that no node uses."""
    del proto.graph.value_info[:]
    _name_edges(proto.graph)
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    used = {node.domain or "" for node in proto.graph.node}
    opsets = [o for o in proto.opset_import if o.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)
    proto.producer_name, proto.doc_string, proto.graph.doc_string = "edgecnn", "", ""
    return onnx.shape_inference.infer_shapes(proto)


def _name_edges(graph: onnx.GraphProto) -> None:
    """Nodes and their results are called after their layer, constants after the node that reads them first."""
    found = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for node in graph.node:
        for edge in node.output:
            if edge not in found:
                base = f"{found[node.input[0]]}_nchw" if node.op_type == "Transpose" else names.layer(edge)
                found[edge] = names.unused(base, found.values())
        node.name = found[node.output[0]]
    for node in graph.node:
        for i, edge in enumerate(node.input):
            if edge and edge not in found:
                role = names.ROLES[i] if i < len(names.ROLES) else str(i)
                found[edge] = names.unused(f"{node.name}/{role}", found.values())
    for node in graph.node:
        for edges in (node.input, node.output):
            edges[:] = [found.get(edge, edge) for edge in edges]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = found.get(value.name, value.name)
    graph.name = "edgecnn"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """tf2onnx and TensorFlow 1's compatibility layer log what no user can act on."""
    names = ("tf2onnx", "tensorflow")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
