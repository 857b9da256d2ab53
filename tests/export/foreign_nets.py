"""A small classifier of colors as other tools write it to ONNX, and images for it; weights are fitted with numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE, CLASSES = 20, ("blue", "green", "red")
MEAN, STD = np.array([123.675, 116.28, 103.53], np.float32), np.array([58.395, 57.12, 57.375], np.float32)
GIVEN = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}


def make_images(count: int = 36, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 RGB [count, SIZE, SIZE, 3] and the class of each: one channel is a little brighter than the others."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    values = random.integers(40, 200, (count, 1, 1, 1)) + random.normal(0, 25, (count, SIZE, SIZE, 3))
    values[np.arange(count), :, :, 2 - labels] += 14
    return np.clip(values, 0, 255).astype(np.uint8), labels


def write_photos(folder: Path, count: int = 36) -> Path:
    """The images as PNG files in a folder a class."""
    images, labels = make_images(count)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / CLASSES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:03}.png")
    return folder


def normalized(images: np.ndarray) -> np.ndarray:
    """What the network was fitted on: float32 [N, 3, SIZE, SIZE]."""
    return ((images - MEAN) / STD).astype(np.float32).transpose(0, 3, 1, 2)


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    """A 1x1 convolution, its batch norm, and a last layer that is fitted by least squares."""
    random = np.random.default_rng(seed)
    kernel = random.normal(0, 0.7, (12, 3, 1, 1)).astype(np.float32)
    scale, bias = random.uniform(0.5, 1.5, (2, 12)).astype(np.float32)
    mean, variance = random.normal(0, 0.1, 12).astype(np.float32), random.uniform(0.5, 2, 12).astype(np.float32)
    images, labels = make_images(120, seed=1)
    maps = np.einsum("nchw,oc->nohw", normalized(images), kernel[:, :, 0, 0])
    axes = (1, -1, 1, 1)
    maps = (maps - mean.reshape(axes)) / np.sqrt(variance + 1e-5).reshape(axes) * scale.reshape(axes) + bias.reshape(axes)
    features = np.maximum(maps, 0).mean((2, 3))
    features = np.concatenate([features, np.ones((len(features), 1))], 1)
    wanted = 10 * (np.eye(3)[labels] - 1 / 3)
    fitted = np.linalg.solve(features.T @ features + 1e-4 * np.eye(13), features.T @ wanted).astype(np.float32)
    return {"kernel": kernel, "scale": scale, "bias": bias, "mean": mean, "variance": variance, "dense": fitted[:-1], "offsets": fitted[-1]}


def make_onnx(path: Path, *, opset: int = 17, batch: int | str = "N", change: Callable[[onnx.ModelProto], None] | None = None) -> Path:
    """Write the network: Conv, BatchNormalization, Relu, mean, Gemm; input `input` [batch, 3, SIZE, SIZE], output `output` (logits)."""
    nodes = [
        helper.make_node("Conv", ["input", "kernel"], ["maps"]),
        helper.make_node("BatchNormalization", ["maps", "scale", "bias", "mean", "variance"], ["normed"]),
        helper.make_node("Relu", ["normed"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "dense", "offsets"], ["output"]),
    ]
    ends = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, SIZE, SIZE])]
    ends.append(helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 3]))
    constants = [numpy_helper.from_array(value, name) for name, value in weights().items()]
    model = helper.make_model(helper.make_graph(nodes, "theirs", ends[:1], ends[1:], constants), opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8 if opset > 9 else 4
    if change is not None:
        change(model)
    onnx.save(model, path)
    return path


def node_of(model: onnx.ModelProto, kind: str) -> onnx.NodeProto:
    return next(node for node in model.graph.node if node.op_type == kind)


def initializers_as_inputs(model: onnx.ModelProto) -> None:
    """As PyTorch wrote it once: every weight is an input too."""
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


def constant_nodes(model: onnx.ModelProto) -> None:
    """Weights in Constant nodes."""
    made = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in model.graph.initializer]
    nodes = [*made, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend(nodes)


def half_precision(model: onnx.ModelProto) -> None:
    """float16 throughout, ends included."""
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16


def bytes_inside(model: onnx.ModelProto) -> None:
    """The input is the camera's byte, [N, SIZE, SIZE, 3], and mean and std lie in the graph."""
    node_of(model, "Conv").input[0] = "planes"
    steps = [
        helper.make_node("Cast", ["image"], ["reals"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["reals", "pixel_mean"], ["centered"]),
        helper.make_node("Div", ["centered", "pixel_std"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    nodes = [*steps, *model.graph.node]
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend(nodes)
    model.graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3]))
    model.graph.initializer.extend([numpy_helper.from_array(MEAN, "pixel_mean"), numpy_helper.from_array(STD, "pixel_std")])


def batch_of_one(model: onnx.ModelProto) -> None:
    """An open batch that is reshaped to one row: only one image works."""
    flatten = node_of(model, "Flatten")
    flatten.CopyFrom(helper.make_node("Reshape", ["pooled", "one_row"], ["features"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, -1], np.int64), "one_row"))


def two_outputs(model: onnx.ModelProto) -> None:
    """The features are an output too."""
    model.graph.output.insert(0, helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 12]))


def inner_names(model: onnx.ModelProto) -> None:
    """Tensors inside are called as edgecnn calls the ends."""
    for node in model.graph.node:
        for edges in (node.input, node.output):
            edges[:] = [{"normed": "image", "pooled": "probabilities"}.get(edge, edge) for edge in edges]


def training_norm(model: onnx.ModelProto) -> None:
    """Batch norm over the batch, as a PyTorch model gives it that was exported while it trained."""
    norm = node_of(model, "BatchNormalization")
    norm.output.extend(["new_mean", "new_variance"])
    norm.attribute.append(helper.make_attribute("training_mode", 1))


def softmax_over_batch(model: onnx.ModelProto) -> None:
    node_of(model, "Gemm").output[0] = "logits"
    model.graph.node.append(helper.make_node("Softmax", ["logits"], ["output"], axis=0))


def noise(model: onnx.ModelProto) -> None:
    """Scores with noise, as of dropout that stayed in training mode."""
    node_of(model, "Gemm").output[0] = "logits"
    model.graph.node.append(helper.make_node("RandomNormalLike", ["logits"], ["noise"], scale=2.0))
    model.graph.node.append(helper.make_node("Add", ["logits", "noise"], ["output"]))


def label_only(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("ArgMax", ["output"], ["label"], axis=1, keepdims=0))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("label", TensorProto.INT64, ["N"]))


def with_external_weights(path: Path) -> Path:
    """The network in two files."""
    model = onnx.load(make_onnx(path))
    onnx.save(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=0)
    return path
