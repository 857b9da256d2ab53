"""The noise of every tensor of a file against its float original, over some pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.progress import Progress
from edgecnn.runtime.preprocess import Encoder
from edgecnn.validate.layers.matching import Matching
from edgecnn.validate.layers.net import BOUNDED, MOVING, TRANSPOSING, Key, Net, Network, root
from edgecnn.validate.layers.tally import Tally


@dataclass(frozen=True)
class Fed:
    """A network and how pictures get into it."""

    network: Network
    preprocessing: Preprocessing

    @property
    def channels_first(self) -> bool:
        """Whether its input is [N, C, H, W]."""
        shape = self.network.net.shape
        return len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3)

    @property
    def batch(self) -> int:
        """Pictures of one run."""
        return (self.network.net.shape or (1,))[0] or 1

    def encode(self, pictures: np.ndarray) -> np.ndarray:
        """Real values of its input, float32."""
        byte, used = self.network.net.byte, self.preprocessing
        if byte is not None:
            used = Preprocessing(used.height, used.width, used.order, mean=(float(-byte),), std=(1.0,))
        return Encoder(used, "float32", channels_first=self.channels_first)(pictures)

    def run(self, image: np.ndarray, tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """`Network.run` for a multiple of its batch."""
        return _joined([self.network.run(image[i : i + self.batch], tensors) for i in range(0, len(image), self.batch)])

    def alone(self, values: Mapping[Key, np.ndarray], tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
        """`Network.alone` for a multiple of its batch."""
        count = len(values[self.network.net.input])
        parts = [{key: value[i : i + self.batch] for key, value in values.items()} for i in range(0, count, self.batch)]
        return _joined([self.network.alone(part, tensors) for part in parts])


def _joined(parts: list[dict[Key, np.ndarray]]) -> dict[Key, np.ndarray]:
    return {key: np.concatenate([part[key] for part in parts]) if len(parts) > 1 else value for key, value in parts[0].items()}


@dataclass(frozen=True)
class Comparison:
    """A file and its original, paired.

    Attributes:
        file, original: the two.
        partners: the file's shown tensor -> the original's.
        axis: of the channels in a map.
    """

    file: Fed
    original: Fed
    partners: Mapping[Key, Key]
    axis: int

    def exact(self, pictures: np.ndarray) -> dict[Key, np.ndarray]:
        """What the original has where the file has its tensors."""
        net, given = self.file.network.net, self.original.network.net.input
        found = self.original.run(self.original.encode(pictures), tuple(dict.fromkeys(key for key in self.partners.values() if key != given)))
        # An input may be scaled otherwise in the two: each has its own.
        image, first = self.file.encode(pictures), net.root(net.input)
        return {key: image if net.root(key) == first else found[theirs] for key, theirs in self.partners.items()}

    def seen(self, pictures: np.ndarray) -> dict[Key, np.ndarray]:
        """What the file has in a whole run."""
        return self.file.run(self.file.encode(pictures), tuple(self.partners))

    def batches(self, pictures: np.ndarray) -> Iterator[np.ndarray]:
        """Pictures of one run each; what is left over is left out, and too few are taken again."""
        size = math.lcm(self.file.batch, self.original.batch)
        pictures = pictures if len(pictures) >= size else np.resize(pictures, (size, *pictures.shape[1:]))
        return (pictures[start : start + size] for start in range(0, len(pictures) - size + 1, size))


def tallies(file: Fed, original: Fed, found: Matching, pictures: np.ndarray, axis: int, progress: Progress, *, even: bool = False) -> dict[Key, Tally]:
    """A tally of each tensor of the file that holds values of its own and has a partner, over uint8 RGB pictures [N, H, W, 3].

    `even` says that the file's channels were scaled before they were rounded: each is then compared up to a factor, which a whole run tells.
    """
    net = file.network.net
    partners = {tensor: found.tensors[net.root(tensor)] for tensor in net.shown if net.root(tensor) in found.tensors}
    if even:
        # Behind a transposition the channels lie elsewhere.
        moved = {unit.output for unit in net.units if unit.kind in TRANSPOSING}
        partners = {tensor: theirs for tensor, theirs in partners.items() if net.root(tensor) not in moved}
    pair = Comparison(file, original, partners, axis)
    rows = {tensor: _tally(net, tensor, axis) for tensor in partners if net.rounds(tensor) and (net.kinds[tensor] or tensor in net.stored)}
    factors = _factors(pair, pictures) if even else {}
    with progress.track("comparing layers", len(pictures)) as advance:
        for part in pair.batches(pictures):
            _add(pair, part, rows, factors)
            advance(len(part), "")
    return rows


def _add(pair: Comparison, pictures: np.ndarray, rows: Mapping[Key, Tally], factors: Mapping[Key, np.ndarray]) -> None:
    net, exact, seen = pair.file.network.net, pair.exact(pictures), pair.seen(pictures)
    wanted = {key: value.reshape(seen[key].shape) * factors.get(key, np.float32(1)) for key, value in exact.items()}
    # Also where the two inputs are no partners, something has to be in it.
    wanted[net.input] = pair.file.encode(pictures)
    alone = pair.file.alone(wanted, tuple(key for key in rows if not passes_on(net, key)))
    for key, tally in rows.items():
        tally.add(wanted[key], seen[key], alone.get(key))


def _factors(pair: Comparison, pictures: np.ndarray) -> dict[Key, np.ndarray]:
    """Of each tensor's channels, the factor by which the file's values are larger, in a shape that fits the tensor."""
    sums: dict[Key, list[np.ndarray]] = {}
    for part in pair.batches(pictures):
        exact, seen = pair.exact(part), pair.seen(part)
        for key, value in seen.items():
            other = exact[key].reshape(value.shape)
            axes = tuple(a for a in range(value.ndim) if a != pair.axis % value.ndim)
            both = [np.sum(one, axes, np.float64, keepdims=True) for one in (value * other, other * other)]
            sums[key] = [a + b for a, b in zip(sums[key], both, strict=True)] if key in sums else both
    return {key: np.where(square > 0, product / np.where(square > 0, square, 1), 1).astype(np.float32) for key, (product, square) in sums.items()}


def passes_on(net: Net, tensor: Key) -> bool:
    """Whether a tensor's operator only moves values that were rounded the same way before: there is nothing in it that could be wrong."""
    unit = next((unit for unit in net.units if unit.output == net.root(tensor)), None)
    if unit is None or unit.kind not in MOVING:
        return False
    ways = [{net.stored.get(key) for key in net.shown if net.root(key) == source} for source in unit.inputs]
    return all(net.stored.get(tensor) in way for way in ways)


def _tally(net: Net, tensor: Key, axis: int) -> Tally:
    unit = next((unit for unit in net.units if unit.output == root(net.before, tensor)), None)
    stored, least = net.stored.get(tensor), BOUNDED.get(unit.kind, 0.0) if unit else 0.0
    return Tally(stored, axis, least if stored and abs(stored.scale - least) < 1e-6 else 0.0)
