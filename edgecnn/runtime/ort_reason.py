"""ONNX Runtime's long complaints as one line that says what is the matter: the end of them, which names the operator, is what counts."""

from __future__ import annotations

import re
from pathlib import Path

# Letters of a complaint that are kept.
LONGEST = 300

_PLACE = re.compile(r"/onnxruntime_src/\S+:\d+ .*?\) (?=[A-Z])|/onnxruntime_src/\S+ ")
_NODE = re.compile(r'In Node, \("(?P<name>[^"]*)", (?P<kind>[^,]*), .* , Error (?P<why>.*)')
_UNKNOWN = re.compile(r"No Op registered for (?P<kind>\S+) with domain_version of (?P<opset>\d+)")
_OPSET = re.compile(r"Opset (?P<came>\d+) is under development.*?till opset (?P<most>\d+)")
_MISSING = re.compile(r"Could not find an implementation for (?P<kind>\w+)\(\d+\)")
_IR = re.compile(r"Unsupported model IR version: (?P<came>\d+), max supported IR version: (?P<most>\d+)")


def words(path: Path, text: str, version: str) -> str:
    """What ONNX Runtime says of a file.

    Args:
        path: of the file.
        text: of its exception.
        version: of ONNX Runtime, such as 1.23.0.
    """
    text = " ".join(text.split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ", "", text)
    missing = re.search(r"(?:External data path (?:does not exist|validation failed)[^\"]*|GetFileLength for |open file )\"?([^\s\"]+)", text)
    if missing:
        return f"its weights lie in another file, {Path(missing[1]).name}, which is not beside it; put it into {path.parent}"
    if newer := _OPSET.search(text):
        return f"it needs a newer ONNX Runtime: it is written in opset {newer['came']}, and {version} knows opsets up to {newer['most']}; export it in that one"
    if newer := _IR.search(text):
        return f"it needs a newer ONNX Runtime: it has IR version {newer['came']}, and {version} knows IR versions up to {newer['most']}; export it again"
    if (missing := _MISSING.search(text)) and _is_double(path):
        return (
            f"ONNX Runtime has no {missing['kind']} for numbers of 64 bits, and this network is in double precision; export it again in float32 "
            "(in PyTorch: model.float() before torch.onnx.export)"
        )
    if "protobuf" in text.lower():
        return "not an ONNX file, or one that is cut off or damaged; copy or export it again"
    return f"ONNX Runtime cannot run it: {_shortened(text.replace(str(path), path.name))}"


def _is_double(path: Path) -> bool:
    """Whether the graph of a file takes or holds float64."""
    import onnx

    from edgecnn.formats.onnx.tensors import constants_of

    graph = onnx.load(path, load_external_data=False).graph
    kinds = {value.type.tensor_type.elem_type for value in graph.input} | {tensor.data_type for tensor in constants_of(graph).values()}
    return onnx.TensorProto.DOUBLE in kinds


def _shortened(text: str) -> str:
    text = _PLACE.sub("", text)
    text = re.sub(r"^Load model from \S+ failed:\s*|This is an invalid model\. |Fatal error: ", "", text)
    if unknown := _UNKNOWN.search(text):
        return f"it has no operator {unknown['kind']} in opset {unknown['opset']}"
    if node := _NODE.search(text):
        text = f"{node['kind']} {node['name'][:80]}: {node['why']}"
    # What was at fault stands at the beginning, why at the end.
    return text if len(text) <= LONGEST else f"{text[:80]} ... {text[85 - LONGEST :]}"
