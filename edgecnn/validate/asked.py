"""What a validation is asked for, refused where it cannot be measured."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.errors import BadSetting
from edgecnn.settings import Doctor, Limits
from edgecnn.sources.given_input import GivenInput
from edgecnn.validate import calibration


@dataclass(frozen=True)
class Asked:
    """The arguments of `edgecnn.validate.validate`, which explains them."""

    against: str | os.PathLike[str] | None
    data: str | os.PathLike[str] | None
    labels: str | os.PathLike[str] | Sequence[str] | None
    given: GivenInput
    label_offset: int | None
    limits: Limits
    threads: tuple[int, ...]
    count: int | None
    split: str
    fresh: bool
    parity: bool
    ray: str | None
    layers: bool
    doctor: Doctor | None
    profile: bool
    calibrate: bool
    check_resize: bool | None = None

    def __post_init__(self) -> None:
        if any(n < 1 for n in self.threads):
            raise BadSetting(f"threads {', '.join(map(str, self.threads))}: expected whole numbers from 1")
        if self.count is not None and self.count < 1:
            raise BadSetting(f"{self.count} pictures: expected 1 or more")
        if self.label_offset is not None and self.label_offset < 0:
            raise BadSetting(f"--label-offset {self.label_offset}: expected 0 or more")
        if self.limits.max_latency_ratio is not None and not self.threads:
            raise BadSetting("--max-latency-ratio needs a timing; name one number of threads or more")

        if self.calibrate:
            calibration.refuse(self.split)

    @property
    def compares(self) -> str:
        """The option that cannot do without an original, as typed; "" when none was given."""
        if self.parity:
            return "--parity"
        return next(("--" + name.replace("_", "-") for name in ("max_drop", "max_latency_ratio") if getattr(self.limits, name) is not None), "")
