"""golden.json: the words of the golden vectors, one line a picture and one a mistake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.traps import GRID
from edgecnn.runtime.contract import Tensor

if TYPE_CHECKING:
    from edgecnn.bundle.golden import Golden
    from edgecnn.bundle.golden_picture import Picture

FORMAT = "edgecnn.golden/1"

# Digits after the point of a probability: a hundredth of what any tolerance allows.
DIGITS = 5


def text(golden: Golden, *, sources: bool = False) -> str:
    """golden.json of golden vectors; with `sources` it names the files of decoded bytes too."""
    raw: dict[str, Any] = {
        "format": FORMAT,
        "model": golden.model,
        "sha256": golden.sha256,
        "input": {**_tensor(golden.input, _input_shape(golden)), "layout": "NCHW" if golden.channels_first else "NHWC", "takes_bytes": golden.takes_bytes},
        "output": {**_tensor(golden.output, (1, golden.num_scores)), "gives_probabilities": golden.gives_probabilities, "score_kind": golden.score_kind.value},
        "preprocessing": asdict(golden.preprocessing),
        "label_offset": golden.label_offset,
        "labels": golden.labels,
        "licence": golden.licence,
        "grid": GRID,
    }
    pictures = [_picture(golden, picture, sources) for picture in golden.pictures]
    causes = {trap.key: {"name": trap.cause, "advice": trap.advice} for trap in golden.traps}
    answers = {trap.key: {stem: _rounded(row) for stem, row in trap.probabilities.items()} for trap in golden.traps}
    marks = {"right": golden.signatures, **{trap.key: trap.signatures for trap in golden.traps}}
    lines = [f" {json.dumps(key)}: {_compact(value)}" for key, value in raw.items()]
    lines.append(' "pictures": [\n' + ",\n".join(f"  {_compact(one)}" for one in pictures) + "\n ]")
    lines += [f' "{key}": {_table(rows)}' for key, rows in (("causes", causes), ("traps", answers), ("signatures", marks))]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _input_shape(golden: Golden) -> tuple[int, ...]:
    return golden.pictures[0].input.shape


def _tensor(tensor: Tensor, shape: Sequence[int]) -> dict[str, Any]:
    """A tensor with the shape of one picture."""
    return {"name": tensor.name, "shape": list(shape), "dtype": tensor.dtype, "scale": tensor.scale, "zero_point": tensor.zero_point}


def _picture(golden: Golden, picture: Picture, sources: bool) -> dict[str, Any]:
    stem, (height, width) = picture.stem, picture.decoded.shape[:2]
    raw: dict[str, Any] = {
        "file": picture.file, "origin": picture.origin, "orientation": picture.orientation, "width": width, "height": height,
        "pixels": f"{stem}.rgb", "input": f"{stem}.input", "output": f"{stem}.output",
        "probabilities": _rounded(picture.probabilities), "top": picture.top, "label": golden.labels[picture.top],
        "tolerance": {key: round(value, 5) for key, value in asdict(picture.tolerance).items()},
    }  # fmt: skip
    return {**raw, "source": f"{stem}.source"} if sources else raw


def _rounded(row: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in row]


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _table(rows: dict[str, Any]) -> str:
    return "{\n" + ",\n".join(f"  {json.dumps(key)}: {_compact(value)}" for key, value in rows.items()) + "\n }"
