"""What a row of the catalog says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edgecnn.errors import BadSetting

Value = float | int | str | bool

# Arguments that every architecture takes: a frame of zeros around smaller pictures, and layers that get an auxiliary classifier in training.
COMMON: Mapping[str, Value] = MappingProxyType({"pad_input": 0, "auxiliary": ""})

# How the networks of keras.applications want their pixels: (channel order, mean, std).
PIXELS: Mapping[str, tuple[str, tuple[float, ...], tuple[float, ...]]] = MappingProxyType(
    {
        "tf": ("rgb", (127.5,), (127.5,)),
        "caffe": ("bgr", (103.939, 116.779, 123.68), (1.0,)),
        "torch": ("rgb", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    }
)


@dataclass(frozen=True)
class Architecture:
    """One network of the catalog, in the form that its paper gives.

    Attributes:
        name: what the user types.
        family: the module of `edgecnn.arch` whose `network` builds it.
        paper: authors, year, table, and address.
        image_size: height and width of the input in pixels, when nothing else is asked for.
        channels: 3 for RGB, 1 for grey.
        classes: outputs of the paper's network.
        parameters: all parameters of the default network, batch-norm statistics included.
        trainable: the trainable ones among them.
        macs: multiply-accumulates of one picture through the default network, biases, pooling and activations not counted.
        arguments: keyword arguments of the family's `network` with the row's defaults.
        smallest: pixels of the smallest square input that leaves something to compute at the end.
        twin: the function of keras.applications that is the same network, layer for layer, or "".
        pixels: how the twin's ImageNet weights want their input, a key of PIXELS.
    """

    name: str
    family: str
    paper: str
    image_size: int
    channels: int
    classes: int
    parameters: int
    trainable: int
    macs: int
    arguments: Mapping[str, Value] = field(default_factory=dict)
    smallest: int = 16
    twin: str = ""
    pixels: str = ""

    def with_defaults(self, given: Mapping[str, object]) -> dict[str, object]:
        """The row's arguments overlaid with `given`, those of COMMON only where they say something; one that the row does not have raises BadSetting."""
        for key in given:
            if key not in self.arguments and key not in COMMON:
                raise BadSetting(f"{self.name} has no argument '{key}'; it takes: {', '.join((*self.arguments, *COMMON))}")
        plain = {key: value for key, value in given.items() if key in self.arguments or value != COMMON[key]}
        return {**self.arguments, **plain}


@dataclass(frozen=True)
class Module:
    """A part of a network as a paper or course prints it, or a network that takes no pictures: to be studied, counted and exported.

    Attributes:
        name: what the user types.
        family, function: the module of `edgecnn.arch` and the function there that builds it from its input.
        paper: where it is printed.
        input_shape: of one example, without the batch.
        parameters, trainable, macs: as in `Architecture`.
        arguments: keyword arguments of the function.
    """

    name: str
    family: str
    function: str
    paper: str
    input_shape: tuple[int, ...]
    parameters: int
    trainable: int
    macs: int
    arguments: Mapping[str, Value] = field(default_factory=dict)
