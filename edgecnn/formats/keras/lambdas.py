"""Lambda layers that only prepare an image: recognised from their bytecode or from the name of a function of Keras, never run."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from edgecnn.formats.keras.bytecode import NotProven, prove_affine

# The networks of keras.applications by what their `preprocess_input` does (keras/src/applications/imagenet_utils.py, `mode`).
TF = ("mobilenet", "mobilenet_v2", "inception_v3", "xception", "inception_resnet_v2", "nasnet", "resnet_v2")
CAFFE = ("resnet", "resnet50", "vgg16", "vgg19", "imagenet_utils")
TORCH = ("densenet",)
IDENTITY = ("efficientnet", "efficientnet_v2", "mobilenet_v3", "convnext", "regnet", "resnet_rs")
_APPLICATION = re.compile(r"(?:keras|keras\.src|tf_keras|tf_keras\.src|tensorflow\.keras|tensorflow\.python\.keras)\.applications\.(\w+)")


@dataclass(frozen=True)
class ImageMapping:
    """What a Lambda does to an image [N, H, W, C]: reverse the channels or not, then scale x + offset, one value or one a channel."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    reverse_channels: bool = False


def recognize(config: dict[str, Any]) -> ImageMapping | None:
    """What a Lambda layer computes, from its configuration; None where that is not proven.

    Source of the forms: `Lambda.get_config` of Keras 2 and 3.
    """
    if config.get("arguments") or config.get("mask"):
        return None
    function = config.get("function")
    if isinstance(function, str) and config.get("function_type", "function") == "function":
        return _named(str(config.get("module")), function)
    if isinstance(function, list) and len(function) == 3 and config.get("function_type", "lambda") == "lambda":
        return _proven(function[0], function[1], function[2])
    if not isinstance(function, dict):
        return None
    inner = function.get("config")
    if function.get("class_name") == "function" and isinstance(inner, str):
        return _named(str(function.get("module")), inner)
    if function.get("class_name") == "__lambda__" and isinstance(inner, dict):
        return _proven(inner.get("code"), inner.get("defaults"), inner.get("closure"))
    return None


def _proven(code: Any, defaults: Any, closure: Any) -> ImageMapping | None:
    if not isinstance(code, str) or defaults or closure:
        return None
    try:
        found = prove_affine(base64.b64decode(code.encode("ascii", "replace"), validate=False))
    except (NotProven, binascii.Error, ValueError):
        return None
    return ImageMapping((found.scale,), (found.offset,))


def _named(module: str, function: str) -> ImageMapping | None:
    match = _APPLICATION.fullmatch(module)
    if match is None or function != "preprocess_input":
        return None
    network = match.group(1)
    if network in TF:
        return ImageMapping((1 / 127.5,), (-1.0,))
    if network in CAFFE:
        return ImageMapping((1.0,), (-103.939, -116.779, -123.68), reverse_channels=True)
    if network in TORCH:
        means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        return ImageMapping(tuple(1 / 255 / d for d in deviations), tuple(-m / d for m, d in zip(means, deviations, strict=True)))
    return ImageMapping((1.0,), (0.0,)) if network in IDENTITY else None
