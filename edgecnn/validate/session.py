"""One validation from beginning to end: who with whom, on which pictures, measured in turn, held against the limits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edgecnn.errors import BadSetting
from edgecnn.progress import Progress
from edgecnn.settings import Limits
from edgecnn.validate import profile, samples, subjects, verdict
from edgecnn.validate.group import measure
from edgecnn.validate.host import this_host
from edgecnn.validate.report import Group, Report
from edgecnn.validate.subjects import Overrides, Pair, Said


@dataclass(frozen=True)
class Asked:
    """The arguments of `edgecnn.validate.validate`, which explains them; refuses what cannot be measured."""

    against: str | os.PathLike[str] | None
    data: str | os.PathLike[str] | None
    labels: str | os.PathLike[str] | Sequence[str] | None
    mean: Sequence[float] | None
    std: Sequence[float] | None
    order: str | None
    resize: str | None
    label_offset: int | None
    limits: Limits
    threads: tuple[int, ...]
    count: int | None
    split: str
    profile: bool = False

    def __post_init__(self) -> None:
        if any(n < 1 for n in self.threads):
            raise BadSetting(f"threads {', '.join(map(str, self.threads))}: expected whole numbers from 1")
        if self.count is not None and self.count < 1:
            raise BadSetting(f"{self.count} pictures: expected 1 or more")
        if self.label_offset is not None and self.label_offset < 0:
            raise BadSetting(f"--label-offset {self.label_offset}: expected 0 or more")
        if self.limits.max_latency_ratio is not None and not self.threads:
            raise BadSetting("--max-latency-ratio needs a timing; name one number of threads or more")


def run(paths: Sequence[str | os.PathLike[str]], asked: Asked, progress: Progress) -> Report:
    """Validate `paths`; see `edgecnn.validate.validate`."""
    if not paths:
        raise BadSetting("no file to validate; name one .tflite, .onnx or .keras file or more")
    pairs = _pairs([Path(p) for p in dict.fromkeys(map(str, paths))], asked)
    groups = [_measured(source, members, asked, progress) for source, members in _grouped(pairs, asked)]
    checks = [check for group in groups for row in group.rows for check in verdict.checks(row, asked.limits)]
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Report(tuple(groups), tuple(checks), this_host(), made)


def _pairs(paths: list[Path], asked: Asked) -> list[Pair]:
    overrides = Overrides(asked.mean, asked.std, asked.order, asked.resize)
    against = Path(asked.against) if asked.against is not None else None
    said = Said(against, overrides, subjects.names(asked.labels), asked.label_offset)
    pairs = [subjects.pair(path, said) for path in paths]
    subjects.refuse_idle(overrides, pairs)
    alone = [p for p in pairs if p.original is None]
    for limit in ("max_drop", "max_latency_ratio"):
        if alone and getattr(asked.limits, limit) is not None:
            name = "--" + limit.replace("_", "-")
            raise BadSetting(f"{name} compares with an original, and {alone[0].file.path} has none at hand; name it with --against")
    return pairs


def _grouped(pairs: list[Pair], asked: Asked) -> list[tuple[str, list[Pair]]]:
    """Pairs with the same original, pictures and picture size, in the order given."""
    groups: dict[tuple[object, ...], list[Pair]] = {}
    for pair in pairs:
        card = pair.file.card or (pair.original.card if pair.original else None)
        source = samples.source(asked.data, card, pair.file.path)
        size = pair.file.preprocessing
        original = pair.original.path.resolve() if pair.original else None
        groups.setdefault((source, original, size.height, size.width, size.resize), []).append(pair)
    return [(str(key[0]), members) for key, members in groups.items()]


def _measured(source: str, members: list[Pair], asked: Asked, progress: Progress) -> Group:
    with ExitStack() as stack:
        group = measure(source, members, asked.threads, asked.split, asked.count, progress, stack, accuracy_needed=asked.limits.max_drop is not None)
    return profile.profiled(group, members, progress) if asked.profile else group
