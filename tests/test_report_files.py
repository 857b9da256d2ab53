"""`--junit`, `--markdown`, `--report` and `--json`: their shape, their words, exit codes, and places that cannot be written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import reports
from helpers import ROOT, edgecnn, refused
from test_html import EVIL, Reader, hostile

from edgecnn.validate import junit, markdown
from edgecnn.validate.report import Report, Verdict

# element -> its attributes, and the elements in it; of Jenkins' junit-10.xsd, less what edgecnn does not write
SHAPE = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "disabled"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "time", "id", "timestamp", "hostname", "package"}, {"properties", "testcase"}),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "assertions", "time", "classname", "status"}, {"skipped", "error", "failure", "system-out"}),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}
NEEDED = {"testsuite": {"name"}, "testcase": {"name", "classname"}, "property": {"name", "value"}}


def parsed(content: str) -> ElementTree.Element:
    """JUnit XML, after its shape was held against the schema."""
    root = ElementTree.fromstring(content.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = SHAPE[element.tag]
        assert NEEDED.get(element.tag, set()) <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
    for suite in (root, *root.iter("testsuite")):
        for count, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
            assert int(suite.get(count)) == len(list(suite.iter(tag)))
    return root


class TestJUnit:
    def test_each_check_is_a_case(self):
        report = reports.full()
        root = parsed(junit.render(report))
        cases = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in root.iter("testcase")}
        assert cases == {
            ("net_int8_0.tflite", "--max-size 500000"): ["system-out"],
            ("net_int8_0.tflite", "--max-drop 0.5"): ["error"],
            ("net_int8_1.tflite", "--max-drop 0.5"): ["failure"],
        }
        assert root.find(".//failure").get("message") == f"net_int8_1.tflite: --max-drop 0.5: {report.checks[2].text}"
        assert root.find(".//error").get("type") == "inconclusive"

    def test_the_same_limit_for_several_threads_has_several_names(self):
        check = reports.full().checks[0]
        root = parsed(junit.render(replace(reports.full(), checks=(check, check, check))))
        assert len({case.get("name") for case in root.iter("testcase")}) == 3

    def test_a_check_of_no_group_is_not_lost(self):
        report = reports.full()
        lone = replace(report.checks[0], file="elsewhere.tflite", verdict=Verdict.FAIL)
        assert "elsewhere.tflite" in [case.get("classname") for case in parsed(junit.render(replace(report, checks=(lone,)))).iter("testcase")]

    def test_messages_are_one_line_whatever_stands_in_them(self):
        report = hostile()
        broken = tuple(replace(check, verdict=Verdict.FAIL, text=f"a\nb\r\n{EVIL}\x00\ud800") for check in report.checks)
        root = parsed(junit.render(replace(report, checks=broken)))
        messages = [failure.get("message") for failure in root.iter("failure")]
        assert len(messages) == 3
        assert all("\n" not in message and f"a b {EVIL}" in message for message in messages)


class TestMarkdown:
    def test_verdict_first_then_table_then_what_is_folded(self):
        report = reports.full()
        content = markdown.render(report)
        assert content.startswith("### ❌ edgecnn validate, FAIL:")
        places = [content.index(part) for part in ("top-1 drop 3.00", "| file |", "<details>", "How it was measured")]
        assert places == sorted(places)
        tables = re.findall(r"(?:^\|.*\|\n)+", content, re.MULTILINE)
        assert len(tables) > 4
        assert all(len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1 for table in tables)
        assert content.count("<details>") == content.count("</details>") == 3

    def test_figures_are_those_of_the_run(self, real_report):
        report, _ = real_report
        content = markdown.render(report)
        row = report.groups[0].rows[1]
        assert f"| lenet\\_int8.tflite | {100 * row.top1.value:.2f} (" in content
        assert report.groups[0].pictures.digest in content

    def test_nothing_of_the_data_formats_links_or_mentions(self):
        assert markdown.text("a|b *c* `d` <e> [f](g) @h https://i\nj") == "a\\|b \\*c\\* \\`d\\` &lt;e&gt; \\[f\\](g) &#64;h https&#58;//i j"
        content = markdown.render(hostile())
        assert "<script" not in content
        assert set(re.findall(r"</?\w+", content)) == {"<details", "</details", "<summary", "</summary"}

    def test_it_stays_short_enough_for_a_comment(self):
        assert len(markdown.render(reports.full(100))) < 65_536


def validate(*words: object) -> object:
    """`edgecnn validate` without timing, on few pictures."""
    return edgecnn("validate", *words, "--no-latency", "--count", 100)


class TestTheCommand:
    def test_writes_all_four_and_they_agree(self, exported, tmp_path):
        files = {kind: tmp_path / "new" / f"out.{kind}" for kind in ("report", "junit", "markdown", "json")}
        words = [word for kind, path in files.items() for word in (f"--{kind}", path)]
        result = validate(exported / "lenet_int8.tflite", "--max-size", "1k", *words)
        assert result.code == 1, result.err
        assert all(f"wrote {path}" in result.out for path in files.values())
        report = Report.from_dict(json.loads(files["json"].read_text()))
        accuracy = f"{100 * report.groups[0].rows[0].top1.value:.2f}"
        assert accuracy in Reader(files["report"].read_text()).text
        assert accuracy in files["markdown"].read_text()
        assert parsed(files["junit"].read_text()).find(".//failure").get("message") == f"lenet_int8.tflite: --max-size 1000: {report.checks[0].text}"

    def test_markdown_on_stdout_stands_alone(self, exported):
        result = validate(exported / "lenet_int8.tflite", "--max-size", "10M", "--markdown", "-")
        assert result.code == 0
        assert result.out.startswith("### ✅")
        assert "Next:" not in result.out
        assert "Next:" in result.err

    def test_inconclusive_is_an_error_in_junit_and_exit_code_3(self, exported, tmp_path):
        result = validate(exported / "lenet.tflite", "--max-drop", 0.001, "--junit", tmp_path / "j.xml")
        assert result.code == 3
        assert "pictures would decide" in parsed((tmp_path / "j.xml").read_text()).find(".//error").get("message")

    @pytest.mark.parametrize("option", ["--report", "--junit", "--markdown", "--json"])
    def test_places_that_cannot_be_written_are_refused_before_measuring(self, option, exported, tmp_path):
        model = exported / "lenet.tflite"
        before = model.read_bytes()
        (tmp_path / "file").write_text("x")
        limit = ("--max-size", "10M")
        refused(validate(model, *limit, option, tmp_path), "is a folder", str(tmp_path))
        refused(validate(model, *limit, option, tmp_path / "file" / "out"), "is no folder")
        refused(validate(model, *limit, option, model), "write over a file that is read")
        refused(validate(model, *limit, option, ""), f"{option} came empty; expected FILE")
        assert model.read_bytes() == before

    def test_other_wrong_uses(self, exported, tmp_path):
        refused(validate(exported / "lenet.tflite", "--junit", tmp_path / "j.xml"), "--junit reports limits")
        refused(validate(exported / "lenet.tflite", "--json", tmp_path / "a", "--report", f"{tmp_path}/./a"), "the same file")
        assert list(tmp_path.iterdir()) == []


def damaged(source: Path, path: Path, pictures: np.ndarray, labels: np.ndarray, lose: int) -> int:
    """Write a copy of an int8 .tflite with more and more noise on the weights of its first layer until it loses `lose` answers net; return how many."""
    from ai_edge_litert import schema_py_generated as schema

    from edgecnn.export import flatbuffer
    from edgecnn.runtime import open_model

    right = int((open_model(source)(pictures).argmax(1) == labels).sum())
    for noise in range(2, 80, 2):
        model = flatbuffer.read(source.read_bytes())
        graph = model.subgraphs[0]
        first = next(op for op in graph.operators if len(op.inputs) == 3 and graph.tensors[op.inputs[1]].type == schema.TensorType.INT8)
        buffer = model.buffers[graph.tensors[first.inputs[1]].buffer]
        weights = np.asarray(buffer.data, np.uint8).view(np.int8).astype(int)
        weights += np.random.default_rng(0).integers(-noise, noise + 1, weights.shape)
        buffer.data = weights.clip(-127, 127).astype(np.int8).view(np.uint8)
        path.write_bytes(flatbuffer.pack(model))
        lost = right - int((open_model(path)(pictures).argmax(1) == labels).sum())
        if lost >= lose:
            return lost
    raise AssertionError("no noise was enough")


def test_a_planted_drop_of_two_points_fails_and_says_why(tmp_path):
    """Of the 382 test pictures of digits, 2 points are 8 answers; with one gained at most, the whole interval lies beyond 0.5."""
    from edgecnn import data
    from edgecnn.runtime import card_of

    source = ROOT / "models" / "mobilenet_int8.tflite"
    test = data.load("digits", card_of(source).preprocessing).splits["test"]
    planted = tmp_path / "planted.tflite"
    assert 8 <= damaged(source, planted, test.pictures, test.labels, 8) <= 12, "a drop of about two points, not a ruin"
    words = ("--against", ROOT / "models" / "mobilenet.keras", "--max-drop", 0.5, "--no-latency")
    result = edgecnn("validate", planted, *words, "--junit", tmp_path / "j.xml", "--report", tmp_path / "r.html")
    assert result.code == 1, result.out + result.err
    (failure,) = parsed((tmp_path / "j.xml").read_text()).iter("failure")
    assert re.fullmatch(
        r"planted\.tflite: --max-drop 0\.5: top-1 drop [23]\.\d\d points, 95 % interval (0\.[5-9]|1\.)\d+ to \d\.\d\d, 382 pictures", failure.get("message")
    )
    assert failure.get("type") == "fail"
    assert Reader((tmp_path / "r.html").read_text()).text.startswith("FAIL: planted.tflite")
    healthy = edgecnn("validate", source, *words, "--junit", tmp_path / "j.xml")
    assert healthy.code == 3, "the undamaged file is not failed; 382 pictures cannot prove 0.5 points"
