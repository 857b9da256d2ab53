"""Tables of the page: all files of a group side by side, and the lists of one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgecnn.validate import phone_table, words
from edgecnn.validate.markup import Markup, element
from edgecnn.validate.report import Group, Pictures, Report, Row

# Rows of a list of one file; what more there is stands in the JSON.
MOST = 15
LONG = 40  # characters of a cell beyond which its column breaks lines

Column = tuple[str, Callable[[Row], str]]


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, words_in: Sequence[int] = (0,)) -> Markup:
    """A table in a box of its own that scrolls on a narrow screen; the first cell of a row is its header.

    Args:
        caption: above it, outside of the box that scrolls.
        head: names of the columns.
        rows: cells, text or markup.
        words_in: columns of words, flush left; the others hold numbers.
    """
    kinds = ["number" if i not in words_in else "prose" if i and any(_is_long(row[i]) for row in rows) else "" for i in range(len(head))]
    top = element("tr", None, *(element("th", {"scope": "col", "class": kind or None}, name) for name, kind in zip(head, kinds, strict=True)))
    body = [element("tr", None, *(_cell(i, cell, kinds[i]) for i, cell in enumerate(row))) for row in rows]
    whole = element("table", {"aria-label": caption}, element("thead", None, top), element("tbody", None, *body))
    scrolled = element("div", {"class": "scroll", "role": "region", "aria-label": caption, "tabindex": "0"}, whole)
    return element("div", {"class": "list"}, element("p", {"class": "title"}, caption), scrolled)


def _is_long(cell: str) -> bool:
    return len(cell) > LONG and not isinstance(cell, Markup)


def _cell(place: int, content: str, kind: str) -> Markup:
    return element("td" if place else "th", {"class": kind or None, **({} if place else {"scope": "row"})}, content)


def files(group: Group, names: Mapping[str, str], anchors: Mapping[int, str]) -> list[Markup]:
    """Every file with accuracy, size and latency; rows are numbered as the marks of the charts are."""
    rows = words.rows_of(group.original, group.rows)
    drawn = []
    for caption, columns in (("Accuracy", _accuracy(rows)), ("Size and latency" if any(row.latencies for row in rows) else "Size", _cost(rows))):
        body = [[_first(group, row, number, names, anchors), *(cell(row) for _, cell in columns)] for number, row in enumerate(rows, 1)]
        drawn += [table(caption, ["file", *(name for name, _ in columns)], body)] if columns else []
    return drawn


def _first(group: Group, row: Row, number: int, names: Mapping[str, str], anchors: Mapping[int, str]) -> Markup:
    """Number and name, which leads to the details where there are some."""
    name = file_name(names[row.file], row.file)
    linked = element("a", {"href": f"#{anchors[number]}"}, name) if number in anchors else name
    about = "the original" if row is group.original else row.scheme
    return element("span", None, f"{number} ", linked, *([" ", element("small", None, about)] if about else []))


def file_name(name: str, path: str) -> Markup:
    """A file's short name; its path shows under the pointer."""
    return element("code", {"title": path}, name)


def with_interval(value: str, reach: str) -> Markup:
    """A figure and, smaller, its 95 % interval."""
    return element("span", None, value, *([" ", element("small", None, reach)] if reach else []))


def _accuracy(rows: Sequence[Row]) -> list[Column]:
    columns: list[Column] = []
    if any(row.top1 for row in rows):
        columns.append(("top-1, %", lambda row: with_interval(words.percent(row.top1), words.interval(row.top1))))
    if any(row.top5 for row in rows):
        columns.append(("top-5, %", lambda row: with_interval(words.percent(row.top5), words.interval(row.top5))))
    if any(row.change for row in rows):
        columns.append(("change, points", lambda row: with_interval(words.points(row.change), words.change_interval(row.change))))
        columns.append(("lost, gained", _flips))
    if any(row.agreement for row in rows):
        columns.append(("same answer, %", lambda row: words.percent(row.agreement)))
    if any(row.ties.count for row in rows):
        columns.append(("two best equal, %", lambda row: words.percent(row.ties)))
    return columns


def _flips(row: Row) -> str:
    """Pictures that were lost and gained, and how likely that is by chance."""
    it = row.change
    return with_interval(f"{it.lost}, {it.gained}", words.chance(it.p) if it.lost + it.gained else "") if it else words.NONE


