"""Where a file's time goes: what starting costs, which operators take how long, and how far that is above the processor's peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgecnn.progress import Progress
from edgecnn.runtime import describe
from edgecnn.validate.figures import Share
from edgecnn.validate.peak import peaks
from edgecnn.validate.profile_figures import OperatorTime, Profile
from edgecnn.validate.report import Group, Row
from edgecnn.validate.start import start
from edgecnn.validate.subjects import Pair

BY_PIECES = "each operator cut out and run in the network's order"
# Files whose operators are timed.
TIMED = (".tflite", ".onnx")
BY_RUNTIME = "ONNX Runtime's own profile, less what profiling costs a node"


@dataclass(frozen=True)
class Timed:
    """An operator as it was timed; `number` is the type that it multiplies in, "" where there is no peak for it."""

    name: str
    kind: str
    seconds: float
    macs: int
    number: str


def profiled(group: Group, pairs: Sequence[Pair], progress: Progress) -> Group:
    """The group with `start`, `operators` and `profile` of every file; of a Keras original `start` alone, because nothing times its operators."""
    original = group.original
    with progress.track("profiling", len(group.rows) + (original is not None)) as advance:
        rows = []
        for row, pair in zip(group.rows, pairs, strict=True):
            rows.append(replace(row, **_figures(pair.file.path, pair.file.preprocessing.height, pair.file.preprocessing.width)))
            advance(1, "")
        if original is not None and pairs[0].original is not None:
            size = pairs[0].file.preprocessing
            original = replace(original, **_figures(pairs[0].original.path, size.height, size.width))
            advance(1, "")
    return replace(group, rows=tuple(rows), original=original)


def operators(path: Path, height: int, width: int) -> tuple[tuple[OperatorTime, ...], Profile]:
    """Operators of a .tflite or .onnx file, slowest first, on one thread and one picture of this size; of a run of a fixed batch, its share of one picture.

    Raises:
        BadFile: the file is damaged, or has an operator that does not run by itself.
    """
    suffix = path.suffix.lower()
    method, timed, run = (_of_tflite if suffix == ".tflite" else _of_onnx)(path, height, width)
    batch = describe(path).inputs[0].shape[0] or 1
    whole = run / batch
    found = peaks(suffix)
    floors = [one.macs / found[one.number] if one.number in found else 0.0 for one in timed]
    known = all(floor or not one.macs for one, floor in zip(timed, floors, strict=True))
    seconds = [one.seconds / batch for one in timed]
    cost = overhead(seconds, whole) if method == BY_RUNTIME else 0.0
    left = [max(one - cost, 0.0) for one in seconds]
    share = [one / sum(left) if sum(left) else 0.0 for one in left]
    rows = [OperatorTime(one.name, one.kind, part * whole, part, one.macs, floor) for one, part, floor in zip(timed, share, floors, strict=True)]
    profile = Profile(method, whole, sum(seconds), sum(one.macs for one in timed), sum(floors) if known else 0.0, found)
    return tuple(sorted(rows, key=lambda row: -row.seconds)), profile


def overhead(seconds: Sequence[float], whole: float) -> float:
    """Seconds that watching adds to each operator, taken to be the same for all: what has to go from each, none below 0, so that they sum to `whole`.

    0 when they sum to less.
    """
    falling = sorted(seconds, reverse=True)
    total = 0.0
    for count, one in enumerate(falling, 1):
        total += one
        cost = (total - whole) / count
        if count == len(falling) or falling[count] <= cost:
            return max(cost, 0.0)
    return 0.0


def of_file(path: Path, height: int, width: int) -> Row:
    """A row with nothing but `start`, `operators` and `profile`, for files that are timed without pictures."""
    return Row(str(path), "", "", path.stat().st_size, 0, Share(0, 0, 0.0, 1.0), **_figures(path, height, width))


def _figures(path: Path, height: int, width: int) -> dict[str, object]:
    figures: dict[str, object] = {"start": start(path, height, width)}
    if path.suffix.lower() in TIMED:
        figures["operators"], figures["profile"] = operators(path, height, width)
    return figures


def _of_tflite(path: Path, height: int, width: int) -> tuple[str, list[Timed], float]:
    from edgecnn.validate import single_operators

    pieces = single_operators.pieces(path, height, width)
    single_operators.check(pieces, path, height, width)
    each, whole = single_operators.seconds(pieces, path, height, width)
    timed = [Timed(piece.name, piece.kind, took, piece.macs, piece.number) for piece, took in zip(pieces, each, strict=True)]
    return BY_PIECES, timed, whole


def _of_onnx(path: Path, height: int, width: int) -> tuple[str, list[Timed], float]:
    from edgecnn.validate import node_profile

    nodes, whole = node_profile.nodes(path, height, width)
    macs = node_profile.macs(path, nodes, height, width)
    timed = [Timed(node.name, node.kind, node.typical, count, node.number) for node, count in zip(nodes, macs, strict=True)]
    return BY_RUNTIME, timed, whole
