"""Training under the rounding that int8 will bring, by TF-MOT's wrappers, on every architecture of the catalog.

What comes out is a Keras 3 model whose kernels lie on int8's grid: exporting it as int8 loses nothing of them.
"""

from __future__ import annotations

from collections import defaultdict

import keras
import numpy as np
import tf_keras
from tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper import QuantizeWrapperV2

from edgecnn.compress import cluster, prune
from edgecnn.compress.endings import operation_of
from edgecnn.compress.fit import Stage
from edgecnn.compress.legacy_keras import Legacy, calls_of, sources_of, to_legacy
from edgecnn.compress.quantizers import KERNELS, ByChannel, Following, Kept, Rounded, on_grid, step_of
from edgecnn.settings import QuantizeAware

# Layers whose output has the scale of their input in the files.
SAME_SCALE = (
    "MaxPooling2D", "GlobalMaxPooling2D", "ZeroPadding2D", "Cropping2D", "UpSampling2D", "Flatten", "Reshape", "Permute", "Dropout", "SpatialDropout2D",
    "GetItem", "Squeeze", "ExpandDims", "Transpose", "Cast", "Flip", "Pad",
)  # fmt: skip
# What may prepare the input: bytes stay on a grid of 256 values, which the file takes as its input.
PREPARING = (
    "Rescaling", "Normalization", "Resizing", "CenterCrop", "Add", "Subtract", "Multiply", "TrueDivide", "Divide", "Stack", "Concatenate", *SAME_SCALE,
)  # fmt: skip
WEIGHTED = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense")


class Awareness(Stage):
    """Kernels and activations are rounded on the way forward, and learn as if they were not; batch norms rest, as they will in the file."""

    def __init__(self, legacy: Legacy, settings: QuantizeAware) -> None:
        super().__init__(legacy)
        masks = {kernel.ref(): mask for _, kernel, mask in prune.masks(legacy)}
        rounded = outputs(legacy)
        self.looks = settings.observe
        self.kernels = []
        configs = {}
        for name, twins in legacy.layers.items():
            for twin in twins:
                twin.trainable = not isinstance(twin, tf_keras.layers.BatchNormalization)
                output = Following(settings.follow) if name in rounded or twin is not twins[-1] else None
                kernel = None
                if type(twin).__name__ in KERNELS:
                    attribute, axes = KERNELS[type(twin).__name__]
                    variable = getattr(twin, attribute)
                    kept = _kept(variable.numpy(), masks.get(variable.ref()), axes)
                    kernel = attribute, ByChannel(axes, kept)
                    self.kernels.append((variable, axes, kept))
                configs[twin.name] = Rounded(kernel, output)
        self.followers = [config.output for config in configs.values() if config.output]
        wrap = {name: config for name, config in configs.items() if config.kernel or config.output}
        self.model = legacy.wrapped(lambda layer: QuantizeWrapperV2(layer, wrap[layer.name]) if layer.name in wrap else layer)

    def observe(self, batches: list[np.ndarray]) -> None:
        """Start the ranges at the mean of the extremes of some batches [N, H, W, C] of inputs: TF-MOT's own start at -6 to 6, whatever flows."""
        ends = [end for follower in self.followers for end in follower.ends]
        # A model of its own: TF-MOT's wrappers have put rounded kernels into the layers of this one.
        fresh = to_legacy(self.legacy.net, self.legacy.output)
        plain = tf_keras.Model(fresh.model.input, [layer.get_output_at(0) for layer in _observed(fresh)])
        seen = []
        for batch in batches:
            values = plain(batch, training=False)
            values = values if isinstance(values, list) else [values]
            seen.append([end for value in values for end in (min(float(value.numpy().min()), 0.0), max(float(value.numpy().max()), 0.0))])
        for end, value in zip(ends, np.mean(seen, axis=0), strict=True):
            end.assign(value)

    def kept(self) -> list[np.ndarray]:
        """Kernels on the grid."""
        return self.legacy.weights({id(variable): on_grid(kept(variable).numpy(), kept.axes(axes), kept.step) for variable, axes, kept in self.kernels})


def _kept(values: np.ndarray, mask: np.ndarray | None, axes: tuple[int, ...]) -> Kept:
    """What earlier compression has made of a kernel. One of few bits can have few values, too, and is no clustered one for that."""
    step = 1 if mask is None else step_of(values, axes)
    return Kept(mask, step=step) if step > 1 else Kept(mask, *cluster.numbers(values))


def _observed(legacy: Legacy) -> list[tf_keras.layers.Layer]:
    """Layers whose outputs are rounded, in the order of the followers."""
    named = outputs(legacy)
    return [twin for name, twins in legacy.layers.items() for twin in twins if name in named or twin is not twins[-1]]


def outputs(legacy: Legacy) -> set[str]:
    """Names of the layers whose output is rounded: not where the file fuses it with what follows, gives it the scale of what came in, or where it only
    prepares the input."""
    readers: dict[str, list[str]] = defaultdict(list)
    for node in calls_of(legacy.net):
        if node.operation.name in legacy.layers:
            for source in sources_of(node):
                readers[source].append(node.operation.name)
    left = prefix(legacy.net) | {node.operation.name for node in calls_of(legacy.net) if len(node.outputs) != 1}
    rounded = (name for name in legacy.layers if name not in left and _kind(legacy, name) not in SAME_SCALE)
    return {name for name in rounded if not _fused(legacy, name, readers[name])}


def prefix(net: keras.Model) -> set[str]:
    """Names of the layers and operations that prepare the input: nothing but these lies between them and the image."""
    names = {net.inputs[0]._keras_history.operation.name}
    for node in calls_of(net):
        plain = type(node.operation).__name__ in PREPARING and not (isinstance(node.operation, keras.Layer) and node.operation.trainable_weights)
        if plain and names.issuperset(sources_of(node)):
            names.add(node.operation.name)
    return names


def _fused(legacy: Legacy, name: str, readers: list[str]) -> bool:
    if len(readers) != 1:
        return False
    kind, reader = _kind(legacy, name), _kind(legacy, readers[0])
    if reader == "BatchNormalization":
        return kind in WEIGHTED and _linear(legacy, name)
    return reader in ("ReLU", "hard_sigmoid") and kind in (*WEIGHTED, "BatchNormalization", "Add") and _linear(legacy, name)


def _linear(legacy: Legacy, name: str) -> bool:
    return operation_of(legacy.net, name).get_config().get("activation", "linear") == "linear"


def _kind(legacy: Legacy, name: str) -> str:
    """The layer's class; of an activation its name, with `ReLU` for both spellings."""
    layer = operation_of(legacy.net, name)
    if type(layer).__name__ != "Activation":
        return type(layer).__name__
    act = layer.get_config()["activation"]
    return "ReLU" if act in ("relu", "relu6") else act
