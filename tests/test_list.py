"""`edgecnn list architectures` and `list modules`: tables, filters, JSON."""

from __future__ import annotations

import json

import pytest
from helpers import edgecnn, python, refused

from edgecnn.catalog import CATALOG, MODULES, int8_bytes
from edgecnn.cli.commands.list import _short


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def names(*words: object) -> list[str]:
    result = edgecnn("list", *words, "--json")
    assert (result.code, result.err) == (0, "")
    return [row["name"] for row in json.loads(result.out)]


@pytest.mark.parametrize(("what", "rows"), [("architectures", CATALOG), ("modules", MODULES)], ids=["architectures", "modules"])
def test_table_has_every_row_in_order_and_fits(what, rows):
    lines = edgecnn("list", what).out.splitlines()
    assert max(map(len, lines)) <= 80
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in rows]
    assert listed == list(rows)


def test_a_row_says_what_it_costs():
    line = next(line for line in edgecnn("list", "architectures").out.splitlines() if line.split()[:1] == ["mobilenet"])
    assert line.split() == ["mobilenet", "4.25", "M", "569", "M", "4.37", "M", "224x224x3", "Howard", "2017"]


def test_a_long_name_has_its_numbers_below_it():
    lines = edgecnn("list", "architectures", "--family", "mobilenet_v3").out.splitlines()
    at = lines.index("  mobilenet_v3_small_minimalistic")
    assert lines[at + 1].split()[:2] == ["2.06", "M"]


@pytest.mark.parametrize(("text", "number"), [("5M", 5e6), ("500k", 5e5), ("0.1G", 1e8), ("1300000", 1.3e6), ("1.25m", 1.25e6), ("61706", 61_706), ("0", 0)])
def test_limits_of_parameters(text, number):
    assert names("architectures", "--max-params", text) == [row.name for row in CATALOG.values() if row.parameters <= number]


def test_limits_go_together():
    found = names("--max-params", "5M", "--max-macs", "600M", "--family", "mobilenet")
    assert "mobilenet" in found
    assert found == [r.name for r in CATALOG.values() if r.parameters <= 5e6 and r.macs <= 6e8 and r.family.startswith("mobilenet")]
    assert names("modules", "--family", "resnext") == [row.name for row in MODULES.values() if row.family == "resnext_forms"]


def test_family_is_a_file_or_what_several_files_begin_with():
    assert names("--family", "mobilenet_v2") == ["mobilenet_v2"]
    assert {"inception_v2", "inception_v4", "inception_resnet_v2"} <= set(names("--family", "inception"))


def test_json_tells_all():
    row = next(row for row in json.loads(edgecnn("list", "--json").out) if row["name"] == "mobilenet")
    assert row["int8_bytes"] == int8_bytes(CATALOG["mobilenet"])
    assert row["arguments"] == dict(CATALOG["mobilenet"].arguments)


def test_nothing_left_is_said():
    result = edgecnn("list", "architectures", "--max-params", 10)
    assert (result.code, result.out) == (0, f"none of the {len(CATALOG)} architectures is within these limits\n")


def test_a_filtered_table_is_counted():
    assert f"architectures, 4 of {len(CATALOG)}" in edgecnn("list", "--family", "squeezenet").out


@pytest.mark.parametrize("text", ["big", "-5", "nan", "inf", "5T", "1e6", "", "5 M", "M"])
def test_other_limits_are_refused(text):
    refused(edgecnn("list", "architectures", f"--max-params={text}"), "--max-params", "5M")


def test_wrong_use_is_one_line():
    refused(edgecnn("list", "architectures", "--family", "resnt"), "did you mean 'resnet'")
    refused(edgecnn("list", "schemes", "--json"), "list schemes takes no")
    refused(edgecnn("list", "models", "--max-macs", "1M"), "list models takes no")
    refused(edgecnn("list", "architecture"), "did you mean 'architectures'")


@pytest.mark.parametrize(
    ("paper", "short"), [("He et al., 2015, Deep, https://x", "He 2015"), ("A and B, 1998, T", "A 1998"), ("Ferlitsch, 2019, K", "Ferlitsch 2019")]
)
def test_papers_in_short(paper, short):
    assert _short(paper) == short


def test_loads_nothing_heavy():
    code = "import sys; from edgecnn.cli import main; main(['list', 'architectures']); print({'keras', 'numpy'} & set(sys.modules))"
    assert python(code).splitlines()[-1] == "set()"
