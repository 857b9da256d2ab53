"""Training under the rounding that int8 will bring, by TF-MOT's wrappers, on every architecture of the catalog.

What comes out is a Keras 3 model whose kernels lie on int8's grid: exporting it as int8 loses nothing of them.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import tf_keras
from tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper import QuantizeWrapperV2

from edgecnn.compress import cluster, prune
from edgecnn.compress.fit import Stage
from edgecnn.compress.legacy_keras import Legacy, inputs_of, operation_of, to_legacy
from edgecnn.compress.quantizers import KERNELS, ByChannel, Following, Kept, Rounded, on_grid, step_of
from edgecnn.settings import QuantizeAware

# Layers whose output has the scale of their input in the files.
SAME_SCALE = ("MaxPooling2D", "GlobalMaxPooling2D", "ZeroPadding2D", "Flatten", "Reshape", "Dropout", "SpatialDropout2D")
WEIGHTED = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense")


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
        plain = tf_keras.Model(fresh.model.input, [layer.output for layer in _observed(fresh)])
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
    """Names of the layers whose output is rounded: not where the file fuses it with what follows, or gives it the scale of what came in."""
    readers: dict[str, list[str]] = defaultdict(list)
    for name in legacy.layers:
        for source in inputs_of(operation_of(legacy.net, name)):
            readers[source].append(name)
    return {name for name in legacy.layers if _kind(legacy, name) not in SAME_SCALE and not _fused(legacy, name, readers[name])}


def _fused(legacy: Legacy, name: str, readers: list[str]) -> bool:
    if len(readers) != 1:
        return False
    kind, reader = _kind(legacy, name), _kind(legacy, readers[0])
    if reader == "BatchNormalization":
        return kind in WEIGHTED and _linear(legacy, name)
    return reader in ("ReLU", "hard_sigmoid") and kind in (*WEIGHTED, "BatchNormalization", "Add")


def _linear(legacy: Legacy, name: str) -> bool:
    return operation_of(legacy.net, name).get_config().get("activation", "linear") == "linear"


def _kind(legacy: Legacy, name: str) -> str:
    """The layer's class; of an activation its name, with `ReLU` for both spellings."""
    layer = operation_of(legacy.net, name)
    if type(layer).__name__ != "Activation":
        return type(layer).__name__
    act = layer.get_config()["activation"]
    return "ReLU" if act in ("relu", "relu6") else act
