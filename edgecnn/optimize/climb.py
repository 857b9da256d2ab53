"""Export within a budget, from end to end: open, climb in each format, write, report on test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from edgecnn import data as data_sets
from edgecnn import files, zoo
from edgecnn.card import Card, Preprocessing
from edgecnn.data import Dataset
from edgecnn.errors import BadData, BadFile, BadSetting, CheckFailed, Undecided
from edgecnn.export.source import is_float_file, settle_formats
from edgecnn.export.workshop import Opened, Workshop, open_model
from edgecnn.optimize import Fitted, Trial
from edgecnn.optimize.bench import Bench
from edgecnn.optimize.cache import Cache
from edgecnn.optimize.judge import Judge
from edgecnn.optimize.ladder import Climb, Rung
from edgecnn.optimize.twins import compressed
from edgecnn.progress import SILENT, Progress
from edgecnn.runtime import card_of
from edgecnn.runtime import open_model as open_file
from edgecnn.runtime.contract import Runner
from edgecnn.settings import Budget, Compress, Export
from edgecnn.sources.given_input import GivenInput
from edgecnn.statistics import paired_interval


@dataclass(frozen=True)
class _Job:
    """What is climbed for, with what."""

    opened: Opened
    original: Runner
    data: Dataset
    budget: Budget
    cache: Cache
    folder: Path
    progress: Progress

    @cached_property
    def val(self) -> Judge:
        """Chooses."""
        return Judge(self.original, self.opened.card, self.data, "val", self.cache, self.progress)

    @cached_property
    def test(self) -> Judge:
        """Reports; nobody looks at it before a rung is chosen."""
        return Judge(self.original, self.opened.card, self.data, "test", self.cache, self.progress)


def run(
    model: str | os.PathLike[str],
    budget: Budget,
    settings: Export,
    *,
    against: str | os.PathLike[str] | None,
    data: str | os.PathLike[str] | Dataset | None,
    preprocessing: Preprocessing | GivenInput | None,
    labels: tuple[str, ...],
    label_offset: int | None,
    out: str | os.PathLike[str] | None,
    name: str | None,
    strict: bool,
    fresh: bool,
    progress: Progress,
) -> list[Fitted]:
    """See `edgecnn.optimize.within`."""
    if settings.schemes != ("int8",):
        raise BadSetting(f"schemes {', '.join(settings.schemes)}: a budget is climbed for with int8 alone")
    path = zoo.find(model)
    settings = settle_formats(path, settings)
    if is_float_file(path):
        budget = replace(budget, quantize=None)
    folder = Path(out) if out is not None else path.parent
    files.check_writable(folder, name)
    source = data_of(path, data)
    opened = open_model(
        path, settings, data=data, preprocessing=preprocessing, labels=labels, label_offset=label_offset, name=name, strict=strict, progress=progress
    )
    pictures = labelled(source, opened.card.preprocessing, strict, SILENT)  # what is to be said of them was said when they were drawn for calibration
    cache = Cache(fresh=fresh)
    reference = None if against is None else zoo.find(against)
    original = opened.original if reference is None or reference.resolve() == path.resolve() else _reference(reference, opened.card.preprocessing)
    job = _Job(opened, original, pictures, budget, cache, folder, progress)
    if budget.proof:
        check_provable(len(pictures.splits["val"]), budget.max_drop)
    with ExitStack() as stack:
        twin = _twin(job, stack)
        return _all_formats(job, settings, twin)


def _all_formats(job: _Job, settings: Export, twin: Callable[[], Opened]) -> list[Fitted]:
    """Climb in each format and write what fits.

    Raises:
        CheckFailed: in one or more formats nothing fits.
    """
    written, failed = [], []
    for suffix in settings.formats:
        climb = Climb(job.budget, job.progress, can_equalize=job.opened.source.can_equalize)

        def trained(suffix: str = suffix) -> Bench | None:
            reason = why_not_trained(job.opened.original)
            if reason:
                job.progress.step(f"not trained under int8's rounding: {reason}")
                return None
            return Bench(Workshop(suffix, twin(), job.progress), job.val, "qat")

        found = climb.run(Bench(Workshop(suffix, job.opened, job.progress), job.val), settings.int8, trained)
        if found is None:
            failed.append(_no_rung(job, suffix, climb))
        else:
            written.append(_write(job, climb, found))
    if failed:
        kept = f"; written: {', '.join(str(it.exported.path) for it in written)}" if written else ""
        raise CheckFailed("; ".join(failed) + kept)
    return written


def _no_rung(job: _Job, suffix: str, climb: Climb) -> str:
    best = climb.nearest()
    limit, proof = job.budget.max_drop, " that is proven" if job.budget.proof else ""
    needed = best.drop.settled_by(limit)
    return (
        f"no int8 .{suffix} of {job.opened.card.name} with a drop of {limit:g} points or less{proof} was found on val, and none was written; "
        f"nearest was '{best.name}': {best.drop.text()}" + (f"; {needed}" if needed else "")
    )


def _write(job: _Job, climb: Climb, found: Rung) -> Fitted:
    """Write the file of a rung, with the climb in its card, and read test once."""
    told = {"rung": found.name, "max_drop": job.budget.max_drop, "rungs": [rung.plain() for rung in climb.rungs]}
    exported = found.bench.workshop.write("int8", job.folder, found.how, told)
    test = job.test.drop(exported.path.read_bytes(), found.bench.suffix)
    job.progress.step(f"{exported.path}: {found.name}; {test.text()}")
    trials = tuple(Trial(rung.name, rung.bytes, rung.drop, rung.verdict) for rung in climb.rungs)
    return Fitted(exported, found.name, found.how, found.drop, test, found.verdict, trials)


def _twin(job: _Job, stack: ExitStack) -> Callable[[], Opened]:
    """Opens the network that was trained under int8's rounding, which is made when it is first asked for."""
    made: list[Opened] = []

    def twin() -> Opened:
        if not made:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            asked = Compress(quantize=job.budget.quantize, train=job.budget.train)
            original, names = job.opened.original, job.opened.card.labels
            card = job.opened.card
            path = compressed(
                original.path, asked, job.data, original.preprocessing, job.cache, place, job.progress, labels=names, label_offset=card.label_offset,
            )  # fmt: skip
            opened = open_model(path, job.opened.settings, data=job.data, preprocessing=card.preprocessing, labels=card.labels, progress=job.progress)
            made.append(replace(opened, card=replace(understood_as(opened.card, card), name=card.name)))
        return made[0]

    return twin


