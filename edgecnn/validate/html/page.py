"""The page: one file that needs nothing else; verdict first, then figures, then what is needed to measure again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgecnn.validate import latency, words
from edgecnn.validate.html import tradeoff
from edgecnn.validate.html.details import details
from edgecnn.validate.html.tables import file_name, files, parities, phones, provenance, starts
from edgecnn.validate.markup import Markup, element
from edgecnn.validate.report import Check, Group, Report, Verdict

LIMIT = 3_000_000  # bytes of the whole page
PICTURES = 1_200_000  # of them for thumbnails
RESERVE = 100_000  # of them for what stands under the details

# No scripts, nothing from elsewhere: also where something on this page should ever ask for it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
OPEN = 3  # files whose details are unfolded from the start, if there are no more


def render(report: Report) -> str:
    """The report as HTML, below 3 MB; what does not fit is left out, and the page says so."""
    names = words.names(report)
    subject = _subject(report, names)
    top = [_header(report, subject), _checks(report, names)]
    page = _Page(names, sum(len(piece.encode()) for piece in top) + RESERVE, report)
    groups = [page.group(i, group) for i, group in enumerate(report.groups, 1)]
    run = element("section", {"id": "run"}, element("h2", None, "How it was measured"), *provenance(report, names))
    body = element("body", None, element("main", None, *top, _contents(report), *groups, run))
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    head = element(
        "head", None,
        element("meta", {"charset": "utf-8"}), element("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("link", {"rel": "icon", "href": "data:,"}),
        element("title", None, f"{_word(report)}: {subject}"), element("style", None, Markup(style)),
    )  # fmt: skip
    return "<!DOCTYPE html>\n" + element("html", {"lang": "en"}, head, body) + "\n"


class _Page:
    """The groups of a page, and the room that is left on it."""

    def __init__(self, names: Mapping[str, str], used: int, report: Report) -> None:
        self.names, self.used, self.pictures = names, used, PICTURES
        self.unfolded = sum(len(group.rows) for group in report.groups) <= OPEN

    def group(self, place: int, group: Group) -> Markup:
        """One group: the table, the charts of all files, and each file's own details."""
        rows = words.rows_of(group.original, group.rows)
        anchors = {number: f"file-{place}-{number}" for number in range(1 + bool(group.original), len(rows) + 1)}
        tables = ((starts, "start"), (phones, "phones"), (parities, "parity"))
        own = [drawn(rows, self.names) for drawn, figure in tables if any(getattr(row, figure) for row in rows)]
        drawn = tradeoff.charts(group, self.names)
        plots = [element("div", {"class": "charts"}, *drawn)] if drawn else []
        self.used += sum(len(piece.encode()) for piece in (*own, *plots))
        files_apart = [self._file(group, number, anchor) for number, anchor in anchors.items()]
        kept = {number: anchor for (number, anchor), piece in zip(anchors.items(), files_apart, strict=True) if piece}
        left = [self.names[row.file] for row, number in zip(group.rows, anchors, strict=True) if number not in kept and _has_details(group, number)]
        notes = [*group.notes, *filter(None, [latency.remark([one for row in rows for one in row.latencies])])]
        if left:
            notes.append(f"the details of {', '.join(left)} are left out to keep this file below 3 MB; --json has them")
        return element(
            "section", {"id": f"group-{place}"}, element("h2", None, _heading(group, self.names)), element("p", {"class": "lead"}, _lead(group)),
            *(element("p", {"class": "note"}, f"Note: {note}.") for note in notes), *files(group, self.names, kept), *plots, *own, *files_apart,
        )  # fmt: skip

    def _file(self, group: Group, number: int, anchor: str) -> Markup:
        row = words.rows_of(group.original, group.rows)[number - 1]
        parts, pictures = details(group.original, row, self.pictures)
        if not parts:
            return Markup("")
        heading = element("summary", None, element("h3", None, f"{number} ", file_name(self.names[row.file], row.file)))
        piece = element("details", {"id": anchor, "open": "" if self.unfolded else None}, heading, *parts)
        size = len(piece.encode())
        if self.used + size > LIMIT:
            return Markup("")
        self.used, self.pictures = self.used + size, self.pictures - pictures
        return piece


def _has_details(group: Group, number: int) -> bool:
    row = words.rows_of(group.original, group.rows)[number - 1]
    return any((row.confidence, row.classes, row.confusion, row.suffered, row.operators, row.parts, row.layers, row.mistakes, row.savings, row.diagnosis))


def _header(report: Report, subject: str) -> Markup:
    kind = report.verdict.value if report.verdict else "none"
    told = words.headline(report)
    return element(
        "header", {"class": f"banner {kind}"}, element("p", {"class": "verdict"}, _word(report)),
        element("div", None, element("h1", None, subject), element("p", None, f"{told[0].upper()}{told[1:]}.")),
    )  # fmt: skip


def _word(report: Report) -> str:
    return report.verdict.value.upper() if report.verdict else "MEASURED"


def _checks(report: Report, names: Mapping[str, str]) -> Markup:
    ranked = sorted(report.checks, key=lambda check: (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS).index(check.verdict))
    return element("ul", {"class": "checks", "aria-label": "Checks"}, *(_check(check, names) for check in ranked)) if ranked else Markup("")


def _check(check: Check, names: Mapping[str, str]) -> Markup:
    about = [file_name(names[check.file], check.file), " ", element("code", None, check.limit), " ", element("span", None, check.text)]
    return element("li", None, element("span", {"class": f"pill {check.verdict.value}"}, check.verdict.value.upper()), element("span", None, *about))


def _contents(report: Report) -> Markup:
    if len(report.groups) < 2:
        return Markup("")
    names = words.names(report)
    links = [element("li", None, element("a", {"href": f"#group-{i}"}, _heading(group, names))) for i, group in enumerate(report.groups, 1)]
    return element("nav", {"aria-label": "Contents"}, element("ul", None, *links, element("li", None, element("a", {"href": "#run"}, "How it was measured"))))


def _heading(group: Group, names: Mapping[str, str]) -> str:
    against = f" against {names[group.original.file]}" if group.original else ""
    count = len(group.rows)
    return f"{names[group.rows[0].file] if count == 1 else f'{count} files'}{against} on {group.pictures.data}"


def _lead(group: Group) -> str:
    it = group.pictures
    chosen = f"{it.count:,} pictures" if it.count == it.available else f"{it.count:,} of {it.available:,} pictures, drawn with a fixed seed"
    text = f"{it.split} split: {chosen}, {it.classes:,} classes, {it.height}x{it.width} pixels."
    if not any(row.top1 for row in group.rows):
        return text
    return text + " Intervals are 95 %: Wilson's for shares" + (", Tango's for the paired change; p is exact McNemar's." if group.original else ".")


def _subject(report: Report, names: Mapping[str, str]) -> str:
    rows = [row for group in report.groups for row in group.rows]
    return names[rows[0].file] if len(rows) == 1 else f"{len(rows)} files on {', '.join(dict.fromkeys(g.pictures.data for g in report.groups))}"
