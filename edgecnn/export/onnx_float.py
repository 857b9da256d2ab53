"""Frozen graph -> float32 ONNX: folded by onnxslim, batch left open, checked by onnx.checker."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping

import keras
import onnx
import onnxslim
import tf2onnx

from edgecnn.card import INPUT, OUTPUT
from edgecnn.errors import BadFile
from edgecnn.export import graph

# The newest opset that ONNX Runtime Mobile's reduced operator set lists; int8 weights with one scale a channel need 13.
OPSET = 15
BATCH = "batch"


def convert(model: keras.Model) -> onnx.ModelProto:
    """The float32 ONNX form of a Keras model: input `image` [batch, H, W, C] (NHWC, as the picture lies in memory), output `probabilities`.

    Raises:
        BadFile: tf2onnx has no translation for an operation of the model.
    """
    frozen = graph.freeze(model, batch=None)
    with _quiet():
        try:
            proto, _ = tf2onnx.convert.from_graph_def(
                frozen.graph.as_graph_def(), name=model.name, input_names=[frozen.inputs[0].name], output_names=[frozen.outputs[0].name], opset=OPSET
            )
        except ValueError as error:
            raise BadFile(f"{model.name} cannot be converted to ONNX: {str(error).splitlines()[0][:200]}") from error
        proto = onnxslim.slim(proto)
    return _tidy(proto)


def finished(proto: onnx.ModelProto, entries: Mapping[str, str]) -> bytes:
    """The file as it is shipped: metadata properties `entries` added, and accepted by onnx.checker, shapes included."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    onnx.helper.set_model_props(copy, {**{prop.key: prop.value for prop in proto.metadata_props}, **entries})
    onnx.checker.check_model(copy, full_check=True)
    return copy.SerializeToString()


def _tidy(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Readable names, a symbolic batch, and no mark of opsets that no node uses."""
    _rename(proto, {proto.graph.input[0].name: INPUT, proto.graph.output[0].name: OUTPUT})
    _drop_prefix(proto)
    for value in (proto.graph.input[0], proto.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    used = {node.domain or "" for node in proto.graph.node}
    opsets = [o for o in proto.opset_import if o.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)
    del proto.graph.value_info[:]
    proto.producer_name, proto.doc_string, proto.graph.doc_string = "edgecnn", "", ""
    return onnx.shape_inference.infer_shapes(proto)


def _rename(proto: onnx.ModelProto, names: Mapping[str, str]) -> None:
    for node in proto.graph.node:
        for edges in (node.input, node.output):
            for i, edge in enumerate(edges):
                edges[i] = names.get(edge, edge)
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        value.name = names.get(value.name, value.name)


def _drop_prefix(proto: onnx.ModelProto) -> None:
    """`mobilenet_1/conv1_1/convolution:0` -> `conv1_1/convolution:0`: the model's own name in front of everything tells nothing."""
    prefixes = {name.split("/")[0] for node in proto.graph.node for name in (node.name,) if name.count("/") > 1}
    if len(prefixes) != 1:
        return
    prefix = f"{prefixes.pop()}/"
    edges = {edge for node in proto.graph.node for edge in (*node.input, *node.output)}
    _rename(proto, {edge: edge.removeprefix(prefix) for edge in edges})
    for node in proto.graph.node:
        node.name = node.name.removeprefix(prefix)


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
