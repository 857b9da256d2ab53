"""Keras 3 layers as TF-MOT's Keras (tf_keras) has them: one short function a kind, `TWINS` is the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.python.core.clustering.keras.clusterable_layer import ClusterableLayer
from tensorflow_model_optimization.python.core.sparsity.keras.prunable_layer import PrunableLayer

from edgecnn.compress.bridged_layer import BridgedLayer
from edgecnn.errors import BadSetting

# What a layer's configuration says that decides nothing of what it computes, or that tf_keras does not know.
DROPPED = ("dtype", "build_config", "quantization_config", "renorm", "synchronized", "batch_shape", "optional", "sparse", "ragged", "input_shape")
# Channels times filters up to which a grouped convolution is one dense kernel: on two cores, forth and back, that was faster than a convolution a
# group at 64 x 64, and slower at 128 x 256.
FEW = 128 * 128
PLAIN = ("Conv2D", "DepthwiseConv2D", "Dense", "BatchNormalization", "ReLU", "Softmax", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D",
         "GlobalMaxPooling2D", "Conv2DTranspose", "Add", "Multiply", "Concatenate", "ZeroPadding2D", "Flatten", "Reshape", "Rescaling")  # fmt: skip


def hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
    """Keras 3's: relu6(x + 3) / 6. tf_keras has another line under that name: 0.2 x + 0.5."""
    return tf.nn.relu6(x + 3.0) / 6.0


def hard_silu(x: tf.Tensor) -> tf.Tensor:
    """Hard swish, x relu6(x + 3) / 6, which tf_keras does not have (Howard et al., 2019, https://arxiv.org/abs/1905.02244)."""
    return x * hard_sigmoid(x)


OWN = {"hard_sigmoid": hard_sigmoid, "hard_silu": hard_silu, "hard_swish": hard_silu, "silu": tf.nn.silu}


# Activations that are the same by name on both sides, or of our own.
ACTIVATIONS = ("linear", "relu", "relu6", "sigmoid", "softmax", "tanh", "elu", "selu", "softplus", "softsign", "exponential", "swish", *OWN)


class Grouped(tf_keras.layers.Conv2D, PrunableLayer, ClusterableLayer):
    """A grouped convolution as plain ones, because TensorFlow has no gradient of grouped ones on a processor.

    With few channels as one convolution whose kernel is zero between groups, which is the fastest; with many these zeros would take longer than one
    convolution a group.
    """

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """[N, H, W, C] and [h, w, C / groups, filters] -> [N, H', W', filters]."""
        if inputs.shape[-1] * self.filters <= FEW:
            return self._plain(inputs, tf.tile(kernel, (1, 1, self.groups, 1)) * self._within(inputs.shape[-1]))
        parts = zip(tf.split(inputs, self.groups, axis=-1), tf.split(kernel, self.groups, axis=-1), strict=True)
        return tf.concat([self._plain(x, part) for x, part in parts], axis=-1)

    def _plain(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(inputs, kernel, self.strides, self.padding.upper(), dilations=self.dilation_rate)

    def _within(self, channels: int) -> np.ndarray:
        """[C, filters], 1 where channel and filter are of one group, else 0."""
        of_channel, of_filter = (np.arange(count) // (count // self.groups) for count in (channels, self.filters))
        return (of_channel[:, None] == of_filter).astype(np.float32)

    def get_prunable_weights(self) -> list[tf.Variable]:
        """For TF-MOT."""
        return [self.kernel]

    def get_clusterable_weights(self) -> list[tuple[str, tf.Variable]]:
        """For TF-MOT."""
        return [("kernel", self.kernel)]


def twins(layer: keras.Operation, node: Any) -> list[tf_keras.layers.Layer]:
    """The tf_keras layers, one after the other, that compute what a Keras 3 layer or operation does in inference; mostly one, of the same name.

    What has no twin is run by Keras 3 itself, in float.

    Args:
        layer: of a flat functional model.
        node: its call, or the first of several.
    """
    kind = type(layer).__name__
    known = type(layer).__module__.startswith("keras.") and isinstance(layer, keras.Layer) and _is_called_plainly(layer, node)
    if known and kind in TWINS:
        return TWINS[kind](_config(layer))
    if known and kind in PLAIN:
        return [getattr(tf_keras.layers, kind).from_config(_config(layer) | ({"fused": False} if kind == "BatchNormalization" else {}))]
    return [BridgedLayer(layer, node)]


def _is_called_plainly(layer: keras.Layer, node: Any) -> bool:
    """Whether a twin can be called as the layer is: with one tensor, or with a list of distinct ones, and activations that have names."""
    activation = layer.get_config().get("activation")
    distinct = len({id(one) for one in node.input_tensors}) == len(node.input_tensors)
    return distinct and (activation is None or (isinstance(activation, str) and activation in ACTIVATIONS))


def _config(layer: keras.Layer) -> dict[str, Any]:
    """The layer's configuration without what decides nothing here; activations by name, or as functions where tf_keras has another or none."""
    config = {
        key: value for key, value in layer.get_config().items() if key not in DROPPED and not key.endswith(("_initializer", "_regularizer", "_constraint"))
    }
    act = config.get("activation")
    if act is not None:
        if not isinstance(act, str):
            raise BadSetting(f"layer '{layer.name}' has an activation that Keras does not know by name; expected a name such as relu")
        config["activation"] = OWN.get(act, act)
    return config


def _conv(config: dict[str, Any]) -> list[tf_keras.layers.Layer]:
    return [(Grouped if config["groups"] > 1 else tf_keras.layers.Conv2D)(**config)]


def _separable(config: dict[str, Any]) -> list[tf_keras.layers.Layer]:
    """In two, as TFLite and ONNX have it: what flows between them is rounded too."""
    shared = {key: config[key] for key in ("strides", "padding", "data_format", "dilation_rate")}
    first = {"kernel_size": config["kernel_size"], "depth_multiplier": config["depth_multiplier"], **shared}
    last = {key: config[key] for key in ("filters", "use_bias", "activation", "data_format")}
    return [
        tf_keras.layers.DepthwiseConv2D(name=f"{config['name']}_depthwise", use_bias=False, **first),
        tf_keras.layers.Conv2D(kernel_size=1, name=config["name"], **last),
    ]


def _leaky(config: dict[str, Any]) -> list[tf_keras.layers.Layer]:
    return [tf_keras.layers.LeakyReLU(config["negative_slope"], name=config["name"])]


def _activation(config: dict[str, Any]) -> list[tf_keras.layers.Layer]:
    return [tf_keras.layers.Activation(config["activation"], name=config["name"])]


def _dropout(config: dict[str, Any]) -> list[tf_keras.layers.Layer]:
    """Nothing is dropped in a fine-tuning: the original's answers keep it from learning the pictures by heart, and a resumed one is the same."""
    return [tf_keras.layers.Activation("linear", name=config["name"])]


TWINS: dict[str, Callable[[dict[str, Any]], list[tf_keras.layers.Layer]]] = {
    "Conv2D": _conv,
    "SeparableConv2D": _separable,
    "LeakyReLU": _leaky,
    "Activation": _activation,
    "Dropout": _dropout,
    "SpatialDropout2D": _dropout,
}
