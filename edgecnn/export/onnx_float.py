"""Frozen graph -> float32 ONNX: folded by onnxslim, batch left open, checked by onnx.checker."""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping

import keras
import onnx
import onnxslim
import tensorflow as tf
from tf2onnx.graph import Graph
from tf2onnx.optimizer import optimize_graph
from tf2onnx.tf_loader import tf_optimize
from tf2onnx.tfonnx import process_tf_graph
from tf2onnx.utils import make_name

from edgecnn.card import INPUT, OUTPUT
from edgecnn.errors import BadFile
from edgecnn.export import graph, memory, names, onnx_fuse

# The newest opset that ONNX Runtime Mobile's reduced operator set lists; int8 weights with one scale a channel need 13.
OPSET = 15
BATCH = "batch"

# What tf2onnx appends to names of its own.
_NUMBERED = re.compile(r"__\d+(:\d+)?$")


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
        memory.release(model.count_params())
        proto = onnx_fuse.fuse(onnxslim.slim(proto))
    return _tidy(proto)


def _translate(frozen: graph.Frozen, name: str) -> onnx.ModelProto:
    """What tf2onnx.convert.from_function does, without its second freezing and without copies of all weights around each of its optimizers.

    Half of the copies let it go on after an optimizer that fails; here a failure is an error. The others bring the nodes' protobufs up to date, which only
    the last step reads; protobuf keeps the memory of the old ones. For VGG16 that is the difference between 21 and 8 GB.
    """
    _spell_out_erfc(frozen.graph_def)
    ends = [frozen.input], [frozen.output]
    with tf.Graph().as_default():
        graph_def = tf_optimize(*ends, frozen.graph_def)
    with tf.Graph().as_default() as tf_graph:
        tf.import_graph_def(graph_def, name="")
        translated = process_tf_graph(tf_graph, opset=OPSET, input_names=ends[0], output_names=ends[1])
    _give_scalars_a_dimension(translated)
    translated.update_proto = lambda: None
    optimized = optimize_graph(translated, catch_errors=False)
    del translated.update_proto
    return optimized.make_model(name)


def _spell_out_erfc(graph_def: tf.compat.v1.GraphDef) -> None:
    """Erfc, which Keras' gelu is made of, as 1 - Erf: tf2onnx has no translation for it."""
    for node in list(graph_def.node):
        if node.op != "Erfc":
            continue
        one, erf = graph_def.node.add(), graph_def.node.add()
        one.name, one.op = f"{node.name}/one", "Const"
        one.attr["dtype"].CopyFrom(node.attr["T"])
        one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1.0, dtype=node.attr["T"].type))
        erf.name, erf.op = f"{node.name}/erf", "Erf"
        erf.attr["T"].CopyFrom(node.attr["T"])
        erf.input.extend(node.input)
        node.op = "Sub"
        node.input[:] = [one.name, erf.name]


def _give_scalars_a_dimension(translated: Graph) -> None:
    """tf2onnx asks whether what is added after a convolution without a bias could be its bias, and fails where that is a number without a dimension.

    Such as the 3 of a hard sigmoid; biases of zeros, which a fresh network has, are gone by then.
    """
    for node in list(translated.get_nodes()):
        if node.type == "Add" and node.inputs[1].is_const():
            value = node.inputs[1].get_tensor_value(as_list=False)
            if value.ndim == 0:
                constant = translated.make_const(make_name(node.name), value.reshape(1))
                translated.replace_input(node, node.input[1], constant.output[0], 1)


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
    reads = Counter(edge for node in graph.node for edge in node.input)
    found = names.activations([_step(node, reads) for node in graph.node], {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT})
    taken = set(found.values())
    for node in graph.node:
        node.name = found[node.output[0]]
    for node in sorted(graph.node, key=lambda node: node.name):
        for i, edge in enumerate(node.input):
            if edge and edge not in found:
                role = names.ROLES[i] if i < len(names.ROLES) else str(i)
                found[edge] = names.unused(f"{node.name}/{role}", taken)
                taken.add(found[edge])
    for node in graph.node:
        for edges in (node.input, node.output):
            edges[:] = [found.get(edge, edge) for edge in edges]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = found.get(value.name, value.name)
    graph.name = "edgecnn"


def _step(node: onnx.NodeProto, reads: Mapping[str, int]) -> names.Step:
    """The first name that comes from the model: of the result, of the node, or of a constant that only this node reads.

    tf2onnx calls by a number what it inserts or puts together, and a result before a layer that it inserts nothing for after that layer.
    """
    if node.op_type == "Transpose":
        base, kind = "", "nchw" if list(node.attribute[0].ints) == [0, 3, 1, 2] else "nhwc"
    else:
        candidates = (node.output[0], node.name, *(edge for edge in reversed(node.input) if reads[edge] == 1))
        base, kind = next((names.layer(one) for one in candidates if "/" in one and not _NUMBERED.search(one)), ""), node.op_type.lower()
    return names.Step(base, kind, tuple(edge for edge in node.input if edge), tuple(node.output))


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
