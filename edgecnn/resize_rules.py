"""How an image comes to the input's size, in words that people type: the mode, the filter, and the names that libraries give to both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgecnn.errors import BadSetting

MODES: dict[str, str] = {
    "stretch": "both sides stretched to it",
    "crop": "the short side scaled to it and the center kept",
    "pad": "the long side scaled to it and bars added",
}


@dataclass(frozen=True)
class ResizeFilter:
    """One filter.

    Attributes:
        name: as typed and as the card holds it.
        kernel: nearest, box, area, triangle, cubic or lanczos.
        antialias: whether the kernel widens when it shrinks an image, so that every pixel counts.
        words: in READMEs and reports.
    """

    name: str
    kernel: str
    antialias: bool
    words: str

    @property
    def is_pillow(self) -> bool:
        """Rounded to bytes after each of the two passes, as Pillow does; TensorFlow's filters are rounded once, half to even."""
        return self.name.startswith("pillow-")


FILTERS: dict[str, ResizeFilter] = {
    row.name: row
    for row in (
        ResizeFilter("pillow-bilinear", "triangle", True, "Pillow's bilinear with antialias (torchvision's on PIL images)"),
        ResizeFilter("pillow-bicubic", "cubic", True, "Pillow's bicubic with antialias"),
        ResizeFilter("pillow-lanczos", "lanczos", True, "Pillow's Lanczos with antialias"),
        ResizeFilter("pillow-box", "box", True, "Pillow's box (mean of whole pixels)"),
        ResizeFilter("pillow-nearest", "nearest", False, "Pillow's nearest pixel (the default of Keras' load_img)"),
        ResizeFilter(
            "tf-bilinear", "triangle", False, "TensorFlow's bilinear without antialias (the default of tf.image.resize and image_dataset_from_directory)"
        ),
        ResizeFilter("tf-bilinear-antialias", "triangle", True, "TensorFlow's bilinear with antialias"),
        ResizeFilter("tf-bicubic", "cubic", False, "TensorFlow's bicubic without antialias"),
        ResizeFilter("tf-bicubic-antialias", "cubic", True, "TensorFlow's bicubic with antialias"),
        ResizeFilter("tf-area", "area", True, "TensorFlow's area (mean of all that a pixel covers; cv2.INTER_AREA when it shrinks)"),
        ResizeFilter("tf-nearest", "nearest", False, "TensorFlow's nearest pixel"),
    )
}
DEFAULT_FILTER = "pillow-bilinear"

# Share of the side that Resize(256) and CenterCrop(224) leave, the rule of most ImageNet training scripts.
CENTER = 0.875

# What people type for a mode, a filter or both.
_PILLOW, _TF, _NEAREST = ({"resize_filter": name} for name in ("pillow-bilinear", "tf-bilinear", "pillow-nearest"))
_CROP, _PAD = {"resize": "crop"}, {"resize": "pad"}
ALIASES: dict[str, Mapping[str, object]] = {
    "center-crop": _CROP, "centre-crop": _CROP, "letterbox": _PAD, "resize-with-pad": _PAD,
    "bilinear": _PILLOW, "pillow": _PILLOW, "pil": _PILLOW, "nearest": _NEAREST, "load-img": _NEAREST,
    "tf": _TF, "tensorflow": _TF, "keras": _TF, "opencv": _TF, "cv2": _TF,
    "bicubic": {"resize_filter": "pillow-bicubic"}, "lanczos": {"resize_filter": "pillow-lanczos"},
    "box": {"resize_filter": "pillow-box"}, "area": {"resize_filter": "tf-area"},
    "crop-to-aspect-ratio": _CROP | _TF, "pad-to-aspect-ratio": _PAD | _TF,
    "torchvision": _CROP | _PILLOW | {"crop_fraction": CENTER},
}  # fmt: skip
# Aliases that people are told of; the others are there for those who try them.
_SAID = ("bilinear", "bicubic", "nearest", "area", "tf", "keras", "pillow", "torchvision", "opencv")


def parse_rule(text: str) -> dict[str, object]:
    """The fields of `Preprocessing` that a resize rule sets.

    Args:
        text: a mode, a filter, an alias or several of them between commas or colons, and for crop the share of the side that is kept, for pad the color
            of the bars: `crop`, `tf-bilinear`, `crop,tf-bilinear`, `torchvision`, `crop,0.875`, `pad:tf:#808080`. A word for one
            thing wins over an alias for several.

    Raises:
        BadSetting: a word that is none of these, or two of one kind.
    """
    fields: dict[str, object] = {}
    aliased: dict[str, object] = {}
    for word in filter(None, re.split(r"[,:\s]+", text.strip().lower().replace("_", "-"))):
        named = ALIASES[word] if word in ALIASES else _field(word, text)
        _take(aliased if len(named) > 1 else fields, named, text)
    if not fields and not aliased:
        raise _unknown(text, text)
    return {**aliased, **fields}


def _take(fields: dict[str, object], more: Mapping[str, object], text: str) -> None:
    for key, value in more.items():
        if fields.setdefault(key, value) != value:
            raise BadSetting(f"resize rule '{text}': says both {fields[key]} and {value}; expected one of them")


def _field(word: str, text: str) -> dict[str, object]:
    if word in MODES:
        return {"resize": word}
    if word in FILTERS:
        return {"resize_filter": word}
    if re.fullmatch(r"#[0-9a-f]{6}", word):
        return {"pad_color": tuple(bytes.fromhex(word[1:]))}
    if re.fullmatch(r"[01]?\.\d+|1", word):
        return {"crop_fraction": float(word)}
    raise _unknown(word, text)


def _unknown(word: str, text: str) -> BadSetting:
    inside = f" in '{text}'" if word != text else ""
    return BadSetting(
        f"resize rule '{word}'{inside}: expected a mode ({', '.join(MODES)}), a filter ({', '.join(FILTERS)}), or a short name ({', '.join(_SAID)}), "
        "such as crop,tf-bilinear"
    )


def rule_words(resize: str, resize_filter: str, crop_fraction: float = 1.0, pad_color: tuple[int, ...] = (0, 0, 0)) -> str:
    """A resize as READMEs and metadata say it: what happens to the image's sides, and by which filter."""
    words = MODES[resize]
    if crop_fraction != 1.0:
        words = f"the short side scaled to {1 / crop_fraction:.4g} of it and the center kept"
    if any(pad_color):
        words += f" (red, green, blue {', '.join(map(str, pad_color))})"
    return f"{words}, by {FILTERS[resize_filter].words}"


def rule_text(resize: str, resize_filter: str, crop_fraction: float = 1.0, pad_color: tuple[int, ...] = (0, 0, 0)) -> str:
    """The shortest rule that `parse_rule` reads as these fields: `stretch`, `crop,0.875,tf-bilinear`."""
    words = [resize]
    if crop_fraction != 1.0:
        words.append(f"{crop_fraction:.6g}")
    if any(pad_color):
        words.append("#" + bytes(pad_color).hex())
    if resize_filter != DEFAULT_FILTER:
        words.append(resize_filter)
    return ",".join(words)
