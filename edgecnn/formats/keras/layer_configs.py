"""Layers of Keras 2 in the words of Keras 3: their configurations differ in a few names, and one activation means another thing."""

from __future__ import annotations

import importlib
import re
from typing import Any

import keras
from keras import ops

from edgecnn.formats.keras.allowed import APPLICATION_LAYERS, REGISTERED

Config = dict[str, Any]
# What Keras 2 wrote and Keras 3 refuses, where it decides nothing: kept weights of another kind, fresh values of weights, forms of input.
DROPPED = ("batch_input_shape", "input_shape", "input_dtype", "weights", "fused", "virtual_batch_size", "adjustment", "renorm", "renorm_clipping",
           "renorm_momentum", "implementation", "input_length", "rng_type")  # fmt: skip
# Where it does decide something, the only value that is the same as leaving it out.
NEUTRAL = {"renorm": False, "virtual_batch_size": None, "adjustment": None}
ALIASES = {
    "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization", "SyncBatchNormalization": "BatchNormalization",
    "Convolution2D": "Conv2D", "SeparableConvolution2D": "SeparableConv2D", "Convolution2DTranspose": "Conv2DTranspose", "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D", "GlobalAvgPool2D": "GlobalAveragePooling2D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
}  # fmt: skip
HARD_SIGMOID = "hard_sigmoid of Keras 2"
# They change the size of an image in training only.
NOTHING_IN_INFERENCE = ("RandomHeight", "RandomWidth")
FLOATS = ("float16", "bfloat16", "float64", "float32", "mixed_float16", "mixed_bfloat16")


def mark_hard_sigmoid(value: Any) -> Any:
    """Plain data of Keras 2 with its hard sigmoid under a name of its own, because Keras 3 calls another function so."""
    if isinstance(value, list):
        return [mark_hard_sigmoid(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {key: HARD_SIGMOID if key == "activation" and _named(inner) == "hard_sigmoid" else mark_hard_sigmoid(inner) for key, inner in value.items()}


def _named(activation: Any) -> Any:
    """An activation by its name, where it is a function of Keras or TensorFlow."""
    return activation["config"] if isinstance(activation, dict) and activation.get("class_name") == "function" else activation


def make(entry: Config) -> keras.Layer:
    """The layer of an entry that `check_config` has passed.

    Raises:
        ValueError, TypeError: Keras 3 does not have it, or not with this configuration.
    """
    kind = entry["class_name"].removeprefix(REGISTERED)
    kind = ALIASES.get(kind, kind)
    if kind in NOTHING_IN_INFERENCE:
        return keras.layers.Identity(name=entry["config"]["name"])
    module = entry.get("module")
    if module is not None and module.startswith("keras.src.ops."):
        return keras.saving.deserialize_keras_object(entry, safe_mode=True)
    place = importlib.import_module(f"keras.src.applications.{APPLICATION_LAYERS[kind]}") if kind in APPLICATION_LAYERS else keras.layers
    if not hasattr(place, kind):
        raise ValueError(f"Keras 3 has no layer {kind}")
    return getattr(place, kind).from_config(translated(kind, entry["config"]))


def translated(kind: str, config: Config) -> Config:
    """A layer's configuration as Keras 3 takes it, computing in float32."""
    for key, value in NEUTRAL.items():
        if config.get(key, value) != value:
            raise ValueError(f"{kind} with {key} has no translation to Keras 3")
    kept = {key: plain(value) for key, value in config.items() if key not in DROPPED and not key.endswith("_initializer")}
    kept |= {"dtype": "float32", "name": valid_name(kept.get("name"))}
    if kind == "DepthwiseConv2D" or (kind.startswith("Separable") and kept.get("groups") == 1):
        kept.pop("groups", None)
    if kind == "BatchNormalization" and isinstance(kept.get("axis"), list):
        (kept["axis"],) = kept["axis"]
    if kind == "LeakyReLU" and "alpha" in kept:
        kept["negative_slope"] = kept.pop("alpha")
    if "activation" in kept:
        kept["activation"] = "linear" if kept["activation"] == HARD_SIGMOID else _named(kept["activation"])
    return {key: _numbers(value) for key, value in kept.items()}


def activated(config: Config, x: Any) -> Any:
    """Keras 2's hard sigmoid behind a layer that asks for it: min(max(0.2 x + 0.5, 0), 1). Keras 3 has relu6(x + 3) / 6 under that name."""
    return ops.clip(keras.layers.Rescaling(0.2, 0.5)(x), 0.0, 1.0) if config.get("activation") == HARD_SIGMOID else x


def plain(value: Any) -> Any:
    """Tuples that were written as {"class_name": "__tuple__", "items": [...]} as lists."""
    if isinstance(value, dict) and value.get("class_name") in ("__tuple__", "TensorShape"):
        return [plain(inner) for inner in value["items"]]
    return value


def _numbers(value: Any) -> Any:
    """Constant tensors as lists."""
    if isinstance(value, dict) and value.get("class_name") in ("__tensor__", "__numpy__") and isinstance(value.get("config"), dict):
        return value["config"]["value"]
    return value


def fixed(shape: list[int | None], image_size: tuple[int, int] | None) -> tuple[int | None, ...]:
    """A batch shape [N, H, W, C] or [N, H, W] with the given height and width where it leaves them open."""
    sides = list(shape)
    if image_size is not None and len(sides) in (3, 4):
        first = 2 if len(sides) == 4 and sides[1] in (1, 3) and sides[3] is None else 1
        for offset, size in enumerate(image_size):
            sides[first + offset] = sides[first + offset] or size
    return tuple(sides)


def input_dtype(dtype: Any) -> str:
    """The type of an input: any float becomes float32, integers stay."""
    return dtype if isinstance(dtype, str) and dtype not in FLOATS else "float32"


def valid_name(name: Any) -> str | None:
    """A name as Keras 3 takes it: without slashes, which tf_keras' own MobileNetV3 has."""
    return re.sub(r"[^\w.-]", "_", name) if isinstance(name, str) and name else None
