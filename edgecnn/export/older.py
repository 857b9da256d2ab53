"""Files for runtimes of years ago: refused where an operator is too new, written in an older form where there is one that means the same."""

from __future__ import annotations

import onnx

from edgecnn.errors import CheckFailed
from edgecnn.runtime import oldest, tflite_file

# Operators whose opset 14 differs from 13 by element types that no export has, and Reshape by an attribute that none sets.
_AS_IN_13 = ("Add", "Sub", "Mul", "Div", "Relu", "Identity", "Reshape")


def tflite(content: bytes, release: str) -> bytes:
    """The file, where that TensorFlow release runs it.

    Raises:
        CheckFailed: an operator needs a later one, or one that no table knows.
    """
    needs = oldest.tflite(tflite_file.read(content))
    for need in needs:
        if not need.release:
            raise CheckFailed(f"{need} is in no table of releases, so that TensorFlow Lite {release} cannot be promised")
    first = oldest.newest(needs)
    if first is not None and oldest.order(first.release) > oldest.order(release):
        raise CheckFailed(
            f"{first} needs TensorFlow Lite {first.release}, and --min-runtime {release} came; expected {first.release} or later, or another number format"
        )
    return content


def onnx_file(content: bytes, release: str) -> bytes:
    """The file in the newest opset and IR version that ONNX Runtime `release` takes; `content` itself where it is no newer.

    Raises:
        CheckFailed: an operator means something else, or is not there, in that opset.
    """
    most, newest_ir = oldest.onnx_limits(release)
    model = onnx.load_from_string(content)
    (main,) = (entry for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if main.version <= most and model.ir_version <= newest_ir:
        return content
    too_new = {node.op_type: version for node in model.graph.node if (version := _since(node, main.version)) > most}
    if too_new:
        kind = max(sorted(too_new), key=too_new.__getitem__)
        needed = oldest.onnx_runtime(max(too_new[kind], most), min(model.ir_version, newest_ir)) or "a later release"
        raise CheckFailed(
            f"{kind} of opset {too_new[kind]} needs ONNX Runtime {needed}, and --min-runtime onnxruntime={release} came; "
            f"expected {needed} or later, or another number format"
        )
    main.version, model.ir_version = min(main.version, most), min(model.ir_version, newest_ir)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _since(node: onnx.NodeProto, opset: int) -> int:
    """The opset from which on an operator means what it means in `opset`."""
    if node.domain not in ("", "ai.onnx"):
        return 1
    version = onnx.defs.get_schema(node.op_type, opset, "").since_version
    return 13 if version == 14 and node.op_type in _AS_IN_13 and not any(a.name == "allowzero" and a.i for a in node.attribute) else version
