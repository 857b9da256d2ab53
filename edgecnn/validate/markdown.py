"""A report for a pull request: verdict, the checks, a compact table, and the rest folded away. GitHub's and GitLab's Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence

from edgecnn.validate import phone_table, words
from edgecnn.validate.markup import clean
from edgecnn.validate.report import Group, Report, Row, Verdict

MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️"}

# Rows of a list; a comment has to stay below 65,536 characters, and what more there is stands in the JSON.
MOST = 10
MOST_FILES = 40
LIMIT = 60_000

Column = tuple[str, Callable[[Row], str]]


def render(report: Report) -> str:
    """The report as Markdown, short enough for a comment: where it is not, the folded parts are left out."""
    names = words.names(report)
    top = [*_verdict(report, names), *(line for group in report.groups for line in _group(group, names))]
    folded = [line for group in report.groups for row in group.rows for line in _details(row, names)]
    whole = "\n".join([*top, *folded, *_run(report)]) + "\n"
    return whole if len(whole) <= LIMIT else "\n".join([*top, *_run(report)]) + "\n"


def text(content: str) -> str:
    """Text that nothing in it formats, links, mentions or breaks: one line of a table's cell."""
    return _entities(re.sub(r"([\\`*_\[\]#!|~$])", r"\\\1", content))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose first column is flush left and the others flush right; cells are Markdown already."""
    return [_line(head), _line([":---", *("---:" for _ in head[1:])]), *map(_line, rows), ""]


def folded(title: str, lines: Sequence[str]) -> list[str]:
    """A part that opens on a click."""
    return [f"<details><summary>{_entities(title)}</summary>", "", *lines, "</details>", ""]


def _entities(content: str) -> str:
    flat = " ".join(clean(content).split())
    return html.escape(flat, quote=False).replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(report: Report, names: Mapping[str, str]) -> list[str]:
    mark, verdict = (f"{MARKS[report.verdict]} ", f", {report.verdict.value.upper()}") if report.verdict else ("", "")
    lines = [f"### {mark}edgecnn validate{verdict}: {words.headline(report)}", ""]
    ranked = sorted(report.checks, key=lambda check: list(MARKS).index(check.verdict) if check.verdict is not Verdict.PASS else len(MARKS))
    lines += [f"- {MARKS[check.verdict]} **{text(names[check.file])}** {text(check.limit)}: {text(check.text)}" for check in ranked[:MOST_FILES]]
    return [*lines, ""]


def _group(group: Group, names: Mapping[str, str]) -> list[str]:
    rows = words.rows_of(group.original, group.rows)
    columns = _columns(rows)
    body = [[text(names[row.file]), *(cell(row) for _, cell in columns)] for row in rows[:MOST_FILES]]
    about = group.pictures
    of = "" if about.count == about.available else f" of {about.available:,}"
    under = f"{text(about.data)}, {text(about.split)} split: {about.count:,}{of} pictures, {about.classes:,} classes; in brackets 95 % intervals."
    left = [f"{len(rows) - MOST_FILES} more files stand in the JSON."] if len(rows) > MOST_FILES else []
    notes = [f"Note: {text(note)}." for note in group.notes]
    return [*table(["file", *(name for name, _ in columns)], body), " ".join([under, *left, *notes]), ""]


def _columns(rows: Sequence[Row]) -> list[Column]:
    columns: list[Column] = []
    if any(row.top1 for row in rows):
        columns.append(("top-1, %", lambda row: _with(words.percent(row.top1), words.interval(row.top1))))
    if any(row.multi_label for row in rows):
        columns.append(("mAP, %", _map))
    if any(row.change for row in rows):
        columns.append(("change, points", lambda row: _with(words.points(row.change), words.change_interval(row.change))))
    if any(row.agreement for row in rows):
        columns.append(("same answer, %", lambda row: words.percent(row.agreement)))
    columns.append(("kB", lambda row: words.kilobytes(row.bytes)))
    if any(row.latencies for row in rows):
        columns.append(("median", lambda row: words.time(row.latencies[0].median) if row.latencies else words.NONE))
        if any(it.ratio is not None for row in rows for it in row.latencies[:1]):
            columns.append(("ratio", lambda row: words.ratio(row.latencies[0].ratio) if row.latencies else words.NONE))
    return columns


def _map(row: Row) -> str:
    it = row.multi_label
    return _with(f"{100 * it.map:.2f}", f"{100 * it.map_low:.1f} to {100 * it.map_high:.1f}") if it else words.NONE


def _with(value: str, reach: str) -> str:
    return f"{value} ({reach})" if reach else value


def _details(row: Row, names: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    changed = sorted((c for c in row.classes if c.gained or c.lost), key=lambda c: c.gained - c.lost)[:MOST]
    if changed:
        body = [[text(c.label), str(c.lost), str(c.gained), f"{c.correct} of {c.total}", f"{c.p:.2g}"] for c in changed]
        lines += table(["class", "lost", "gained", "right", "p"], body)
    if row.confidence:
        it = row.confidence
        lines += [f"Calibration error {words.fixed(100 * it.ece)} % ({words.fixed(100 * it.ece_low)} to {words.fixed(100 * it.ece_high)}).", ""]
    if row.layers:
        lines += table(["noisiest layer", "dB", "suspect"], [[text(it.name), words.fixed(it.sqnr), text(it.suspect)] for it in row.layers[:MOST]])
    if row.operators:
        slow = [[text(it.name), text(it.kind), words.time(it.seconds), words.fixed(100 * it.share)] for it in row.operators[:MOST]]
        lines += table(["slowest operator", "kind", "time", "share, %"], slow)
    if any(not part.layer for part in row.parts):
        lines += table(["part of the file", "bytes"], [[text(part.kind), f"{part.bytes:,}"] for part in row.parts if not part.layer])
    if row.phones:
        timed = [[text(phone_table.place(it)), words.time(it.typical), words.time(it.first), f"{it.runs:,}"] for it in row.phones[:MOST]]
        lines += table(["phone", "time", "first", "runs"], timed)
    if row.mistakes:
        wrong = [[text(it.name), words.percent(it.top1), words.percent(it.agreement), "yes" if it.explains else ""] for it in row.mistakes[:MOST]]
        lines += table(["pre-processing mistake", "top-1, %", "same answer, %", "explains it"], wrong)
    return folded(f"{names[row.file]}: details", lines) if lines else []


def _run(report: Report) -> list[str]:
    host = report.host
    machine = f"{host.processor or host.machine}, {host.cores} cores, {host.system}"
    lines = [f"- {text(f'{name}: {value}')}" for name, value in (("command", report.command), ("date", report.made), ("machine", machine)) if value]
    lines += [f"- {text(f'data {it.data}: digest {it.digest}')}" for it in dict.fromkeys(group.pictures for group in report.groups)]
    versions = ", ".join(f"{name} {version}" for name, version in host.versions.items())
    return folded("How it was measured", [*lines, f"- {text(f'versions: {versions}')}", ""])
