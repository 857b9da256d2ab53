"""Pixels to network input inside the training graph: random changes first, then the preprocessing of the card."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

import keras
from keras import layers, ops

from edgecnn.arch.heads import Supervised
from edgecnn.card import Preprocessing
from edgecnn.settings import Augment

Tensor = Any

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in the runners


class RandomChange(layers.Layer):
    """Turns, shifts, scales, mirrors, brightens and contrasts each training picture by its own random amounts.

    One projective transform does all the geometry: one resampling blurs less and costs less than three. What comes in from outside is the nearest
    pixel of the edge. Input and output: [N, H, W, 3] in 0..255, float32. Nothing is changed outside training.
    """

    def __init__(self, settings: Augment, seed: int) -> None:
        super().__init__(name="random_change", dtype="float32")
        self.settings = settings
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, pictures: Tensor, training: bool = False) -> Tensor:
        """Changed pictures in training, else the same."""
        if not training:
            return pictures
        settings = self.settings
        if settings.rotation or settings.shift or settings.zoom or settings.flip:
            transform = self._transform(ops.shape(pictures)[0], *pictures.shape[1:3])
            pictures = ops.image.affine_transform(pictures, transform, fill_mode="nearest", data_format="channels_last")
        if settings.contrast:
            mean = ops.mean(pictures, axis=(1, 2, 3), keepdims=True)
            pictures = mean + (pictures - mean) * (1 + self._uniform(ops.shape(pictures)[0], settings.contrast))
        if settings.brightness:
            pictures = pictures + 255 * self._uniform(ops.shape(pictures)[0], settings.brightness)
        return ops.clip(pictures, 0, 255)

    def _uniform(self, count: Tensor, limit: float) -> Tensor:
        return keras.random.uniform((count, 1, 1, 1), -limit, limit, seed=self.seed_generator)

    def _transform(self, count: Tensor, height: int, width: int) -> Tensor:
        """Rows (a0, a1, a2, b0, b1, b2, 0, 0): output pixel (x, y) is read from (a0 x + a1 y + a2, b0 x + b1 y + b2)."""
        settings = self.settings
        draw = ops.reshape(ops.stack([self._uniform(count, 1.0) for _ in range(5)], axis=0), (5, -1))
        angle, scale = draw[0] * (settings.rotation * pi / 180), 1 + draw[1] * settings.zoom
        mirror = ops.where(draw[4] < 0, -1.0, 1.0) if settings.flip else ops.ones_like(angle)
        a0, a1 = ops.cos(angle) * scale * mirror, -ops.sin(angle) * scale
        b0, b1 = ops.sin(angle) * scale * mirror, ops.cos(angle) * scale
        x, y = (width - 1) / 2, (height - 1) / 2  # the centre stays where it is
        a2 = x - (a0 * x + a1 * y) + draw[2] * (settings.shift * width)
        b2 = y - (b0 * x + b1 * y) + draw[3] * (settings.shift * height)
        none = ops.zeros_like(angle)
        return ops.stack([a0, a1, a2, b0, b1, b2, none, none], axis=1)


class ToInput(layers.Layer):
    """The preprocessing of a card, in the graph: pixels [N, H, W, 3] RGB in 0..255 -> network input [N, H, W, channels], float32."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__(name="to_input", dtype="float32")
        self.preprocessing = preprocessing

    def call(self, pictures: Tensor) -> Tensor:
        """Order the channels, subtract the mean, divide by std."""
        order = self.preprocessing.order
        if order == "bgr":
            pictures = ops.flip(pictures, axis=-1)
        elif order == "grey":
            # Rounded, because the runners and every app compute luma as a byte.
            pictures = ops.floor(ops.sum(pictures * ops.convert_to_tensor(LUMA, "float32"), axis=-1, keepdims=True) + 0.5)
        mean, std = (ops.convert_to_tensor(values, "float32") for values in (self.preprocessing.mean, self.preprocessing.std))
        return (pictures - mean) / std


def from_pixels(net: keras.Model, outputs: Sequence[Tensor], preprocessing: Preprocessing, augment: Augment, seed: int) -> keras.Model:
    """A model from uint8 RGB pictures [N, H, W, 3] to `outputs`, tensors of `net`; weights are shared with `net`. Several outputs: see `heads.Supervised`."""
    pictures = keras.Input((preprocessing.height, preprocessing.width, 3), dtype="uint8", name="pictures")
    x = ops.cast(pictures, "float32")
    if augment != Augment():
        x = RandomChange(augment, seed)(x)
    x = ToInput(preprocessing)(x)
    if len(outputs) == 1:
        return keras.Model(pictures, keras.Model(net.input, outputs[0], name="net")(x), name="training")
    return Supervised(pictures, keras.Model(net.input, list(outputs), name="net")(x), name="training")
