"""From a network to measured candidates: its files, what they cost in accuracy, their bytes, and their time beside that of the original's float32 file."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgecnn.card import Card
from edgecnn.data import Dataset
from edgecnn.export.workshop import Workshop, open_model
from edgecnn.optimize.bench import Bench
from edgecnn.optimize.cache import Cache
from edgecnn.optimize.climb import understood_as
from edgecnn.optimize.front import Candidate
from edgecnn.optimize.judge import Judge
from edgecnn.optimize.ladder import Climb, in_words
from edgecnn.optimize.tree import Node
from edgecnn.progress import SILENT
from edgecnn.runtime import open_model as open_file
from edgecnn.schemes import scheme
from edgecnn.settings import Budget, Export, PostTraining, Search
from edgecnn.validate import latency
from edgecnn.validate.host import this_host

# Schemes of the original, and of a network that was changed; one that was trained under int8's rounding is written in int8 alone.
SCHEMES, SCHEMES_CHANGED, SCHEMES_ROUNDED = ("float32", "float16", "dynamic", "int8"), ("float16", "int8"), ("int8",)


@dataclass
class Meter:
    """Makes and measures the files of networks.

    Attributes:
        folder: for files that are being timed.
        card: of the original.
        standards: suffix -> float32 file of the original, beside which the others are timed.
    """

    search: Search
    settings: Export
    data: Dataset
    judge: Judge
    cache: Cache
    folder: Path
    card: Card
    standards: dict[str, Path] = field(default_factory=dict)

    def workshop(self, model: Path, suffix: str, name: str | None = None) -> Workshop:
        """That of a network; `name` is what its files are called."""
        known = self.card
        opened = open_model(
            model, self.settings, data=self.data, preprocessing=known.preprocessing, labels=known.labels, label_offset=known.label_offset, name=name,
            progress=SILENT,
        )  # fmt: skip
        return Workshop(suffix, replace(opened, card=understood_as(opened.card, known)), SILENT)

    def candidates(self, node: Node, suffix: str) -> Iterator[Candidate]:
        """Every file of a network in one format, as it is measured."""
        workshop = self.workshop(node.model, suffix)
        if suffix not in self.standards:
            self.standards[suffix] = self._file(workshop.make("float32"), suffix, "standard")
        names = SCHEMES_ROUNDED if node.kind == "quantize" else SCHEMES_CHANGED if node.kind else SCHEMES
        for name in names:
            if suffix in scheme(name).formats:
                how = self._best_way(workshop) if name == "int8" else None
                yield self._candidate(node, suffix, name, how, workshop.make(name, how))

    def _best_way(self, workshop: Workshop) -> PostTraining:
        """The first way to int8 that keeps to the limit without training and without float operators, else the one that comes nearest."""
        climb = Climb(Budget(self.search.max_drop, self.search.proof, widest=0.0, quantize=None), SILENT, can_equalize=workshop.source.can_equalize)
        return (climb.run(Bench(workshop, self.judge), self.settings.int8, _nobody) or climb.nearest()).how

    def _candidate(self, node: Node, suffix: str, name: str, how: PostTraining | None, content: bytes) -> Candidate:
        drop = self.judge.drop(content, suffix)
        ratio, low, high = self._latency(content, suffix)
        words = in_words(how) if how is not None else name
        packed = len(gzip.compress(content, 9, mtime=0))
        called = f"{node.name} {words}".strip()
        return Candidate(called, node.model, name, suffix, how, len(content), packed, ratio, low, high, drop, drop.verdict(self.search.max_drop))

    def _latency(self, content: bytes, suffix: str) -> tuple[float, float, float]:
        """Time on one thread over the standard's, with its interval; what this machine has measured before is not measured again."""
        standard, host = self.standards[suffix], this_host()
        digests = [hashlib.sha256(it).hexdigest() for it in (content, standard.read_bytes())]
        if digests[0] == digests[1]:
            return 1.0, 1.0, 1.0
        key = {"what": "latency of files opened anew", "files": digests, "host": [host.machine, host.processor, host.cores], "versions": host.versions}
        kept = self.cache.recall(key)
        if kept is None:
            with ExitStack() as stack:
                paths = {"it": self._file(content, suffix, "timed"), "standard": standard}
                runners = {which: stack.enter_context(closing(open_file(path, threads=1))) for which, path in paths.items()}
                times = latency.measure(runners, SILENT)
            kept = dict(zip(("ratio", "low", "high"), latency.ratio(times["it"], times["standard"]), strict=True))
            self.cache.keep(key, kept)
        return kept["ratio"], kept["low"], kept["high"]

    def _file(self, content: bytes, suffix: str, name: str) -> Path:
        path = self.folder / f"{name}.{suffix}"
        path.write_bytes(content)
        return path


def _nobody() -> Bench:
    raise AssertionError("a search trains by itself")
