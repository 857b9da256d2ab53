"""Measures the files of one group: they share an original, pictures and a picture size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from edgecnn.errors import BadData
from edgecnn.progress import Progress
from edgecnn.validate import class_notes, extras, latency, recall, resize_check, row, samples
from edgecnn.validate.asked import Asked
from edgecnn.validate.contender import Contender
from edgecnn.validate.extras import Shown
from edgecnn.validate.multi_label import measure_multi_label
from edgecnn.validate.report import Group, Latency
from edgecnn.validate.samples import Sample
from edgecnn.validate.subjects import Pair


def measure(source: str, pairs: Sequence[Pair], asked: Asked, progress: Progress, stack: ExitStack) -> Group:
    """Measure everything of a group on the data set `source`; `stack` closes the runners."""
    threads, ray = asked.threads, asked.ray is not None
    original = Contender(pairs[0].original, threads, stack, ray) if pairs[0].original else None
    exports = [Contender(pair.file, threads, stack, ray) for pair in pairs]
    if original and threads:
        original.start()
    _check_same_classes(exports)
    sample = samples.load(source, pairs[0].file.preprocessing, asked.split, asked.count, progress)
    truth, notes = _truth(sample, exports[0], original is None and asked.doctor is None, asked.limits.max_drop is not None)
    targets = _targets(sample, exports[0], truth)
    truth = None if targets is not None else truth
    everyone = [*exports, *([original] if original else [])]
    key = recall.key(original.subject, sample, truth) if original else ""
    if original and targets is None:
        notes += _recall(original, key, asked.fresh)
    for contender in everyone:
        if contender is original:
            _check_same_classes(everyone)
        contender.answer(sample.pictures, truth, progress, keep_probabilities=targets is not None)
    if original and targets is None:
        recall.keep(key, original.outcome)
    times = _times(everyone, threads, progress)
    theirs = {n: times[id(original), n] for n in threads} if original else {}
    rows = [row.make(c, original, sample, truth, _latencies(c, times, threads, theirs)) for c in exports]
    if targets is not None:
        before = original.probabilities if original else None
        names = exports[0].subject.labels or sample.classes
        rows = [replace(one, multi_label=measure_multi_label(c.probabilities, targets, names, before)) for c, one in zip(exports, rows, strict=True)]
    notes += class_notes.source_notes(exports, sample.classes)
    notes += class_notes.training_note(original or exports[0]) if truth is not None or targets is not None else []
    notes += [note for c, one in zip(exports, rows, strict=True) for note in class_notes.class_notes(c, one, truth, sample.classes)]
    notes += resize_check.resize_notes(source, pairs, original or exports[0], sample, asked, progress)
    rows, said = extras.add(rows, exports, original, Shown(sample, source, truth), asked, progress)
    return Group(
        sample.about,
        row.make(original, None, sample, truth, _latencies(original, times, threads, {})) if original else None,
        tuple(rows),
        (*dict.fromkeys(p.note for p in pairs if p.note), *notes, *said, *_other_pictures(sample, pairs)),
    )


def _recall(original: Contender, key: str, fresh: bool) -> list[str]:
    """Fill in the original's answers of an earlier run, and say so; else start it, beside the exports that run first."""
    original.outcome = None if fresh else recall.find(key)
    if original.outcome is None:
        original.start()
        return []
    return [f"{original.name} has been run on these pictures before, with the same versions: its answers are those of then (--fresh runs it again)"]


def _truth(sample: Sample, export: Contender, alone: bool, needed: bool) -> tuple[np.ndarray | None, list[str]]:
    """The right output of each picture [N], or None and a note where the network does not know the data's classes."""
    answers, labels = export.answers, export.subject.labels
    outputs = samples.output_of(sample.classes, labels, answers)
    if outputs is not None and sample.targets is not None:
        return None, []
    if outputs is not None:
        return outputs[sample.labels], []
    if labels:
        why = f"classes of {sample.about.data} ({sample.classes[0]}, ...) are not among the {answers} of {export.name} ({labels[0]}, ...)"
    else:
        why = f"{sample.about.data} has {len(sample.classes)} classes and {export.name} gives {answers} scores without names"
    if alone or needed:
        hint = "; if the first output is a background class, say --label-offset 1" if answers == len(sample.classes) + 1 else "; give --labels or other --data"
        raise BadData(f"{why}: accuracy cannot be measured{hint}")
    return None, [f"{why}: accuracy cannot be measured, agreement only"]


def _targets(sample: Sample, export: Contender, truth: np.ndarray | None) -> np.ndarray | None:
    """Which labels hold for each image, in the order of the outputs, uint8 [N, answers]; None where each image is of one class."""
    outputs = samples.output_of(sample.classes, export.subject.labels, export.answers)
    if sample.targets is None or outputs is None or truth is not None:
        return None
    placed = np.zeros((len(sample.targets), export.answers), np.uint8)
    placed[:, outputs] = sample.targets
    return placed


def _check_same_classes(contenders: Sequence[Contender]) -> None:
    first = contenders[-1]
    for other in contenders:
        paths, counts = (other.subject.path, first.subject.path), (other.answers, first.answers)
        if counts[0] != counts[1]:
            raise BadData(f"{paths[0]} answers with {counts[0]} classes and {paths[1]} with {counts[1]}; expected files of the same classes")
        if other.subject.labels and first.subject.labels and other.subject.labels != first.subject.labels:
            raise BadData(f"{paths[0]} and {paths[1]} name their classes differently; expected files of the same classes")


def _times(everyone: list[Contender], threads: tuple[int, ...], progress: Progress) -> dict[tuple[int, int], np.ndarray]:
    """Seconds of every run, (id of the contender, threads) -> [rounds, runs]."""
    return latency.measure({(id(contender), n): contender.runner(n) for contender in everyone for n in threads}, progress)


def _latencies(contender: Contender, times: dict[tuple[int, int], np.ndarray], threads: tuple[int, ...], theirs: dict[int, np.ndarray]) -> tuple[Latency, ...]:
    return tuple(latency.summary(n, times[id(contender), n], theirs.get(n)) for n in threads)


def _other_pictures(sample: Sample, pairs: Sequence[Pair]) -> list[str]:
    """A note when the pictures are not those that the card speaks of."""
    refs = [p.file.card.data for p in pairs if p.file.card and p.file.card.data]
    if any(ref.name == sample.about.data and ref.digest and ref.digest != sample.about.digest for ref in refs):
        return [f"{sample.about.data} has changed since training (another digest): these may not be the test pictures of then"]
    return []
