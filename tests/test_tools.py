"""The scripts that make the tables."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest
from helpers import ROOT

from edgecnn.errors import BadFile

TOOLS = ROOT / "tools"


@pytest.fixture
def markdown(monkeypatch):
    """The module beside the scripts."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("markdown")


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(markdown, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a:begin (by a tool) -->\nold\n<!-- a:end -->\nafter\n<!-- b:begin -->\nkept\n<!-- b:end -->\n")
    markdown.replace_between(page, "a", "new \\1 text")
    assert page.read_text() == "before\n<!-- a:begin (by a tool) -->\nnew \\1 text\n<!-- a:end -->\nafter\n<!-- b:begin -->\nkept\n<!-- b:end -->\n"


def test_a_page_without_marks_is_left_alone(markdown, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n")
    with pytest.raises(BadFile, match="has no marks a:begin"):
        markdown.replace_between(page, "a", "new")
    assert page.read_text() == "text\n"


def test_an_architecture_is_measured_from_its_four_files():
    done = subprocess.run([sys.executable, TOOLS / "architectures.py", "--one", "lenet"], capture_output=True, text=True, cwd=ROOT, check=True)
    found = json.loads(done.stdout)
    assert found["of"] == [61_706, 416_520]
    assert found["bytes"].keys() == found["milliseconds"].keys() == {"tflite", "int8.tflite", "onnx", "int8.onnx"}
    assert 4 * 61_706 < found["bytes"]["tflite"] < 4.3 * 61_706
    assert 61_706 < found["bytes"]["int8.tflite"] < 80_000
    assert 0 < found["difference"] < 1e-3
