"""One validation from beginning to end: who with whom, on which pictures, measured in turn, held against the limits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import datetime, timezone
from pathlib import Path

from edgecnn.errors import BadSetting
from edgecnn.progress import Progress
from edgecnn.validate import parity, profile, samples, subjects, verdict
from edgecnn.validate.asked import Asked
from edgecnn.validate.group import measure
from edgecnn.validate.host import this_host
from edgecnn.validate.report import Group, Report
from edgecnn.validate.subjects import Pair, Said


def run(paths: Sequence[str | os.PathLike[str]], asked: Asked, progress: Progress) -> Report:
    """Validate `paths`; see `edgecnn.validate.validate`."""
    if not paths:
        raise BadSetting("no file to validate; name one .tflite, .onnx or .keras file or more")
    pairs = _pairs([Path(p) for p in dict.fromkeys(map(str, paths))], asked, progress)
    with _cluster(asked.ray):
        groups = [_measured(source, members, asked, progress) for source, members in _grouped(pairs, asked)]
    checks = [check for group in groups for row in group.rows for check in (*parity.checks(row), *verdict.checks(row, asked.limits))]
    made = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Report(tuple(groups), tuple(checks), this_host(), made)


def _cluster(address: str | None) -> AbstractContextManager[None]:
    if address is None:
        return nullcontext()
    from edgecnn.validate import ray_tasks

    return ray_tasks.cluster(address)


def _pairs(paths: list[Path], asked: Asked, progress: Progress) -> list[Pair]:
    against = Path(asked.against) if asked.against is not None else None
    said = Said(against, asked.given, subjects.names(asked.labels), asked.label_offset, asked.data)
    subjects.refuse_idle(asked.given, paths)
    pairs = [subjects.pair(path, said, progress) for path in paths]
    alone = [p for p in pairs if p.original is None]
    if alone and asked.compares:
        raise BadSetting(f"{asked.compares} compares with an original, and {alone[0].file.path} has none at hand; name it with --against")
    return pairs


def _grouped(pairs: list[Pair], asked: Asked) -> list[tuple[str, list[Pair]]]:
    """Pairs with the same original, pictures and picture size, in the order given."""
    groups: dict[tuple[object, ...], list[Pair]] = {}
    for pair in pairs:
        card = pair.file.card or (pair.original.card if pair.original else None)
        source = samples.source(asked.data, card, pair.file.path)
        size = pair.file.preprocessing
        original = pair.original.path.resolve() if pair.original else None
        groups.setdefault((source, original, size.height, size.width, size.resize_rule), []).append(pair)
    return [(str(key[0]), members) for key, members in groups.items()]


def _measured(source: str, members: list[Pair], asked: Asked, progress: Progress) -> Group:
    with ExitStack() as stack:
        group = measure(source, members, asked, progress, stack)
    return profile.profiled(group, members, progress) if asked.profile else group
