"""Classifiers whose right answers are known by construction: the class is the nearest of some colors, in the numbers that a pixel mapping makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from edgecnn.sources.mappings import PixelMapping

SIZE = 16
COLORS = np.array([(40, 60, 210), (60, 200, 50), (200, 60, 60), (190, 180, 40), (120, 120, 120), (230, 230, 235)])
CLASSES = ("blue", "green", "red", "yellow", "zinc", "zwhite")


def color_folder(folder: Path, per_class: int = 60, classes: Sequence[str] = CLASSES) -> Path:
    """Noisy images, `<class>/<n>.png`, mean color near the class's."""
    random = np.random.default_rng(0)
    for name, color in zip(classes, COLORS, strict=False):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            noise = random.normal(0, 14, 3) + random.normal(0, 25, (SIZE, SIZE, 3))
            Image.fromarray(np.clip(color + noise, 0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


def color_net(path: Path, mapping: PixelMapping, order: str = "rgb", *, head: str = "logits", sharpness: float = 40.0, dtype: int = TensorProto.FLOAT) -> Path:
    """An ONNX file that scores each class by its squared distance in the mapping's numbers; NCHW, open batch."""
    mean, std = (np.array(values, np.float32) for values in mapping.values(order))
    centers = (COLORS[:, :: -1 if order == "bgr" else 1] - mean) / std
    spread = np.square(np.broadcast_to(255 / std, (3,))).sum()
    weights, bias = 2 * centers * sharpness / spread, -np.square(centers).sum(1) * sharpness / spread
    nodes = [
        *([helper.make_node("Cast", ["image"], ["real"], to=TensorProto.FLOAT)] if dtype != TensorProto.FLOAT else []),
        helper.make_node("GlobalAveragePool", ["image" if dtype == TensorProto.FLOAT else "real"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"], transB=1),
        *({"softmax": [helper.make_node("Softmax", ["logits"], ["scores"])], "sigmoid": [helper.make_node("Sigmoid", ["logits"], ["scores"])]}.get(head, [])),
    ]
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in (("weights", weights), ("bias", bias))]
    image = helper.make_tensor_value_info("image", dtype, ["batch", 3, SIZE, SIZE])
    scores = helper.make_tensor_value_info("logits" if head == "logits" else "scores", TensorProto.FLOAT, ["batch", len(COLORS)])
    graph = helper.make_graph(nodes, "colors", [image], [scores], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path
