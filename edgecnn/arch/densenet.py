"""Densely Connected Convolutional Networks.

Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Q. Weinberger, 2016. Tables 1 and 2, https://arxiv.org/abs/1608.06993

With `preactivation` and the ImageNet stem the same function as keras.applications.DenseNet121, 169 and 201, with the same order of weights and names of
layers. Without it the form that a course prints: batch norm and ReLU after each convolution (Andrew Ferlitsch, 2019, Keras idiomatic programmer, handbook 1,
part 4, https://github.com/GoogleCloudPlatform/keras-idiomatic-programmer).
"""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from edgecnn.arch.blocks import PADDINGS, Tensor, activation, check_choice, check_dropout, global_mean, padded, scaled
from edgecnn.arch.blocks import conv as convolution
from edgecnn.arch.blocks import norm as batch_norm
from edgecnn.arch.mlp import numbers
from edgecnn.errors import BadSetting

BOTTLENECK = 4  # outputs of the 1x1 convolution before a 3x3, in growths: the B of DenseNet-BC
FIRST = 2  # outputs of the first convolution, in growths
STEMS = ("imagenet", "cifar")


@dataclass(frozen=True)
class Style:
    """What all convolutions of a network share: the order around them, biases, and the share of their outputs dropped in training."""

    preactivation: bool
    bias: bool
    dropout: float

    @property
    def epsilon(self) -> float:
        """Of batch norms: that of keras.applications, or the default of Keras, which the course leaves as it is."""
        return 1.001e-5 if self.preactivation else 1e-3


def norm_relu(x: Tensor, name: str, style: Style) -> Tensor:
    """Batch norm NAME_bn and ReLU NAME_relu: [N, H, W, C] -> the same shape."""
    return activation(batch_norm(x, f"{name}_bn", epsilon=style.epsilon), "relu", f"{name}_relu")


def conv(x: Tensor, filters: int, kernel: int, style: Style, *, before: str, name: str, after: str) -> Tensor:
    """Batch norm and ReLU, then a convolution; or a convolution, then batch norm and ReLU: [N, H, W, C] -> [N, H, W, filters].

    Batch norm and ReLU are named for where they stand, `before` or `after`.
    """
    if style.preactivation:
        x = norm_relu(x, before, style)
    x = convolution(x, filters, kernel, bias=style.bias, name=name)
    if not style.preactivation:
        x = norm_relu(x, after, style)
    return layers.Dropout(style.dropout, name=f"{name}_dropout")(x) if style.dropout else x


def layer(x: Tensor, growth: int, style: Style, *, name: str) -> Tensor:
    """One layer of a dense block, laid behind what all layers before it gave: [N, H, W, C] -> [N, H, W, C + growth]."""
    new = conv(x, BOTTLENECK * growth, 1, style, before=f"{name}_0", name=f"{name}_1_conv", after=f"{name}_1")
    new = conv(new, growth, 3, style, before=f"{name}_1", name=f"{name}_2_conv", after=f"{name}_2")
    return layers.Concatenate(name=f"{name}_concat")([x, new])


def transition(x: Tensor, compression: float, style: Style, *, name: str) -> Tensor:
    """Fewer channels and the mean over 2x2, between two dense blocks: [N, H, W, C] -> [N, H/2, W/2, compression * C].

    Raises:
        BadSetting: nothing left to halve.
    """
    if min(x.shape[1:3]) < 2:
        raise BadSetting(f"maps of {x.shape[1]}x{x.shape[2]} before {name}: expected a larger image size or fewer blocks")
    x = conv(x, scaled(x.shape[-1], compression), 1, style, before=name, name=f"{name}_conv", after=name)
    return layers.AveragePooling2D(2, name=f"{name}_pool")(x)


def start(x: Tensor, filters: int, style: Style, *, stem: str, padding: str) -> Tensor:
    """What comes before the first dense block: [N, H, W, 3] -> [N, H/4, W/4, filters] of "imagenet", [N, H, W, filters] of "cifar"."""
    if stem == "cifar":
        x = convolution(x, filters, 3, bias=style.bias, name="conv1_conv")
        return x if style.preactivation else norm_relu(x, "conv1", style)
    x = convolution(x, filters, 7, 2, padding=padding, bias=style.bias, name="conv1_conv")
    x = norm_relu(x, "conv1", style)
    # Zeros around it win no maximum after a ReLU. The course pads here too, though not before the convolution.
    x, padding = padded(x, 3, 2, "same" if padding == "same" else "symmetric", "pool1")
    return layers.MaxPooling2D(3, 2, padding, name="pool1")(x)


def network(
    x: Tensor,
    *,
    classes: int,
    blocks: str,
    growth: int,
    compression: float,
    stem: str,
    preactivation: bool,
    bias: bool,
    width: float,
    dropout: float,
    layer_dropout: float,
    padding: str,
) -> Tensor:
    """DenseNet-BC.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        blocks: layers of each dense block, such as "6,12,24,16".
        growth: k of the paper, channels that each layer adds.
        compression: theta of the paper, share of channels that a transition keeps; 1 for all of them.
        stem: "imagenet", a 7x7 convolution and a pooling that quarter the picture, or "cifar", a 3x3 convolution.
        preactivation: batch norm and ReLU before each convolution, as in the paper, or after it.
        bias: give every convolution a bias, idle beside the batch norms.
        width: multiplier of the growth, and with it of every filter.
        dropout: share of the pooled features dropped in training.
        layer_dropout: share dropped after each convolution but the first; 0.2 in the paper where pictures are not augmented.
        padding: of the strided layers, "symmetric" as in Keras and PyTorch or "same"; "valid" leaves the pad before the first convolution out.

    Returns:
        Logits [N, classes].

    Raises:
        BadSetting: more blocks than the picture has pixels for, or a value that is none of those above.
    """
    check_dropout(dropout)
    check_dropout(layer_dropout)
    check_choice("stem", stem, STEMS)
    check_choice("padding", padding, (*PADDINGS, "valid"))
    if not 0 < compression <= 1:
        raise BadSetting(f"compression {compression}: expected a share above 0, at most 1")
    style, growth = Style(preactivation, bias, layer_dropout), scaled(growth, width)
    x = start(x, FIRST * growth, style, stem=stem, padding=padding)
    sizes = numbers("blocks", blocks)
    for stage, size in enumerate(sizes, start=2):  # Keras numbers from the first convolution
        for index in range(1, size + 1):
            x = layer(x, growth, style, name=f"conv{stage}_block{index}")
        if stage <= len(sizes):
            x = transition(x, compression, style, name=f"pool{stage}")
    if preactivation:
        x = activation(batch_norm(x, "bn", epsilon=style.epsilon), "relu", "relu")
    return global_mean(x, classes, dropout)