def _cost(rows: Sequence[Row]) -> list[Column]:
    columns: list[Column] = [("kB", lambda row: words.kilobytes(row.bytes)), ("after gzip", lambda row: words.kilobytes(row.gzip_bytes))]
    for i, latency in enumerate(max((row.latencies for row in rows), key=len)):
        place = f"{latency.threads} thr."
        columns.append((f"ms, {place}", lambda row, i=i: words.digits(1000 * row.latencies[i].median) if i < len(row.latencies) else words.NONE))
        if any(i < len(row.latencies) and row.latencies[i].ratio is not None for row in rows):
            columns.append((f"ratio, {place}", lambda row, i=i: words.ratio(row.latencies[i].ratio) if i < len(row.latencies) else words.NONE))
    return columns


def starts(rows: Sequence[Row], names: Mapping[str, str]) -> Markup:
    """Loading, first run and memory of the files where they were measured."""
    head = ["file", "loading", "first run", "memory, MB", "activations, MB"]
    body = [
        [file_name(names[row.file], row.file), words.time(it.load), words.time(it.first_run), _megabytes(it.rss), _megabytes(it.arena)]
        for row in rows
        if (it := row.start)
    ]
    return table("Until the first answer, each in a fresh process", head, body)


def phones(rows: Sequence[Row], names: Mapping[str, str]) -> Markup:
    """What phones took for the files."""
    head = ["file", "phone", "threads", "ms", "", "runs", "first, ms", "loading, ms", "memory, MB", "most of the time"]
    body = [
        [
            file_name(names[row.file], row.file), f"{it.model} ({it.system})", f"{it.threads}", words.digits(1000 * it.typical),
            "average" if it.median is None else "median", f"{it.runs:,}", words.digits(1000 * it.first), words.digits(1000 * it.init), _megabytes(it.memory),
            phone_table.share(it) or words.NONE,
        ]
        for row in rows
        for it in row.phones
    ]  # fmt: skip
    return table("On phones, with benchmark_model of TensorFlow Lite on the processor", head, body, words_in=(0, 1, 4, 9))


def parities(rows: Sequence[Row], names: Mapping[str, str]) -> Markup:
    """Scores beside the original's, of the files where they were compared."""
    head = ["file", "kind", "difference, of the scores' spread", "allowed", "largest of a probability", "alone and in a batch", "pictures"]
    body = [
        [
            file_name(names[row.file], row.file), it.kind, words.digits(it.difference, 2), words.NONE if it.limit is None else f"{it.limit:g}",
            words.digits(it.largest, 2), words.NONE if it.batch is None else f"{it.batch:.1g}", f"{it.pictures:,}",
        ]
        for row in rows
        if (it := row.parity)
    ]  # fmt: skip
    return table("Score by score against the original", head, body, words_in=(0, 1))


def provenance(report: Report, names: Mapping[str, str]) -> list[Markup]:
    """What was measured, where and with what: enough to do it again."""
    host = report.host
    machine = ", ".join(part for part in (host.processor, host.machine, f"{host.cores} cores", host.system) if part)
    command = element("code", None, report.command) if report.command else ""
    versions = ", ".join(f"{name} {version}" for name, version in host.versions.items())
    facts = [("command", command), ("date", report.made), ("machine", machine), ("versions", versions)]
    digests = {group.pictures: element("code", None, group.pictures.digest) for group in report.groups}
    facts += [(f"data: {it.data}", element("span", None, f"{_pictures(it)}, digest ", digest)) for it, digest in digests.items()]
    listed = [item for name, value in facts if value for item in (element("dt", None, name), element("dd", None, value))]
    rows = {row.file: row for group in report.groups for row in words.rows_of(group.original, group.rows)}
    hashes = [[file_name(names[path], path), path, element("code", None, row.sha256), f"{row.bytes:,}"] for path, row in rows.items()]
    return [element("dl", None, *listed), table("Files", ["file", "path", "SHA-256", "bytes"], hashes, words_in=(0, 1, 2))]


def _pictures(it: Pictures) -> str:
    return f"{it.split} split, {it.count:,} of {it.available:,} pictures, {it.classes} classes, {it.height}x{it.width} pixels"


def _megabytes(count: int | None) -> str:
    return words.NONE if count is None else f"{count / 1e6:.2f}"
