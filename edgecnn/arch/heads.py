"""Auxiliary classifiers: small networks on inner layers that help to train deep ones and are dropped afterwards.

Christian Szegedy et al., 2014, Going deeper with convolutions, section 5, https://arxiv.org/abs/1409.4842. There two of them stand in GoogLeNet; here they can
stand on any layer of any architecture.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from edgecnn.arch.blocks import Tensor, conv
from edgecnn.errors import BadSetting

# The paper's weight of each auxiliary loss beside the main one.
WEIGHT = 0.3

POOL, STRIDE, FILTERS, HIDDEN, DROPOUT = 5, 3, 128, 1024, 0.7


def attach(net: keras.Model, names: str) -> list[Tensor]:
    """An auxiliary classifier on each layer that `names` lists, separated by commas.

    Args:
        net: a model with a layer `logits` [N, classes].
        names: layers whose output is a map [N, H, W, C]; "" or "none" for no auxiliary classifier.

    Returns:
        Their logits [N, classes], from layers called auxiliary_1_logits and so on.

    Raises:
        BadSetting: no such layer, or one that gives no map.
    """
    classes = net.get_layer("logits").output.shape[-1]
    return [_head(_map(net, name), classes, f"auxiliary_{index}") for index, name in enumerate(_split(names), start=1)]


def _split(names: str) -> list[str]:
    found = [name.strip() for name in names.split(",")]
    return [name for name in found if name and name != "none"]


def _map(net: keras.Model, name: str) -> Tensor:
    """Output of a layer of `net`, which must be a map."""
    maps = [layer.name for layer in net.layers if len(getattr(layer.output, "shape", ())) == 4]
    if name not in maps:
        ends = [known for known in maps if not known.endswith(("_bn", "_relu", "_pad"))][-6:]
        raise BadSetting(f"auxiliary classifier on '{name}': {net.name} has no such layer with a map; expected one like {', '.join(ends)}")
    return net.get_layer(name).output


def _head(x: Tensor, classes: int, name: str) -> Tensor:
    """Average pooling 5x5 with stride 3, 1x1 convolution, dense layer, dropout, dense layer: [N, H, W, C] -> logits [N, classes]."""
    size = min(POOL, *x.shape[1:3])
    x = layers.AveragePooling2D(size, min(STRIDE, size), name=f"{name}_pool")(x)
    x = conv(x, FILTERS, 1, bias=True, name=f"{name}_conv")
    x = layers.ReLU(name=f"{name}_conv_relu")(x)
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = layers.Dense(HIDDEN, activation="relu", kernel_initializer="he_normal", name=f"{name}_dense")(x)
    x = layers.Dropout(DROPOUT, name=f"{name}_dropout")(x)
    return layers.Dense(classes, name=f"{name}_logits")(x)


class Supervised(keras.Model):
    """A model whose first output is judged, and whose other outputs only add their loss in training. Built as `Supervised(inputs, [logits, *auxiliary])`."""

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True) -> Any:  # Keras' own signature
        """Loss of the first output; in training plus WEIGHT times that of every other."""
        main, *others = y_pred
        total = super().compute_loss(x=x, y=y, y_pred=main, sample_weight=sample_weight, training=training)
        return total + WEIGHT * sum(self.loss(y, other) for other in others) if training else total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Metrics of the first output."""
        return super().compute_metrics(x, y, y_pred[0], sample_weight)
