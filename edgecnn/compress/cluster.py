"""Few different values in each kernel, by TF-MOT's clustering."""

from __future__ import annotations

import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras
from tensorflow_model_optimization.python.core.clustering.keras.cluster import cluster_weights
from tensorflow_model_optimization.python.core.clustering.keras.cluster_wrapper import ClusterWeights

from edgecnn.compress import prune
from edgecnn.compress.fit import Stage
from edgecnn.compress.legacy_keras import Legacy
from edgecnn.compress.quantizers import on_grid
from edgecnn.errors import BadSetting
from edgecnn.settings import Cluster

# A kernel counts as clustered with at most so many values, each of them shared by so many weights on average.
MOST_CLUSTERS, SHARED = 256, 4


class Clustering(Stage):
    """Weights share values that learn; see `fit.Stage`."""

    def __init__(self, legacy: Legacy, settings: Cluster) -> None:
        """Wrap the layers that are clustered.

        Raises:
            BadSetting: a layer to skip that is not there, or no kernel with more weights than clusters.
        """
        super().__init__(legacy)
        unknown = [name for name in settings.skip if name not in legacy.layers]
        if unknown:
            raise BadSetting(f"layer '{unknown[0]}' to skip: expected a layer of the network, such as {next(iter(legacy.layers))}")
        sparse = {legacy.layers[name][-1].name for name, _, _ in prune.masks(legacy)}
        chosen = {}
        for name, twins in legacy.layers.items():
            if type(twins[-1]) in prune.KINDS and name not in settings.skip and _enough(twins[-1], settings.clusters, twins[-1].name in sparse):
                chosen[twins[-1].name] = twins[-1].kernel
        if not chosen:
            raise BadSetting(f"no kernel of {legacy.net.name} has more than {settings.clusters} weights: expected fewer clusters")
        start = tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS

        def wrap(layer):  # noqa: ANN001, ANN202, a tf_keras layer
            if layer.name not in chosen:
                return layer
            return cluster_weights(layer, settings.clusters, start, preserve_sparsity=layer.name in sparse)

        self.model = legacy.wrapped(wrap)
        self.kernels = chosen
        self.wrappers = {layer.layer.name: layer for layer in self.model.layers if isinstance(layer, ClusterWeights)}

    def kept(self) -> list[np.ndarray]:
        """Kernels with the values of their clusters, moved onto a grid of int8 with one scale for all channels: there each stays one value in the file too."""
        changed = {}
        for name, wrapper in self.wrappers.items():
            wrapper.update_clustered_weights_associations()
            changed[id(self.kernels[name])] = on_grid(np.asarray(wrapper.layer.kernel), None)
        return self.legacy.weights(changed)


def _enough(layer: tf_keras.layers.Layer, clusters: int, sparse: bool) -> bool:
    """Whether a kernel has more weights than clusters; of a sparse one, TF-MOT clusters what is above zero and what is below it each on its own."""
    kernel = layer.kernel.numpy()
    return min((kernel > 0).sum(), (kernel < 0).sum()) >= clusters if sparse else kernel.size > clusters


def numbers(kernel: np.ndarray) -> tuple[np.ndarray | None, int]:
    """Number of each weight's value in a clustered kernel, flat, and how many values there are; (None, 0) for a kernel with many values."""
    values, number = np.unique(kernel, return_inverse=True)
    if len(values) > MOST_CLUSTERS or len(values) * SHARED > kernel.size:
        return None, 0
    return number.reshape(-1).astype(np.int32), len(values)
