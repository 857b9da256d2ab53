"""Mends a .tflite for the task libraries: types of its ends, batch, metadata. What comes out was run beside what came in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from edgecnn.card import EMBEDDED, Card, Preprocessing
from edgecnn.errors import BadFile
from edgecnn.export import flatbuffer, metadata
from edgecnn.export.metadata import LabelFile, Metadata, TensorNotes, describe
from edgecnn.export.tasks import batch, softmax
from edgecnn.formats.tflite.metadata import archive
from edgecnn.labels import for_outputs
from edgecnn.runtime import tflite_file
from edgecnn.runtime.scores import ScoreKind
from edgecnn.sources.open_classifier import Classifier, ResolvedLabels


def mended(content: bytes, origin: str | os.PathLike[str], classifier: Classifier, *, append_softmax: bool = False) -> bytes:
    """See `tasks.repair`; `classifier` is the same file, open and understood."""
    plain, _ = archive.split(content)
    model = tflite_file.read(plain, origin)
    if len(model.subgraphs) != 1 or len(model.subgraphs[0].inputs) != 1 or len(model.subgraphs[0].outputs) != 1:
        raise BadFile(f"{origin} cannot be mended: expected one graph with one input and one output")
    single = batch.with_one(plain)
    if append_softmax:
        single = softmax.append_softmax(single, origin)
    changed = flatbuffer.with_uint8_interface(single)
    if not append_softmax:
        batch.must_be_same(plain, changed, origin)
    graph = (model := flatbuffer.read(changed)).subgraphs[0]
    given, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    card = _card(classifier, append_softmax)
    told = metadata.read(content, origin)
    named = _named(classifier.labels, told, int(result.shape[-1]), origin)
    fresh, scores = describe.image(given, card.preprocessing), describe.scores(model, result, named)
    flatbuffer.set_entries(model, {EMBEDDED: card.dumps(lines=False).encode()})
    return metadata.write(flatbuffer.pack(model), _completed(told, fresh, scores, card, Path(origin).stem, card.preprocessing))


def _card(classifier: Classifier, with_softmax: bool) -> Card:
    """The file's own card, or a new one that says what was found out."""
    runner, resolved, names = classifier.runner, classifier.input, classifier.labels
    kind = runner.score_kind.value if runner.score_kind else ""
    new = Card(name=runner.path.stem, preprocessing=resolved.preprocessing, input_evidence=resolved.evidence, score_kind=kind)
    known = runner.card or new
    return replace(
        known,
        preprocessing=resolved.preprocessing,
        labels=names.labels,
        label_offset=names.label_offset,
        label_source=known.label_source if names.source == "the card" else names.source,
        score_kind=ScoreKind.SOFTMAX.value if with_softmax else known.score_kind,
    )


def _named(names: ResolvedLabels, told: Metadata | None, outputs: int, origin: str | os.PathLike[str]) -> tuple[LabelFile, ...]:
    """Names of the classes: those in the file with their translations where they are the ones, else those that were found out."""
    kept = tuple(one for one in told.outputs[0].labels if len(one.names) == outputs) if told and told.outputs else ()
    if kept and names.source != "--labels":
        return kept
    return (LabelFile(for_outputs(names.labels, outputs, names.label_offset, origin)),) if names.labels else ()


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
