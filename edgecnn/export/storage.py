"""Dense or sparse: the smaller of two forms of a file, where the runtime gives the same answers from both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecnn.errors import BadFile
from edgecnn.export import check
from edgecnn.export.formats import Format
from edgecnn.runtime.pool import evaluate
from edgecnn.runtime.probe import PROBE
from edgecnn.schemes import scheme

# LiteRT multiplies sparse float kernels in another order than dense ones, and float sums then differ in their last bits; integers never do.
FLOAT_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Storage:
    """How a file is stored.

    Attributes:
        content: of the file.
        dense: bytes of the dense form, where it is stored sparse; else 0.
        note: in words, "" where there was no choice.
    """

    content: bytes
    dense: int = 0
    note: str = ""


def choose(fmt: Format, name: str, content: bytes, staged: Path, pictures: np.ndarray, answers: np.ndarray) -> Storage:
    """Store a file sparse where that is smaller and changes no answer.

    Args:
        fmt: of the file.
        name: of its scheme.
        content: of the dense form, which `staged` has and which gave `answers` [N, classes] to `pictures` [N, H, W, 3].
        staged: where the file is written, which has the chosen form at the end.
    """
    sparse = fmt.sparse(content)
    if len(sparse) >= len(content):
        return Storage(content)
    staged.write_bytes(sparse)
    sizes = f"{len(sparse):,} bytes instead of {len(content):,}"
    try:
        PROBE.trust(staged)
        again = evaluate(staged, pictures).probabilities
        reason = "" if _same(again, answers, name) else f"gave other answers to some of {len(pictures)} pictures"
    except BadFile:
        reason = "does not run in LiteRT"
    if not reason:
        equal = "the same answers bit by bit" if np.array_equal(again, answers) else "the same answers but for the order of float sums"
        return Storage(sparse, len(content), f"stored sparse, {sizes}: {equal} to {len(pictures)} pictures")
    staged.write_bytes(content)
    return Storage(content, 0, f"stored dense: the sparse form, {sizes}, {reason}")


def _same(answers: np.ndarray, original: np.ndarray, name: str) -> bool:
    if np.array_equal(answers, original):
        return True
    return scheme(name).lossless and check.compare(answers, original).difference <= FLOAT_TOLERANCE
