"""Appends the softmax that task libraries expect behind logits, and proves that nothing else changed."""

from __future__ import annotations

import copy
import os

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.errors import BadSetting, CheckFailed
from edgecnn.export import flatbuffer
from edgecnn.export.tasks import batch
from edgecnn.runtime.scores import softmax

# Scale and zero point of a quantized softmax, which the kernels demand.
_QUANTIZED = {schema.TensorType.INT8: -128, schema.TensorType.UINT8: 0}
_SCALE = 1 / 256
# Quantized kernels read the exponential from a table.
_TOLERANCE = 2 * _SCALE


def append_softmax(content: bytes, origin: str | os.PathLike[str]) -> bytes:
    """The file with a SOFTMAX behind its output, of the output's own type.

    Raises:
        BadSetting: its output is one score, or neither float32, int8 nor uint8. CheckFailed: the new file does not give the softmax of the old one's scores.
    """
    model = flatbuffer.read(content)
    graph = model.subgraphs[0]
    logits = graph.tensors[graph.outputs[0]]
    if logits.type not in (schema.TensorType.FLOAT32, *_QUANTIZED) or int(logits.shape[-1]) < 2:
        raise BadSetting(f"{origin}: a softmax needs two scores or more of float32, int8 or uint8; this output has {int(logits.shape[-1])}")
    probabilities = copy.deepcopy(logits)
    probabilities.name, probabilities.buffer = b"probabilities_of_softmax", 0
    if logits.type in _QUANTIZED:
        probabilities.quantization.scale, probabilities.quantization.zeroPoint = [_SCALE], [_QUANTIZED[logits.type]]
        probabilities.quantization.min = probabilities.quantization.max = None
    graph.tensors.append(probabilities)
    operator, options = schema.OperatorT(), schema.SoftmaxOptionsT()
    options.beta = 1.0
    operator.opcodeIndex = flatbuffer.operator_code(model, schema.BuiltinOperator.SOFTMAX, 2 if logits.type == schema.TensorType.INT8 else 1)
    operator.inputs, operator.outputs = [graph.outputs[0]], [len(graph.tensors) - 1]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.SoftmaxOptions, options
    graph.operators.append(operator)
    graph.outputs = [len(graph.tensors) - 1]
    _rename_signatures(model, int(operator.inputs[0]), int(operator.outputs[0]))
    after = flatbuffer.pack(model)
    _must_be_softmax(content, after, origin)
    return after


def _rename_signatures(model: schema.ModelT, old: int, new: int) -> None:
    for signature in model.signatureDefs or []:
        for entry in signature.outputs or []:
            if entry.tensorIndex == old:
                entry.tensorIndex = new


def _must_be_softmax(before: bytes, after: bytes, origin: str | os.PathLike[str]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, *batch.input_shape(before, origin)[1:])).astype(np.uint8)
    expected, found = softmax(batch.run_images(before, images, origin)), batch.run_images(after, images, origin)
    if not np.allclose(found, expected, rtol=0, atol=_TOLERANCE):
        raise CheckFailed(f"{origin} was not mended: with a softmax appended it gives other results than the softmax of its scores")
