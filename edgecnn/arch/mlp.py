"""Dense nets, as a course on Keras starts with: for digits, for a number, for classes of a few measurements.

Andrew Ferlitsch, 2019, Keras idiomatic programmer, handbook 1, part 1.
https://github.com/GoogleCloudPlatform/keras-idiomatic-programmer

Also the steps after a weighted layer, in every order, for the other families that have dense layers.
"""

from __future__ import annotations

from keras import layers

from edgecnn.arch import blocks
from edgecnn.arch.blocks import Tensor, activation, check_choice, check_dropout, scaled
from edgecnn.errors import BadSetting

# Where dropout stands: before the activation, as the handbook prints it, or after, as papers have it. With ReLU both are one function, because ReLU
# keeps factors of 0 and more; with tanh, or with a batch norm between the two, they are not.
PLACES = ("before", "after")


def numbers(what: str, text: str) -> tuple[int, ...]:
    """Read "512,512", the value of the argument `what`, as whole numbers of 1 and more.

    Raises:
        BadSetting: anything else.
    """
    parts = [part.strip() for part in str(text).split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise BadSetting(f"{what} '{text}': expected whole numbers from 1 with commas between them, such as 512,512")
    return tuple(int(part) for part in parts)


def check_order(norm: str, dropout: float, dropout_at: str) -> None:
    """Refuse a place for a batch norm or dropout that is not known, and an impossible dropout; norm "" is none."""
    if norm:
        check_choice("norm", norm, blocks.NORMS)
    check_choice("dropout_at", dropout_at, PLACES)
    check_dropout(dropout)


def activated(x: Tensor, *, name: str, norm: str = "", dropout: float = 0.0, dropout_at: str = "after", epsilon: float = 1e-3) -> Tensor:
    """ReLU after a weighted layer, with batch norm and dropout on the side asked for: any shape -> the same shape.

    Layers NAME_bn, NAME_dropout and NAME_relu, the former two where there is something to do. On one side, batch norm stands first: its statistics are
    then those of inference, not those of what dropout leaves (Li et al., 2018, https://arxiv.org/abs/1801.05134).
    """

    def side(x: Tensor, place: str) -> Tensor:
        if norm == place:
            x = blocks.norm(x, f"{name}_bn", epsilon=epsilon)
        if dropout and dropout_at == place:
            x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        return x

    return side(activation(side(x, "before"), "relu", f"{name}_relu"), "after")


def dense(x: Tensor, units: int, *, name: str, norm: str = "", dropout: float = 0.0, dropout_at: str = "after") -> Tensor:
    """Dense layer with ReLU, batch norm and dropout as in `activated`: [N, C] -> [N, units]."""
    # A batch norm directly after it would take a bias away again.
    x = layers.Dense(units, use_bias=norm != "before", kernel_initializer="he_normal", name=name)(x)
    return activated(x, name=name, norm=norm, dropout=dropout, dropout_at=dropout_at)


def hidden(x: Tensor, units: str, *, width: float = 1.0, norm: str = "", dropout: float = 0.0, dropout_at: str = "after") -> Tensor:
    """Dense layers of `units` one after the other, named dense1 and so on: [N, C] -> [N, last of units]."""
    check_order(norm, dropout, dropout_at)
    for index, count in enumerate(numbers("units", units), start=1):
        x = dense(x, scaled(count, width), name=f"dense{index}", norm=norm, dropout=dropout, dropout_at=dropout_at)
    return x


def network(x: Tensor, *, classes: int, units: str, width: float, dropout: float, dropout_at: str, norm: str) -> Tensor:
    """Dense net for pictures, which forgets what lies beside what.

    Args:
        x: [N, height, width, C]; 28x28 grey pixels in the handbook.
        classes: outputs.
        units: of the hidden layers, such as "512,512".
        width: multiplier of units.
        dropout: share dropped of each hidden layer's outputs in training.
        dropout_at: "before" or "after" the activation.
        norm: batch norm "before" or "after" the activation; "" for none, as in the handbook.

    Returns:
        Logits [N, classes].
    """
    x = layers.Flatten(name="flatten")(x)
    x = hidden(x, units, width=width, norm=norm, dropout=dropout, dropout_at=dropout_at)
    # Departure: a softmax follows, for classes that exclude one another; the handbook prints a sigmoid.
    return layers.Dense(classes, name="logits")(x)


def regressor(x: Tensor, *, units: str, dropout: float, dropout_at: str, norm: str) -> Tensor:
    """Dense net for a number: [N, measurements] -> [N, 1]. Arguments as of `network`."""
    return layers.Dense(1, name="value")(hidden(x, units, dropout=dropout, dropout_at=dropout_at, norm=norm))


def classifier(x: Tensor, *, outputs: int, units: str, dropout: float, dropout_at: str, norm: str) -> Tensor:
    """Dense net for classes of measurements: [N, measurements] -> probabilities [N, outputs]. Arguments as of `network`."""
    if outputs < 2:
        raise BadSetting(f"{outputs} outputs: expected 2 classes or more")
    x = layers.Dense(outputs, name="logits")(hidden(x, units, dropout=dropout, dropout_at=dropout_at, norm=norm))
    return layers.Softmax(name="probabilities", dtype="float32")(x)
