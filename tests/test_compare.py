"""Two runs beside each other: what changed, which verdicts got worse, what makes them hard to compare, and one run drawn again."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import reports
from helpers import edgecnn, refused
from test_report import stored

from edgecnn.validate import compare_text
from edgecnn.validate.compare import compare
from edgecnn.validate.report import Report, Verdict


def changed(report: Report, place: int, **changes) -> Report:
    """The report with one file changed."""
    (group,) = report.groups
    rows = [replace(row, **changes) if i == place else row for i, row in enumerate(group.rows)]
    return replace(report, groups=(replace(group, rows=tuple(rows)),))


def judged(report: Report, place: int, verdict: Verdict | None) -> Report:
    """The report with another verdict of one check, or without the check."""
    checks = [replace(check, verdict=verdict) if i == place else check for i, check in enumerate(report.checks) if i != place or verdict]
    return replace(report, checks=tuple(checks))


def test_a_run_beside_itself_has_not_changed():
    found = compare(reports.full(), reports.full())
    assert [file.is_same for file in found.files] == [True, True]
    assert (found.gone, found.new, found.warnings, found.is_worse) == ((), (), (), False)
    assert not [it for it in found.verdicts if it.is_changed]


def test_figures_of_a_changed_file():
    before = reports.full()
    row = before.groups[0].rows[0]
    faster = tuple(replace(it, median=it.median / 2, ratio=it.ratio / 2) for it in row.latencies)
    after = changed(before, 0, sha256="cd" * 32, top1=reports.share(row.top1.count - 20), bytes=row.bytes // 2, latencies=faster)
    found = compare(before, after).files[0]
    assert found.accuracy.after - found.accuracy.before == pytest.approx(-20 / 400)
    assert found.accuracy.low < -20 / 400 < found.accuracy.high < 0
    assert [pace.ratio for pace in found.paces] == [0.5, 0.5]
    told = "\n".join(compare_text.facts(found))
    assert "-> " in told
    assert "−5.00 points" in told  # noqa: RUF001
    assert "ratio 0.50; of the original's 0.42 -> 0.21" in told
    assert "321,000 -> 160,500" in told


def test_the_interval_is_newcombes():
    """Newcombe, 1998, table II, case (a) of method 10: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339."""
    before = changed(reports.full(), 0, top1=reports.share(48, 80))
    found = compare(before, changed(reports.full(), 0, top1=reports.share(56, 70))).files[0].accuracy
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_intervals_say_whether_the_pictures_were_the_same():
    report = reports.full()
    (group,) = report.groups
    other = replace(report, groups=(replace(group, pictures=replace(group.pictures, digest="f" * 64)),))
    assert compare(report, report).files[0].accuracy.same_pictures
    found = compare(report, other)
    assert not found.files[0].accuracy.same_pictures
    assert any("other pictures" in warning and "ffffffffffff" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"processor": "Another"}, "another machine: A processor"), ({"cores": 64}, "64 cores"), ({"versions": {"numpy": "1"}}, "numpy none -> 1")],
    ids=["processor", "cores", "versions"],
)
def test_other_hosts_are_warned_of(changes, said):
    report = reports.full()
    (warning,) = compare(report, replace(report, host=replace(report.host, **changes))).warnings
    assert said in warning


VERDICTS = {
    "pass to fail": (0, Verdict.FAIL, True),
    "pass to inconclusive": (0, Verdict.INCONCLUSIVE, True),
    "inconclusive to fail": (1, Verdict.FAIL, True),
    "fail to inconclusive": (2, Verdict.INCONCLUSIVE, False),
    "inconclusive to pass": (1, Verdict.PASS, False),
    "dropped": (2, None, False),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_worse_verdicts(case):
    place, verdict, worse = VERDICTS[case]
    before = reports.full()
    found = compare(before, judged(before, place, verdict))
    assert found.is_worse is worse
    assert any("no longer checked" in warning for warning in found.warnings) == (verdict is None)


def test_a_new_limit_that_is_not_kept_is_worse():
    report = reports.full()
    assert compare(replace(report, checks=()), report).is_worse
    assert not compare(replace(report, checks=()), replace(report, checks=report.checks[:1])).is_worse


def test_files_are_matched_by_name_and_format_wherever_they_lie():
    before, after = reports.full(3), reports.full(3, folder="elsewhere")
    assert [file.name for file in compare(before, after).files] == [f"net_int8_{i}.tflite (int8)" for i in range(3)]
    other = changed(after, 1, scheme="float16")
    found = compare(before, other)
    assert (found.gone, found.new) == (("net_int8_1.tflite (int8)",), ("net_int8_1.tflite (float16)",))
    assert "only in the second run: net_int8_1.tflite (float16)" in compare_text.lines(found)


def test_what_was_not_measured_is_left_out():
    report = changed(reports.full(), 0, top1=None, latencies=())
    file = compare(report, reports.full()).files[0]
    assert (file.accuracy, file.paces) == (None, ())
    nan = changed(reports.full(), 0, top1=replace(reports.share(5), low=math.nan))
    assert "nan" not in "\n".join(compare_text.lines(compare(nan, replace(nan, checks=()))))


class TestTheCommand:
    @pytest.fixture
    def runs(self, tmp_path) -> tuple[Path, Path]:
        """Two stored runs, the second worse."""
        before = reports.full()
        return stored(before, tmp_path / "a.json"), stored(judged(changed(before, 0, sha256="cd" * 32), 0, Verdict.FAIL), tmp_path / "b.json")

    def test_exit_code_is_of_the_comparison_only_when_asked(self, runs):
        assert edgecnn("compare", *runs).code == 0
        worse = edgecnn("compare", *runs, "--fail-on-worse")
        assert worse.code == 1
        assert "WORSE: PASS -> FAIL  net_int8_0.tflite --max-size 500000" in worse.out
        assert edgecnn("compare", *reversed(runs), "--fail-on-worse").code == 0

    def test_markdown(self, runs, tmp_path):
        result = edgecnn("compare", *runs, "--markdown", "-")
        assert result.out.startswith("### ❌ edgecnn compare: 1 verdict worse")
        assert edgecnn("compare", *runs, "--markdown", tmp_path / "c.md").code == 0
        assert (tmp_path / "c.md").read_text() == result.out

    def test_one_run_is_drawn_again(self, real_report, tmp_path):
        from edgecnn.validate import html

        report, path = real_report
        assert f"{100 * report.groups[0].rows[0].top1.value:.2f}" in edgecnn("compare", path).out
        assert edgecnn("compare", path, "--report", tmp_path / "r.html", "--json", tmp_path / "r.json").code == 0
        assert (tmp_path / "r.html").read_text() == html.render(Report.from_dict(json.loads(path.read_text()))), "all but the thumbnails comes back"
        assert json.loads((tmp_path / "r.json").read_text()) == json.loads(path.read_text())

    def test_wrong_uses(self, runs, tmp_path):
        before, after = runs
        refused(edgecnn("compare", before, "--fail-on-worse"), "needs two runs")
        refused(edgecnn("compare", before, after, "--report", tmp_path / "r.html"), "are of one run")
        refused(edgecnn("compare", before, "--json", before), "write over a file that is read")
        refused(edgecnn("compare", before, tmp_path), "is a directory")
        refused(edgecnn("compare", before, tmp_path / "c.json"), "no such report", "did you mean")
        (tmp_path / "old.json").write_text('{"schema": "edgecnn.report/1"}')
        refused(edgecnn("compare", before, tmp_path / "old.json"), "edgecnn.report/1", "edgecnn.report/2")
        (tmp_path / "cut.json").write_text(before.read_text()[:999])
        refused(edgecnn("compare", tmp_path / "cut.json", after), "cut.json is not JSON")
