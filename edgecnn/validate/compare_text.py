"""A comparison of two runs as lines for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from edgecnn.validate import markdown, words
from edgecnn.validate.compare import Accuracy, Comparison, FileChange, VerdictChange

SAME = "the same file"
UNPAIRED = (
    "Intervals of accuracy are those of two independent samples, because reports hold no answers picture by picture. Where the pictures are the same they are "
    "wider than need be; edgecnn validate AFTER --against BEFORE gives the paired one"
)


def lines(found: Comparison) -> list[str]:
    """What changed, file by file, then verdicts and warnings; plain text."""
    told = [line for file in found.files for line in (file.name, *(f"  {what}" for what in facts(file)), "")]
    told += _alone(found)
    told += ["", *(verdict(it) for it in found.verdicts), ""] if found.verdicts else []
    return [*told, *(f"Warning: {warning}." for warning in found.warnings), *([f"Note: {UNPAIRED}."] if _has_accuracy(found) else [])]


def render(found: Comparison) -> str:
    """The comparison as Markdown."""
    worse = sum(it.is_worse for it in found.verdicts)
    title = f"### {'❌' if worse else '✅'} edgecnn compare: {_counted(worse)} worse"
    body = [[markdown.text(file.name), *(_cell(file, place) for place in range(3))] for file in found.files]
    rest = [f"- {markdown.text(line)}" for line in _alone(found)]
    rest += [f"- {markdown.text(verdict(it))}" for it in found.verdicts if it.is_changed or it.is_worse]
    rest += [f"- ⚠️ {markdown.text(warning)}" for warning in found.warnings]
    table = markdown.table(["file", "top-1, %", "bytes", "median"], body) if body else []
    note = [f"{UNPAIRED}."] if _has_accuracy(found) else []
    return "\n".join([title, "", *table, *rest, *([""] if rest else []), *note]) + "\n"


def facts(file: FileChange) -> list[str]:
    """Accuracy, size and latency of one file, before and after."""
    if file.is_same:
        return [f"{SAME}, byte for byte", *_accuracy(file), *_paces(file)]
    return [*_accuracy(file), f"bytes {_bytes(file)}", *_paces(file)]


def verdict(it: VerdictChange) -> str:
    """One limit, before and after, and what was measured now."""
    before, after = (check.verdict.value.upper() if check else "not checked" for check in (it.before, it.after))
    change = after if before == after else f"{before} -> {after}"
    now = it.after or it.before
    return f"{'WORSE: ' if it.is_worse else ''}{change}  {it.file} {it.limit}: {now.text if now else ''}"


def _alone(found: Comparison) -> list[str]:
    return [f"only in the {which} run: {name}" for which, names in (("first", found.gone), ("second", found.new)) for name in names]


def _accuracy(file: FileChange) -> list[str]:
    it = file.accuracy
    if it is None:
        return []
    certain = file.is_same and it.same_pictures
    return [f"top-1 {100 * it.before:.2f} -> {100 * it.after:.2f} %{'' if certain else f', {_points(it)}'}"]


def _points(it: Accuracy) -> str:
    reach = f"{words.signed(100 * it.low)} to {words.signed(100 * it.high)}"
    kind = "unpaired, the same pictures" if it.same_pictures else "other pictures"
    return f"{words.signed(100 * (it.after - it.before))} points, 95 % interval {reach} ({kind})"


def _bytes(file: FileChange) -> str:
    old, new = file.before.bytes, file.after.bytes
    return f"{old:,} -> {new:,}{f', {words.signed(100 * (new - old) / old, 1)} %' if old else ''}"


def _paces(file: FileChange) -> list[str]:
    told = []
    for it in file.paces:
        own = f"; of the original's {words.ratio(it.original_before)} -> {words.ratio(it.original_after)}" if it.original_before and it.original_after else ""
        told.append(f"{it.threads} thread(s) {words.time(it.before)} -> {words.time(it.after)}, ratio {words.ratio(it.ratio)}{own}")
    return told


def _cell(file: FileChange, place: int) -> str:
    if place == 0:
        it = file.accuracy
        return f"{100 * it.before:.2f} → {100 * it.after:.2f} ({words.signed(100 * (it.after - it.before))})" if it else words.NONE
    if place == 1:
        return SAME if file.is_same else _bytes(file).replace("->", "→")
    return f"{words.time(file.paces[0].before)} → {words.time(file.paces[0].after)}" if file.paces else words.NONE


def _has_accuracy(found: Comparison) -> bool:
    return any(file.accuracy and not file.is_same for file in found.files)


def _counted(worse: int) -> str:
    return "no verdict" if not worse else f"{worse} verdict{'s' if worse > 1 else ''}"
