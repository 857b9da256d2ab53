"""The model card: what must be known to use, export and check a model, as JSON beside it and inside every export."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from edgecnn import files, untrusted
from edgecnn.errors import BadFile, BadSetting
from edgecnn.resize_rules import DEFAULT_FILTER, FILTERS, MODES, parse_rule, rule_text, rule_words

VERSION = 1
ORDERS = ("rgb", "bgr", "grey", "rgba")
RESIZES = tuple(MODES)

# Name of the TFLite metadata entry and of the ONNX metadata_props key that hold the card.
EMBEDDED = "edgecnn.card"

# Key of `Card.sources` that names the float file from which an export was derived.
ORIGINAL = "original"

# Names of the input and the output tensor of every export.
INPUT, OUTPUT = "image", "probabilities"


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the network's input: upright RGB, resized, channels in `order`, then (pixel - mean) / std.

    Attributes:
        height, width: of the input in pixels.
        order: channel order of the input; `grey` is one channel, ITU-R 601 luma of RGB; `rgba` has an opaque fourth channel.
        mean, std: one value a channel, in the order of the input, on the 0..255 scale.
        resize: `stretch` both sides to the input's, `crop`: scale the short side to it and take the center, or `pad`: scale the long side to it and add
            bars. A whole rule as `resize_rules.parse_rule` reads it, such as `crop,tf-bilinear`, sets the three fields below too.
        resize_filter: a name of `resize_rules.FILTERS`.
        crop_fraction: for `crop`, the share of the scaled image's side that is kept: 0.875 is Resize(256) and CenterCrop(224). At 1 the largest part
            with the input's proportions is cut out and scaled.
        pad_color: for `pad`, red, green and blue of the bars.
    """

    height: int
    width: int
    order: str = "rgb"
    mean: tuple[float, ...] = (128.0, 128.0, 128.0)
    std: tuple[float, ...] = (128.0, 128.0, 128.0)
    resize: str = "stretch"
    resize_filter: str = DEFAULT_FILTER
    crop_fraction: float = 1.0
    pad_color: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise BadSetting(f"channel order '{self.order}': expected one of {', '.join(ORDERS)}")
        self._settle_resize()
        for name in ("mean", "std"):
            values = tuple(float(v) for v in getattr(self, name))
            if len(values) == 1:
                values *= self.channels
            if len(values) != self.channels:
                raise BadSetting(f"{name} has {len(values)} values: expected 1 or {self.channels}, one a channel")
            if not all(map(math.isfinite, values)):
                raise BadSetting(f"{name} {', '.join(f'{v:g}' for v in values)}: expected finite numbers")
            object.__setattr__(self, name, values)
        if min(self.std) <= 0:
            raise BadSetting(f"std {self.std}: expected values above 0")
        if min(self.height, self.width) < 1:
            raise BadSetting(f"input {self.height}x{self.width}: expected 1 pixel or more each way")

    def _settle_resize(self) -> None:
        """Take a rule in `resize` apart, check the fields of the resize, and reset those that the mode does not use."""
        rule = {} if self.resize in RESIZES else {"resize": "stretch", **parse_rule(str(self.resize))}
        for key, value in rule.items():
            object.__setattr__(self, key, value)
        if self.resize_filter not in FILTERS:
            raise BadSetting(f"resize filter '{self.resize_filter}': expected one of {', '.join(FILTERS)}")
        fraction = float(self.crop_fraction) if self.resize == "crop" else 1.0
        if not 0.05 <= fraction <= 1:
            raise BadSetting(f"crop fraction {fraction:g}: expected 0.05 to 1, the share of the side that the center crop keeps")
        color = tuple(self.pad_color) if self.resize == "pad" else (0, 0, 0)
        if len(color) != 3 or any(type(value) is not int or not 0 <= value <= 255 for value in color):
            raise BadSetting(f"pad color {', '.join(map(str, color))}: expected red, green and blue, whole numbers from 0 to 255")
        object.__setattr__(self, "crop_fraction", fraction)
        object.__setattr__(self, "pad_color", color)

    @property
    def resize_rule(self) -> str:
        """All that is known of the resize as `--resize` takes it, such as `stretch` or `crop,0.875,tf-bilinear`."""
        return rule_text(self.resize, self.resize_filter, self.crop_fraction, self.pad_color)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def resize_words(self) -> str:
        """The resize in words: what happens to the sides, and by which filter."""
        return rule_words(self.resize, self.resize_filter, self.crop_fraction, self.pad_color)

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return {"grey": 1, "rgba": 4}.get(self.order, 3)

    @property
    def bounds(self) -> tuple[float, float]:
        """Least and largest value that a byte can become, over all channels."""
        low = min(-m / s for m, s in zip(self.mean, self.std, strict=True))
        high = max((255 - m) / s for m, s in zip(self.mean, self.std, strict=True))
        return low, high


