"""One training from start to end: build, take weights, fit, judge, write."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from edgecnn import arch, files
from edgecnn import card as cards
from edgecnn.card import Card, Preprocessing
from edgecnn.catalog import architecture
from edgecnn.data import Dataset, Split, calibration
from edgecnn.errors import BadData, BadSetting
from edgecnn.progress import Progress
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import Augment, Train
from edgecnn.statistics import accuracy
from edgecnn.train import augment, batches, curves, fit, grouped, imagenet, optimizer, twins, weights
from edgecnn.train.checkpoint import Checkpoint, State, digest

PICTURES_FOR_STATISTICS = 256


@dataclass(frozen=True)
class Job:
    """What was asked for, complete; `weights` is a file or the word "imagenet"."""

    name: str
    architecture: str
    arguments: dict[str, object]
    preprocessing: Preprocessing
    settings: Train
    weights: Path | str | None
    out: Path

    @property
    def model(self) -> Path:
        """The file to make."""
        return self.out / f"{self.name}.keras"

    def digest(self, data: Dataset) -> str:
        """Of everything that the weights depend on."""
        plain = {key: value for key, value in asdict(self).items() if key not in ("out", "weights")}
        source = files.sha256(self.weights) if isinstance(self.weights, Path) else self.weights or ""
        return digest({**plain, "data": data.digest, "weights": source, "versions": versions()})


def versions() -> dict[str, str]:
    """Of what decides the numbers: Python, Keras, its backend and NumPy."""
    backend = keras.backend.backend()
    return {"python": platform.python_version(), "keras": keras.__version__, backend: version(backend), "numpy": np.__version__}


def run(job: Job, data: Dataset, *, progress: Progress, fresh: bool) -> Card:
    """Train, judge on val and test, and write model, card and curves; see `edgecnn.train.train`."""
    check(job, data)
    checkpoint = Checkpoint(job.model, job.digest(data))
    if fresh:
        checkpoint.remove()
    elif checkpoint.exists() and checkpoint.load() is None:
        progress.step("the training that was cut off here had other settings, data or versions: starting over")
    keras.utils.set_random_seed(job.settings.seed)
    net = build(job, data)
    if job.weights:
        start_from(job, net, data, progress)
    state = train(job, net, data, checkpoint, progress)
    card = judge(job, net, data, progress)
    card = write(job, net, card, state)
    checkpoint.remove()
    return card


def check(job: Job, data: Dataset) -> None:
    """Refuse what cannot work, before anything is built.

    Raises:
        BadSetting: ImageNet weights of what has none. BadData: pictures of another size than the input, or a split without pictures.
        BadFile: the place for the model cannot be written.
    """
    files.check_writable(job.out)
    if job.weights == twins.IMAGENET:
        twins.check(architecture(job.architecture), job.arguments)
    size = (job.preprocessing.height, job.preprocessing.width)
    for name, split in data.splits.items():
        if len(split) == 0:
            raise BadData(f"data set {data.name}: no pictures in {name}; expected some in train, val and test")
        if tuple(split.pictures.shape[1:3]) != size:
            raise BadData(f"data set {data.name}: {name} pictures of {split.pictures.shape[1:3]} pixels; expected the input's size {size}")
    if len(data.classes) < 2:
        raise BadData(f"data set {data.name}: {len(data.classes)} class; expected 2 or more")


def build(job: Job, data: Dataset) -> keras.Model:
    """The network with fresh weights, in the current dtype policy."""
    size = (job.preprocessing.height, job.preprocessing.width)
    net = arch.build(job.architecture, classes=len(data.classes), image_size=size, **job.arguments)
    if net.input.shape[-1] != job.preprocessing.channels:
        expected = "grey" if net.input.shape[-1] == 1 else "rgb or bgr"
        raise BadSetting(f"{job.architecture} takes {net.input.shape[-1]} channels, preprocessing gives '{job.preprocessing.order}': expected {expected}")
    return net


@contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Layers built inside compute under the dtype policy `policy`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def start_from(job: Job, net: keras.Model, data: Dataset, progress: Progress) -> None:
    """Take the weights that were named, and tell what was taken."""
    if job.weights == twins.IMAGENET:
        progress.step(f"ImageNet weights of {job.architecture}: Keras downloads what it has not kept")
        taken = imagenet.take(net, job.architecture, job.arguments)
    else:
        taken = weights.take(net, job.weights)
    for line in taken.lines():
        progress.step(line)
    if isinstance(job.weights, Path) and cards.read(job.weights) is None:
        chosen = job.preprocessing
        progress.step(f"no card beside {job.weights.name}: taken to want {chosen.order} pixels, minus {chosen.mean}, over {chosen.std}")
    if taken.folded:
        pictures = calibration(data, PICTURES_FOR_STATISTICS).pictures
        weights.unfold(net, taken.folded, prepare(pictures, job.preprocessing))
        progress.step(f"gave them statistics measured on {len(pictures)} training pictures; what the network computes is unchanged")


def train(job: Job, net: keras.Model, data: Dataset, checkpoint: Checkpoint, progress: Progress) -> State:
    """Fit, and leave the best weights in `net`, which stays float32 whatever the training computed in."""
    if job.settings.epochs == 0:
        return State()
    policy = optimizer.policy(job.settings)
    worker = net
    if policy != "float32":
        with computing_in(policy):
            worker = build(job, data)
        worker.set_weights(net.get_weights())
    if grouped.has_groups(worker) and not optimizer.accelerated():
        worker = grouped.for_processor(worker)
    state = fit.fit(worker, data, job.preprocessing, job.settings, checkpoint, progress, auxiliary=job.arguments.get("auxiliary", ""))
    net.set_weights(state.best)
    return state


def judge(job: Job, net: keras.Model, data: Dataset, progress: Progress) -> Card:
    """The card, with accuracy on val and, for the first time, on test."""
    model = augment.from_pixels(net, [net.output], job.preprocessing, Augment(), 0)
    found = {}
    for name in ("val", "test"):
        split = data.splits[name]
        entry = found[name] = accuracy(correct(model, split, len(data.classes), job.settings.batch_size), len(split))
        top1, low, high = (100 * entry[key] for key in ("top1", "low", "high"))
        progress.step(f"{name}: {entry['correct']} of {entry['total']} right, {top1:.1f} % (95 % interval {low:.1f} to {high:.1f})")
    return Card(
        name=job.name,
        preprocessing=job.preprocessing,
        labels=data.classes,
        architecture=job.architecture,
        arguments=job.arguments,
        data=data.ref(),
        recipe=asdict(job.settings),
        seed=job.settings.seed,
        accuracy=found,
        versions=versions(),
    )


def correct(model: keras.Model, split: Split, classes: int, batch_size: int) -> int:
    """How many pictures of the split `model` names rightly."""
    answers = model.predict(batches.in_order(split, classes, batch_size), verbose=0).argmax(axis=1)
    return int(np.sum(answers == split.labels))


def write(job: Job, net: keras.Model, card: Card, state: State) -> Card:
    """Write model, card and curves, each as one step; the card last, because it vouches for the model."""
    with files.replacing(job.model) as temporary:
        net.save(temporary)
    card = replace(card, weights_sha256=files.sha256(job.model))
    if state.history:
        curves.write(job.model.with_suffix(".png"), state.history, state.best_epoch, f"{job.name} on {card.data.name}")
    cards.write(job.model, card)
    return card
