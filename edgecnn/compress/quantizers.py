"""The rounding of our int8 files, as TF-MOT's quantizers: weights by output channel, activations by a range that follows what it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.quantization.keras import QuantizeConfig
from tensorflow_model_optimization.quantization.keras.quantizers import Quantizer

LEVELS = 127

# kind of layer -> (attribute of its kernel, axes over which a channel has one scale)
KERNELS = {
    "Conv2D": ("kernel", (0, 1, 2)), "Grouped": ("kernel", (0, 1, 2)), "DepthwiseConv2D": ("depthwise_kernel", (0, 1)), "Dense": ("kernel", (0,)),
    "Conv2DTranspose": ("kernel", (0, 1, 3)),
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What a kernel has from earlier compression and must not lose.

    Attributes:
        mask: 0 where the weight stays 0, in the kernel's shape; None where nothing was pruned.
        clusters: number of each weight's cluster, flat; None where nothing was clustered. Weights of one cluster move together, by their mean.
        count: of clusters.
        step: of int8's grid between two values of the kernel; above 1 where pruning has rounded what it left.
    """

    mask: np.ndarray | None = None
    clusters: np.ndarray | None = None
    count: int = 0
    step: int = 1

    def axes(self, channel: tuple[int, ...]) -> tuple[int, ...]:
        """Axes over which the kernel has one scale: those of a channel, or all of a clustered one, whose values must be few in the file too."""
        return channel if self.clusters is None else (*channel, channel[-1] + 1)

    def __call__(self, kernel: tf.Tensor) -> tf.Tensor:
        """The kernel as it must be."""
        if self.clusters is not None:
            means = tf.math.unsorted_segment_mean(tf.reshape(kernel, [-1]), self.clusters, self.count)
            kernel = tf.reshape(tf.gather(means, self.clusters), tf.shape(kernel))
        return kernel if self.mask is None else kernel * self.mask


class ByChannel(Quantizer):
    """Symmetric, one scale an output channel, as every export of ours has it.

    TF-MOT's own takes the last axis of a kernel for the channels, which for a depthwise kernel [h, w, C, 1] is one scale for all of them: another
    rounding than the file will have.
    """

    def __init__(self, axes: tuple[int, ...], kept: Kept) -> None:
        """`axes` are those of one channel; `kept` is what must stay of earlier compression."""
        self.axes, self.kept = axes, kept

    def build(self, tensor_shape: Any, name: str, layer: tf_keras.layers.Layer) -> dict[str, Any]:
        """No variables."""
        return {}

    def __call__(self, inputs: tf.Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> tf.Tensor:
        """Rounded; the gradient passes as if it were not."""
        inputs = self.kept(inputs)
        largest = tf.reduce_max(tf.abs(inputs), axis=self.kept.axes(self.axes), keepdims=True)
        scale = tf.where(largest > 0, largest / LEVELS, 1.0)
        levels = tf.clip_by_value(tf.round(inputs / (scale * self.kept.step)) * self.kept.step, -LEVELS, LEVELS)
        return inputs + tf.stop_gradient(levels * scale - inputs)

    def get_config(self) -> dict[str, Any]:
        """For TF-MOT, which asks every quantizer."""
        return {"axes": self.axes}


class Following(Quantizer):
    """Asymmetric, one range a tensor, zero inside; the range moves by a share towards the extremes of each batch."""

    def __init__(self, share: float) -> None:
        self.share, self.on = share, True

    def build(self, tensor_shape: Any, name: str, layer: tf_keras.layers.Layer) -> dict[str, Any]:
        """The range's ends."""
        zero = tf_keras.initializers.Zeros()
        self.ends = [layer.add_weight(f"{name}_{end}", shape=(), initializer=zero, trainable=False) for end in ("low", "high")]
        return dict(zip(("low", "high"), self.ends, strict=True))

    def __call__(self, inputs: tf.Tensor, training: bool, weights: dict[str, Any], **kwargs: Any) -> tf.Tensor:
        """Rounded to 256 levels; what lies outside gets no gradient."""
        low, high = weights["low"], weights["high"]
        if training:
            low = low.assign_add(self.share * (tf.minimum(tf.reduce_min(inputs), 0.0) - low))
            high = high.assign_add(self.share * (tf.maximum(tf.reduce_max(inputs), 0.0) - high))
        return tf.quantization.fake_quant_with_min_max_vars(inputs, low, tf.maximum(high, low + 1e-6))

    def get_config(self) -> dict[str, Any]:
        """As above."""
        return {"share": self.share}


class Rounded(QuantizeConfig):
    """What is rounded of one layer: its kernel, where it has one, and its output, where another layer of the file takes it."""

    def __init__(self, kernel: tuple[str, ByChannel] | None, output: Following | None) -> None:
        self.kernel, self.output = kernel, output

    def get_weights_and_quantizers(self, layer: tf_keras.layers.Layer) -> list[tuple[Any, Quantizer]]:
        """For TF-MOT's wrapper, as all of these."""
        return [(getattr(layer, self.kernel[0]), self.kernel[1])] if self.kernel else []

    def set_quantize_weights(self, layer: tf_keras.layers.Layer, quantize_weights: list[tf.Tensor]) -> None:
        """As above."""
        for value in quantize_weights:
            setattr(layer, self.kernel[0], value)

    def get_activations_and_quantizers(self, layer: tf_keras.layers.Layer) -> list[tuple[Any, Quantizer]]:
        """None: outputs are rounded after the activation."""
        return []

    def set_quantize_activations(self, layer: tf_keras.layers.Layer, quantize_activations: list[Any]) -> None:
        """Nothing to set. The body is there for AutoGraph, which stumbles over a docstring alone."""
        del layer, quantize_activations

    def get_output_quantizers(self, layer: tf_keras.layers.Layer) -> list[Quantizer]:
        """As above."""
        return [self.output] if self.output else []

    def get_config(self) -> dict[str, Any]:
        """Nothing: a wrapped model is never saved."""
        return {}


def on_grid(kernel: np.ndarray, axes: tuple[int, ...] | None, step: int = 1) -> np.ndarray:
    """A kernel rounded as `ByChannel` does, float32; one scale for all of it where `axes` is None."""
    scale = _scale(kernel, axes)
    return (np.clip(np.round(kernel / (scale * step)) * step, -LEVELS, LEVELS) * scale).astype(np.float32)


def step_of(kernel: np.ndarray, axes: tuple[int, ...]) -> int:
    """The coarsest step, a power of two, on which all of a kernel lies already."""
    levels = kernel / _scale(kernel, axes)
    fits = (step for step in (16, 8, 4, 2) if np.abs(levels - np.clip(np.round(levels / step) * step, -LEVELS, LEVELS)).max() < 0.01)
    return next(fits, 1)


def _scale(kernel: np.ndarray, axes: tuple[int, ...] | None) -> np.ndarray:
    largest = np.abs(kernel).max(axis=axes, keepdims=True)
    return np.where(largest > 0, largest / np.float32(LEVELS), np.float32(1))
