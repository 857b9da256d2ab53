"""Inception-v4, Inception-ResNet and the impact of residual connections on learning: Inception-ResNet v1 and v2.

Christian Szegedy, Sergey Ioffe, Vincent Vanhoucke, Alex Alemi, 2016. Figures 7 and 10 to 19, https://arxiv.org/abs/1602.07261

v2 is the same function as keras.applications.InceptionResNetV2, with the same order of weights. That is the network of the authors' weights, which departs
from the paper's figures: the stem of Inception v3 and a module in place of the stem of v4, 10, 20 and 10 blocks of other widths. v1 is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from edgecnn.arch import blocks, inception_v3
from edgecnn.arch.blocks import Tensor, activation, check_choice, global_mean
from edgecnn.arch.branches import Branch, Conv, Pool, Style, module, sequence

POOL = (Pool("max", 2, "valid"),)

# How much of what a block computes is added to its input: the paper says 0.1 to 0.3, these are the authors' code's, by pixels of the map.
SCALES = {"block35": 0.17, "block17": 0.1, "block8": 0.2}


@dataclass(frozen=True)
class Version:
    """One of the two networks.

    Attributes:
        stem: its steps.
        stages: by name of its blocks: how many, the branches of each, and the branches of the reduction after them.
        last: convolution before the pooling, or none.
    """

    stem: Branch
    stages: dict[str, tuple[int, tuple[Branch, ...], tuple[Branch, ...]]]
    last: Branch = ()


V1 = Version(
    stem=(*inception_v3.STEM[:-1], Conv(256, 3, 2, "valid")),  # Figure 14
    stages={
        "block35": (
            5,
            ((Conv(32),), (Conv(32), Conv(32, 3)), (Conv(32), Conv(32, 3), Conv(32, 3))),  # Figure 10
            ((Conv(384, 3, 2, "valid"),), (Conv(192), Conv(192, 3), Conv(256, 3, 2, "valid")), POOL),  # Figure 7 with Table 1
        ),
        "block17": (
            10,
            ((Conv(128),), (Conv(128), Conv(128, (1, 7)), Conv(128, (7, 1)))),  # Figure 11
            (
                (Conv(256), Conv(384, 3, 2, "valid")),
                (Conv(256), Conv(256, 3, 2, "valid")),
                (Conv(256), Conv(256, 3), Conv(256, 3, 2, "valid")),
                POOL,
            ),  # Fig. 12
        ),
        "block8": (5, ((Conv(192),), (Conv(192), Conv(192, (1, 3)), Conv(192, (3, 1)))), ()),  # Figure 13
    },
)

V2 = Version(
    stem=(*inception_v3.STEM, ((Conv(96),), (Conv(48), Conv(64, 5)), (Conv(64), Conv(96, 3), Conv(96, 3)), (Pool("avg"), Conv(64)))),
    stages={
        "block35": (
            10,
            ((Conv(32),), (Conv(32), Conv(32, 3)), (Conv(32), Conv(48, 3), Conv(64, 3))),  # Figure 16
            ((Conv(384, 3, 2, "valid"),), (Conv(256), Conv(256, 3), Conv(384, 3, 2, "valid")), POOL),  # Figure 7 with Table 1
        ),
        "block17": (
            20,
            ((Conv(192),), (Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1)))),  # Figure 17
            (
                (Conv(256), Conv(384, 3, 2, "valid")),
                (Conv(256), Conv(288, 3, 2, "valid")),
                (Conv(256), Conv(288, 3), Conv(320, 3, 2, "valid")),
                POOL,
            ),  # Fig. 18
        ),
        "block8": (10, ((Conv(192),), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1)))), ()),  # Figure 19
    },
    last=(Conv(1536),),
)
VERSIONS = {"v1": V1, "v2": V2}


def block(x: Tensor, branches: tuple[Branch, ...], *, name: str, scale: float, act: str, style: Style) -> Tensor:
    """Branches, a linear 1x1 convolution back to C channels, times `scale`, added to the input, `act`: [N, H, W, C] -> the same shape."""
    change = module(x, branches, name=f"{name}_mixed", style=style)
    change = blocks.conv(change, x.shape[-1], 1, name=f"{name}_conv", bias=True)
    if scale != 1:
        change = layers.Rescaling(scale, name=f"{name}_scale")(change)
    return activation(layers.Add(name=f"{name}_add")([x, change]), act, f"{name}_{act}")


def network(x: Tensor, *, classes: int, version: str, width: float, dropout: float, norm: str) -> Tensor:
    """Inception-ResNet.

    Args:
        x: [N, height, width, 3], 299 pixels in the paper.
        classes: outputs.
        version: "v1", about as costly as Inception v3, or "v2", as Inception v4.
        width: multiplier on the filters of every layer but the last.
        dropout: share of the pooled features dropped in training.
        norm: batch norm "before" or "after" the activation, within the branches.

    Returns:
        Logits [N, classes].
    """
    check_choice("Inception-ResNet version", version, tuple(VERSIONS))
    style, plan = Style(width=width, norm=norm), VERSIONS[version]
    x = sequence(x, plan.stem, name="stem", style=style)
    for name, (count, branches, reduction) in plan.stages.items():
        for index in range(1, count + 1):
            # The very last block is neither scaled nor rectified in the authors' code.
            scale, act = (SCALES[name], "relu") if reduction or index < count else (1.0, "")
            x = block(x, branches, name=f"{name}_{index}", scale=scale, act=act, style=style)
        if reduction:
            x = module(x, reduction, name=f"{name}_reduction", style=style)
    x = sequence(x, plan.last, name="last", style=style)
    return global_mean(x, classes, dropout)
