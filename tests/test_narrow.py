"""The tool that measures what fewer channels do to latency."""

from __future__ import annotations

import importlib
from collections import Counter

import pytest
from helpers import ROOT


@pytest.fixture
def narrow(monkeypatch):
    """The tool."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("narrow")


def row(narrow, model, gone, files, last):
    return [model, gone, "3", files, *["x"] * (len(narrow.HEAD) - 6), last, "processor"]


def test_new_rows_replace_those_of_the_same_share_and_others_stay(narrow):
    old = [row(narrow, "b", "40 %", "int8", "old"), row(narrow, "a", "30 %", "int8", "kept")]
    found = narrow.section(old, [row(narrow, "b", "40 %", "int8", "new")], [f"{narrow.SPENT} b's own int8 file, half.", "| a table |"])
    table, said = found.split("\n\n")
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["a", "b"]
    assert [line.split(" | ")[-2] for line in table.splitlines()[2:]] == ["kept", "new"]
    assert said == f"{narrow.SPENT} b's own int8 file, half."


def test_the_last_sentence_about_a_model_counts(narrow):
    lines = [f"{narrow.SPENT} {name}'s own int8 file, {share}." for name, share in (("b", 1), ("a", 2), ("b", 3))]
    assert narrow.section([], [], lines).split("\n\n")[1:] == [lines[1], lines[2]]


def test_convolutions_of_a_mobilenet_are_told_apart(narrow):
    kinds = Counter(narrow.kinds(ROOT / "models" / "sign-digits" / "mobilenet_int8.onnx").values())
    assert kinds == {"1x1 convolutions": 14, "depthwise convolutions": 13, "the first convolution": 1}


def test_shares_of_time_add_up(narrow):
    said = narrow.shares_of_time(ROOT / "models" / "mobilenet_int8.onnx")
    shares = {kind: int(share) for share, _, kind in (part.partition(" % are those of ") for part in said.split(", "))}
    assert shares.keys() == {"1x1 convolutions", "depthwise convolutions", "the first convolution", "the rest"}
    assert 97 <= sum(shares.values()) <= 103


def test_the_processor_is_named_with_what_it_multiplies_with(narrow):
    assert narrow.timing.processor("flags : sse amx_int8 avx") == narrow.timing.processor("flags : sse") + " with AMX"
