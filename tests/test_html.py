"""The HTML report: nothing in it runs or is fetched, what the data say stays text, it fits a phone and 3 MB, and it shows the figures."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import browser
import pytest
import reports

from edgecnn.validate import html, words
from edgecnn.validate.html.page import LIMIT
from edgecnn.validate.report import Report

EVIL = '<script>alert("x")</script>\'"&]]>'
VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """Checks that every tag is closed in order, and collects tags, attributes and text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def with_group(report: Report, **changes) -> Report:
    """The report with its group changed."""
    return replace(report, groups=(replace(report.groups[0], **changes),))


def bare(report: Report, *fields: str) -> Report:
    """The report with fields of all files as if they had not been measured."""
    (group,) = report.groups
    empty = {name: () if isinstance(getattr(group.rows[0], name), tuple) else None for name in fields}
    return with_group(report, original=group.original and replace(group.original, **empty), rows=tuple(replace(row, **empty) for row in group.rows))


SECTIONS = {
    "Until the first answer": "start", "Reliability": "confidence", "Change of each class": "classes", "Noise of the layers": "layers",
    "Confusion after": "confusion", "Worst pictures": "suffered", "pre-processing mistakes": "mistakes", "Operators, slowest": "operators",
    "What the file is made of": "parts", "against latency": "latencies", "Score by score": "parity",
    "What would save bytes": "savings", "the app fed BGR": "diagnosis",
    "A whole run takes": "profile",
}  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_there_with_its_figures_only(section):
    report = reports.full()
    assert section in Reader(html.render(report)).text
    assert section not in Reader(html.render(bare(report, SECTIONS[section]))).text


def test_a_real_run_shows_verdict_figures_and_where_they_come_from(real_report):
    report, _ = real_report
    page = Reader(html.render(report))
    text = page.text
    (group,) = report.groups
    pictures = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == sum(len(row.suffered) for row in group.rows) > 0
    said = [report.verdict.value.upper(), report.host.processor, group.pictures.digest, report.made, report.checks[0].limit, report.checks[0].text]
    said += [figure for row in group.rows for figure in (words.percent(row.top1), words.interval(row.top1), words.kilobytes(row.bytes), row.sha256)]
    said += [f"{name} {version}" for name, version in report.host.versions.items()]
    assert [figure for figure in said if figure not in text] == []
    assert text.index(report.checks[0].text) < text.index(words.interval(group.rows[0].top1)), "the verdict comes first"


def hostile() -> Report:
    """A report whose every name is markup, in a file name that is no UTF-8 and no XML."""
    report = reports.full(classes=tuple(f"{EVIL}{i}" for i in range(4)), folder=f"{EVIL}\x00\udc80")
    (group,) = report.groups
    rows = tuple(
        replace(
            row, scheme=EVIL, parts=tuple(replace(p, kind=EVIL, layer=p.layer and EVIL) for p in row.parts),
            operators=tuple(replace(o, name=EVIL, kind=EVIL) for o in row.operators), mistakes=tuple(replace(m, name=EVIL) for m in row.mistakes),
            layers=tuple(replace(n, name=EVIL, original=EVIL, suspect=EVIL) for n in row.layers),
            phones=tuple(replace(p, model=EVIL, system=EVIL, kinds=tuple(replace(k, kind=EVIL) for k in p.kinds)) for p in row.phones),
        )
        for row in group.rows
    )  # fmt: skip
    report = with_group(report, rows=rows, notes=(EVIL,), pictures=replace(group.pictures, data=EVIL, split=EVIL))
    checks = tuple(replace(check, text=EVIL, limit=EVIL) for check in report.checks)
    host = replace(report.host, processor=EVIL, versions={EVIL: EVIL})
    return replace(report, checks=checks, host=host, command=EVIL, made=EVIL)


def test_nothing_of_the_data_becomes_markup():
    page = Reader(html.render(hostile()))
    assert page.text.count(EVIL) > 50
    names = {tag for tag, _ in page.tags}
    assert "script" not in names
    assert not [attributes for _, attributes in page.tags if any(key.startswith("on") for key in attributes)]
    html.render(hostile()).encode()


def test_nothing_is_asked_for():
    content = html.render(reports.full())
    page = Reader(content)
    places = [value for _, attributes in page.tags for key in ("src", "href") if (value := attributes.get(key))]
    assert places
    assert not [place for place in places if not place.startswith(("data:", "#"))]
    assert not re.search(r"url\(|@import|https?://", content)


def test_pictures_have_words_and_tables_heads():
    page = Reader(html.render(reports.full()))
    assert not [a for tag, a in page.tags if tag == "img" and not a.get("alt")]
    charts = [a for tag, a in page.tags if tag == "svg" and a.get("aria-hidden") != "true"]
    assert charts
    assert all(a.get("role") == "img" and a.get("aria-label") for a in charts)
    heads = [a.get("scope") for tag, a in page.tags if tag == "th"]
    assert set(heads) == {"col", "row"}
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for _, a in page.tags if a.get("href", "").startswith("#")} <= set(ids)


LARGE = {
    "20 files": lambda: reports.full(20),
    "40 files": lambda: reports.full(40),
    "1000 classes": lambda: reports.full(classes=tuple(f"a class with a long name {i}" for i in range(1000))),
    "100 classes": lambda: reports.full(8, classes=tuple(f"class {i}" for i in range(100))),
}


