"""Zeros where weights are small, by TF-MOT's pruning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import PruneLowMagnitude

from edgecnn.compress.fit import Stage
from edgecnn.compress.legacy_keras import Legacy
from edgecnn.compress.legacy_layers import Grouped
from edgecnn.compress.quantizers import KERNELS, on_grid
from edgecnn.errors import BadSetting
from edgecnn.settings import Prune

KINDS = (tf_keras.layers.Conv2D, Grouped, tf_keras.layers.Dense)

# Share of a kernel that may be zero: with less left, layers die.
MOST = 0.98


class Pruning(Stage):
    """Zeros grow from step to step; see `fit.Stage`."""

    def __init__(self, legacy: Legacy, settings: Prune, steps: int) -> None:
        """Wrap the layers that are pruned.

        Args:
            legacy: from the input to the logits.
            settings: how many zeros, how.
            steps: of the whole fine-tuning.

        Raises:
            BadSetting: no layer can be pruned, a layer to skip that is not there, or more zeros than there are weights to prune.
        """
        super().__init__(legacy)
        self.names, self.step = prunable(legacy, settings), 2 ** (8 - settings.bits)
        self.share = share_of_each(legacy, self.names, settings.share)
        self.every = min(settings.every, max(1, round(settings.until * steps)))
        # TF-MOT chooses anew every so many steps and nowhere else: the last choice must be one of all zeros.
        self.mended_from = 1 + self.every * max(1, round(settings.until * steps) // self.every)
        given = {"pruning_schedule": self._schedule(settings), "block_pooling_type": "AVG"}
        if settings.pattern == "2:4":
            given["sparsity_m_by_n"] = (2, 4)
        elif settings.pattern == "block":
            given["block_size"] = settings.block
        chosen = {legacy.layers[name][-1].name for name in self.names}
        self.model = legacy.wrapped(lambda layer: tfmot.sparsity.keras.prune_low_magnitude(layer, **given) if layer.name in chosen else layer)
        self.wrappers = [layer for layer in self.model.layers if isinstance(layer, PruneLowMagnitude)]
        for wrapper in self.wrappers:
            wrapper.pruning_step.assign(0)  # TF-MOT refuses to prune before its first step, which it counts itself

    def settle(self) -> None:
        """Zero what the last step has moved."""
        for wrapper in self.wrappers:
            wrapper.pruning_obj.weight_mask_op()

    def kept(self) -> list[np.ndarray]:
        """Kernels rounded to the bits that were asked for; eight leave them as they are, for the export to round."""
        if self.step == 1:
            return super().kept()
        kernels = {name: self.legacy.layers[name][-1] for name in self.names}
        return self.legacy.weights({id(it.kernel): on_grid(it.kernel.numpy(), KERNELS[type(it).__name__][1], self.step) for it in kernels.values()})

    def ready(self, step: int) -> bool:
        """Whether all zeros are there."""
        return step >= self.mended_from

    def _schedule(self, settings: Prune) -> tfmot.sparsity.keras.PruningSchedule:
        if settings.schedule == "constant" or settings.pattern == "2:4":
            return tfmot.sparsity.keras.ConstantSparsity(self.share, begin_step=1, frequency=self.every)
        return tfmot.sparsity.keras.PolynomialDecay(0.0, self.share, begin_step=1, end_step=self.mended_from, power=3, frequency=self.every)


def prunable(legacy: Legacy, settings: Prune) -> list[str]:
    """Names of the layers with a kernel that is pruned: convolutions over all channels and dense layers, but for a first convolution and those to skip."""
    unknown = [name for name in settings.skip if name not in legacy.layers]
    if unknown:
        raise BadSetting(f"layer '{unknown[0]}' to skip: expected a layer of the network, such as {next(iter(legacy.layers))}")
    found = [name for name, twins in legacy.layers.items() if type(twins[-1]) in KINDS]
    first = found[0] if found and type(legacy.layers[found[0]][-1]) is not tf_keras.layers.Dense else None
    found = [name for name in found if name != first and name not in settings.skip and (settings.pattern != "block" or _flat(legacy, name))]
    if settings.pattern == "2:4":
        found = [name for name in found if _kernel(legacy, name).shape[-2] % 4 == 0]
    if not found:
        raise BadSetting(f"no layer of {legacy.net.name} can be pruned by {settings.pattern}: expected convolutions or dense layers behind the first")
    return found


def share_of_each(legacy: Legacy, names: Sequence[str], share: float) -> float:
    """Share of zeros in each kernel of `names` that makes `share` of all weights zero."""
    total = legacy.net.count_params()
    within = sum(int(np.prod(_kernel(legacy, name).shape)) for name in names)
    needed = share * total / within
    if needed > MOST:
        most = MOST * within / total
        raise BadSetting(f"prune {share:g}: {within:,} of the {total:,} weights can be pruned, and {MOST:.0%} of these at most; expected {most:.2f} or less")
    return needed


def zeros(net: keras.Model) -> float:
    """Share of a network's weights that are zero."""
    values = net.get_weights()
    return sum(int((value == 0).sum()) for value in values) / max(1, sum(value.size for value in values))


def _kernel(legacy: Legacy, name: str) -> tf.Variable:
    return legacy.layers[name][-1].kernel


def _flat(legacy: Legacy, name: str) -> bool:
    shape = _kernel(legacy, name).shape
    return len(shape) == 2 or tuple(shape[:2]) == (1, 1)


def masks(legacy: Legacy) -> Iterator[tuple[str, tf.Variable, np.ndarray]]:
    """(layer, kernel variable, 1 where it is not zero) of each kernel with zeros worth keeping: a tenth or more."""
    for name, twins in legacy.layers.items():
        if type(twins[-1]) in KINDS:
            kernel = twins[-1].kernel
            mask = (kernel.numpy() != 0).astype(np.float32)
            if mask.mean() <= 0.9:
                yield name, kernel, mask
