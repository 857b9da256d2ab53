"""TABLE of architectures: one row a network, each with its paper, its default input and its counts.

Parameters and MACs are golden numbers: `tests/test_catalog.py` builds every row and counts again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edgecnn.errors import BadSetting, unknown


@dataclass(frozen=True)
class Architecture:
    """One network of the catalog, in the form that its paper gives.

    Attributes:
        name: what the user types.
        family: the module of `edgecnn.arch` that builds it.
        paper: authors, year, table, and address.
        image_size: height and width of the input in pixels, when nothing else is asked for.
        channels: 3 for RGB, 1 for grey.
        classes: outputs of the paper's network.
        parameters: all parameters of the default network, batch-norm statistics included.
        trainable: the trainable ones among them.
        macs: multiply-accumulates of one picture through the default network, biases, pooling and activations not counted.
        arguments: keyword arguments of the family's builder with the row's defaults.
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
    arguments: Mapping[str, float | int | str | bool] = field(default_factory=dict)

    def with_defaults(self, given: Mapping[str, object]) -> dict[str, object]:
        """The row's arguments overlaid with `given`; an argument that the row does not have raises BadSetting."""
        for key in given:
            if key not in self.arguments:
                raise BadSetting(f"{self.name} has no argument '{key}'; it takes: {', '.join(self.arguments) or 'none'}")
        return {**self.arguments, **given}


_MOBILENET = "Howard et al., 2017, MobileNets, Table 1, https://arxiv.org/abs/1704.04861"
_SQUEEZENET = "Iandola et al., 2016, SqueezeNet, Table 1, https://arxiv.org/abs/1602.07360"
_SQUEEZENET_1_1 = "Iandola et al., 2016, the authors' SqueezeNet v1.1, https://github.com/forresti/SqueezeNet"
_LENET = "LeCun et al., 1998, Gradient-based learning applied to document recognition, Figure 2, https://doi.org/10.1109/5.726791"

CATALOG: Mapping[str, Architecture] = MappingProxyType(
    {
        row.name: row
        for row in (
            Architecture("lenet", "lenet", _LENET, 32, 1, 10, 61_706, 61_706, 416_520, {"dropout": 0.0}),
            Architecture(
                "mobilenet", "mobilenet", _MOBILENET, 224, 3, 1000, 4_253_864, 4_231_976, 568_740_352,
                {"width": 1.0, "dropout": 0.001, "bias": False},
            ),
            Architecture("squeezenet", "squeezenet", _SQUEEZENET, 224, 3, 1000, 1_248_424, 1_248_424, 777_221_152, {"version": "1.0", "dropout": 0.5}),
            Architecture("squeezenet1_1", "squeezenet", _SQUEEZENET_1_1, 224, 3, 1000, 1_235_496, 1_235_496, 349_151_936, {"version": "1.1", "dropout": 0.5}),
        )
    }
)  # fmt: skip


def architecture(name: str) -> Architecture:
    """Look an architecture up by its name; a misspelt one raises UnknownName with the nearest."""
    try:
        return CATALOG[name]
    except KeyError:
        raise unknown("architecture", name, CATALOG) from None
