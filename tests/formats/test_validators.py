"""What the doors of TFLite, ONNX and .ort refuse, field by field, and what they let pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, edgecnn, onnx_file, picture, refused

from edgecnn.errors import BadFile
from edgecnn.runtime import onnx_file as onnx_reader
from edgecnn.runtime import tflite_file

TFLITE, ONNX = (ROOT / "models" / name for name in ("mobilenet_int8.tflite", "mobilenet_int8.onnx"))

Change = Callable[[Any], None]


def quantization(model: Any) -> Any:
    return next(t.quantization for t in model.subgraphs[0].tensors if t.quantization is not None and t.quantization.scale is not None and t.type == 9)


def conv(model: Any) -> Any:
    return next(op for op in model.subgraphs[0].operators if hasattr(op.builtinOptions, "dilationWFactor"))


def kernel(model: Any) -> Any:
    return model.subgraphs[0].tensors[conv(model).inputs[1]]


def put(owner: Callable[[Any], Any], field: str, value: Any) -> Change:
    return lambda model: setattr(owner(model), field, value)


def graph(model: Any) -> Any:
    return model.subgraphs[0]


TFLITE_CHANGES: dict[str, tuple[Change, str]] = {
    **{f"scale {v}": (put(quantization, "scale", np.array([v], np.float32)), "quantization scale") for v in (np.nan, np.inf, -np.inf, 0.0, -1.0)},
    "zero point": (put(quantization, "zeroPoint", np.array([200])), "zero point that int8 does not reach"),
    "two zero points": (put(quantization, "zeroPoint", np.array([0, 0])), "zero points; expected as many"),
    "axis": (put(lambda m: kernel(m).quantization, "quantizedDimension", 9), "dimension 9"),
    "stride": (put(lambda m: conv(m).builtinOptions, "strideW", 0), "strideW 0"),
    "dilation": (put(lambda m: conv(m).builtinOptions, "dilationHFactor", -1), "dilationHFactor -1"),
    "no options": (put(conv, "builtinOptions", None), "no strideW"),
    "inputs": (put(conv, "inputs", np.array([0])), "has 1 inputs"),
    "no output": (put(conv, "outputs", None), "no output"),
    "index": (put(conv, "inputs", np.array([0, 9999, 1])), "reads tensor 9999"),
    "negative index": (put(conv, "inputs", np.array([-2, 1, 1])), "reads tensor -2"),
    "code": (put(conv, "opcodeIndex", 99), "names code 99"),
    "unknown operator": (lambda m: put(lambda n: n.operatorCodes[0], "builtinCode", 5000)(m), "which this version of LiteRT does not know"),
    "element type": (put(kernel, "type", 99), "element type 99"),
    "shape": (put(kernel, "shape", np.array([8, 3, 3, 4], np.int32)), "are stored"),
    "huge": (put(lambda m: graph(m).tensors[graph(m).inputs[0]], "shape", np.array([1, 2**30, 2**30, 3], np.int32)), "more elements than memory holds"),
    "negative side": (put(lambda m: graph(m).tensors[graph(m).inputs[0]], "shape", np.array([1, -5, 4, 3], np.int32)), "no negative sides"),
    "buffer": (put(kernel, "buffer", 9999), "names buffer 9999"),
    "metadata buffer": (put(lambda m: m.metadata[0], "buffer", 9999), "names buffer 9999"),
    "backwards": (lambda m: graph(m).operators.reverse(), "before any operator has written it"),
    "circle": (lambda m: setattr(conv(m), "inputs", np.array([conv(m).outputs[0], *conv(m).inputs[1:]])), "before any operator has written it"),
    "twice": (lambda m: graph(m).operators.append(copy.copy(conv(m))), "which has a value already"),
    "output": (put(graph, "outputs", np.array([9999])), "tensor 9999"),
    "no graph": (lambda m: setattr(m, "subgraphs", []), "no graph"),
    "signature": (put(lambda m: m.signatureDefs[0], "subgraphIndex", 7), "graph 7 of 1"),
}


@pytest.mark.parametrize("name", TFLITE_CHANGES)
def test_a_wrong_field_of_a_tflite_is_named(name: str, tmp_path: Path) -> None:
    from edgecnn.export import flatbuffer

    change, words = TFLITE_CHANGES[name]
    model = tflite_file.read(TFLITE.read_bytes())
    change(model)
    path = tmp_path / "in.tflite"
    path.write_bytes(flatbuffer.pack(model))
    with pytest.raises(BadFile, match="is no file that LiteRT can run") as raised:
        tflite_file.describe(path)
    assert words in str(raised.value)
    assert "cut off" not in str(raised.value)


def test_a_scalar_without_a_shape_is_no_damage(tmp_path: Path) -> None:
    """Writers leave the vector out; `cut off or damaged` was said of such files."""
    from ai_edge_litert import schema_py_generated as schema

    from edgecnn.export import flatbuffer

    model = tflite_file.read(TFLITE.read_bytes())
    scalar = schema.TensorT()
    scalar.name, scalar.type, scalar.buffer, scalar.shape = b"scalar", schema.TensorType.FLOAT32, 0, None
    model.subgraphs[0].tensors.append(scalar)
    (tmp_path / "in.tflite").write_bytes(flatbuffer.pack(model))
    assert tflite_file.describe(tmp_path / "in.tflite").operators


def _repeated(builder: Any, table: int, count: int = 1000) -> int:
    """A vector that leads to one table many times."""
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def test_one_table_named_a_million_times_is_refused_before_it_is_read() -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    builder = flatbuffers.Builder(1024)
    schema.TensorStart(builder)
    tensor = schema.TensorEnd(builder)
    tensors = _repeated(builder, tensor)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graphs = _repeated(builder, schema.SubGraphEnd(builder))
    schema.ModelStart(builder)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    with pytest.raises(BadFile, match=r"declares .* tables in"):
        tflite_file.read(bytes(builder.Output()))


def node(model: Any, kind: str) -> Any:
    return next(one for one in model.graph.node if one.op_type == kind)


def attribute(model: Any, name: str, values: list[int]) -> None:
    found = next(one for n in model.graph.node if n.op_type == "Conv" for one in n.attribute if one.name == name)
    del found.ints[:]
    found.ints.extend(values)


def circle(model: Any) -> None:
    first, second = (one for one in model.graph.node if one.op_type == "Conv")
    first.input[0] = second.output[0]


ONNX_CHANGES: dict[str, tuple[Change, str]] = {
    "too few bytes": (lambda m: setattr(m.graph.initializer[0], "raw_data", b"x"), "1 are stored"),
    "sides": (lambda m: m.graph.initializer[0].dims.append(2**40), "more elements than memory holds"),
    "negative side": (lambda m: m.graph.initializer[0].dims.__setitem__(0, -1), "no negative sides"),
    "type": (lambda m: setattr(m.graph.initializer[0], "data_type", 77), "element type 77"),
    "input type": (lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 77), "element type 77"),
    "two of one name": (lambda m: setattr(m.graph.initializer[0], "name", m.graph.initializer[1].name), "one name"),
    "nothing writes": (lambda m: node(m, "Conv").input.__setitem__(0, "nowhere"), "which nothing writes"),
    "written twice": (lambda m: m.graph.node.append(copy.deepcopy(node(m, "Conv"))), "written twice"),
    "no inputs": (lambda m: node(m, "Conv").ClearField("input"), "fewer than its 2 inputs"),
    "no outputs": (lambda m: node(m, "Conv").ClearField("output"), "no output"),
    "no operator": (lambda m: setattr(node(m, "Conv"), "op_type", ""), "no operator"),
    "strides": (lambda m: attribute(m, "strides", [0, 0]), "strides [0, 0]"),
    "circle": (circle, "in a circle"),
    "no opset": (lambda m: m.ClearField("opset_import"), "no opset"),
    "opset": (lambda m: setattr(m.opset_import[0], "version", -3), "opset -3"),
    "ir": (lambda m: m.ClearField("ir_version"), "no version of ONNX"),
}


def small_onnx(path: Path) -> Any:
    """Two convolutions one after the other, and a mean."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernels = [numpy_helper.from_array(np.ones((3, 3, 3, 3), np.float32), f"k{i}") for i in range(2)]
    nodes = [helper.make_node("Conv", [f"t{i}", f"k{i}"], [f"t{i + 1}"], strides=[1, 1], kernel_shape=[3, 3]) for i in range(2)]
    nodes += [helper.make_node("GlobalAveragePool", ["t2"], ["pool"]), helper.make_node("Flatten", ["pool"], ["y"])]
    given = helper.make_tensor_value_info("t0", TensorProto.FLOAT, ["n", 3, 8, 8])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    model = helper.make_model(helper.make_graph(nodes, "g", [given], [result], kernels), opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, path)
    return model


