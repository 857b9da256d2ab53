"""Weights from elsewhere: which of them fit our network, and what to do with batch norms that were folded away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import h5py
import keras
import numpy as np

from edgecnn import files
from edgecnn.errors import BadFile
from edgecnn.formats import pickles
from edgecnn.formats.keras.bounded import check_hdf5
from edgecnn.formats.keras.load import load

# How far gamma / sqrt(variance + epsilon) may be from 1 in a batch norm that does nothing but add; a fresh one is 0.0005 off.
IDENTITY = 2e-3


@dataclass(frozen=True)
class Source:
    """The weights of one layer of the file, in Keras' order: kernel, bias, or gamma, beta, mean, variance."""

    name: str
    arrays: tuple[np.ndarray, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each array."""
        return tuple(tuple(array.shape) for array in self.arrays)


@dataclass(frozen=True)
class Taken:
    """What became of the weights of a file, or of a network.

    Attributes:
        source: where they came from.
        by_name, by_order: (our layer, layer there) of every pair.
        fresh: our layers that found nothing and keep their fresh weights.
        unused: layers there that nothing was taken from, with their shapes.
        folded: our batch norms whose weights say that they were folded into the kernels before them.
    """

    source: str
    by_name: tuple[tuple[str, str], ...]
    by_order: tuple[tuple[str, str], ...]
    fresh: tuple[str, ...]
    unused: tuple[str, ...]
    folded: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The same in words, a line each."""
        yield f"{self.source}: taken by name {len(self.by_name)} layers, by order and shape {len(self.by_order)}"
        if self.fresh:
            yield f"not found there, left with fresh weights: {', '.join(self.fresh)}"
        if self.unused:
            yield f"not taken from there: {', '.join(self.unused)}"
        if self.folded:
            yield f"{len(self.folded)} batch norms do nothing but add a bias: they had been folded into the kernels"


def take(net: keras.Model, path: Path) -> Taken:
    """Copy into `net` whatever fits from a .keras or .h5 file: layers of the same name and shapes, then the rest by order and shapes.

    Raises:
        BadFile: no such file, not a Keras file, nothing in it fits, or a weight is not a number.
    """
    theirs = read(path)
    ours = list(layers_with_weights(net))
    pairs = _by_name(ours, theirs)
    named = set(pairs)
    pairs |= _by_order([layer for layer in ours if layer.name not in pairs], [s for s in theirs if s not in pairs.values()])
    if not pairs:
        raise BadFile(f"{path}: none of its {len(theirs)} layers has the shapes of a layer of {net.name}; expected weights of the same architecture and width")
    for layer in ours:
        if layer.name in pairs:
            layer.set_weights(pairs[layer.name].arrays)
    return Taken(
        source=path.name,
        by_name=tuple((name, source.name) for name, source in pairs.items() if name in named),
        by_order=tuple((name, source.name) for name, source in pairs.items() if name not in named),
        fresh=tuple(layer.name for layer in ours if layer.name not in pairs),
        unused=tuple(f"{s.name} {' '.join('x'.join(map(str, shape)) for shape in s.shapes)}" for s in theirs if s not in pairs.values()),
        folded=tuple(layer.name for layer in ours if layer.name in pairs and _is_identity(layer)),
    )


def read(path: Path) -> list[Source]:
    """Layers with weights of a .keras or .h5 file, in the order of the network.

    Raises:
        BadFile: no such file, not a Keras file, or a weight is not a number.
    """
    files.check_file(path, "weights file (.keras or .h5)")
    pickles.refuse(path)
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise BadFile(f"{path}: unknown suffix '{path.suffix}'; expected .keras, .h5 or .hdf5")
    try:
        found = _h5_layers(path) if path.suffix != ".keras" else None
        if found is None:
            model = load(path).model
            found = [Source(layer.name, tuple(layer.get_weights())) for layer in layers_with_weights(model)]
    except BadFile:
        raise
    except Exception as error:  # Keras answers a damaged file with whatever its parsers raise
        words = str(error).strip().split("\n")[0][:200]
        raise BadFile(f"{path}: Keras cannot read it ({type(error).__name__}: {words}); expected a .keras or .h5 file that holds weights") from error
    for source in found:
        if not all(np.isfinite(array).all() for array in source.arrays):
            raise BadFile(f"{path}: weights of layer {source.name} are not all numbers (NaN or infinity); expected a sound model")
    return found


def _h5_layers(path: Path) -> list[Source] | None:
    """Layers of an .h5 file with weights alone; None where the file holds a whole model."""
    with h5py.File(path) as stored:
        check_hdf5(path, stored, path.stat().st_size)
        if "model_config" in stored.attrs:
            return None
        if "layer_names" not in stored.attrs:
            # Keras 3 writes these by class and number, so the order of the layers is lost.
            raise BadFile(f"{path} has neither a network nor the order of its layers; load it into its model and save that as .keras")
        found = []
        for name in stored.attrs["layer_names"]:
            group = stored[name]
            found.append(Source(_text(name), tuple(np.asarray(group[weight]) for weight in group.attrs["weight_names"])))
    return [source for source in found if source.arrays]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def layers_with_weights(model: keras.Model) -> Iterator[keras.Layer]:
    """Layers with weights, inner models opened."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_with_weights(layer)
        elif layer.weights:
            yield layer


def shapes(layer: keras.Layer) -> tuple[tuple[int, ...], ...]:
    """Of each weight of the layer."""
    return tuple(tuple(weight.shape) for weight in layer.weights)


def _by_name(ours: Sequence[keras.Layer], theirs: Sequence[Source]) -> dict[str, Source]:
    known = {source.name: source for source in theirs}
    return {layer.name: known[layer.name] for layer in ours if layer.name in known and known[layer.name].shapes == shapes(layer)}


def _by_order(ours: Sequence[keras.Layer], theirs: Sequence[Source]) -> dict[str, Source]:
    """Runs of layers with the same shapes in the same order, longest first, never crossing."""
    matcher = SequenceMatcher(None, [shapes(layer) for layer in ours], [source.shapes for source in theirs], autojunk=False)
    return {ours[block.a + i].name: theirs[block.b + i] for block in matcher.get_matching_blocks() for i in range(block.size)}


def _is_identity(layer: keras.Layer) -> bool:
    if not isinstance(layer, keras.layers.BatchNormalization) or not (layer.center and layer.scale):
        return False
    gamma, _, mean, variance = layer.get_weights()
    return not mean.any() and bool(np.abs(gamma / np.sqrt(variance + layer.epsilon) - 1).max() < IDENTITY)


def unfold(net: keras.Model, names: Sequence[str], inputs: np.ndarray, batch_size: int = 8) -> None:
    """Give folded batch norms the statistics that they would have had, and leave the network's function as it is.

    A folded batch norm adds beta to x. In training it would normalize x by the batch and so undo what was folded into the kernel: a fine-tuning from there
    loses many points. With mean m and variance v of x, the same function is (x - m) / sqrt(v + eps) * sqrt(v + eps) + (beta + m).

    Args:
        net: changed in place.
        names: of its batch norms.
        inputs: network inputs [N, H, W, C], preprocessed, of the training split.
        batch_size: inputs at a time.
    """
    norms = [net.get_layer(name) for name in names]
    moments = [keras.ops.stack([keras.ops.mean(x, axis=(0, 1, 2)) for x in (norm.input, keras.ops.square(norm.input))]) for norm in norms]
    measure = keras.Model(net.input, moments)
    chunks = [inputs[i : i + batch_size] for i in range(0, len(inputs), batch_size)]
    shares = [len(chunk) / len(inputs) for chunk in chunks]
    measured = [[keras.ops.convert_to_numpy(moment).astype("float64") for moment in measure(chunk, training=False)] for chunk in chunks]
    for index, norm in enumerate(norms):
        mean, square = sum(share * chunk[index] for share, chunk in zip(shares, measured, strict=True))
        variance = np.maximum(square - mean**2, 0)
        _, beta, _, _ = norm.get_weights()
        norm.set_weights([np.sqrt(variance + norm.epsilon), beta + mean, mean, variance])
