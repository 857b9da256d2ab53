"""From what was measured of a file to its row of the report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgecnn import files
from edgecnn.validate import accuracy, anatomy, classes, confidence, size
from edgecnn.validate.contender import Contender
from edgecnn.validate.report import Latency, Row
from edgecnn.validate.samples import Sample
from edgecnn.validate.source_figures import InputSource


def make(contender: Contender, original: Contender | None, sample: Sample, truth: np.ndarray | None, latencies: tuple[Latency, ...]) -> Row:
    """The row of a file, or of the original itself where `original` is None; `truth` is the right answer of each picture [N], None without labels."""
    path, card, outcome = contender.subject.path, contender.subject.card, contender.outcome
    stored, zipped = size.sizes(path)
    row = Row(str(path), files.sha256(path), card.scheme if card else "", stored, zipped, accuracy.share(outcome.tied), latencies=latencies)
    row = replace(row, input=_input(contender), scores=_scores(contender), labels=contender.subject.label_source)
    parts, savings = anatomy.parts(path)
    row = replace(row, parts=parts, savings=savings)
    before = original.outcome if original else None
    if before is not None:
        row = replace(row, agreement=accuracy.share(outcome.answer == before.answer))
    if truth is None:
        return row
    right = outcome.answer == truth
    row = replace(
        row,
        top1=accuracy.share(right),
        top5=accuracy.share(outcome.top5) if outcome.answers > 10 else None,
        confidence=confidence.measure(outcome, truth, before),
        confusion=classes.confusion(outcome, truth),
    )
    if before is None:
        return row
    labels = contender.subject.labels or original.subject.labels
    return replace(
        row,
        change=accuracy.change_of(right, before.answer == truth),
        classes=classes.changes(outcome, before, truth, labels),
        suffered=classes.suffered(outcome, before, truth, labels, sample.pictures, sample.names),
    )


def _input(contender: Contender) -> InputSource | None:
    resolved = contender.subject.input
    if resolved is None:
        return None
    p = resolved.preprocessing
    return InputSource(resolved.text, resolved.source, resolved.evidence, p.order, p.mean, p.std, p.resize_rule)


def _scores(contender: Contender) -> str:
    return contender.score_kind.value if contender.score_kind else ""
