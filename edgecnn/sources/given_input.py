"""What the user says of a model's input; the strongest evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgecnn.card import Preprocessing
from edgecnn.errors import BadSetting, unknown
from edgecnn.sources.mappings import BY_NAME


@dataclass(frozen=True)
class GivenInput:
    """Fields of `Preprocessing` that were said, and the size of the input where a file leaves it open.

    Attributes:
        fields: name -> value, such as {"mean": (0.0,), "std": (255.0,)}.
        image_size: height and width in pixels; None where it was not said.

    Raises:
        BadSetting: only one of mean and std.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    image_size: int | None = None

    def __bool__(self) -> bool:
        return bool(self.fields) or self.image_size is not None

    @property
    def says_values(self) -> bool:
        """Whether the way from a pixel to a number was said."""
        return "mean" in self.fields and "std" in self.fields

    def check_whole(self) -> None:
        """Refuse one of mean and std without the other, where no card has the other.

        Raises:
            BadSetting: only one of them was said.
        """
        if ("mean" in self.fields) != ("std" in self.fields):
            said, missing = ("mean", "std") if "mean" in self.fields else ("std", "mean")
            raise BadSetting(f"--{said} came without --{missing}: expected both, input = (pixel - mean) / std, such as --mean 127.5 --std 127.5")

    def over(self, base: Preprocessing) -> Preprocessing:
        """`base` with what was said laid over it; another number of channels drops the values of the old ones."""
        order = str(self.fields.get("order", base.order))
        if replace(base, order=base.order).channels != _channels(order):
            base = replace(base, order=order, mean=base.mean[:1], std=base.std[:1])
        elif order != base.order and len(set(base.mean)) + len(set(base.std)) > 2:
            base = replace(base, order=order, mean=base.mean[::-1], std=base.std[::-1])
        return replace(base, **dict(self.fields))


def _channels(order: str) -> int:
    return Preprocessing(1, 1, order, (0.0,), (1.0,)).channels


def fields_of_mapping(name: str) -> dict[str, object]:
    """The fields behind a name that is typed after --preprocess.

    Raises:
        UnknownName: not a usual mapping.
    """
    if name not in BY_NAME:
        raise unknown("preprocessing", name, BY_NAME)
    mapping = BY_NAME[name]
    order = {} if mapping.order == "rgb" else {"order": mapping.order}
    return {"mean": mapping.mean, "std": mapping.std, **order}
