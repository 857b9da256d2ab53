"""Squeeze-and-excitation networks: SE-ResNet, SE-ResNeXt and SENet-154.

Jie Hu, Li Shen, Samuel Albanie, Gang Sun, Enhua Wu, 2017. Table 1 and the appendix on SENet-154, https://arxiv.org/abs/1709.01507; details that the paper
leaves open from the authors' release, https://github.com/hujie-frank/SENet

ResNet and ResNeXt with a squeeze-excite unit, biases and all, at the end of every block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras import layers

from edgecnn.arch import residual
from edgecnn.arch.blocks import Tensor, check_choice, global_mean, pad_after
from edgecnn.arch.residual import Sizes, Style, multiple
from edgecnn.arch.resnet import BLOCKS, EXPANSION, FILTERS, STEM

STEM_154 = (64, 64, 128)  # three 3x3 convolutions instead of one 7x7, the first with stride 2


@dataclass(frozen=True)
class Form:
    """What one of the networks has of its own.

    Attributes:
        stem: filters of the first convolutions: one of 7x7 or several of 3x3.
        inner, middle: filters of a bottleneck's 1x1 and 3x3 convolution, over those of FILTERS.
        groups: of the 3x3 convolutions.
        stride_in: which convolution of a bottleneck halves the map.
        shortcut_kernel: of a projection that halves the map.
    """

    stem: tuple[int, ...] = (STEM,)
    inner: int = 1
    middle: int = 1
    groups: int = 1
    stride_in: str = "3x3"
    shortcut_kernel: int = 1


FORMS = {
    "resnet": Form(stride_in="1x1"),  # as in Caffe, where the authors trained
    "resnext": Form(inner=2, middle=2, groups=32),  # 32x4d
    "senet": Form(STEM_154, inner=2, middle=4, groups=64, shortcut_kernel=3),
}


def stem(x: Tensor, filters: Sequence[int], *, style: Style) -> Tensor:
    """Convolutions and a pool, stride 4 together: [N, H, W, 3] -> [N, H/4, W/4, last of `filters`]."""
    for index, count in enumerate(filters):
        x = residual.unit(x, count, 7 if len(filters) == 1 else 3, 1 if index else 2, style=style, name=f"conv{index + 1}")
    # Caffe rounds the size of a pooled map up instead of padding both sides.
    x, padding = pad_after(x, 2, "pool1")
    return layers.MaxPooling2D(3, 2, padding, name="pool1")(x)


def sizes(form: Form, filters: int, width: float) -> Sizes:
    """Convolutions of one bottleneck: (filters, kernel) of each."""
    inner = multiple(form.inner * filters, width, form.groups)
    middle = multiple(form.middle * filters, width, form.groups)
    return ((inner, 1), (middle, 3), (multiple(EXPANSION * filters, width), 1))


def network(x: Tensor, *, classes: int, form: str, depth: int, ratio: int, width: float, dropout: float, padding: str, norm: str) -> Tensor:
    """SE-ResNet, SE-ResNeXt or SENet.

    Args:
        x: [N, height, width, 3].
        classes: outputs.
        form: a key of FORMS.
        depth: layers of the ResNet with as many blocks: 50, 101 or 152. SENet-154 has two more in its stem.
        ratio: by how much a squeeze-excite unit reduces the channels; 0 for none of them.
        width: multiplier on the filters of every layer but the last, rounded so that groups divide them.
        dropout: share of the pooled features dropped in training; 0.2 in the authors' SENet-154.
        padding: of convolutions, "symmetric" or "same".
        norm: batch norm "before" or "after" each activation inside the blocks.

    Returns:
        Logits [N, classes].
    """
    check_choice("form", form, tuple(FORMS))
    check_choice("depth", depth, (50, 101, 152))
    own = FORMS[form]
    style = Style(groups=own.groups, ratio=ratio, stride_in=own.stride_in, shortcut_kernel=own.shortcut_kernel, padding=padding, norm=norm)
    x = stem(x, [multiple(filters, width) for filters in own.stem], style=style)
    x = residual.body(x, BLOCKS[depth], [sizes(own, filters, width) for filters in FILTERS], style=style)
    return global_mean(x, classes, dropout)
