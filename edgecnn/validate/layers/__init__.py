"""DOOR to the comparison of two networks tensor by tensor: where a quantized file loses what its float original knew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import BadData
from edgecnn.progress import SILENT, Progress
from edgecnn.validate.layer_figures import LayerNoise

if TYPE_CHECKING:
    import numpy as np

    from edgecnn.validate.layers.net import Network
    from edgecnn.validate.layers.tally import Tally
    from edgecnn.validate.subjects import Subject

# suffix -> axis of the channels in a map.
FORMATS = {".tflite": -1, ".onnx": 1}

# Pictures that are enough to see a fault: every one has thousands of values of each tensor.
PICTURES = 32


def noise(files: Sequence[Subject], original: Subject | None, pictures: np.ndarray, progress: Progress = SILENT) -> dict[Path, tuple[LayerNoise, ...]]:
    """Signal-to-noise ratio of each tensor of each file against the same tensor of their original, operators at fault first.

    Tensors are matched by where they stand in the two networks, never by name. Two ratios are measured: that of a whole run, in which noise adds up from
    operator to operator, and that of each operator alone, fed with the original's values, computed in floats with the file's weights and rounded as the file
    says. The second tells the faulty operator from those behind it. Files are ranked by how far it lies above what rounding to 8 bits costs at least.

    Args:
        files: .tflite and .onnx files, quantized or not.
        original: a float file of their format, or a Keras model, which is converted.
        pictures: uint8 RGB [N, H, W, 3]; at most `PICTURES` of them are used, evenly spread.

    Raises:
        BadData: a file has no original, or is of another network, another training or another format than it.
        BadFile: one of them is damaged or cannot be run.
    """
    from edgecnn.validate.layers import originals

    networks: dict[str, Network] = {}
    found = {}
    for file in files:
        suffix = file.path.suffix.lower()
        if original is None:
            raise BadData(f"{file.path} has no original to compare its layers with; name it with --against")
        if suffix not in FORMATS:
            raise BadData(f"{file.path}: layers are compared in {' and '.join(FORMATS)} files")
        if suffix not in networks:
            progress.step(f"opening {original.path} as {suffix}")
            networks[suffix] = originals.opened(original.path, suffix)
        found[file.path] = _of(file, original, networks[suffix], pictures, progress)
    return found


def remarks(files: Sequence[Subject]) -> list[str]:
    """What to know of `noise`'s figures, in one line a file."""
    even = "its channels were scaled before they were rounded (--equalize): each is compared up to a factor, so that a wrong weight scale does not show"
    return [f"{file.path.name}: {even}" for file in files if _is_even(file)]


def _is_even(file: Subject) -> bool:
    return bool(file.card and file.card.quantization.get("equalize"))


def _of(file: Subject, original: Subject, network: Network, pictures: np.ndarray, progress: Progress) -> tuple[LayerNoise, ...]:
    from edgecnn.validate.layers import matching, measure, originals, suspects

    fed = measure.Fed(originals.opened(file.path, file.path.suffix.lower()), file.preprocessing)
    pairs = matching.Matching(fed.network.net, network.net)
    matching.refuse_strangers(pairs, file.path, original.path)
    step = max(1, len(pictures) // PICTURES)
    axis = FORMATS[file.path.suffix.lower()]
    tallies = measure.tallies(fed, measure.Fed(network, original.preprocessing), pairs, pictures[::step][:PICTURES], axis, progress, even=_is_even(file))
    net = fed.network.net
    theirs, least = network.net.names, suspects.SUSPICIOUS_EVEN if _is_even(file) else suspects.SUSPICIOUS
    rows = [
        (tally, _row(tally, net.names[key], theirs.get(pairs.tensors[net.root(key)], ""), net.kinds[key], suspects.reason(tally, least)))
        for key, tally in tallies.items()
    ]
    # The sort is stable: of equals, the first in the order of computation stays first.
    return tuple(row for _, row in sorted(rows, key=lambda pair: _rank(*pair)))


def _rank(tally: Tally, row: LayerNoise) -> tuple[float, float]:
    return (-row.excess if row.excess is not None else float("inf")), row.sqnr


def _row(tally: Tally, name: str, partner: str, kind: str, suspect: str) -> LayerNoise:
    from edgecnn.validate.layers.tally import decibels

    own = None if tally.own is None else round(decibels(tally.signal, tally.own), 2)
    excess = None if tally.excess is None else round(tally.excess, 2)
    return LayerNoise(name, partner, kind or "input", round(decibels(tally.signal, tally.noise), 2), own, excess, suspect)
