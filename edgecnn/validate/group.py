"""Measures the files of one group: they share an original, pictures and a picture size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import numpy as np

from edgecnn import files, zoo
from edgecnn.errors import BadData
from edgecnn.labels import for_outputs
from edgecnn.progress import Progress
from edgecnn.runtime import open_model, pool
from edgecnn.runtime.contract import Runner
from edgecnn.runtime.remote import RemoteRunner
from edgecnn.settings import Doctor
from edgecnn.validate import accuracy, latency, samples, size
from edgecnn.validate.doctor.examine import examine
from edgecnn.validate.report import Group, Latency, Row
from edgecnn.validate.samples import Sample
from edgecnn.validate.subjects import Pair, Subject


@dataclass
class Contender:
    """A subject on its way through the measurements.

    Attributes:
        subject: what is measured.
        runners: number of threads -> runner of that many. Keras models start at once, in processes of their own, because TensorFlow takes seconds to come
            up; the others begin with one thread and get more when they are timed.
        scores: [N, answers], background outputs cut off; filled by `answer`.
    """

    subject: Subject
    runners: dict[int, Runner]
    scores: np.ndarray | None = None

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.subject.path.name

    @property
    def answers(self) -> int:
        """Outputs that are answers: those after the background ones; waits until the model is loaded.

        Raises:
            BadData: there are other labels than answers, or fewer than two answers.
        """
        path, offset = self.subject.path, self.subject.label_offset
        outputs = next(iter(self.runners.values())).classes
        if outputs - offset < 2:
            raise BadData(f"{path} gives {outputs} scores; a label offset of {offset} leaves fewer than 2")
        for_outputs(self.subject.labels, outputs, offset, path)
        return outputs - offset

    def answer(self, pictures: np.ndarray, progress: Progress) -> None:
        """Run over all pictures with all cores and keep the scores."""
        local = not is_keras(self.subject)
        runner = self.runners[1 if local else max(self.runners)]
        with progress.track(f"evaluating {self.name}", len(pictures)) as advance:
            found = pool.answers(runner, pictures, preprocessing=self.subject.preprocessing, advance=advance)
        self.scores = found.scores[:, self.subject.label_offset :]


def measure(
    source: str,
    pairs: Sequence[Pair],
    threads: tuple[int, ...],
    split: str,
    count: int | None,
    progress: Progress,
    stack: ExitStack,
    *,
    accuracy_needed: bool,
    doctor: Doctor | None = None,
) -> Group:
    """Measure everything of a group; `stack` closes the runners."""
    original = _contender(pairs[0].original, threads, stack) if pairs[0].original else None
    exports = [_contender(pair.file, threads, stack) for pair in pairs]
    _check_same_classes(exports)
    sample = samples.load(source, pairs[0].file.preprocessing, split, count, progress)
    truth, notes = _truth(sample, exports[0], original is None and doctor is None, accuracy_needed)
    everyone = [*exports, *([original] if original else [])]
    for contender in everyone:
        if contender is original:
            _check_same_classes(everyone)
        contender.answer(sample.pictures, progress)
    found = {id(c): examine(c.subject, c.runners, sample, source, truth, doctor, progress) for c in exports if doctor}
    times = _times(everyone, threads, progress, stack)
    theirs = {n: times[id(original), n] for n in threads} if original else {}
    return Group(
        sample.about,
        _row(original, None, truth, _latencies(original, times, threads, {})) if original else None,
        tuple(replace(_row(c, original, truth, _latencies(c, times, threads, theirs)), **found.get(id(c), {})) for c in exports),
        (*dict.fromkeys(p.note for p in pairs if p.note), *notes, *_other_pictures(sample, pairs)),
    )


def is_keras(subject: Subject) -> bool:
    """Whether a subject is a model rather than an export."""
    return subject.path.suffix.lower() in zoo.SUFFIXES


def _contender(subject: Subject, threads: tuple[int, ...], stack: ExitStack) -> Contender:
    if is_keras(subject):
        runners = {n: RemoteRunner(subject.path, preprocessing=subject.preprocessing, threads=n) for n in threads or (pool.usable_cores(),)}
    else:
        runners = {1: open_model(subject.path, preprocessing=subject.preprocessing, threads=1)}
    for runner in runners.values():
        stack.enter_context(closing(runner))
    return Contender(subject, runners)


def _truth(sample: Sample, export: Contender, alone: bool, needed: bool) -> tuple[np.ndarray | None, list[str]]:
    """The right output of each picture [N], or None and a note where the network does not know the data's classes."""
    answers, labels = export.answers, export.subject.labels
    outputs = samples.output_of(sample.classes, labels, answers)
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


def _check_same_classes(contenders: Sequence[Contender]) -> None:
    first = contenders[-1]
    for other in contenders:
        paths, counts = (other.subject.path, first.subject.path), (other.answers, first.answers)
        if counts[0] != counts[1]:
            raise BadData(f"{paths[0]} answers with {counts[0]} classes and {paths[1]} with {counts[1]}; expected files of the same classes")
        if other.subject.labels and first.subject.labels and other.subject.labels != first.subject.labels:
            raise BadData(f"{paths[0]} and {paths[1]} name their classes differently; expected files of the same classes")


def _times(everyone: list[Contender], threads: tuple[int, ...], progress: Progress, stack: ExitStack) -> dict[tuple[int, int], np.ndarray]:
    """Seconds of every run, (id of the contender, threads) -> [rounds, runs]."""
    runners = {}
    for contender in everyone:
        for n in threads:
            if n not in contender.runners:
                runner = open_model(contender.subject.path, preprocessing=contender.subject.preprocessing, threads=n)
                contender.runners[n] = stack.enter_context(closing(runner))
            runners[id(contender), n] = contender.runners[n]
    return latency.measure(runners, progress)


def _latencies(contender: Contender, times: dict[tuple[int, int], np.ndarray], threads: tuple[int, ...], theirs: dict[int, np.ndarray]) -> tuple[Latency, ...]:
    return tuple(latency.summary(n, times[id(contender), n], theirs.get(n)) for n in threads)


def _row(contender: Contender, original: Contender | None, truth: np.ndarray | None, latencies: tuple[Latency, ...]) -> Row:
    path, card, scores = contender.subject.path, contender.subject.card, contender.scores
    stored, zipped = size.sizes(path)
    row = Row(str(path), files.sha256(path), card.scheme if card else "", stored, zipped, accuracy.ties(scores), latencies=latencies)
    if truth is not None:
        best = accuracy.top(scores, truth, 5) if scores.shape[1] > 10 else None
        row = replace(row, top1=accuracy.top(scores, truth, 1), top5=best)
    if original is None:
        return row
    compared = accuracy.change(scores, original.scores, truth) if truth is not None else None
    return replace(row, agreement=accuracy.agreement(scores, original.scores), change=compared)


def _other_pictures(sample: Sample, pairs: Sequence[Pair]) -> list[str]:
    """A note when the pictures are not those that the card speaks of."""
    refs = [p.file.card.data for p in pairs if p.file.card and p.file.card.data]
    if any(ref.name == sample.about.data and ref.digest and ref.digest != sample.about.digest for ref in refs):
        return [f"{sample.about.data} has changed since training (another digest): these may not be the test pictures of then"]
    return []
