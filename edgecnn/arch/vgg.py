"""Very Deep Convolutional Networks for Large-Scale Image Recognition.

Karen Simonyan, Andrew Zisserman, 2014. Table 1, https://arxiv.org/abs/1409.1556

Without batch norm the same function as keras.applications.VGG16 and VGG19, with the same order of weights and names of layers; with it that of torchvision.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch import blocks
from edgecnn.arch.blocks import Tensor, check_choice, scaled
from edgecnn.arch.mlp import activated, check_order, dense

# Table 1, columns A, B, D and E: layers with weights -> 3x3 convolutions of each stage.
CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
FILTERS = (64, 128, 256, 512, 512)  # of each stage; a max pooling ends it
UNITS = (4096, 4096)
EPSILON = 1e-5  # of torchvision's batch norms


def stage(x: Tensor, filters: int, repeats: int, *, norm: str, name: str) -> Tensor:
    """3x3 convolutions with ReLU, then the maximum over 2x2: [N, H, W, C] -> [N, H/2, W/2, filters]."""
    for index in range(1, repeats + 1):
        # A bias also where a batch norm follows, as torchvision has it: idle, but its weights fit.
        x = blocks.conv(x, filters, 3, bias=True, name=f"{name}_conv{index}")
        x = activated(x, norm=norm, epsilon=EPSILON, name=f"{name}_conv{index}")
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)


def network(x: Tensor, *, classes: int, depth: int, norm: str, width: float, dropout: float, dropout_at: str) -> Tensor:
    """VGG.

    Args:
        x: [N, height, width, 3]; each stage halves it, and the last map is flattened, so that the first dense layer grows with the picture.
        classes: outputs.
        depth: layers with weights, 11, 13, 16 or 19.
        norm: batch norm "before" or "after" each activation of the convolutions; "" for none, as in the paper.
        width: multiplier of filters and dense units.
        dropout: share of both hidden dense layers dropped in training, 0.5 in the paper.
        dropout_at: "before" or "after" their activation, which is the same with ReLU.

    Returns:
        Logits [N, classes].
    """
    check_choice("depth", depth, tuple(CONVOLUTIONS))
    check_order(norm, dropout, dropout_at)
    for index, (filters, repeats) in enumerate(zip(FILTERS, CONVOLUTIONS[depth], strict=True), start=1):
        x = stage(x, scaled(filters, width), repeats, norm=norm, name=f"block{index}")
    x = layers.Flatten(name="flatten")(x)
    for index, units in enumerate(UNITS, start=1):
        x = dense(x, scaled(units, width), dropout=dropout, dropout_at=dropout_at, name=f"fc{index}")
    return layers.Dense(classes, name="logits")(x)
