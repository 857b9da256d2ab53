"""One compression from start to end: load, fine-tune step after step, judge beside the original, write."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from edgecnn import card as cards
from edgecnn import data as data_sets
from edgecnn import files, zoo
from edgecnn.card import Card, Preprocessing
from edgecnn.compress import Compressed, judging
from edgecnn.compress.answers import Answers, answers_of
from edgecnn.compress.endings import ending_of
from edgecnn.compress.flat_model import flatten_model, with_input_of
from edgecnn.data import Dataset
from edgecnn.errors import BadData, BadSetting
from edgecnn.formats.keras.held_models import source_name
from edgecnn.progress import Progress
from edgecnn.runtime.keras_model import KerasRunner
from edgecnn.runtime.scores import ScoreKind
from edgecnn.settings import Compress
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.imported_card import open_with_card
from edgecnn.statistics import accuracy
from edgecnn.train import curves, memory, optimizer, output_place
from edgecnn.train.average import measure_norms
from edgecnn.train.checkpoint import Checkpoint, State, digest
from edgecnn.train.feed import slices
from edgecnn.train.run import versions

# Training pictures on which the importance of filters is measured, and batch norms afresh once the least important ones are gone.
PICTURES_FOR_IMPORTANCE = 512
BATCH_FOR_NORMS = 64

WHAT = {"channels": "mending what is left", "prune": "pruning", "cluster": "clustering", "quantize": "training under int8's rounding"}


@dataclass(frozen=True)
class _Job:
    """What is compressed, with what, to where: `source` is the model as it was loaded, `net` its flat copy."""

    original: Path
    source: keras.Model
    card: Card
    net: keras.Model
    settings: Compress
    data: Dataset
    target: Path
    teacher: Path | None
    answers: Answers

    def sources(self) -> dict[str, str]:
        """Of what was learnt, for the card."""
        files_read = {"weights": self.original} | ({"teacher": self.teacher} if self.teacher else {})
        return {what: f"{source_name(path)} {files.sha256(path)}" for what, path in files_read.items()}

    def checkpoint(self, step: str, start: list[np.ndarray]) -> Checkpoint:
        """That of one step, which depends on everything that the step depends on."""
        plain = {
            "step": step,
            "settings": self.settings.plain(),
            "train": self.settings.fine_tuning(step).plain(),
            "data": self.data.digest,
            "versions": versions(),
            **({"teacher": files.sha256(self.teacher)} if self.teacher else {}),
        }
        weights = [hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest() for value in start]
        return Checkpoint(self.target.with_name(f"{self.target.stem}-{step}.keras"), digest({**plain, "start": weights}))


def run(
    model: str | os.PathLike[str],
    settings: Compress,
    *,
    data: str | os.PathLike[str] | Dataset | None,
    preprocessing: Preprocessing | GivenInput | None,
    out: str | os.PathLike[str] | None,
    name: str | None,
    progress: Progress,
    fresh: bool,
    teacher: str | os.PathLike[str] | None,
    labels: tuple[str, ...] = (),
    label_offset: int | None = None,
) -> Compressed:
    """See `edgecnn.compress.compress`."""
    if keras.backend.backend() != "tensorflow":
        raise BadSetting(f"Keras runs on {keras.backend.backend()}: TF-MOT needs tensorflow; compress in a process of its own with KERAS_BACKEND=tensorflow")
    path = zoo.find_keras(model, "compression trains layers")
    folder = Path(out) if out is not None else path.parent
    files.check_writable(folder, name)
    progress.step(f"loading {path}")
    original = open_with_card(path, preprocessing, labels=labels, data=data, progress=progress).runner
    card = original.card if label_offset is None else replace(original.card, label_offset=label_offset)
    pictures = _data(card, data, progress)
    flat = flatten_model(original.model, card.preprocessing, path)
    if flat.whole:
        progress.step(f"layers of a class of their own stay as they are, in float: {', '.join(flat.whole)}")
    kind, ending = original.score_kind or ScoreKind.SOFTMAX, ending_of(flat.net).activation
    answers = answers_of(card, pictures, original.num_scores, kind, ending, labels_count=settings.train.teacher_share < 1)
    if answers.rows is None:
        progress.step(
            f"nobody says which of the {original.classes} outputs of {path.name} mean the {len(pictures.classes)} classes of {pictures.name}: only the "
            "model's own answers are learnt, and agreement with them is measured instead of accuracy; --labels FILE or --label-offset N would say it"
        )
    target = folder / f"{name or f'{path.stem}-{settings.suffix()}'}.keras"
    job = _Job(path, original.model, card, flat.net, settings, pictures, target, zoo.find(teacher) if teacher else None, answers)
    if job.target.resolve() == path.resolve():
        raise BadSetting(f"name '{job.target.stem}' is that of the model to compress; expected another one, so that it stays as it is")
    cards.check_place(job.target)
    with output_place.claimed(job.target):
        return _write(job, *_steps(job, progress, fresh), progress)


def _data(card: Card, given: str | os.PathLike[str] | Dataset | None, progress: Progress) -> Dataset:
    if isinstance(given, Dataset):
        found = given
    else:
        if given is None and card.data is None:
            raise BadData(f"{card.name}'s card names no data set; give labelled photos with --data FOLDER")
        found = data_sets.load(given if given is not None else card.data.name, card.preprocessing, progress=progress)
    return found


def _steps(job: _Job, progress: Progress, fresh: bool) -> tuple[keras.Model, dict[str, State]]:
    """The network after the last step, and how each step went."""
    from edgecnn.compress import fit
    from edgecnn.compress.legacy_keras import to_legacy

    net, states = keras.models.clone_model(job.net), {}
    net.set_weights(job.net.get_weights())
    output = ending_of(job.net).logits
    taught_by = _teacher(job, output)
    for step in job.settings.steps():
        if step == "channels":
            net = _narrowed(job, net, progress)
        checkpoint = job.checkpoint(step, net.get_weights())
        if fresh:
            checkpoint.remove()
        train = job.settings.fine_tuning(step)
        steps = train.epochs * max(1, len(job.data.splits["train"]) // train.batch_size)
        stage = _stage(step)(to_legacy(net, output), getattr(job.settings, step), steps)
        task = fit.Task(stage, job.data, job.card.preprocessing, train, taught_by, job.answers)
        with memory.kept(not optimizer.accelerated()):
            states[step] = fit.fit(task, checkpoint, progress, WHAT[step])
        net.set_weights(states[step].best or stage.kept())
    return net, states


def _teacher(job: _Job, output: str | None) -> Callable:
    """From the network's input to the logits of the model whose answers are learnt.

    Raises:
        BadData: it takes other pictures, or gives other answers.
    """
    from edgecnn.compress import fit

    if job.teacher is None:
        return fit.teacher(job.net, output)
    found = KerasRunner(job.teacher, preprocessing=None if cards.read(job.teacher) else job.card.preprocessing)
    if found.preprocessing != job.card.preprocessing or found.model.output_shape != job.net.output_shape:
        raise BadData(f"teacher {job.teacher} takes other pictures or gives other answers than {job.original}; expected the same preprocessing and classes")
    taught = flatten_model(found.model, found.preprocessing, job.teacher).net
    ending = ending_of(taught)
    if ending.activation != job.answers.ending:
        raise BadData(f"teacher {job.teacher} ends in {ending.activation or 'logits'}, {job.original} in {job.answers.ending or 'logits'}; expected the same")
    return fit.teacher(taught, ending.logits)


def _narrowed(job: _Job, net: keras.Model, progress: Progress) -> keras.Model:
    """The network without the filters that it misses least on some training pictures."""
    from edgecnn.compress.channels import cut

    split, count = job.data.splits["train"], PICTURES_FOR_IMPORTANCE
    chosen = np.sort(np.random.default_rng(job.settings.train.seed).permutation(len(split))[:count])
    inputs = judging.encoder(job.net, job.card.preprocessing)(np.asarray(split.pictures[chosen]))
    targets = job.answers.targets(split, chosen)
    if job.answers.rows is None:
        targets = job.answers.best(np.concatenate([judging.scores(job.net, inputs[part]) for part in slices(len(inputs), BATCH_FOR_NORMS)]))
    found = cut(net, job.settings.channels, inputs, targets)
    measure_norms(found.net, (inputs[part] for part in slices(len(inputs), BATCH_FOR_NORMS)))
    before, after = net.count_params(), found.net.count_params()
    progress.step(
        f"{100 * found.share:.1f} % of {found.macs_before:,} multiply-accumulates are gone, and {100 * (1 - after / before):.1f} % of {before:,} weights"
    )
    return found.net


def _stage(step: str) -> Callable:
    """The room of one step, which loads TF-MOT."""
    if step == "channels":
        from edgecnn.compress.fit import Stage

        return lambda legacy, settings, steps: Stage(legacy)
    if step == "prune":
        from edgecnn.compress.prune import Pruning

        return Pruning
    if step == "cluster":
        from edgecnn.compress.cluster import Clustering

        return lambda legacy, settings, steps: Clustering(legacy, settings)
    from edgecnn.compress.quantize_aware import Awareness

    return lambda legacy, settings, steps: Awareness(legacy, settings)


def _write(job: _Job, net: keras.Model, states: dict[str, State], progress: Progress) -> Compressed:
    """Judge, write the model, then its card, then forget the checkpoints."""
    changes = tuple(judging.change(job.net, net, name, job.data.splits[name], job.answers, job.card.preprocessing, progress) for name in ("val", "test"))
    with files.replacing(job.target) as temporary:
        with_input_of(net, job.source).save(temporary)
    found = {change.split: accuracy(round(change.after * change.pictures), change.pictures) for change in changes if change.after is not None}
    card = replace(
        job.card, name=job.target.stem, data=job.data.ref(), recipe=job.settings.train.plain(), seed=job.settings.train.seed, accuracy=found,
        sources=job.sources(), compression={**job.card.compression, **job.settings.plain()}, versions=versions(),
        weights_sha256=files.sha256(job.target), labels=_labels(job), ranges={}, means={}, calibration={},
    )  # fmt: skip
    for step, state in states.items():
        if state.history:
            curve = job.target.with_name(f"{job.target.stem}-{step}.png" if len(states) > 1 else f"{job.target.stem}.png")
            curves.write(curve, state.history, max(state.best_epoch, 0), f"{job.target.stem}: {WHAT[step]}")
    cards.write(job.target, card)
    for step in states:
        job.checkpoint(step, []).remove()
    weights = net.get_weights()
    kernels = [value for value in weights if value.ndim > 1]
    zeros = sum(int((value == 0).sum()) for value in weights) / sum(value.size for value in weights)
    values = float(np.mean([len(np.unique(value)) for value in kernels]))
    return Compressed(job.target, card, zeros, values, changes, job.answers.several)


def _labels(job: _Job) -> tuple[str, ...]:
    """Names of the outputs; the data's own only where its classes are the outputs, one by one."""
    return job.card.labels or (tuple(job.data.classes) if job.answers.rows is not None else ())
