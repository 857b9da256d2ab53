"""TABLE One shape of the study: how it is built and trained, and what its author knows about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

TORCH_MEAN, TORCH_STD = np.array([123.675, 116.28, 103.53], np.float32), np.array([58.395, 57.12, 57.375], np.float32)
CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)

# What an author does to 0..255 RGB outside of the model.
OUTSIDE: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "nothing": lambda x: x,
    "pixel/255": lambda x: x / 255,
    "pixel/127.5-1": lambda x: x / 127.5 - 1,
    "(pixel-128)/128": lambda x: (x - 128) / 128,
    "torchvision": lambda x: (x - TORCH_MEAN) / TORCH_STD,
    "caffe": lambda x: x[..., ::-1] - CAFFE_MEAN,
    "BGR/255": lambda x: x[..., ::-1] / 255,
    "rounded to uint8": lambda x: np.rint(np.clip(x, 0, 255)).astype(np.uint8),
    "channels first": lambda x: np.moveaxis(x, -1, 1),
    "no channel axis, /255": lambda x: x[..., 0] / 255,
}


def _no_model() -> object:
    raise NotImplementedError("a shape without a builder")


@dataclass(frozen=True)
class Shape:
    """A classifier as somebody writes it.

    Attributes:
        about: one line.
        images: name of an image set.
        size: pixels of both sides.
        order: of the decoded images: "rgb", "gray" or "rgba".
        outside: what the author does to the pixels, a key of `OUTSIDE`.
        scores: "softmax", "logits", "sigmoid", "logit", "labels" (a sigmoid for each class), "attributes" (a sigmoid for each), "heads" or "percent".
        epochs, rate: of the training with Adam.
        suffix: of the file: ".keras", ".h5", "" for a SavedModel folder, "export" for the folder of `model.export`.
        options: that the user may have to add, after edgecnn has asked for one of them.
        refusal: where the right answer is a refusal: what its line must say (a regular expression); "" where a file is wanted.
        may_refuse: where a refusal is right too, though a file that answers well is better: what its line must say.
        keras2: built by tf_keras.
        fine_tune: whether the last epochs are trained with the nested base frozen.
        build: the model with fresh weights.
    """

    about: str
    images: str = "trashnet"
    size: int = 64
    order: str = "rgb"
    outside: str = "nothing"
    scores: str = "softmax"
    epochs: int = 8
    rate: float = 1e-3
    suffix: str = ".keras"
    options: tuple[str, ...] = ()
    refusal: str = ""
    may_refuse: str = ""
    keras2: bool = False
    fine_tune: bool = False
    build: Callable[[], object] = _no_model


SHAPES: dict[str, Shape] = {}


def register(description: Shape) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Put a shape with the decorated builder into `SHAPES` under the builder's name."""

    def add(build: Callable[[], object]) -> Callable[[], object]:
        SHAPES[build.__name__] = replace(description, build=build)
        return build

    return add