@pytest.mark.parametrize("name", ONNX_CHANGES)
def test_a_wrong_field_of_an_onnx_is_named(name: str, tmp_path: Path) -> None:
    import onnx

    change, words = ONNX_CHANGES[name]
    path = tmp_path / "in.onnx"
    model = small_onnx(path)
    assert onnx_reader.describe(path).operators
    change(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BadFile, match="is no file that ONNX Runtime can run") as raised:
        onnx_reader.describe(path)
    assert words in str(raised.value)
    assert onnx.__version__


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("location", "../secret.bin", "without .."),
        ("location", "/etc/passwd", "without .."),
        ("location", "C:\\secret.bin", "without .."),
        ("location", "a\\..\\..\\secret.bin", "without .."),
        ("location", "link.bin", "a link out of the folder"),
        ("location", "pipe.bin", "no ordinary file"),
        ("location", "nothing.bin", "not beside it"),
        ("offset", "999999999", "up to byte"),
        ("offset", "-1", "are named for it"),
        ("offset", "x", "no number"),
        ("length", "1", "are named for it"),
    ],
)
def test_weights_in_a_second_file_lie_beside_it(key: str, value: str, words: str, tmp_path: Path) -> None:
    import os

    import onnx

    (tmp_path / "sub").mkdir()
    path = onnx_file(tmp_path / "sub" / "in.onnx", external=True)
    assert edgecnn("predict", path, picture(tmp_path / "a.png"), "--mean", "128", "--std", "128").code == 0
    (tmp_path / "secret.bin").write_bytes(b"x" * 1000)
    (tmp_path / "sub" / "link.bin").symlink_to(tmp_path / "secret.bin")
    os.mkfifo(tmp_path / "sub" / "pipe.bin")
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    entries = {entry.key: entry for entry in tensor.external_data}
    (entries[key] if key in entries else tensor.external_data.add(key=key)).value = value
    path.write_bytes(model.SerializeToString())
    for command in (["info", path], ["predict", path, picture(tmp_path / "a.png")], ["check", path, "--for", "ort-mobile"]):
        refused(edgecnn(*command), words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: setattr(m.opset_import[0], "version", 99), "needs a newer ONNX Runtime: it is written in opset 99"),
        (lambda m: setattr(m, "ir_version", 99), "needs a newer ONNX Runtime: it has IR version 99"),
        (lambda m: setattr(m.graph.node[2], "op_type", "Unheard"), "no operator Unheard in opset 15"),
    ],
    ids=["opset", "IR", "operator"],
)
def test_what_onnx_runtime_lacks_is_said_in_words(change: Change, words: str, tmp_path: Path) -> None:
    path = tmp_path / "in.onnx"
    model = small_onnx(path)
    change(model)
    path.write_bytes(model.SerializeToString())
    refused(edgecnn("predict", path, picture(tmp_path / "a.png"), "--mean", "128", "--std", "128"), words)
