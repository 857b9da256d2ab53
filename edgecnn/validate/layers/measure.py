"""The noise of every tensor of a file against its float original, over some pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgecnn.card import Preprocessing
from edgecnn.progress import Progress
from edgecnn.runtime.preprocess import Encoder
from edgecnn.validate.layers.matching import Matching
from edgecnn.validate.layers.net import BOUNDED, MOVING, Key, Net, Network, root
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
        return Encoder(self.preprocessing, "float32", channels_first=self.channels_first)(pictures)


def tallies(file: Fed, original: Fed, found: Matching, pictures: np.ndarray, channel_axis: int, progress: Progress) -> dict[Key, Tally]:
    """A tally of each tensor of the file that holds values of its own and has a partner, over uint8 RGB pictures [N, H, W, 3]."""
    net = file.network.net
    partners = {tensor: found.tensors[net.root(tensor)] for tensor in net.shown if net.root(tensor) in found.tensors}
    rows = {tensor: _tally(net, tensor, channel_axis) for tensor in partners if net.rounds(tensor) and (net.kinds[tensor] or tensor in net.stored)}
    with progress.track("comparing layers", len(pictures)) as advance:
        for start in range(0, len(pictures) - file.batch + 1, file.batch):
            _add(file, original, pictures[start : start + file.batch], partners, rows)
            advance(file.batch, "")
    return rows


def _add(file: Fed, original: Fed, pictures: np.ndarray, partners: Mapping[Key, Key], rows: Mapping[Key, Tally]) -> None:
    net, given = file.network.net, original.network.net.input
    image = original.encode(pictures)
    exact = _in_parts(original, image, tuple(dict.fromkeys(key for key in partners.values() if key != given)))
    seen = file.network.run(file.encode(pictures), tuple(partners))
    # An input may be scaled otherwise in the two: each has its own.
    wanted = {
        key: (file.encode(pictures) if net.root(key) == net.root(net.input) else exact[theirs]).reshape(seen[key].shape) for key, theirs in partners.items()
    }
    alone = file.network.alone(wanted, tuple(key for key in rows if not passes_on(net, key)))
    for key, tally in rows.items():
        tally.add(wanted[key], seen[key], alone.get(key))


def _in_parts(original: Fed, image: np.ndarray, tensors: tuple[Key, ...]) -> dict[Key, np.ndarray]:
    """The original's tensors, for a batch that may be larger than its own."""
    runs = [original.network.run(image[i : i + original.batch], tensors) for i in range(0, len(image), original.batch)]
    return {key: np.concatenate([one[key] for one in runs]) if len(runs) > 1 else runs[0][key] for key in tensors}


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
