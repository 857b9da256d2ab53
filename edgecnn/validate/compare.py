"""Two runs beside each other: what changed in each file, which verdicts did, and what makes the runs hard to compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import PurePath

from edgecnn.validate.report import Check, Group, Latency, Pictures, Report, Row, Verdict

RANK = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


@dataclass(frozen=True)
class Accuracy:
    """Top-1 of one file in two runs.

    Attributes:
        before, after: shares.
        low, high: 95 % interval of the difference as of two independent samples (Newcombe, 1998, method 10). A report holds no answers picture by
            picture, so that a paired interval, which would be narrower where both runs used the same pictures, cannot be had from two of them.
        same_pictures: whether digest, split and number of pictures are equal.
    """

    before: float
    after: float
    low: float
    high: float
    same_pictures: bool


@dataclass(frozen=True)
class Pace:
    """Median latency of one file in two runs, at one number of threads; `ratio` is after over before, the others each run's ratio to its original."""

    threads: int
    before: float
    after: float
    ratio: float
    original_before: float | None
    original_after: float | None


@dataclass(frozen=True)
class FileChange:
    """One file in both runs.

    Attributes:
        name: of the file, with its number format where it has one.
        before, after: its rows.
        accuracy: None where one of the runs has none.
        paces: one a number of threads that both runs timed.
        is_same: whether it is byte for byte the same file.
    """

    name: str
    before: Row
    after: Row
    accuracy: Accuracy | None
    paces: tuple[Pace, ...]
    is_same: bool


@dataclass(frozen=True)
class VerdictChange:
    """One limit on one file; None where a run did not check it."""

    file: str
    limit: str
    before: Check | None
    after: Check | None

    @property
    def is_worse(self) -> bool:
        """Whether it got worse; a check that the first run did not make counts as passed there, one that is no longer made as not worse."""
        return self.after is not None and RANK.index(self.after.verdict) > (RANK.index(self.before.verdict) if self.before else 0)

    @property
    def is_changed(self) -> bool:
        """Whether the two runs say something else."""
        return (self.before and self.before.verdict) != (self.after and self.after.verdict)


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        files: in both, in the order of the second.
        gone, new: names of files in only the first or only the second.
        verdicts: of every limit of either run.
        warnings: what differs between the runs besides the files.
    """

    files: tuple[FileChange, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    verdicts: tuple[VerdictChange, ...]
    warnings: tuple[str, ...]

    @property
    def is_worse(self) -> bool:
        """Whether any verdict got worse."""
        return any(verdict.is_worse for verdict in self.verdicts)


Key = tuple[str, str, int]


def compare(before: Report, after: Report) -> Comparison:
    """Match the files of two runs by file name and number format, in order where several share these, and hold them side by side."""
    first, second = _keyed(before), _keyed(after)
    changes = tuple(_file(key, first[key], second[key]) for key in second if key in first)
    gone, new = (tuple(_name(key) for key in one if key not in other) for one, other in ((first, second), (second, first)))
    verdicts = _verdicts(before, after)
    return Comparison(changes, gone, new, verdicts, tuple(_warnings(before, after, verdicts)))


def _keyed(report: Report) -> dict[Key, tuple[Row, Pictures]]:
    found: dict[Key, tuple[Row, Pictures]] = {}
    seen: defaultdict[tuple[str, str], int] = defaultdict(int)
    for group in report.groups:
        for row in group.rows:
            name = PurePath(row.file).name
            seen[name, row.scheme] += 1
            found[name, row.scheme, seen[name, row.scheme]] = row, group.pictures
    return found


def _name(key: Key) -> str:
    name, scheme, number = key
    return f"{name}{f' ({scheme})' if scheme else ''}{f' #{number}' if number > 1 else ''}"


def _file(key: Key, first: tuple[Row, Pictures], second: tuple[Row, Pictures]) -> FileChange:
    (before, old), (after, new) = first, second
    same = (old.digest, old.split, old.count) == (new.digest, new.split, new.count)
    timed = {latency.threads: latency for latency in before.latencies}
    paces = tuple(_pace(timed[it.threads], it) for it in after.latencies if it.threads in timed and timed[it.threads].median > 0)
    return FileChange(_name(key), before, after, _accuracy(before, after, same), paces, before.sha256 == after.sha256)


def _accuracy(before: Row, after: Row, same: bool) -> Accuracy | None:
    if before.top1 is None or after.top1 is None:
        return None
    old, new = before.top1, after.top1
    difference = new.value - old.value
    low = difference - hypot(new.value - new.low, old.high - old.value)
    high = difference + hypot(new.high - new.value, old.value - old.low)
    return Accuracy(old.value, new.value, low, high, same)


def _pace(before: Latency, after: Latency) -> Pace:
    return Pace(after.threads, before.median, after.median, after.median / before.median, before.ratio, after.ratio)


def _verdicts(before: Report, after: Report) -> tuple[VerdictChange, ...]:
    first, second = _checks(before.checks), _checks(after.checks)
    return tuple(VerdictChange(key[0], key[1], first.get(key), second.get(key)) for key in dict.fromkeys([*second, *first]))


def _checks(checks: Sequence[Check]) -> dict[Key, Check]:
    """Checks by file name and limit; the same limit on the same name is numbered, for the numbers of threads."""
    found: dict[Key, Check] = {}
    seen: defaultdict[tuple[str, str], int] = defaultdict(int)
    for check in checks:
        name = PurePath(check.file).name
        seen[name, check.limit] += 1
        found[name, check.limit, seen[name, check.limit]] = check
    return found


def _warnings(before: Report, after: Report, verdicts: Iterable[VerdictChange]) -> list[str]:
    found = _other_data(before.groups, after.groups)
    old, new = before.host, after.host
    machines = [(it.processor, it.machine, it.cores, it.system) for it in (old, new)]
    if machines[0] != machines[1]:
        found.append(f"another machine: {_machine(machines[0])} before, {_machine(machines[1])} now; latencies say nothing of the files")
    versions = [name for name in dict.fromkeys([*old.versions, *new.versions]) if old.versions.get(name) != new.versions.get(name)]
    if versions:
        told = ", ".join(f"{name} {old.versions.get(name, 'none')} -> {new.versions.get(name, 'none')}" for name in versions)
        found.append(f"other versions: {told}")
    dropped = [f"{it.file} {it.limit}" for it in verdicts if it.after is None]
    return [*found, *([f"no longer checked: {', '.join(dropped)}"] if dropped else [])]


def _other_data(before: Sequence[Group], after: Sequence[Group]) -> list[str]:
    old, new = ({(g.pictures.data, g.pictures.digest, g.pictures.split, g.pictures.count) for g in groups} for groups in (before, after))
    if old == new:
        return []
    told = [", ".join(f"{count:,} {split} pictures of {data} ({digest[:12]})" for data, digest, split, count in sorted(side)) or "none" for side in (old, new)]
    return [f"other pictures: {told[0]} before, {told[1]} now; accuracies are those of two samples"]


def _machine(parts: tuple[str, str, int, str]) -> str:
    processor, machine, cores, system = parts
    return f"{processor or machine}, {cores} cores, {system}"
