"""Recipes: one TOML file a training, which says what to train, on what, how, and what to expect of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from edgecnn import card as cards
from edgecnn import files, zoo
from edgecnn.card import Card, Preprocessing
from edgecnn.catalog import architecture
from edgecnn.errors import BadFile, BadSetting, EdgeCNNError
from edgecnn.settings import Train
from edgecnn.settings.refuse import refuse

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Bytes of a recipe; the longest here has two thousand.
LARGEST = 1 << 20

NEEDS = ("", "accelerator")

_TOML = {str: "text", int: "a whole number", bool: "true or false", dict: "a table"}


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
        command, time, accuracy: how it was run, how long that took and what came out, as text.
        folder, name: where the model goes, below the folder of all models.
        data: name of the data set.
        image_size: height and width of the input in pixels.
        model: {"architecture": catalog row, "arguments": {...}}.
        train: fields of `Train`, with those of `Augment` in "augment".
        weights: to start from: "imagenet", a file of the folder `weights` beside EDGECNN_DATA, or a model below the folder of all models, such as
            trashnet/first-mobilenet; "" for fresh ones.
        input: what those weights want where they have no card: order, mean, std and resize of `Preprocessing`; resize is a whole rule as
            `resize_rules.parse_rule` reads it, such as `crop,0.875,tf-bilinear`.
        teacher: model whose answers are learnt beside the labels, below the folder of all models, such as sign-digits/mobilenet; "" for none.
        ship: whether the repository may hold the model.
        needs: "accelerator" for what a processor is too slow for, or "".
    """

    command: str
    time: str
    accuracy: str
    folder: str
    name: str
    data: str
    image_size: int
    model: dict
    train: dict
    weights: str = ""
    input: dict = field(default_factory=dict)
    teacher: str = ""
    ship: bool = True
    needs: str = ""

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Recipe).items():
            value = getattr(self, name)
            refuse(type(value) is not kind, f"{name} is {value!r}: expected {_TOML[kind]}")
        refuse(self.needs not in NEEDS, f"needs '{self.needs}': expected accelerator, or nothing")
        refuse(self.image_size < 1, f"image size {self.image_size}: expected 1 pixel or more")
        strange = [key for key in self.model if key not in ("architecture", "arguments")]
        refuse(bool(strange) or "architecture" not in self.model, f"[model] has {', '.join(self.model) or 'nothing'}: expected architecture and arguments")
        refuse(not isinstance(self.architecture, str), f"architecture is {self.architecture!r}: expected text")
        refuse(not isinstance(self.arguments, dict), f"arguments is {self.arguments!r}: expected a table")
        architecture(self.architecture).with_defaults(self.arguments)
        odd = [key for key in self.input if key not in ("order", "mean", "std", "resize")]
        refuse(bool(odd), f"[input] has {', '.join(odd)}: expected order, mean, std or resize{_resize_hint(odd)}")
        Preprocessing(self.image_size, self.image_size, **{"mean": (128.0,), "std": (128.0,), **self.input})
        _ = self.settings

    @property
    def architecture(self) -> str:
        """The catalog row."""
        return self.model["architecture"]

    @property
    def arguments(self) -> dict[str, object]:
        """Arguments of the row that differ from its defaults."""
        return self.model.get("arguments", {})

    @property
    def settings(self) -> Train:
        """The settings that [train] says.

        Raises:
            BadSetting: a field that `Train` or `Augment` does not have, or a value that cannot work.
        """
        return _settings(self.train)

    def start(self, out: Path = zoo.FOLDER) -> Path | str | None:
        """The weights to start from: a file, "imagenet", or None for fresh ones; `out` is the folder of all models.

        Raises:
            BadFile: EDGECNN_DATA is not set, or there is no such file.
        """
        if self.weights in ("", "imagenet"):
            return self.weights or None
        if "/" in self.weights:
            return files.check_file(out / f"{self.weights}.keras", f"model that {self.name} starts from")
        data = os.environ.get("EDGECNN_DATA")
        if not data:
            raise BadFile(f"{self.name} starts from {self.weights}, of the folder `weights` beside EDGECNN_DATA, which is not set; set EDGECNN_DATA")
        return files.check_file(Path(data).resolve().parent / "weights" / self.weights, "weights file")

    def path(self, out: Path) -> Path:
        """The model file below `out`, the folder of all models."""
        return out / self.folder / f"{self.name}.keras"

    def done(self, out: Path) -> bool:
        """Whether this very recipe has made the model that lies below `out`: its card says the same network, size, data set and settings.

        Fields that a card lacks, because it is older than they are, have their defaults.
        """
        path = self.path(out)
        card = cards.read(path) if path.exists() else None
        return card is not None and card.weights_sha256 == files.sha256(path) and self._made(card)

    def _made(self, card: Card) -> bool:
        size, row = (card.preprocessing.height, card.preprocessing.width), architecture(self.architecture)
        if card.architecture != self.architecture or size != (self.image_size, self.image_size) or card.data is None or card.data.name != self.data:
            return False
        try:
            return row.with_defaults(card.arguments) == row.with_defaults(self.arguments) and _settings(card.recipe) == self.settings
        except BadSetting:  # a card of another version, with what this one does not know
            return False


def read(path: str | os.PathLike[str]) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        BadFile: no such file, or not TOML. BadSetting: a key that is not known or is missing, or a value that cannot work. UnknownName: no such architecture.
    """
    path = Path(path)
    content = files.read_bytes(path, "recipe (.toml)", LARGEST)
    try:
        given = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # TOMLDecodeError and UnicodeDecodeError; lists within lists without end
        words = str(error).partition("\n")[0]
        raise BadFile(f"{path} is not TOML ({words}); expected a recipe as in tools/recipes") from error
    try:
        _check_keys(given)
        return Recipe(**given)
    except EdgeCNNError as error:
        raise type(error)(f"{path}: {error}") from error
    except RecursionError as error:
        raise BadFile(f"{path} is nested too deeply; expected a recipe as in tools/recipes") from error


def read_all(folder: str | os.PathLike[str]) -> dict[str, Recipe]:
    """All recipes of a folder by the name of their file, sorted; errors as in `read`."""
    return {path.stem: read(path) for path in sorted(Path(folder).glob("*.toml"))}


def _check_keys(given: Mapping[str, Any]) -> None:
    known = [it.name for it in fields(Recipe)]
    for key in given:
        refuse(key not in known, f"unknown key '{key}': expected one of {', '.join(known)}")
    missing = [it.name for it in fields(Recipe) if it.default is MISSING and it.default_factory is MISSING and it.name not in given]
    refuse(bool(missing), f"no {' and no '.join(missing)}: expected a value for each")


def _resize_hint(keys: Sequence[str]) -> str:
    """How a recipe says the parts of a resize rule: in the one text that `--resize` takes too, which is refused where its words contradict each other."""
    return ', the whole rule, such as resize = "crop,0.875,tf-bilinear"' if {"resize_filter", "crop_fraction", "pad_color"} & set(keys) else ""


def _settings(recipe: Mapping[str, Any]) -> Train:
    """`Train.read`, with a value of the wrong type said in words."""
    try:
        return Train.read(dict(recipe))
    except (TypeError, AttributeError) as error:
        raise BadSetting(f"[train] has a value of the wrong type ({error}); expected numbers, words and true or false as in tools/recipes") from error
