"""The search for the smallest or fastest file within a limit: every combination that may still be one, cheapest first, measured, and the best one written."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgecnn import card as cards
from edgecnn import files, zoo
from edgecnn.card import Preprocessing
from edgecnn.data import Dataset
from edgecnn.errors import BadSetting, CheckFailed
from edgecnn.export.source import is_float_file, settle_formats
from edgecnn.export.workshop import card_of
from edgecnn.formats.keras.held_models import source_name
from edgecnn.optimize import Found, plot
from edgecnn.optimize.cache import Cache
from edgecnn.optimize.climb import check_provable, data_of, labelled, understood_as, why_not_trained
from edgecnn.optimize.front import Candidate, front, nearest, winner
from edgecnn.optimize.judge import OVER, Judge
from edgecnn.optimize.measure import Meter
from edgecnn.optimize.tree import Node, Tree, Wish
from edgecnn.optimize.twins import compressed
from edgecnn.progress import Progress
from edgecnn.runtime.model_files import digest
from edgecnn.settings import Export, Search
from edgecnn.sources.given_input import GivenInput
from edgecnn.sources.imported_card import open_with_card
from edgecnn.validate.host import this_host


def run(
    model: str | os.PathLike[str],
    search: Search,
    *,
    data: str | os.PathLike[str] | Dataset | None,
    preprocessing: Preprocessing | GivenInput | None,
    labels: tuple[str, ...],
    label_offset: int | None,
    out: str | os.PathLike[str] | None,
    name: str | None,
    fresh: bool,
    progress: Progress,
) -> list[Found]:
    """See `edgecnn.optimize.optimize`."""
    path = zoo.find(model)
    search = of_model(path, search)
    folder = Path(out) if out is not None else path.parent
    files.check_writable(folder, name)
    source, cache = data_of(path, data), Cache(fresh=fresh)
    original = open_with_card(path, preprocessing, labels=labels, label_offset=label_offset, data=data, progress=progress).runner
    card = card_of(original, name, labels)
    pictures = labelled(source, card.preprocessing, False, progress)
    if search.proof:
        check_provable(len(pictures.splits["val"]), search.max_drop)
    if not is_float_file(path) and (reason := why_not_trained(original)):
        progress.step(f"number formats alone, nothing is trained: {reason}")
        search = without_training(search)
    judge = Judge(original, card, pictures, "val", cache, progress)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        export = Export(("int8",), search.formats, min_agreement=0.0)  # the drop judges
        meter = Meter(search, export, pictures, judge, cache, place, card)
        job = _Job(path, name or path.stem, folder, search, meter, progress)
        everyone = job.everything()
        return job.written(everyone, lambda: Judge(original, card, pictures, "test", cache, progress))


def of_model(path: Path, search: Search) -> Search:
    """The search that a model allows: of a float file number formats within its own, for it has no layers to train.

    Raises:
        BadSetting: only the other file format is asked for. BadFile: an .ort file.
    """
    formats = settle_formats(path, Export(("int8",), search.formats)).formats
    return replace(without_training(search), formats=formats) if is_float_file(path) else search


def without_training(search: Search) -> Search:
    """The same of number formats alone."""
    return replace(search, channels=(), prune=(), clusters=(), quantize=False)


@dataclass
class _Job:
    """One search.

    Attributes:
        untried: combinations that were left when the time was over.
    """

    path: Path
    name: str
    folder: Path
    search: Search
    meter: Meter
    progress: Progress
    untried: int = 0

    def everything(self) -> list[Candidate]:
        """All candidates, each told of as it is measured."""
        started, tree = time.monotonic(), Tree(self.search)
        found = self._measured(Node(self.path), tree)
        for wish in tree:
            if self.search.minutes is not None and time.monotonic() - started > 60 * self.search.minutes:
                self.untried = len(tree) + 1
                self.progress.step(f"{self.search.minutes:g} minutes are over: {self.untried} combinations that were next are left out")
                break
            self.progress.step(f"{wish.name}:")
            try:
                node = wish.node(self._made(wish))
            except (BadSetting, CheckFailed) as error:
                self.progress.step(f"{wish.name}: left out: {error}")
                continue
            here = self._measured(node, tree)
            if any(it.verdict != OVER for it in here):
                tree.stronger(wish)
            found += here
        return found

    def _measured(self, node: Node, tree: Tree) -> list[Candidate]:
        """The files of a network in all formats; what can follow it is wished for."""
        found: list[Candidate] = []
        for suffix in self.search.formats:
            for candidate in self.meter.candidates(node, suffix):
                self.progress.step(told(candidate))
                found.append(candidate)
        limit = self.search.max_drop
        good = any(it.scheme == "float16" and it.drop.points[1] <= limit for it in found)
        rounded = all(it.fits(self.search.proof) for it in found if it.scheme == "int8")
        tree.grow(node, good=good, rounded=rounded)
        return found

    def _made(self, wish: Wish) -> Path:
        """The network that a wish is for, trained with the original as the teacher."""
        card = self.meter.card
        return compressed(
            wish.parent.model, wish.compress, self.meter.data, card.preprocessing, self.meter.cache, self.meter.folder / wish.name, self.progress,
            name=f"{self.path.stem}-{wish.name}", teacher=self.path if wish.parent.kind else None, labels=card.labels, label_offset=card.label_offset,
        )  # fmt: skip

    def written(self, everyone: list[Candidate], test: Callable[[], Judge]) -> list[Found]:
        """Write the winner of each format, its network, the plot and all figures.

        Raises:
            CheckFailed: in some format none keeps to the limit; the plot and the figures are written all the same.
        """
        best = {suffix: winner([it for it in everyone if it.suffix == suffix], self.search) for suffix in self.search.formats}
        judge = test() if any(best.values()) else None
        found = [self._write(everyone, it, judge) for it in best.values() if it is not None and judge is not None]
        picture = plot.write(self.folder / f"{self.name}-optimize.png", self.name, everyone, self.search, [it.candidate for it in found])
        figures = files.write_text(self.folder / f"{self.name}-optimize.json", json.dumps(self._figures(everyone, found), indent=1) + "\n")
        self.progress.step(f"wrote {picture} and {figures}")
        lost = [suffix for suffix, it in best.items() if it is None]
        if lost:
            raise CheckFailed(self._nothing(everyone, lost))
        return [replace(it, plot=picture, figures=figures) for it in found]

    def _write(self, everyone: list[Candidate], best: Candidate, test: Judge) -> Found:
        name = best.model.stem.replace(self.path.stem, self.name, 1)
        if best.model != self.path:
            self._keep_model(best.model, name)
        workshop = self.meter.workshop(best.model, best.suffix, name)
        told_by_card = {"goal": self.search.goal, "max_drop": self.search.max_drop, "candidates": len(everyone)}
        exported = workshop.write(best.scheme, self.folder, best.how, told_by_card)
        drop = test.drop(exported.path.read_bytes(), best.suffix)
        self.progress.step(f"{exported.path}: {best.name}; {drop.text()}")
        of_format = tuple(it for it in everyone if it.suffix == best.suffix)
        return Found(exported, best, drop, of_format, tuple(front(of_format, lambda it: it.cost(self.search.goal))), self.untried)

    def _keep_model(self, model: Path, name: str) -> None:
        """Copy a network and its card from the cache to where the user wants them."""
        target = self.folder / f"{name}.keras"
        with files.replacing(target) as staged:
            shutil.copyfile(model, staged)
        cards.write(target, replace(understood_as(cards.read(model), self.meter.card), name=name))

    def _nothing(self, everyone: list[Candidate], lost: list[str]) -> str:
        parts = []
        for suffix in lost:
            best = nearest([it for it in everyone if it.suffix == suffix])
            parts.append(
                f"no .{suffix} of {self.name} keeps to a drop of {self.search.max_drop:g} points on val; nearest was '{best.name}': {best.drop.text()}"
            )
        return "; ".join(parts) + (f"; {self.untried} combinations were left out for want of time" if self.untried else "")

    def _figures(self, everyone: list[Candidate], found: list[Found]) -> dict[str, object]:
        fronts = {id(it) for one in found for it in one.front}
        rows = [{**asdict(it), "model": source_name(it.model), "front": id(it) in fronts} for it in everyone]
        winners = [{"file": it.exported.path.name, "name": it.candidate.name, "test": asdict(it.test)} for it in found]
        data = self.meter.data
        about = {"model": source_name(self.path), "sha256": digest(self.path), "data": data.name, "digest": data.digest, "search": asdict(self.search)}
        return {**about, "host": asdict(this_host()), "untried": self.untried, "winners": winners, "candidates": rows}


def told(it: Candidate) -> str:
    """One candidate in one line."""
    time_ratio = f"{it.latency:.2f} of float32's time ({it.latency_low:.2f} to {it.latency_high:.2f})"
    return f"{it.suffix} {it.name}: {it.bytes:,} bytes, gzip {it.gzip:,}, {time_ratio}, {it.drop.text()}: {it.verdict}"
