"""Mends a .tflite for the task libraries: types of its ends, batch, metadata. What comes out was run beside what came in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from edgecnn.card import EMBEDDED, Card, Preprocessing, loads
from edgecnn.errors import BadFile, BadSetting
from edgecnn.export import flatbuffer, metadata
from edgecnn.export.metadata import LabelFile, Metadata, TensorNotes, describe
from edgecnn.export.tasks import batch
from edgecnn.formats.tflite.metadata import archive
from edgecnn.labels import for_outputs
from edgecnn.runtime import tflite_file
from edgecnn.runtime.contract import Tensor
from edgecnn.settings import About


def mended(content: bytes, origin: str | os.PathLike[str], labels: tuple[str, ...], preprocessing: Preprocessing | None) -> bytes:
    """See `tasks.repair`."""
    plain, _ = archive.split(content)
    model = tflite_file.read(plain, origin)
    if len(model.subgraphs) != 1 or len(model.subgraphs[0].inputs) != 1 or len(model.subgraphs[0].outputs) != 1:
        raise BadFile(f"{origin} cannot be mended: expected one graph with one input and one output")
    changed = flatbuffer.with_uint8_interface(batch.with_one(plain))
    batch.must_be_same(plain, changed, origin)
    graph = (model := flatbuffer.read(changed)).subgraphs[0]
    entries = tflite_file.metadata(plain, origin)
    card = loads(entries[EMBEDDED], origin) if EMBEDDED in entries else None
    told = metadata.read(content, origin)
    given, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    outputs = int(result.shape[-1])
    chosen = preprocessing or (card.preprocessing if card else None) or _said(told, tflite_file.tensor(given), origin)
    fresh = describe.image(given, chosen)
    named = _named(labels, told, card, outputs, origin)
    scores = describe.scores(model, result, named)
    return metadata.write(changed, _completed(told, fresh, scores, card, Path(origin).stem, chosen))


def _said(told: Metadata | None, given: Tensor, origin: str | os.PathLike[str]) -> Preprocessing:
    """How pictures become the input, from the metadata or from the input's own scale.

    Raises:
        BadSetting: neither says it.
    """
    if len(given.shape) != 4:
        raise BadFile(f"{origin} cannot be mended: its input has {len(given.shape)} dimensions, expected 4")
    height, width, channels = (side or 1 for side in given.shape[1:])
    order = "grey" if channels == 1 else "rgb"
    if told and told.inputs and told.inputs[0].mean and len(told.inputs[0].mean) == len(told.inputs[0].std):
        return Preprocessing(height, width, order, told.inputs[0].mean, told.inputs[0].std)
    if given.scale:
        # A byte that is its own quantized input.
        return Preprocessing(height, width, order, (float(given.zero_point),), (1 / given.scale,))
    raise BadSetting(f"{origin} does not say how a pixel becomes its input: give --mean M --std S, where input = (pixel - M) / S, such as 127.5 and 127.5")


def _named(labels: tuple[str, ...], told: Metadata | None, card: Card | None, outputs: int, origin: str | os.PathLike[str]) -> tuple[LabelFile, ...]:
    """Names of the classes: given ones, those in the file, those of the card."""
    if labels:
        return (LabelFile(for_outputs(labels, outputs, 0, origin)),)
    kept = tuple(one for one in told.outputs[0].labels if len(one.names) == outputs) if told and told.outputs else ()
    return kept or (describe.labels_of(card, About(), outputs) if card else ())


def _completed(told: Metadata | None, fresh: TensorNotes, scores: TensorNotes, card: Card | None, name: str, p: Preprocessing) -> Metadata:
    """What the file says, with what is missing or wrong filled in."""
    base = told or Metadata(name=card.name if card else name, description="An image classifier.")
    old = told.inputs[0] if told and told.inputs else TensorNotes()
    image = replace(fresh, name=old.name or fresh.name, description=old.description or fresh.description)
    if p.order == "grey":
        image = replace(image, color="grayscale")
    before = told.outputs[0] if told and told.outputs else TensorNotes()
    calibration, names = before.calibration, scores.labels[0].names if scores.labels else ()
    if calibration is not None and len(calibration.parameters) != len(names):
        calibration = None
    after = replace(
        scores, name=before.name or scores.name, description=before.description or scores.description, calibration=calibration, threshold=before.threshold
    )
    return replace(base, inputs=(image,), outputs=(after,))
