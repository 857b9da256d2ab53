"""Keras = TFLite = ONNX: whether a file computes what its original computes, and the same one picture at a time as many at once."""

from __future__ import annotations

import numpy as np

from edgecnn.export import check
from edgecnn.runtime import READERS, describe
from edgecnn.runtime.contract import Runner
from edgecnn.schemes import scheme
from edgecnn.validate.contender import Contender
from edgecnn.validate.figures import Parity
from edgecnn.validate.report import Check, Row, Verdict
from edgecnn.validate.samples import Sample

# Pictures compared score by score, and of these one at a time.
PICTURES, ALONE = 64, 16
# Largest difference of a probability between one picture at a time and many at once: the order of sums may differ, nothing else.
BATCH_TOLERANCE = 1e-4


def measure(contender: Contender, original: Contender, sample: Sample) -> Parity:
    """Compare probabilities of a file with its original's on the first pictures, background outputs cut off."""
    pictures = sample.pictures[:PICTURES]
    ours, theirs = (one.main_runner(pictures)[:, one.subject.label_offset :] for one in (contender, original))
    found = check.compare(ours, theirs)
    kind = _kind(contender)
    limit = check.TOLERANCE.get(kind)
    return Parity(len(pictures), found.difference, float(np.abs(ours - theirs).max()), kind, limit, _batch(contender.main_runner, pictures[:ALONE]))


def checks(row: Row) -> list[Check]:
    """The verdict on one file: float files must compute the same; for quantized ones only one picture and many are held against each other."""
    found = row.parity
    if found is None:
        return []
    said = [f"{found.kind}: probabilities differ by {found.difference:.2g} of their spread (at most {found.largest:.2g}), {found.pictures} pictures"]
    bad = found.limit is not None and found.difference > found.limit
    said.append(f"{found.limit:g} allowed" if found.limit is not None else "rounding that --max-drop judges")
    if found.batch is not None:
        bad |= found.batch > BATCH_TOLERANCE
        said.append(f"alone and in a batch: {found.batch:.2g}, {BATCH_TOLERANCE:g} allowed")
    return [Check(row.file, "--parity", Verdict.FAIL if bad else Verdict.PASS, "; ".join(said))]


def _batch(runner: Runner, pictures: np.ndarray) -> float | None:
    """Largest difference of a probability between pictures one at a time and all at once; None where the file takes one at a time only."""
    if runner.input.shape[0] == 1 or runner.path.suffix.lower() == ".tflite":
        return None
    alone = np.concatenate([runner(pictures[i : i + 1]) for i in range(len(pictures))])
    return float(np.abs(alone - runner(pictures)).max())


def _kind(contender: Contender) -> str:
    """Scheme of a file: its card's, else by what its weights are stored in: only float32, float16 too, or integers: "quantized"."""
    card, path = contender.subject.card, contender.subject.path
    if card and card.scheme:
        return scheme(card.scheme).name
    stored = set(describe(path).weight_bytes) if path.suffix.lower() in READERS else set()
    return "float32" if stored <= {"float32"} else "float16" if stored <= {"float32", "float16"} else "quantized"