def why_not_trained(original: Runner) -> str:
    """Why the layers of a Keras model cannot be trained, in words, such as those of a SavedModel that has only a graph; "" where they can."""
    from edgecnn.compress.flat_model import flatten_model

    try:
        flatten_model(original.model, original.preprocessing, Path(original.path))
    except BadFile as error:
        return str(error)
    return ""


def check_provable(pictures: int, limit: float) -> None:
    """Refuse to look for a proof that not even a file without a single loss could give.

    Raises:
        Undecided: says how many pictures could.
    """
    reach = -100 * paired_interval(0, 0, pictures)[0]
    if reach <= limit:
        return
    enough = next((n for n in (round(pictures * 1.1**i) for i in range(1, 200)) if -100 * paired_interval(0, 0, n)[0] <= limit), 0)
    more = f"about {enough:,} could" if enough else "no number of them could"
    raise Undecided(
        f"{pictures:,} val pictures cannot prove a drop of {limit:g} points or less: when none is lost, the 95 % interval still reaches {reach:.2f}; {more}"
    )


def data_of(path: Path, data: str | os.PathLike[str] | Dataset | None) -> str | os.PathLike[str] | Dataset:
    """The labelled pictures that are judged on: those given, else the model's own.

    Raises:
        BadData: neither is there.
    """
    if data is not None:
        return data
    card = card_of(path)
    if card is None or card.data is None:
        raise BadData(f"the drop of accuracy is measured on labelled photos, and {path} does not say which it was trained on; give them with --data FOLDER")
    return card.data.name


def labelled(source: str | os.PathLike[str] | Dataset, preprocessing: Preprocessing, strict: bool, progress: Progress) -> Dataset:
    """The pictures at the size of a network and resized by its rule.

    Raises:
        BadData: they have no labels.
    """
    return source if isinstance(source, Dataset) else data_sets.load(source, preprocessing, strict=strict, progress=progress)


def understood_as(card: Card, original: Card) -> Card:
    """The card of a network that was made from another, with how that one was understood: its input, its scores and its labels."""
    known = ("input_evidence", "score_kind", "label_source")
    return replace(card, labels=original.labels or card.labels, label_offset=original.label_offset, **{name: getattr(original, name) for name in known})


def _reference(path: Path, preprocessing: Preprocessing) -> Runner:
    """The model that a loss is measured against: its own card says how it is fed, else the exported one's."""
    return open_file(path, preprocessing=None if card_of(path) else preprocessing)
