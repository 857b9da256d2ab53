"""Small float files as other tools write them: ONNX put together by hand, TFLite by TensorFlow's converter. One network, with weights that are set by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIDE, CLASSES = 16, 3
NAMES = ("blue", "green", "red")
COLORS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}


def weights() -> dict[str, np.ndarray]:
    """Of a network that tells which color channel is strongest: mixes of channels, then a mean, then scores; float32."""
    random = np.random.default_rng(0)
    first = random.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
    for i in range(6):
        first[i, :, 1, 1] += np.roll([1.2, -0.6, -0.6], i % 3)
    last = random.normal(0, 0.2, (8, CLASSES)).astype(np.float32)
    for i in range(6):
        last[i, 2 - i % 3] += 2
    return {"w1": first, "b1": random.normal(0, 0.1, 8).astype(np.float32), "w2": last, "b2": random.normal(0, 0.1, CLASSES).astype(np.float32)}


def photos(folder: Path, count: int = 12) -> Path:
    """A folder a class with photos of noise around its color."""
    random = np.random.default_rng(1)
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.clip(random.normal(color, 45, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def classifier(*, opset: int = 17, softmax: bool = True, extra: list[onnx.NodeProto] | None = None, batch: object = "N") -> onnx.ModelProto:
    """NCHW, input `input` [N, 3, 16, 16], output `scores`: Conv, Relu, mean, Gemm, Softmax; a second output `embedding` where `extra` gives one."""
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["conv"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["logits" if softmax else "scores"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["scores"], axis=1))
    constants = [numpy_helper.from_array(value, name) for name, value in weights().items()]
    given = helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    result = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, CLASSES])
    graph = helper.make_graph([*nodes, *(extra or [])], "theirs", [given], [result], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def save(proto: onnx.ModelProto, path: Path, **how: object) -> Path:
    """Write an .onnx that has been checked."""
    onnx.checker.check_model(proto)
    onnx.save(proto, path, **how)
    return path


def tflite(path: Path, *, halves: bool = False) -> Path:
    """The same network as a .tflite, NHWC, by TensorFlow's converter from a function; with `halves`, weights in 16-bit floats."""
    import tensorflow as tf

    w = weights()

    @tf.function(input_signature=[tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32, name="pixels")])
    def network(pixels):
        maps = tf.nn.relu(tf.nn.conv2d(pixels, w["w1"].transpose(2, 3, 1, 0), 1, "SAME") + w["b1"])
        return {"scores": tf.nn.softmax(tf.reduce_mean(maps, (1, 2)) @ w["w2"] + w["b2"])}

    module = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()], module)
    if halves:
        converter.optimizations, converter.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], [tf.float16]
    path.write_bytes(converter.convert())
    return path
