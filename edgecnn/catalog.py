"""TABLE of architectures: one row a network, each with its paper, its default input and its counts; in the order of their years.

Parameters and MACs are golden numbers: `tests/test_catalog.py` builds every row and counts again, and holds them against the papers'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edgecnn import papers
from edgecnn.errors import BadSetting, unknown

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


# fmt: off
_ROWS = (
    # --- 1998: LeNet (section: lenet, mlp, convnet) ---
    Architecture("lenet", "lenet", papers.LENET.at("Figure 2"), 32, 1, 10, 61_706, 61_706, 416_520, {"dropout": 0.0}),
    # --- 2014: VGG, Darknet (section: vgg) ---
    # --- 2014: Inception (section: inception) ---
    # --- 2015: ResNet (section: resnet) ---
    # --- 2016: SqueezeNet (section: squeezenet) ---
    Architecture("squeezenet", "squeezenet", papers.SQUEEZENET.at("Table 1"), 224, 3, 1000, 1_248_424, 1_248_424, 777_221_152,
                 {"version": "1.0", "dropout": 0.5}),
    Architecture("squeezenet1_1", "squeezenet", papers.SQUEEZENET_CODE.at("README"), 224, 3, 1000, 1_235_496, 1_235_496, 349_151_936,
                 {"version": "1.1", "dropout": 0.5}),
    # --- 2016: DenseNet (section: densenet) ---
    # --- 2016: Xception (section: xception) ---
    # --- 2016: ResNeXt (section: resnext) ---
    # --- 2017: SENet (section: senet) ---
    # --- 2017: MobileNet (section: mobilenet) ---
    Architecture("mobilenet", "mobilenet", papers.MOBILENET.at("Table 1"), 224, 3, 1000, 4_253_864, 4_231_976, 568_740_352,
                 {"width": 1.0, "dropout": 0.001, "bias": False}, twin="MobileNet", pixels="tf"),
)

_MODULES: tuple[Module, ...] = (
    # --- dense nets (section: mlp) ---
    # --- Inception modules (section: inception) ---
    # --- ResNeXt blocks (section: resnext) ---
)
# fmt: on

CATALOG: Mapping[str, Architecture] = MappingProxyType({row.name: row for row in _ROWS})
MODULES: Mapping[str, Module] = MappingProxyType({row.name: row for row in _MODULES})


def architecture(name: str) -> Architecture:
    """Look an architecture up by its name; a misspelt one raises UnknownName with the nearest."""
    try:
        return CATALOG[name]
    except KeyError:
        raise unknown("architecture", name, CATALOG) from None
