"""The report as JSON: read back as it was, described by its schema, and refused in one line where it is damaged."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import reports

from edgecnn.errors import BadFile
from edgecnn.validate import reader, schema
from edgecnn.validate.report import Report


def stored(report: Report, path: Path) -> Path:
    """The report as `--json` writes it."""
    path.write_text(json.dumps(report.to_dict(), allow_nan=False))
    return path


def without_pictures(report: Report) -> Report:
    """What the JSON keeps: all but the thumbnails."""
    groups = tuple(
        replace(group, rows=tuple(replace(row, suffered=tuple(replace(s, png=b"") for s in row.suffered)) for row in group.rows)) for group in report.groups
    )
    return replace(report, groups=groups)


def test_a_full_report_comes_back_as_it_was(tmp_path):
    report = reports.full()
    assert reader.read(stored(report, tmp_path / "r.json")) == without_pictures(report) != report
    assert Report.from_dict(report.to_dict()) == without_pictures(report)


def test_a_real_report_comes_back_as_it_was(real_report):
    report, path = real_report
    assert reader.read(path) == without_pictures(report)
    assert reader.read(path).to_dict() == json.loads(path.read_text())


def test_numbers_that_json_lacks_become_null_and_come_back_as_no_number():
    report = reports.full()
    (group,) = report.groups
    noisy = replace(group.rows[0], layers=tuple(replace(layer, sqnr=math.inf) for layer in group.rows[0].layers))
    content = replace(report, groups=(replace(group, rows=(noisy,)),)).to_dict()
    assert "NaN" not in json.dumps(content)
    assert "Infinity" not in json.dumps(content)
    assert content["groups"][0]["rows"][0]["layers"][0]["sqnr"] is None
    assert math.isnan(Report.from_dict(content).groups[0].rows[0].layers[0].sqnr)


def test_fields_of_a_later_release_are_left_out():
    content = reports.full().to_dict()
    content["groups"][0]["rows"][0]["colour"] = "blue"
    assert Report.from_dict(content).groups[0].rows[0].file == content["groups"][0]["rows"][0]["file"]


DAMAGES = {
    "a list": (lambda report: [1], "names no schema"),
    "a number": (lambda report: 3, "names no schema"),
    "another version": (lambda report: report | {"schema": "edgecnn.report/9"}, "edgecnn.report/9"),
    "no groups": (lambda report: {k: v for k, v in report.items() if k != "groups"}, "groups is missing"),
    "groups of text": (lambda report: report | {"groups": "all"}, 'groups is "all", expected a list'),
    "a verdict of its own": (lambda report: report | {"checks": [report["checks"][0] | {"verdict": "perhaps"}]}, "checks[0].verdict is 'perhaps'"),
    "cores of text": (lambda report: report | {"host": report["host"] | {"cores": "two"}}, 'host.cores is "two", expected a whole number'),
    "cores of truth": (lambda report: report | {"host": report["host"] | {"cores": True}}, "host.cores is true"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_in_one_line(damage, tmp_path):
    spoil, said = DAMAGES[damage]
    path = tmp_path / "r.json"
    path.write_text(json.dumps(spoil(reports.full().to_dict())))
    with pytest.raises(BadFile) as error:
        reader.read(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"", b"[" * 100_000], ids=["cut", "binary", "empty", "deep"])
def test_what_is_no_json_is_refused(content, tmp_path):
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(BadFile, match=r"r\.json"):
        reader.read(tmp_path / "r.json")


class TestSchema:
    def test_the_file_is_in_step_with_the_dataclasses(self):
        assert schema.PATH.read_text(encoding="utf-8") == schema.dumps(), "run tools/report_schema.py"

    def test_every_field_says_what_it_means(self):
        definitions = schema.document()["$defs"]
        silent = [f"{name}.{field}" for name, kind in definitions.items() for field, it in kind["properties"].items() if "description" not in it]
        told_by_their_class = {"Share", "Bin", "SizePart", "Group", "Host"}
        assert not [field for field in silent if field.split(".")[0] not in told_by_their_class]

    @pytest.fixture
    def check(self):
        """Holds a report against the schema, of which nothing may be left over."""
        jsonschema = pytest.importorskip("jsonschema", reason="the package jsonschema of edgecnn[dev] is not installed: no report is held against the schema")
        closed = schema.document(closed=True)
        jsonschema.Draft202012Validator.check_schema(closed)
        return lambda content: [error.message for error in jsonschema.Draft202012Validator(closed).iter_errors(content)]

    def test_a_real_and_a_full_report_are_valid(self, check, real_report):
        assert check(json.loads(real_report[1].read_text())) == []
        assert check(json.loads(json.dumps(reports.full().to_dict()))) == []

    def test_what_is_wrong_is_not_valid(self, check):
        content = json.loads(json.dumps(reports.full().to_dict()))
        assert check(content | {"exit_code": 2})
        assert check(content | {"made": None})
        del content["groups"][0]["rows"][0]["top1"]["low"]
        assert check(content)
