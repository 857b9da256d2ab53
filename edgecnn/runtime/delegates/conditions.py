"""Conditions that a delegate puts on the use of an operator, each with what is wrong and what to do where it does not hold. Sources: see `lists`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgecnn.runtime.delegates.uses import Use, Value

# Numbers of the schema.
_NO_ACTIVATION, _REFLECT = 0, 0
_PICTURE = (1, 2)  # height and width of four dimensions

FLOAT = "export the network as float32 or float16 (edgecnn export MODEL --float16)"
STAY = "change the network there, or let it stay on the CPU"


@dataclass(frozen=True)
class Condition:
    """What must hold of a use.

    Attributes:
        holds: whether it does.
        problem: what there is where it does not, in words after the operator's name.
        remedy: what to do.
    """

    holds: Callable[[Use], bool]
    problem: str
    remedy: str = STAY


def _last(value: Value | None) -> int:
    return value.shape[-1] if value is not None and value.shape else 0


def _rank(use: Use) -> int:
    return len(use.source.shape) if use.source is not None else 0


def _constant(use: Use, place: int) -> bool:
    value = use.input(place)
    return value is None or value.constant


def _ranks(use: Use) -> bool:
    """Shapes of different rank that the GPU stretches: 3 to 4 with batch 1, 1x1 to 4, batch x channels to 4, and single rows."""
    short, long = sorted((one.shape for one in use.inputs if one is not None), key=len)[:2]
    if len(short) < 2 or len(short) == len(long):
        return True
    if len(long) != 4:
        return False
    return long[0] == 1 if len(short) == 3 else (long[0] == 1 and short == (1, 1)) or short == (long[0], long[3])


def _covers(use: Use) -> bool:
    """No dimension of the one is larger where another of the other is."""
    one, other = (value.shape for value in use.inputs[:2] if value is not None)
    pairs = list(zip(one, other, strict=False)) if len(one) == len(other) else []
    return not (any(a < b for a, b in pairs) and any(a > b for a, b in pairs))


def _layout(use: Use) -> bool:
    """What Core ML stretches: one number, a number a channel, or a number a place."""
    values = [one for one in use.inputs if one is not None]
    if len(values) != 2 or any(len(value.shape) > 4 for value in values):
        return False
    (b0, *place0, c0), (b1, *place1, c1) = ((1,) * (4 - len(value.shape)) + value.shape for value in values)
    batch = b0 == b1 or any(value.constant and value.count == 1 for value in values)
    return batch and (place0 == place1 or [1, 1] in (place0, place1)) and (c0 == c1 or 1 in (c0, c1))


def _paddings(use: Use) -> Value | None:
    return use.input(1)


def _pads_picture(use: Use) -> bool:
    pads = _paddings(use)
    return pads is not None and pads.constant and pads.shape == (4, 2) and not any(pads.integers[:2] + pads.integers[6:])


def _multiplier(use: Use) -> bool:
    return use.option("depthMultiplier", 1) in (0, 1) or _last(use.source) == 1


def _axes(use: Use) -> tuple[int, ...]:
    axes = use.input(1)
    return tuple(axis % 4 for axis in axes.integers) if axes is not None else ()


def _one_row(use: Use) -> bool:
    return use.source is not None and _last(use.source) == use.source.count


CONDITIONS: dict[str, Condition] = {
    "one-input": Condition(lambda use: len(use.running) == 1, "has not exactly one input that is computed"),
    "two-inputs": Condition(lambda use: len(use.inputs) == 2 and len(use.running) > 0, "has not two inputs of which one at least is computed"),
    "ranks": Condition(_ranks, "stretches shapes of different rank in a way that it does not"),
    "covers": Condition(_covers, "stretches both of its inputs", "replace the product by a convolution"),
    "multiplier": Condition(_multiplier, "makes several channels of each", "keep the depth multiplier 1 and put a 1x1 convolution behind"),
    "block": Condition(lambda use: use.option("blockSize") > 1, "moves blocks of one pixel"),
    "no-int16": Condition(lambda use: use.source is not None and use.source.dtype != "int16", "reads int16", FLOAT),
    "plain-weights": Condition(lambda use: not use.option("weightsFormat"), "has shuffled weights", FLOAT),
    "same-rank": Condition(
        lambda use: not use.option("keepNumDims") or len(use.outputs[0].shape) == _rank(use), "keeps dimensions and gives another number of them"
    ),
    "constant-axes": Condition(lambda use: bool(_axes(use)), "has axes that are not stored int32 numbers"),
    "reflect": Condition(lambda use: use.option("mode") == _REFLECT, "mirrors with the border repeated", "use REFLECT padding"),
    "pads-3-4": Condition(
        lambda use: (pads := _paddings(use)) is not None and pads.shape in ((3, 2), (4, 2)), "pads something that has neither 3 nor 4 dimensions"
    ),
    "corners": Condition(lambda use: not (use.option("alignCorners") and use.option("halfPixelCenters")), "wants both aligned corners and half pixels"),
    "rank-3-4": Condition(lambda use: _rank(use) in (3, 4), "works on neither 3 nor 4 dimensions"),
    "rank-4": Condition(lambda use: _rank(use) <= 4, "works on more than 4 dimensions"),
    "rank-is-4": Condition(lambda use: _rank(use) == 4, "works on other than 4 dimensions"),
    "beta": Condition(lambda use: use.option("beta", 1.0) == 1.0, "has a beta other than 1", "multiply the logits by it in the layer before"),
    "masks": Condition(lambda use: not any(use.option(f"{mask}Mask") for mask in ("ellipsis", "newAxis", "shrinkAxis")), "adds or drops dimensions"),
    "to-8-bit": Condition(lambda use: use.outputs[0].dtype in ("int8", "uint8"), "gives other than 8-bit integers", FLOAT),
    "float": Condition(lambda use: use.source is not None and use.source.dtype.startswith("float"), "works on integers", FLOAT),
    "window": Condition(
        lambda use: use.option("filterWidth") * use.option("filterHeight") <= 256 or use.source is None or use.source.dtype.startswith("float"),
        "averages integers over more than 256 places",
        "end in MEAN instead of a pooling, or " + FLOAT,
    ),
    "crops": Condition(lambda use: not any(crops.integers if (crops := use.input(2)) is not None else ()), "crops"),
    "no-activation": Condition(lambda use: use.option("fusedActivationFunction") == _NO_ACTIVATION, "has an activation in it", "put the activation behind it"),
    "bias": Condition(lambda use: len(use.inputs) == 3, "has no bias", "give it a bias, of zeros where none is wanted"),
    "no-scalar": Condition(lambda use: len(use.outputs[0].shape) > 0, "gives a single number", "keep the dimensions"),
    "constant-shape": Condition(lambda use: _constant(use, 1), "computes its shape", "fix the size of the input"),
    "constant-kernel": Condition(lambda use: _constant(use, 1) and _constant(use, 2 if use.kind != "TRANSPOSE_CONV" else 0), "computes its weights", FLOAT),
    "float-kernel": Condition(lambda use: all(one is None or one.dtype.startswith("float") for one in use.inputs), "has integer weights", FLOAT),
    "layout": Condition(_layout, "stretches shapes in a way that it does not"),
    "by-channel": Condition(lambda use: use.option("axis") in (-1, _rank(use) - 1) and _rank(use) in (3, 4), "joins along another axis than the channels"),
    "one-row": Condition(_one_row, "works on more than one row"),
    "keeps-dimensions": Condition(lambda use: bool(use.option("keepDims")), "drops dimensions", "average with keepdims=True"),
    "over-picture": Condition(lambda use: _rank(use) == 4 and set(_axes(use)) <= set(_PICTURE), "averages over other axes than height and width"),
    "pads-picture": Condition(_pads_picture, "pads other than height and width of 4 dimensions"),
    "core-ml-2": Condition(lambda use: False, "is taken for Core ML 2 only", "set coreml_version = 2, or end in layers that need no RESHAPE"),
}
