"""Random changes to training pictures."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.settings.refuse import refuse

FILLS = ("nearest", "grey", "reflect")


@dataclass(frozen=True)
class Augment:
    """Random changes to a training picture and its label.

    Attributes:
        rotation: largest turn either way, in degrees.
        shift: largest shift either way, as a share of height and width.
        zoom: largest change of scale either way, as a share.
        brightness, contrast: largest change either way, as a share of the full range.
        flip: mirror left and right. Off unless asked for: a mirrored hand or digit has another meaning.
        crop: largest shift either way in whole pixels, as a share of height and width: CIFAR's four pixels of 32 are 0.125.
        area: least share of the area that a random crop keeps, of aspect 3/4 to 4/3 (Szegedy et al., 2014, section 6); 1 crops nothing.
        colour: largest change of the saturation either way, as a share.
        fill: what comes in from outside the picture: its nearest pixel, grey (128), or its reflection.
        operations: changes of RandAugment for each picture (Cubuk et al., 2019, arXiv:1909.13719); 0 for none.
        strength: of these, from 0 to 1; the paper's magnitude over 30.
        erase: share of the pictures of which a rectangle is made grey (Zhong et al., 2017, arXiv:1708.04896).
        mixup: alpha of mixing two pictures and their labels (Zhang et al., 2017, arXiv:1710.09412); 0 mixes none.
        cutmix: alpha of pasting a rectangle of another picture (Yun et al., 2019, arXiv:1905.04899); 0 pastes none. Where both are asked for, each picture
            gets one of them.
    """

    rotation: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    flip: bool = False
    crop: float = 0.0
    area: float = 1.0
    colour: float = 0.0
    fill: str = "nearest"
    operations: int = 0
    strength: float = 0.3
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        refuse(not 0 <= self.rotation <= 180, f"rotation {self.rotation}: expected degrees from 0 to 180")
        for name in ("shift", "zoom", "brightness", "contrast", "crop", "colour"):
            refuse(not 0 <= getattr(self, name) < 1, f"{name} {getattr(self, name)}: expected a share from 0 to below 1")
        refuse(not 0 < self.area <= 1, f"area {self.area}: expected a share above 0, at most 1")
        refuse(self.fill not in FILLS, f"fill '{self.fill}': expected one of {', '.join(FILLS)}")
        refuse(not 0 <= self.operations <= 8, f"{self.operations} operations of RandAugment: expected 0 to 8")
        for name in ("strength", "erase"):
            refuse(not 0 <= getattr(self, name) <= 1, f"{name} {getattr(self, name)}: expected a share from 0 to 1")
        for name in ("mixup", "cutmix"):
            refuse(not 0 <= getattr(self, name) <= 10, f"{name} {getattr(self, name)}: expected an alpha from 0 to 10")

    @property
    def mixes(self) -> bool:
        """Whether a training picture may hold two labels."""
        return bool(self.mixup or self.cutmix)
