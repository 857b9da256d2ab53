"""ROOM for ONNX Runtime Mobile: the .ort file, the operators that a reduced build needs, and golden vectors that it was held against."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgecnn import files
from edgecnn.bundle import Context, apps, golden
from edgecnn.bundle.golden import Golden
from edgecnn.bundle.templates import filled
from edgecnn.errors import CheckFailed
from edgecnn.export import ort_mobile
from edgecnn.runtime import open_model

# Probability by which the optimized file may be off: float kernels add in another order, integer ones are the same.
CLOSE = 1e-3


def write(context: Context, folder: Path) -> list[Path]:
    """Write the bundle into an empty folder; returns its files.

    Raises:
        BadFile: a file that cannot be converted. CheckFailed: the .ort does not answer as the .onnx does.
    """
    made, needs = ort_mobile.convert(context.path, folder, context.path.stem)
    found = replace(context.golden, model=made.name, sha256=files.sha256(made))
    off = _off(made, found)
    if off > CLOSE:
        raise CheckFailed(f"{made.name} does not answer as {context.path.name} does: a probability is {off:.4f} off, expected {CLOSE} or less")
    takers = ort_mobile.takers(context.path)
    rows = "\n".join(f"| {one.name} | {one.taken_fixed} of {one.nodes} | {one.parts} | {one.verdict} |" for one in takers)
    words = {
        "MODEL": context.path.name, "NAME": made.name, "CONFIG": needs.name, "BYTES": f"{made.stat().st_size:,}", "ROWS": rows, "OFF": f"{off:.1e}",
        "COUNT": len(found.pictures), "INPUT": found.input.name, "OUTPUT": found.output.name, "SHAPE": "x".join(map(str, found.pictures[0].input.shape)),
        "TYPE": found.input.dtype, "RESIZE": found.preprocessing.resize_words, "ORDER": found.preprocessing.order,
        "MEAN": _values(found.preprocessing.mean), "STD": _values(found.preprocessing.std),
        "SCORES": apps.scores_in_words(found.score_kind, "the app must make"),
    }  # fmt: skip
    readme = files.write_text(folder / "README.md", filled("ort/README.md", words))
    labels = files.write_text(folder / "labels.txt", "".join(f"{' '.join(label.split())}\n" for label in found.labels))
    return [made, needs, readme, labels, *golden.write(found, folder / "golden")]


def _values(each: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in (each[:1] if len(set(each)) == 1 else each))


def _off(path: Path, found: Golden) -> float:
    """Largest difference of a probability between the .ort and the golden vectors."""
    with closing(open_model(path, preprocessing=found.preprocessing)) as runner:
        return max(float(np.abs(runner(picture.pixels[None])[0] - picture.probabilities).max()) for picture in found.pictures)
