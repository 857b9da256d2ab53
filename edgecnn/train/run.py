"""One training from start to end: build, take weights, fit, judge, write."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np

from edgecnn import arch, files
from edgecnn import card as cards
from edgecnn.card import Card, Preprocessing
from edgecnn.catalog import architecture
from edgecnn.data import Dataset, Split, calibration
from edgecnn.errors import BadData, BadSetting, CheckFailed
from edgecnn.formats.keras.bounded import regular_file
from edgecnn.progress import Progress
from edgecnn.runtime.preprocess import prepare
from edgecnn.runtime.startup import without_tensorflow
from edgecnn.settings import Augment, Machine, Train
from edgecnn.statistics import accuracy
from edgecnn.train import curves, distil, fit, imagenet, initial, memory, optimizer, output_place, parallel, processor, twins, weights
from edgecnn.train.changes import Changes
from edgecnn.train.checkpoint import Checkpoint, State, digest
from edgecnn.train.engine import engine
from edgecnn.train.feed import Feed
from edgecnn.train.learner import Preparation, learner
from edgecnn.train.meter import Meter

PICTURES_FOR_STATISTICS = 256


@dataclass(frozen=True)
class Job:
    """What was asked for, complete; `weights` is a file or the word "imagenet", `teacher` a file."""

    name: str
    architecture: str
    arguments: dict[str, object]
    preprocessing: Preprocessing
    settings: Train
    weights: Path | str | None
    out: Path
    teacher: Path | None = None
    machine: Machine = field(default_factory=Machine)

    @property
    def model(self) -> Path:
        """The file to make."""
        return self.out / f"{self.name}.keras"

    def digest(self, data: Dataset) -> str:
        """Of everything that the weights depend on."""
        plain = {key: value for key, value in asdict(self).items() if key not in ("out", "weights", "teacher", "machine")}
        return digest({**plain, "data": data.digest, "sources": self.sources(), "versions": versions()})

    def sources(self) -> dict[str, str]:
        """What the weights come from, besides pictures: name and SHA-256 of files."""
        given = {"weights": self.weights, "teacher": self.teacher}
        return {key: f"{it.name} {files.sha256(it)}" if isinstance(it, Path) else it for key, it in given.items() if it}


def versions() -> dict[str, str]:
    """Of what decides the numbers: Python, Keras, its backend and NumPy."""
    backend = keras.backend.backend()
    return {"python": platform.python_version(), "keras": keras.__version__, backend: version(backend), "numpy": np.__version__}


def run(job: Job, data: Dataset, *, progress: Progress, fresh: bool) -> Card:
    """Train, judge on val and test, and write model, card, curves and log; see `edgecnn.train.train`."""
    check(job, data)
    with (
        memory.kept(not optimizer.accelerated()),
        without_tensorflow(),
        parallel.devices(job.machine, job.settings.batch_size) as count,
        output_place.claimed(job.model) if parallel.leads() else nullcontext(),
    ):
        if count > 1:
            progress.step(f"batches of {job.settings.batch_size} are shared among {count} devices")
        checkpoint = Checkpoint(job.model, job.digest(data))
        if fresh:
            if parallel.leads():
                checkpoint.remove()
            parallel.agree(0, checkpoint.folder)  # nobody looks for the checkpoint before it is gone
        elif checkpoint.exists() and checkpoint.load() is None:
            progress.step("the training that was cut off here had other settings, data or versions: starting over")
        initial.seed(job.settings.seed)
        net = build(job, data)
        initial.draw(net, job.settings.seed)
        taken = start_from(job, net, data, progress) if job.weights else None
        state = train(job, net, data, checkpoint, progress, taken)
        card = judge(job, net, data, progress)
        if parallel.leads():
            card = write(job, net, card, state, checkpoint)
            checkpoint.remove()
    return card


def check(job: Job, data: Dataset) -> None:
    """Refuse what cannot work, before anything is built.

    Raises:
        BadSetting: ImageNet weights of what has none. BadData: pictures of another size than the input, a split without pictures,
        or several labels for a picture. BadFile: the place for the model cannot be written, or another's files are there.
    """
    files.check_writable(job.out, job.name)
    if isinstance(job.weights, Path) and not job.weights.is_dir():
        regular_file(job.weights, "model whose weights are taken")
    output_place.check_place(job.model)
    if data.multi_label:
        raise BadData(f"data set {data.name} has several labels for a picture; train takes one class for each: a table with the columns file,label")
    if job.settings.freeze and not job.weights:
        raise BadSetting(f"freeze {job.settings.freeze} without weights to start from: expected --weights FILE or imagenet")
    if job.teacher and job.arguments.get("auxiliary"):
        raise BadSetting("a teacher and auxiliary classifiers in one training: expected one of them; --auxiliary none leaves them out")
    if job.teacher and job.settings.class_weights != "equal":
        kind = job.settings.class_weights
        raise BadSetting(f"class weights '{kind}' with a teacher: Keras' distillation weighs all pictures the same; expected equal, or no teacher")
    if job.teacher:
        files.check_file(job.teacher, "teacher (.keras)")
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


def start_from(job: Job, net: keras.Model, data: Dataset, progress: Progress) -> weights.Taken:
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
    return taken


def train(job: Job, net: keras.Model, data: Dataset, checkpoint: Checkpoint, progress: Progress, taken: weights.Taken | None) -> State:
    """Fit, and leave the best weights in `net`, which stays float32 whatever the training computed in."""
    if job.settings.epochs == 0:
        return State()
    policy = optimizer.policy(job.settings)
    worker = net
    if policy != "float32":
        with computing_in(policy):
            worker = build(job, data)
        worker.set_weights(net.get_weights())
    if processor.wanted(worker) and not optimizer.accelerated():
        worker = processor.for_processor(worker)
    taught_by = distil.teacher(job.teacher, job.preprocessing, data.classes) if job.teacher else None
    task = fit.Task(worker, data, job.preprocessing, job.settings, job.machine, job.arguments.get("auxiliary", ""), taught_by, taken.fresh if taken else ())
    try:
        state = fit.fit(task, checkpoint, progress)
    except CheckFailed as error:
        kept = fit.save_last_good(net, checkpoint)
        raise CheckFailed(f"{error}{kept}") from error
    net.set_weights(state.best)
    return state


def judge(job: Job, net: keras.Model, data: Dataset, progress: Progress) -> Card:
    """The card, with accuracy on val and, for the first time, on test."""
    right = evaluator(net, data, job.preprocessing, job.settings.batch_size)
    found = {}
    for name in ("val", "test"):
        split = data.splits[name]
        entry = found[name] = accuracy(right(split), len(split))
        top1, low, high = (100 * entry[key] for key in ("top1", "low", "high"))
        progress.step(f"{name}: {entry['correct']} of {entry['total']} right, {top1:.1f} % (95 % interval {low:.1f} to {high:.1f})")
    return Card(
        name=job.name,
        preprocessing=job.preprocessing,
        labels=data.classes,
        architecture=job.architecture,
        arguments=job.arguments,
        data=data.ref(),
        recipe=job.settings.plain(),
        seed=job.settings.seed,
        sources=job.sources(),
        accuracy=found,
        versions=versions(),
    )


def evaluator(net: keras.Model, data: Dataset, preprocessing: Preprocessing, batch_size: int) -> Callable[[Split], int]:
    """A function that counts the pictures of a split which `net` names rightly."""
    model = learner(net, Preparation(preprocessing, Changes(Augment())), [net.output])
    model.compile(loss="categorical_crossentropy", metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")], jit_compile=optimizer.jit())
    model.build_all(len(data.classes))
    judge = engine(model, Feed(data.splits["train"], batch_size, 0, Changes(Augment())), len(data.classes), Machine(place="host"), Meter())
    return lambda split: round(judge.evaluate(split)["accuracy"] * len(split))


def write(job: Job, net: keras.Model, card: Card, state: State, checkpoint: Checkpoint) -> Card:
    """Write model, card, curves and log, each as one step; the card last, because it vouches for the model."""
    with files.replacing(job.model) as temporary:
        net.save(temporary)
    card = replace(card, weights_sha256=files.sha256(job.model))
    if state.history:
        curves.write(job.model.with_suffix(".png"), state.history, state.best_epoch, f"{job.name} on {card.data.name}")
        files.write_bytes(job.model.with_suffix(".csv"), checkpoint.table.read_bytes())
    cards.write(job.model, card)
    return card
