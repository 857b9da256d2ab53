"""Changes to the plain description of a network before it is built: no training, float32, a fixed size of images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgecnn.formats.keras.allowed import LAYERS
from edgecnn.formats.keras.layer_configs import FLOATS, fixed

HALF = tuple(name for name in FLOATS if name != "float32")
POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1")


def clean(value: Any) -> Any:
    """The same description without how it was trained, computing in float32."""
    if isinstance(value, list):
        return [clean(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: "float32" if key == "dtype" and _half(inner) else clean(inner) for key, inner in value.items() if key != "compile_config"}


def has_half(value: Any) -> str:
    """The first type other than float32 that a layer computes in; "" where there is none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            found = _half(inner) if key == "dtype" else ""
            found = found or has_half(inner)
            if found:
                return found
    if isinstance(value, list):
        return next((found for inner in value if (found := has_half(inner))), "")
    return ""


def _half(dtype: Any) -> str:
    if isinstance(dtype, dict) and dtype.get("class_name") in POLICIES and isinstance(dtype.get("config"), dict):
        dtype = dtype["config"].get("name")
    return dtype if isinstance(dtype, str) and dtype in HALF else ""


def with_image_size(value: Any, image_size: tuple[int, int] | None) -> Any:
    """The same description with height and width where the input leaves them open."""
    if image_size is None:
        return value
    if isinstance(value, list):
        return [with_image_size(inner, image_size) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "InputLayer" and isinstance(value.get("config"), dict) and isinstance(value["config"].get("batch_shape"), list):
        return {**value, "config": {**value["config"], "batch_shape": list(fixed(value["config"]["batch_shape"], image_size))}}
    return {key: with_image_size(inner, image_size) for key, inner in value.items()}


def training_calls(value: Any) -> Iterator[str]:
    """Names of layers that are called with training=True."""
    if isinstance(value, list):
        for inner in value:
            yield from training_calls(inner)
    if isinstance(value, dict):
        kind = str(value.get("class_name"))
        # Augmentation layers of Keras 3 have training=True as their default, and are nothing in inference all the same.
        plain = kind in LAYERS and not any(word in kind for word in ("Dropout", "BatchNorm", "GaussianNoise"))
        if "inbound_nodes" in value and not plain and _says_training(value["inbound_nodes"]):
            yield str(value.get("name"))[:100]
        for inner in value.values():
            yield from training_calls(inner)


def _says_training(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("training") in (True, 1) or any(_says_training(inner) for inner in value.values())
    return isinstance(value, list) and any(_says_training(inner) for inner in value)