@pytest.mark.parametrize("case", LARGE)
def test_it_stays_below_3_megabytes(case):
    report = LARGE[case]()
    content = html.render(report)
    assert len(content.encode()) < LIMIT
    text = Reader(content).text
    assert ("left out to keep this file below 3 MB" in text) == (content.count("<details") < len(report.groups[0].rows))
    assert all(words.names(report)[row.file] in text for row in report.groups[0].rows)


def test_large_thumbnails_are_left_out_before_figures_are():
    (group,) = reports.full().groups
    heavy = tuple(replace(row, suffered=tuple(replace(s, png=reports.thumbnail(1, 400)) for s in row.suffered)) for row in group.rows)
    content = html.render(with_group(reports.full(), rows=heavy))
    assert len(content.encode()) < LIMIT
    assert 0 < content.count("<img") < 16
    assert content.count('class="picture"') == 16


EDGES = {
    "no original": lambda: with_group(reports.full(), original=None),
    "nothing but size": lambda: bare(with_group(reports.full(), original=None), "top1", "top5", "agreement", "change", *SECTIONS.values()),
    "agreement only": lambda: bare(reports.full(), "top1", "top5", "change", "classes", "confusion", "confidence"),
    "no checks": lambda: replace(reports.full(), checks=()),
    "no groups": lambda: replace(reports.full(), groups=(), checks=()),
    "unicode": lambda: reports.full(classes=("雪", "été", "🐈", "\u202eabc"), folder="модели"),
    "no numbers": lambda: with_group(reports.full(), rows=(nameless(reports.full().groups[0].rows[0]),)),
}


def nameless(row):
    """A row whose figures are as odd as they may become."""
    nan = float("nan")
    return replace(
        row, layers=tuple(replace(n, sqnr=nan, own=nan) for n in row.layers), confidence=replace(row.confidence, ece=nan, bins=()),
        latencies=tuple(replace(n, median=0.0, p90=0.0, ratio=0.0) for n in row.latencies), bytes=0, gzip_bytes=0,
        operators=tuple(replace(o, seconds=0.0, share=0.0) for o in row.operators),
    )  # fmt: skip


@pytest.mark.parametrize("case", EDGES)
def test_whatever_is_missing_the_page_is_whole(case):
    report = EDGES[case]()
    text = Reader(html.render(report)).text
    assert "nan" not in text
    assert "None" not in text
    assert (report.verdict.value.upper() if report.checks else "MEASURED") in text


def test_a_noisy_machine_is_named():
    report = reports.full()
    (group,) = report.groups
    noisy = [replace(row, latencies=tuple(replace(one, noise=0.8) for one in row.latencies)) for row in group.rows]
    assert "machine too noisy to tell: medians of the rounds spread by 80 %" in Reader(html.render(with_group(report, rows=tuple(noisy)))).text
    assert "too noisy" not in Reader(html.render(bare(report, "latencies"))).text


def test_hollow_marks_are_originals():
    compared = bare(reports.full(), *set(SECTIONS.values()) - {"latencies"})
    hollow = re.compile(r'class="dot before"')
    assert len(hollow.findall(html.render(compared))) == 4, "one in each chart of accuracy, one a number of threads"
    assert not hollow.findall(html.render(with_group(compared, original=None)))


def test_files_of_one_name_are_told_apart():
    assert words.shortest(["a/x/n.tflite", "b/x/n.tflite", "b/m.tflite"]) == {
        "a/x/n.tflite": "a/x/n.tflite", "b/x/n.tflite": "b/x/n.tflite", "b/m.tflite": "m.tflite",
    }  # fmt: skip


@pytest.mark.parametrize(("number", "shown"), [(0.0301, "0.0301"), (1.934, "1.93"), (41234.0, "41,234"), (0.0, "0.00"), (float("nan"), "–")])  # noqa: RUF001
def test_digits(number, shown):
    assert words.digits(number) == shown


class TestInABrowser:
    @pytest.fixture(scope="class")
    def chromium(self):
        with browser.opened() as found:
            yield found

    @pytest.mark.parametrize("width", [1280, 390])
    @pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
    def test_it_opens_quietly_and_fits(self, chromium, width, dark, tmp_path):
        for name, report in {"full": reports.full(5), "hostile": hostile(), "odd": EDGES["no numbers"](), "long": reports.full(folder="x" * 300)}.items():
            (tmp_path / f"{name}.html").write_text(html.render(report))
            chromium.open(tmp_path / f"{name}.html", width=width, dark=dark)
            assert (chromium.requests, chromium.complaints) == ([], [])
            assert chromium.value("document.documentElement.scrollWidth") <= width
            assert chromium.value("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
            background = chromium.value("getComputedStyle(document.documentElement).backgroundColor")
            assert (background == "rgb(255, 255, 255)") == (not dark)

    def test_folded_details_are_printed(self, chromium, tmp_path):
        (tmp_path / "r.html").write_text(html.render(reports.full(5)))
        chromium.open(tmp_path / "r.html", width=900)
        folded = "getComputedStyle(document.querySelector('details'), '::details-content').contentVisibility"
        assert chromium.value(folded) == "hidden"
        chromium.ask("Emulation.setEmulatedMedia", media="print")
        assert chromium.value(folded) == "visible"
        chromium.ask("Emulation.setEmulatedMedia", media="")

    def test_a_page_that_asks_and_complains_is_caught(self, chromium, tmp_path):
        (tmp_path / "r.html").write_text("<img src='http://127.0.0.1:9/x.png'><script>console.error('no')</script>")
        chromium.open(tmp_path / "r.html", width=900)
        assert chromium.requests == ["http://127.0.0.1:9/x.png"]
        assert any("no" in complaint for complaint in chromium.complaints)
