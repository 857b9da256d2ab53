"""The oldest runtime that runs a file, from the versions of its operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgecnn.runtime.operator_versions import BY_OPTION, BY_RANK, BY_TYPE, BY_WEIGHTS, RELEASES
from edgecnn.runtime.tflite_schema import element_type, operator_name

# The first TensorFlow release that spreads out kernels which are stored sparse.
SPARSE_SINCE = RELEASES["DENSIFY"][0]

# Integer FULLY_CONNECTED with a scale a channel came without a version of its own: runtimes that do not know it answer nonsense. 2.12 is the oldest release
# that still installs, and there it was found to be right.
DENSE_CHANNELS = "2.12"

# ONNX Runtime release -> newest opset and IR version that it takes. Up to 1.14 from https://onnxruntime.ai/docs/reference/compatibility.html and the IR version
# of the ONNX release named there (https://github.com/onnx/onnx/blob/main/docs/Versioning.md); from 1.15 on
# measured with the releases themselves: an opset counts from where a float and an int8 classifier of it both load.
ONNX_RUNTIMES: dict[str, tuple[int, int]] = {
    "1.0": (11, 6), "1.3": (12, 7), "1.6": (13, 7), "1.8": (14, 7), "1.9": (15, 8), "1.11": (16, 8), "1.12": (17, 8), "1.14": (18, 8),
    "1.15": (18, 9), "1.16": (19, 9), "1.17": (20, 9), "1.18": (21, 10), "1.21": (22, 10), "1.23": (22, 11), "1.24": (25, 13), "1.25": (26, 13),
}  # fmt: skip


@dataclass(frozen=True)
class Need:
    """What runs one kind of operator in a file.

    Attributes:
        kind, version: of the operator; the version is what its types and options need, or the file's own where that is later.
        release: first TensorFlow release with it, "" where that is not known.
        use: what about its use needs that release, where its version does not say it.
    """

    kind: str
    version: int
    release: str
    use: str = ""

    def __str__(self) -> str:
        return f"{self.kind} version {self.version}{f' {self.use}' if self.use else ''}"


def order(release: str) -> tuple[int, ...]:
    """A release as numbers that can be compared: `2.10` comes after `2.9`."""
    return tuple(int(part) for part in release.split("."))


def newest(needs: list[Need]) -> Need | None:
    """The operator that needs the latest release, the first by name where several do; None where none is known."""
    known = [need for need in needs if need.release]
    return min(known, key=lambda need: (tuple(-part for part in order(need.release)), need.kind), default=None)


def tflite(model: Any) -> list[Need]:
    """What each kind of operator of a .tflite needs, by name; `model` is the file as objects of the schema."""
    # A runtime looks for the kernel of every code, used or not.
    found: dict[str, int] = {}
    for code in model.operatorCodes:
        found[operator_name(code)] = max(found.get(operator_name(code), 0), code.version)
    late = set()
    for graph, operator in _operators(model):
        kind = operator_name(model.operatorCodes[operator.opcodeIndex])
        found[kind] = max(found[kind], version(model, graph, operator))
        if kind == "FULLY_CONNECTED" and _integer_with_channels(graph, operator):
            late.add(kind)
    return [_need(kind, number, kind in late) for kind, number in sorted(found.items())]


def _need(kind: str, number: int, late: bool) -> Need:
    known = RELEASES.get(kind, ())
    release = known[number - 1] if 0 < number <= len(known) else ""
    if late and release and order(release) < order(DENSE_CHANNELS):
        return Need(kind, number, DENSE_CHANNELS, "with a scale a channel")
    return Need(kind, number, release)


def _integer_with_channels(graph: Any, operator: Any) -> bool:
    source, kernel = (graph.tensors[i] for i in operator.inputs[:2])
    return _type(source) in ("int8", "int16") and _per_channel(kernel)


def _operators(model: Any) -> Iterator[tuple[Any, Any]]:
    return ((graph, operator) for graph in model.subgraphs for operator in graph.operators or ())


def words(needs: list[Need]) -> str:
    """`TensorFlow Lite 2.3 or later (for CONV_2D version 4)`; says what is not known."""
    first = newest(needs)
    unknown = [str(need) for need in needs if not need.release]
    known = f"TensorFlow Lite {first.release} or later (for {first})" if first else "TensorFlow Lite"
    return known + (f"; not known for {', '.join(unknown)}" if unknown else "")


def version(model: Any, graph: Any, operator: Any) -> int:
    """The version of an operator that knows its types, dimensions and options; 1 for an operator that no table has."""
    kind = operator_name(model.operatorCodes[operator.opcodeIndex])
    inputs = [graph.tensors[i] if i >= 0 else None for i in (operator.inputs if operator.inputs is not None else ())]
    first = inputs[0] if inputs else None
    options = operator.builtinOptions
    needed = [1, *(number for name, number in BY_OPTION.get(kind, {}).items() if getattr(options, name, 0))]
    if first is not None:
        needed.append(BY_TYPE.get(kind, {}).get(_type(first), 1))
        needed += [number for rank, number in BY_RANK.get(kind, ()) if len(_shape(first)) >= rank]
    special = {"CONV_2D": _conv, "DEPTHWISE_CONV_2D": _depthwise, "FULLY_CONNECTED": _dense, "TRANSPOSE_CONV": _weights, "MUL": _mul}.get(kind)
    if special is not None and len(inputs) > 1 and None not in inputs[:2]:
        needed.append(special(kind, inputs, options, graph, operator))
    if kind in ("QUANTIZE", "DEQUANTIZE"):
        needed.append(_quantize(kind, first, graph.tensors[operator.outputs[0]]))
    return max(needed)


def _weights(kind: str, inputs: list[Any], *_: Any) -> int:
    # TRANSPOSE_CONV has its shape first, then the weights, then the input.
    source, kernel = (inputs[2], inputs[1]) if kind == "TRANSPOSE_CONV" and len(inputs) > 2 else (inputs[0], inputs[1])
    whole, channels = BY_WEIGHTS[kind].get((_type(source), _type(kernel)), (1, 1))
    return channels if _per_channel(kernel) else whole


def _conv(kind: str, inputs: list[Any], *_: Any) -> int:
    source, kernel = _shape(inputs[0]), _shape(inputs[1])
    grouped = 6 if source and kernel and source[-1] != kernel[-1] else 1
    return max(grouped, _weights(kind, inputs))


def _depthwise(kind: str, inputs: list[Any], options: Any, *_: Any) -> int:
    dilated = max(getattr(options, "dilationWFactor", 1), getattr(options, "dilationHFactor", 1)) > 1
    return max(2 if dilated else 1, _weights(kind, inputs))


def _dense(kind: str, inputs: list[Any], options: Any, *_: Any) -> int:
    hybrid = _type(inputs[0]) == "float32" and _type(inputs[1]) != "float32"
    asymmetric = 9 if hybrid and getattr(options, "asymmetricQuantizeInputs", False) else 1
    return max(6 if len(inputs) == 2 else 1, 8 if inputs[1].sparsity is not None else 1, asymmetric, _weights(kind, inputs))


def _mul(kind: str, inputs: list[Any], options: Any, graph: Any, operator: Any) -> int:
    scales = [_scales(tensor) for tensor in (*inputs[:2], graph.tensors[operator.outputs[0]])]
    return 3 if all(len(scale) for scale in scales) and scales[0][0] * scales[1][0] / scales[2][0] >= 1 else 1


def _quantize(kind: str, source: Any, result: Any) -> int:
    if kind == "DEQUANTIZE":
        return 5 if _type(source) == "int8" and _per_channel(source) else 1
    four = {_type(source), _type(result)} & {"int4", "uint4"}
    return max(2 if _type(result) == "int16" else 1, 3 if _per_channel(result) else 1, 5 if "uint4" in four else 4 if four else 1)


def _type(tensor: Any) -> str:
    return element_type(tensor.type)


def _shape(tensor: Any) -> list[int]:
    return [int(side) for side in tensor.shape] if tensor.shape is not None else []


def _scales(tensor: Any) -> Any:
    found = tensor.quantization.scale if tensor.quantization is not None else None
    return () if found is None else found


def _per_channel(tensor: Any) -> bool:
    return len(_scales(tensor)) > 1


def onnx_runtime(opset: int, ir: int) -> str:
    """The first ONNX Runtime release that takes a file of that opset and IR version, "" where none is known."""
    return next((release for release, (most, newest_ir) in ONNX_RUNTIMES.items() if opset <= most and ir <= newest_ir), "")


def onnx_limits(release: str) -> tuple[int, int]:
    """The newest opset and IR version that an ONNX Runtime release takes; (0, 0) before 1.0."""
    return max((limits for known, limits in ONNX_RUNTIMES.items() if order(known) <= order(release)), default=(0, 0))


def onnx_words(opset: int, ir: int) -> str:
    """`ONNX Runtime 1.9 or later (for opset 15 and IR version 8)`."""
    release = onnx_runtime(opset, ir)
    return f"ONNX Runtime {release} or later (for opset {opset} and IR version {ir})" if release else f"opset {opset}, IR version {ir}"
