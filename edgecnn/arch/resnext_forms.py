"""Aggregated residual transformations for deep neural networks: the block of ResNeXt in the paper's three equivalent forms.

Saining Xie, Ross Girshick, Piotr Dollar, Zhuowen Tu, Kaiming He, 2016. Figure 3 and section 5 on batch norms, https://arxiv.org/abs/1611.05431

(a) separate paths whose outputs are summed, (b) paths that are concatenated before one last convolution, (c) one grouped convolution. One function: weights of
(c), cut into paths by `copy_weights`, give the same answers in the others. Form (c) is what the networks here are built with.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from edgecnn.arch import residual
from edgecnn.arch.blocks import Tensor, activation, check_choice, norm
from edgecnn.arch.residual import Style
from edgecnn.errors import BadSetting

FORMS = ("a", "b", "c")
STYLE = Style()


def block(x: Tensor, *, form: str, groups: int, group_width: int) -> Tensor:
    """A ResNeXt block without stride: [N, H, W, C] -> [N, H, W, C], of `groups` paths with `group_width` channels inside each."""
    check_choice("form", form, FORMS)
    style = Style(groups=groups)
    if group_width < 1:
        raise BadSetting(f"group width {group_width}: expected 1 or more")
    if form == "c":
        inner = groups * group_width
        return residual.block(x, ((inner, 1), (inner, 3), (x.shape[-1], 1)), style=style, name="block")
    paths = [_path(x, group_width, name=f"path{index}") for index in range(groups)]
    y = _summed(paths, x.shape[-1]) if form == "a" else _concatenated(paths, x.shape[-1])
    y = norm(y, "block_conv3_bn", epsilon=STYLE.epsilon)
    y = layers.Add(name="block_add")([x, y])
    return activation(y, "relu", "block_relu")


def _path(x: Tensor, inner: int, *, name: str) -> Tensor:
    """1x1 and 3x3 convolution: [N, H, W, C] -> [N, H, W, inner]."""
    x = residual.unit(x, inner, 1, style=STYLE, name=f"{name}_conv1")
    return residual.unit(x, inner, 3, style=STYLE, name=f"{name}_conv2")


def _summed(paths: Sequence[Tensor], outputs: int) -> Tensor:
    """The last convolution on every path, then their sum; its batch norm comes after the sum, or the forms would not be one function (section 5)."""
    ends = [_last(path, outputs, name=f"path{index}_conv3") for index, path in enumerate(paths)]
    return layers.Add(name="block_sum")(ends)


def _concatenated(paths: Sequence[Tensor], outputs: int) -> Tensor:
    return _last(layers.Concatenate(name="block_concat")(list(paths)), outputs, name="block_conv3")


def _last(x: Tensor, outputs: int, *, name: str) -> Tensor:
    return layers.Conv2D(outputs, 1, use_bias=False, kernel_initializer="he_normal", name=name)(x)


def copy_weights(grouped: keras.Model, paths: keras.Model) -> None:
    """Give a block in form (a) or (b) the weights of one in form (c), so that both are the same function.

    Args:
        grouped: with the layers of `block` in form "c".
        paths: the same in form "a" or "b"; changed in place.

    Raises:
        BadSetting: the blocks have other sizes.
    """
    first, grouped_kernel = (grouped.get_layer(f"block_conv{index}").get_weights()[0] for index in (1, 2))
    width = grouped_kernel.shape[2]  # a grouped kernel is [3, 3, inputs of one group, outputs of all]
    count = first.shape[-1] // width
    expected = {f"path{index}_conv1": (*first.shape[:-1], width) for index in range(count)}
    found = {layer.name: tuple(layer.kernel.shape) for layer in paths.layers if layer.name.endswith("_conv1")}
    if found != expected:
        raise BadSetting(f"blocks of other sizes: {count} paths of {first.shape[-2]} -> {width} channels expected, {found} found")
    for layer in paths.layers:
        if layer.weights:
            layer.set_weights(_part(grouped, layer.name, width))


def _part(grouped: keras.Model, name: str, width: int) -> list[np.ndarray]:
    """Weights of the layer `name` of another form: all of its namesake's, or the channels of one path."""
    if name.startswith("block"):
        return grouped.get_layer(name).get_weights()
    path, _, layer = name.partition("_")
    weights = grouped.get_layer(f"block_{layer}").get_weights()
    index = int(path.removeprefix("path"))
    own = slice(index * width, (index + 1) * width)
    if layer == "conv3":
        return [kernel[:, :, own] for kernel in weights]
    return [weight[..., own] for weight in weights]