@dataclass(frozen=True)
class DataRef:
    """Which pictures a figure speaks of: data set name, digest of its content and splits, and pictures a split."""

    name: str
    digest: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Card:
    """Everything that travels with a model. `None` and empty mean "not known", never "none".

    Attributes:
        name: of the model, as in `models/NAME.keras`.
        architecture, arguments: catalog row and builder's arguments, or "" for an imported network.
        labels: class names in the order of the outputs.
        preprocessing: how a picture becomes the input.
        data: the data set that it was trained on.
        recipe: settings of the training, as plain values.
        compression: what was done to the weights after their training: "prune", "cluster", "quantize" -> settings as plain values.
        sources: what else the weights come from: "weights" and "teacher" -> name and SHA-256 of a file, or "imagenet"; "original" -> the name of the
            float file that an export was derived from, where that is no Keras model, or that of a model object, which ends with " (in memory)".
        accuracy: split name -> {"correct": n, "total": n, "top1": share, "low": share, "high": share}; 95 % Wilson interval.
        versions: package name -> version at training.
        weights_sha256: digest of the .keras file that the card lies beside; of a model object that of a .keras file without a date, which is not kept.
        ranges: recorded activation ranges, format -> tensor name -> [least, largest, share of both that eight bits should span].
        means: recorded means a channel of what flows into layers with weights, format -> tensor name -> [mean, ...].
        calibration: {"dataset", "digest", "split", "count", "seed"} of the pictures behind `ranges` and `means`, or behind an export.
        scheme: of an export; "" in a model's own card.
        quantization: of an int8 export: the fields of `settings.PostTraining`, and the rungs that were tried before, where a budget chose.
        label_offset: outputs before the first label (1 for networks with a background class).
        input_evidence: how `preprocessing` is known, in words; "" for a model that edgecnn trained.
        score_kind: what the outputs mean, a value of `runtime.scores.ScoreKind`; "" where the file itself tells.
        label_source: where `labels` come from, in words; "" for a model that edgecnn trained.
    """

    name: str
    preprocessing: Preprocessing
    labels: tuple[str, ...] = ()
    architecture: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    data: DataRef | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)
    seed: int | None = None
    compression: Mapping[str, object] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    accuracy: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    weights_sha256: str = ""
    ranges: Mapping[str, Mapping[str, tuple[float, float, float]]] = field(default_factory=dict)
    means: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    calibration: Mapping[str, object] = field(default_factory=dict)
    scheme: str = ""
    quantization: Mapping[str, object] = field(default_factory=dict)
    label_offset: int = 0
    input_evidence: str = ""
    score_kind: str = ""
    label_source: str = ""

    def dumps(self, *, lines: bool = True) -> str:
        """The card as JSON text, keys in the order of the fields; with `lines` one key a line, for people and for diffs."""
        raw = {"edgecnn_card": VERSION, **asdict(self)}
        defaults = {f.name: f.default for f in fields(Preprocessing) if f.name in ("resize_filter", "crop_fraction", "pad_color")}
        # Left out where they say nothing new, so that versions without these fields read the card.
        raw["preprocessing"] = {key: value for key, value in raw["preprocessing"].items() if key not in defaults or value != defaults[key]}
        if not lines:
            return json.dumps(raw, ensure_ascii=False)
        return "{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in raw.items()) + "\n}"

    def for_export(self, scheme: str, calibration: Mapping[str, object] | None = None, quantization: Mapping[str, object] | None = None) -> Card:
        """The card that an export carries: the recorded ranges and means stay behind, scheme, calibration and the way to int8 are said."""
        return replace(self, ranges={}, means={}, scheme=scheme, calibration=calibration or {}, quantization=quantization or {})


def loads(text: str | bytes, origin: str | os.PathLike[str]) -> Card:
    """Read a card from JSON text; `origin` names the file in errors.

    Raises:
        BadFile: not JSON, not a card, or a card of a later version.
    """
    expected = "the JSON that edgecnn train writes"
    raw = untrusted.loads_json(text, origin, expected)
    try:
        version = raw.pop("edgecnn_card")
        if not isinstance(version, int) or version > VERSION:
            raise BadFile(f"{origin}: card version {str(version)[:20]}; this edgecnn reads up to {VERSION}; update edgecnn")
        untrusted.check_fields(Card, raw)
        if raw.get("label_offset", 0) < 0:
            raise ValueError(f"label_offset is {raw['label_offset']}, expected 0 or more")
        for split, figures in raw.get("accuracy", {}).items():
            if not {"total", "top1"} <= set(figures):
                raise ValueError(f"accuracy.{split} has {', '.join(figures) or 'nothing'}, expected total and top1")
        raw["preprocessing"] = Preprocessing(**raw["preprocessing"])
        raw["labels"] = tuple(raw.get("labels", ()))
        raw["data"] = DataRef(**raw["data"]) if raw.get("data") else None
        known = {f.name for f in fields(Card)}
        return Card(**{key: value for key, value in raw.items() if key in known})
    except BadFile:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"{origin} is not an edgecnn card ({type(error).__name__}: {error}); expected {expected}") from error


def path_of(model: str | os.PathLike[str]) -> Path:
    """Where the card of a model file lies: the same name with .json."""
    return Path(model).with_suffix(".json")


def read(model: str | os.PathLike[str]) -> Card | None:
    """The card beside a model file; None when there is none, or when the JSON there is somebody else's, such as what Keras' `to_json` gives."""
    path = path_of(model)
    if not path.exists():
        return None
    content = files.read_bytes(path, "model card")
    return None if _is_foreign(content) else loads(content, path)


def _is_foreign(content: bytes) -> bool:
    """Whether this is a whole JSON document, and no card."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return "edgecnn_card" not in raw if isinstance(raw, dict) else True


def check_place(model: str | os.PathLike[str]) -> None:
    """Refuse to write a card over a file that is none; BadFile names it."""
    path = path_of(model)
    if (path.exists() or path.is_symlink()) and not _is_card(path):
        raise BadFile(f"{path} is there and is no edgecnn card, so it may be another's; choose another --name or --out, or move it")


def _is_card(path: Path) -> bool:
    """Whether a file is a card, or was one before it was damaged."""
    if not path.is_file():
        return False
    content = files.read_bytes(path, "model card") if path.stat().st_size else b""
    if b'"edgecnn_card"' in content[:64]:
        return True
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(raw, dict) and "edgecnn_card" in raw


def write(model: str | os.PathLike[str], card: Card) -> Path:
    """Write the card beside a model file; BadFile where another file has its name."""
    check_place(model)
    return files.write_text(path_of(model), card.dumps() + "\n")
