"""TABLE of ImageNet weights: for which widths and sizes keras.applications has some, and which arguments keep a row equal to its twin there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgecnn.card import Preprocessing
from edgecnn.catalog import CATALOG, COMMON, PIXELS, Architecture
from edgecnn.errors import BadSetting

# What `--weights` calls them.
IMAGENET = "imagenet"

# The twins whose width can be chosen (`alpha`), and the widths that weights exist for. The minimalistic MobileNets v3 have weights for 1.0 only.
WIDTHS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "MobileNet": (0.25, 0.5, 0.75, 1.0),
        "MobileNetV2": (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        "MobileNetV3Large": (0.75, 1.0),
        "MobileNetV3Small": (0.75, 1.0),
    }
)
MINIMALISTIC = "minimalistic"

# The twins with weights for several sizes of pictures; for any other size those of the twin's default are taken.
SIZES: Mapping[str, tuple[int, ...]] = MappingProxyType({"MobileNet": (128, 160, 192, 224), "MobileNetV2": (96, 128, 160, 192, 224)})


def check(row: Architecture, arguments: Mapping[str, object], *, weights: str | None = IMAGENET) -> None:
    """Refuse what has no twin, and a width without ImageNet weights where `weights` asks for them.

    Raises:
        BadSetting: the row has no twin, or the arguments make another network of it.
    """
    if not row.twin:
        known = ", ".join(name for name, other in CATALOG.items() if other.twin)
        raise BadSetting(f"no ImageNet weights for {row.name}; expected a row that keras.applications has, too: {known}; or a file of weights")
    for key, value in arguments.items():
        if not _free(row, key) and value != row.arguments[key]:
            raise BadSetting(f"{row.name} with {key}={value} is not keras.applications.{row.twin}: ImageNet weights expect {key}={row.arguments[key]}")
    widths = (1.0,) if arguments.get(MINIMALISTIC) else WIDTHS.get(row.twin, ())
    if weights == IMAGENET and widths and arguments["width"] not in widths:
        raise BadSetting(f"no ImageNet weights for {row.name} of width {arguments['width']}; expected one of {', '.join(map(str, widths))}")


def _free(row: Architecture, key: str) -> bool:
    """Whether the twin has this argument, too, or the function of the network does not depend on it."""
    return key in COMMON or "dropout" in key or (row.twin in WIDTHS and key in ("width", MINIMALISTIC))


def preprocessing(row: Architecture) -> Preprocessing:
    """How the twin's ImageNet weights want their pictures.

    Raises:
        BadSetting: the row has no twin.
    """
    check(row, row.arguments)
    order, mean, std = PIXELS[row.pixels]
    return Preprocessing(row.image_size, row.image_size, order, mean, std)
