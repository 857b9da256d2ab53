"""Tensors of two networks are matched by where they stand: files of other tools, other names, other orders, bytes as input, batches, sparse kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

from edgecnn.card import Preprocessing
from edgecnn.errors import BadData
from edgecnn.export import flatbuffer, sparse
from edgecnn.validate.layers import noise
from edgecnn.validate.subjects import Subject

PREPROCESSING = Preprocessing(16, 16)
PICTURES = tiny_nets.pictures(20)


def layers(file: Path, original: Path):
    return noise([Subject(file, PREPROCESSING, (), 0, None)], Subject(original, PREPROCESSING, (), 0, None), PICTURES)[file]


class Calibration(quantization.CalibrationDataReader):
    """The same pictures, one at a time, channels first."""

    def __init__(self) -> None:
        self.left = iter([{"image": ((x[None].astype(np.float32) - 128) / 128).transpose(0, 3, 1, 2)} for x in PICTURES])

    def get_next(self):
        return next(self.left, None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """One tiny net as Keras model, and as files of three tools; to be read only."""
    folder = tmp_path_factory.mktemp("shop")
    net = tiny_nets.keras_net()
    net.save(folder / "net.keras")
    tiny_nets.tflite(net, folder / "float.tflite")
    for io in ("uint8", "float32"):
        tiny_nets.tflite(net, folder / f"int8_{io}.tflite", integer=True, io=io)
    tiny_nets.onnx(net, folder / "float.onnx")
    tiny_nets.onnx(net, folder / "nhwc.onnx", nchw=False)
    tiny_nets.onnx(net, folder / "bytes.onnx", dtype="uint8")
    tiny_nets.onnx(net, folder / "fours.onnx", batch=4)
    tiny_nets.onnx(net, folder / "many.onnx", batch=40)
    for name, form in (("qdq", quantization.QuantFormat.QDQ), ("qoperator", quantization.QuantFormat.QOperator)):
        quantization.quantize_static(folder / "float.onnx", folder / f"{name}.onnx", Calibration(), quant_format=form, per_channel=name == "qdq")
    return folder


@pytest.mark.parametrize(
    ("file", "original", "operators"),
    [
        ("int8_uint8.tflite", "float.tflite", ["CONV_2D", "FULLY_CONNECTED", "MEAN", "QUANTIZE", "QUANTIZE", "SOFTMAX", "input"]),
        ("int8_float32.tflite", "net.keras", ["CONV_2D", "FULLY_CONNECTED", "MEAN", "QUANTIZE", "SOFTMAX"]),
        ("qdq.onnx", "float.onnx", ["Conv", "Div", "Gemm", "GlobalAveragePool", "Softmax", "Sub", "Transpose"]),
        ("qdq.onnx", "net.keras", ["Conv", "Gemm", "GlobalAveragePool", "Softmax", "Transpose"]),
    ],
)
def test_files_of_other_tools(shop, file, original, operators):
    found = layers(shop / file, shop / original)
    assert sorted(layer.kind for layer in found) == operators
    assert all(layer.sqnr > 30 and not layer.suspect for layer in found), found
    assert min(layer.sqnr for layer in found) < 60, "int8 that loses nothing would be float"


@pytest.mark.parametrize(
    ("file", "original"),
    [("nhwc.onnx", "float.onnx"), ("bytes.onnx", "float.onnx"), ("fours.onnx", "float.onnx"), ("float.onnx", "fours.onnx"), ("many.onnx", "fours.onnx")],
)
def test_inputs_that_differ_in_form_only(shop, file, original):
    found = layers(shop / file, shop / original)
    assert {"Conv", "Gemm", "Softmax"} <= {layer.kind for layer in found}
    assert all(layer.sqnr > 100 for layer in found), found


def test_integer_operators_are_refused_in_one_line(shop):
    with pytest.raises(BadData, match=r"qoperator\.onnx has QLinearConv operators; .*QDQ format\)$"):
        layers(shop / "qoperator.onnx", shop / "float.onnx")


def test_sparse_kernels_are_those_of_the_dense_file(tmp_path):
    net = tiny_nets.keras_net()
    matrix = np.zeros_like(net.layers[-1].get_weights()[0])
    net.layers[1].set_weights([np.where(np.random.default_rng(0).random((3, 3, 3, 8)) < 0.1, w, 0) if w.ndim == 4 else w for w in net.layers[1].get_weights()])
    net.layers[-1].set_weights([matrix + np.eye(*matrix.shape), net.layers[-1].get_weights()[1]])
    dense = tiny_nets.tflite(net, tmp_path / "dense.tflite")
    packed = tmp_path / "sparse.tflite"
    packed.write_bytes(sparse.sparse(dense.read_bytes()))
    assert any(tensor.sparsity is not None for tensor in flatbuffer.read(packed.read_bytes()).subgraphs[0].tensors)
    found = layers(packed, dense)
    assert {"CONV_2D", "FULLY_CONNECTED"} <= {layer.kind for layer in found}
    assert all(layer.sqnr > 100 and (layer.own is None or layer.own > 100) for layer in found), found


def twins(path: Path, order: tuple[str, ...]) -> Path:
    """Three convolutions that look the same and read the same, joined in a fixed order, written down in `order`."""
    kernels = {name: np.random.default_rng(seed).normal(size=(4, 3, 3, 3)).astype(np.float32) for seed, name in enumerate("abc")}
    nodes = [helper.make_node("Conv", ["image", f"kernel_{name}"], [f"conv_{name}"]) for name in order]
    nodes += [helper.make_node("Concat", ["conv_a", "conv_b", "conv_c"], ["all"], axis=1), helper.make_node("GlobalAveragePool", ["all"], ["mean"])]
    nodes.append(helper.make_node("Flatten", ["mean"], ["scores"]))
    stored = [numpy_helper.from_array(value, f"kernel_{name}") for name, value in kernels.items()]
    ends = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16]), helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 12])
    graph = helper.make_graph(nodes, "twins", ends[:1], ends[1:], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return path


def test_operators_that_look_the_same_are_told_apart_by_their_kernels(tmp_path):
    found = layers(twins(tmp_path / "other.onnx", ("c", "a", "b")), twins(tmp_path / "first.onnx", ("a", "b", "c")))
    assert {(layer.name, layer.original) for layer in found} >= {(f"conv_{name}", f"conv_{name}") for name in "abc"}
    assert all(layer.sqnr > 100 for layer in found)
