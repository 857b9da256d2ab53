"""SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size.

Forrest N. Iandola, Song Han, Matthew W. Moskewicz, Khalid Ashraf, William J. Dally, Kurt Keutzer, 2016.
Table 1 and Figure 2, https://arxiv.org/abs/1602.07360; version 1.1 from the authors' https://github.com/forresti/SqueezeNet
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch.blocks import Tensor, check_choice, check_dropout, scaled

POOL = "pool"

# version -> first convolution (filters, kernel) with stride 2, then the rows of Table 1: a fire module is (s1x1, e1x1, e3x3).
VERSIONS = {
    "1.0": (
        (96, 7),
        (POOL, (16, 64, 64), (16, 64, 64), (32, 128, 128), POOL, (32, 128, 128), (48, 192, 192), (48, 192, 192), (64, 256, 256), POOL, (64, 256, 256)),
    ),
    "1.1": (
        (64, 3),
        (POOL, (16, 64, 64), (16, 64, 64), POOL, (32, 128, 128), (32, 128, 128), POOL, (48, 192, 192), (48, 192, 192), (64, 256, 256), (64, 256, 256)),
    ),
}

# Section 6 and Figure 2: no connection around fire modules, one around each that keeps the number of channels, and a 1x1 convolution around the others, too.
BYPASSES = ("", "simple", "complex")

# At the paper's 227 pixels no map that is pooled is smaller than 27 pixels.
SMALL = 13


def conv(x: Tensor, filters: int, kernel: int, *, name: str, stride: int = 1, padding: str = "same") -> Tensor:
    """Convolution with bias and ReLU: [N, H, W, C] -> [N, H/stride, W/stride, filters]."""
    # He's initial weights: there is no batch norm, and Glorot's let the signal fade over eighteen ReLU layers.
    return layers.Conv2D(filters, kernel, stride, padding, activation="relu", kernel_initializer="he_normal", name=name)(x)


def fire(x: Tensor, squeeze: int, expand1x1: int, expand3x3: int, *, name: str) -> Tensor:
    """Squeeze to few channels, expand by 1x1 and 3x3 side by side: [N, H, W, C] -> [N, H, W, expand1x1 + expand3x3]."""
    x = conv(x, squeeze, 1, name=f"{name}_squeeze1x1")
    left = conv(x, expand1x1, 1, name=f"{name}_expand1x1")
    right = conv(x, expand3x3, 3, name=f"{name}_expand3x3")
    return layers.Concatenate(name=f"{name}_concat")([left, right])


def bypassed(x: Tensor, out: Tensor, bypass: str, *, name: str) -> Tensor:
    """`out` of the fire module NAME, plus its input `x` where the bypass asks for it: the shape of `out`.

    Where the number of channels changes a complex bypass has a 1x1 convolution, with ReLU as all others here; the paper leaves that open.
    """
    if not bypass or (bypass == "simple" and x.shape[-1] != out.shape[-1]):
        return out
    if x.shape[-1] != out.shape[-1]:
        x = conv(x, out.shape[-1], 1, name=f"{name}_bypass1x1")
    return layers.Add(name=f"{name}_add")([out, x])


def max_pool(x: Tensor, *, name: str) -> Tensor:
    """Maximum over 3x3 with stride 2: [N, H, W, C] -> about [N, H/2, W/2, C].

    Caffe, where the authors trained, rounds sizes up; Keras ports and the ImageNet weights made with them round down. At 227 pixels
    version 1.0 is the same either way (111, 55, 27, 13). We round down, and up only where a map is so small that a lost row is a large part of it.
    """
    padding = "same" if min(x.shape[1:3]) < SMALL else "valid"
    return layers.MaxPooling2D(3, 2, padding, name=name)(x)


def network(x: Tensor, *, classes: int, version: str, bypass: str, width: float, dropout: float) -> Tensor:
    """SqueezeNet.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        version: "1.0" as in the paper, "1.1" with 2.4 times less computation.
        bypass: "", "simple" or "complex", the paper's connections around fire modules.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the features of fire9 dropped in training.

    Returns:
        Logits [N, classes].
    """
    check_dropout(dropout)
    check_choice("SqueezeNet version", version, tuple(VERSIONS))
    check_choice("bypass", bypass, BYPASSES)
    (filters, kernel), rows = VERSIONS[version]
    x = conv(x, scaled(filters, width), kernel, stride=2, padding="valid", name="conv1")
    # Layers are numbered as in the paper: conv1, then each fire module; a pool has the number of the layer before it.
    index = 1
    for row in rows:
        if row == POOL:
            x = max_pool(x, name=f"pool{index}")
        else:
            index += 1
            out = fire(x, *(scaled(filters, width) for filters in row), name=f"fire{index}")
            x = bypassed(x, out, bypass, name=f"fire{index}")
    x = layers.Dropout(dropout, name="dropout")(x)
    x = conv(x, classes, 1, name="conv10")
    return layers.GlobalAveragePooling2D(name="logits")(x)
