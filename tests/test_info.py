"""`edgecnn info` of architectures and modules: facts, layers, diagrams, and wrong use in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import ROOT, edgecnn, python, refused
from sketches import sketched

from edgecnn.catalog import CATALOG, MODULES, int8_bytes
from edgecnn.cli import layer_table


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def told(*words: object) -> str:
    result = edgecnn("info", *words)
    assert (result.code, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    return result.out


@pytest.mark.parametrize("name", [*CATALOG, *MODULES])
def test_table_of_every_row_fits_two_screens(name):
    lines = layer_table.by_block(sketched(name).chain).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 100


@pytest.mark.parametrize("name", [*CATALOG, *MODULES])
def test_facts_of_every_row_fit_80_columns(name):
    out = told(name, "--layers", 0)
    row = CATALOG.get(name) or MODULES[name]
    assert f"{row.parameters:,}" in out
    assert f"{row.macs:,}" in out


def test_facts_are_complete():
    out = told("mobilenet", "--layers", 0)
    row = CATALOG["mobilenet"]
    for said in ("Howard et al., 2017", "https://arxiv.org/abs/1704.04861", f"{row.trainable:,} of them trainable", "int8 file", "224x224x3",
                 f"{row.smallest} pixels or more", "keras.applications.MobileNet", "width=1.0", "symmetric"):  # fmt: skip
        assert said in out, said
    assert "no weights: nothing in keras.applications" in told("lenet", "--layers", 0)


def test_facts_load_nothing_heavy():
    code = "import sys; from edgecnn.cli import main; main(['info', 'resnet50', '--layers', '0']); print({'keras', 'numpy', 'matplotlib'} & set(sys.modules))"
    assert python(code).splitlines()[-1] == "set()"


def test_blocks_add_up_to_the_catalog():
    out, row = told("squeezenet"), CATALOG["squeezenet"]
    assert out.count(f"{row.parameters:,} parameters, {row.macs:,} MACs") == 1
    table = out[out.index("layers ") : out.index("  total ")].splitlines()[1:]
    numbers = [int(word.replace(",", "")) for line in table if "|" not in line for word in line.split()[1:5] if word.replace(",", "").isdigit() and "," in word]
    assert sum(numbers) == row.parameters


def test_repeats_stand_once():
    out = told("resnet50")
    assert "stage3_block2..6 x5" in out
    assert "stage3_block3" not in out
    assert "| identity" in out


def test_every_layer_on_request():
    out = told("lenet", "--layers", "all")
    assert all(name in out for name in ("c1", "s2", "c3", "s4", "flatten", "c5", "f6", "dropout", "logits", "probabilities"))


def test_largest_layers_on_request():
    out = told("lenet", "--layers", 2)
    rows = out[out.index("largest of") : out.index("  total")].splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["c5", "f6"]
    assert "78.0 %" in rows[0]


def test_what_is_changed_is_counted_again():
    out = told("mobilenet", "--width", 0.25, "--image-size", 96, "--classes", 10, "--set", "dropout=0.5")
    assert "221,114 parameters" in out
    assert "96x96x3" in out
    assert "width=0.25 dropout=0.5" in out
    assert "dropout 0.5" in out


def test_modules_work():
    out = told("resnext_block_c")
    assert "14x14x256" in out
    assert "groups 32" in out
    assert "ImageNet" not in out


def test_json_has_facts_and_every_layer():
    found = json.loads(edgecnn("info", "squeezenet", "--json").out)
    row = CATALOG["squeezenet"]
    assert (found["parameters"], found["macs"], found["int8_bytes"]) == (row.parameters, row.macs, int8_bytes(row))
    assert found["arguments"] == dict(row.arguments)
    assert sum(layer["parameters"] for layer in found["layers"]) == row.parameters
    assert found["layers"][0] == {"name": "image", "kind": "input", "text": "input", "shape": [224, 224, 3], "parameters": 0, "macs": 0}
    assert "layers" not in json.loads(edgecnn("info", "squeezenet", "--json", "--layers", 0).out)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_diagram_is_written(suffix, tmp_path):
    path = tmp_path / f"net.{suffix}"
    out = edgecnn("info", "lenet", "--layers", 0, "--diagram", path).out
    assert path.stat().st_size > 1000
    assert f"Next: open {path}" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lennet", "did you mean 'lenet'"),
        ("resnext_block_d", "did you mean 'resnext_block_"),
        ("lenet --set depth=3", "lenet has no argument 'depth'; it takes: "),
        ("lenet --set dropout=much", "dropout=much: expected a number"),
        ("lenet --set dropout=2", "dropout 2.0: expected"),
        ("mobilenet --width nan", "finite"),
        ("mobilenet --width 0.001", "leaves"),
        ("mobilenet --image-size 3", "expects"),
        ("mobilenet --classes 1", "1 classes: expected 2 or more"),
        ("bottleneck_none --classes 5", "fixed input"),
        ("bottleneck_none --width 2", "no argument 'width'"),
        ("lenet --diagram net.jpg", "ends in .svg or .png"),
        ("lenet --diagram nowhere/net.svg", "no folder nowhere"),
        ("lenet --diagram /proc/net.svg", "cannot write into /proc"),
        ("lenet --layers ten", "expected a number or all"),
        ("lenet --layers -1", "expected a number or all"),
        (f"{ROOT / 'models/mobilenet.tflite'} --diagram a.svg", "--diagram is for architectures"),
        (f"{ROOT / 'models/mobilenet.tflite'} --set a=1", "--set is for architectures"),
    ],
)
def test_wrong_use_is_one_line(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(edgecnn("info", *words.split()), said)
    assert not list(tmp_path.iterdir())


# Counts of models that were exported, and the bytes of their int8 TFLite files.
EXPORTED = {
    "models/mobilenet_int8.tflite": ("mobilenet", 221_114, 215_642),
    "models/squeezenet_int8.tflite": ("squeezenet", 740_554, 740_554),
    "models/sign-digits/mobilenet_int8.tflite": ("mobilenet", 834_666, 823_722),
    "models/sign-digits/squeezenet_int8.tflite": ("squeezenet", 740_554, 740_554),
}


@pytest.mark.parametrize("file", EXPORTED)
def test_expected_bytes_are_those_of_real_files(file):
    name, parameters, trainable = EXPORTED[file]
    expected = int8_bytes(replace(CATALOG[name], parameters=parameters, trainable=trainable))
    assert expected == pytest.approx((ROOT / Path(file)).stat().st_size, rel=0.01)


@pytest.mark.parametrize("name", CATALOG)
def test_expected_bytes_are_near_a_byte_a_weight(name):
    row = CATALOG[name]
    assert 0.97 * row.trainable < int8_bytes(row) < 1.45 * row.trainable
