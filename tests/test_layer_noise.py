"""Faults planted into real int8 files are found where they were planted, and sound files are left in peace."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import ROOT, edgecnn, refused
from onnx import numpy_helper
from planting import planted

from edgecnn import data
from edgecnn.card import Preprocessing
from edgecnn.errors import BadData
from edgecnn.export import flatbuffer
from edgecnn.runtime import card_of
from edgecnn.validate.layers import noise
from edgecnn.validate.subjects import Subject

MODELS = ROOT / "models"
FILES = ("mobilenet_int8.tflite", "squeezenet_int8.tflite", "mobilenet_int8.onnx", "squeezenet_int8.onnx")


def original_of(file: Path) -> Path:
    return file.with_name(file.name.replace("_int8", ""))


def subject(path: Path, preprocessing: Preprocessing | None = None) -> Subject:
    card = card_of(path)
    return Subject(path, preprocessing or card.preprocessing, (), 0, card)


def layers(file: Path, original: Path, pictures: np.ndarray):
    return noise([subject(file)], subject(original), pictures)[file]


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Test pictures of digits at the size of the shipped models, uint8 [16, 32, 32, 3]."""
    return data.load("digits", card_of(MODELS / FILES[0]).preprocessing).splits["test"].pictures[:16]


@pytest.fixture(scope="module")
def noise_pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3), np.uint8)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("fault", ["weights", "activations"])
def test_the_planted_operator_is_first_in_ten_of_ten(name, fault, pictures, tmp_path):
    target = tmp_path / name
    wrong = []
    factors = (4, 0.25, 10, 0.1, 2, 0.5) if fault == "weights" else (4, 0.25, 10, 0.1, 8, 0.125)
    for owner in planted(MODELS / name, target, fault, factors):
        first = layers(target, original_of(MODELS / name), pictures)[0]
        if first.name != owner or not first.suspect:
            wrong.append((owner, first))
    assert not wrong, f"{len(wrong)} of 10: {wrong}"


@pytest.mark.parametrize("name", ["mobilenet_int8.tflite", "mobilenet_int8.onnx"])
def test_a_range_that_is_twice_too_wide_is_first_too(name, pictures, tmp_path):
    for owner in planted(MODELS / name, tmp_path / name, "activations", (2,)):
        assert layers(tmp_path / name, original_of(MODELS / name), pictures)[0].name == owner


@pytest.mark.parametrize("name", FILES)
def test_a_sound_file_has_no_suspect(name, pictures):
    found = layers(MODELS / name, original_of(MODELS / name), pictures)
    assert [layer.suspect for layer in found if layer.suspect] == []
    assert min(layer.sqnr for layer in found) > 20
    assert min(layer.own for layer in found if layer.own is not None) > 30
    excess = [layer.excess for layer in found if layer.excess is not None]
    assert excess == sorted(excess, reverse=True)


@pytest.mark.parametrize("name", ["squeezenet_int8.tflite", "squeezenet_int8.onnx"])
def test_names_do_not_matter(name, pictures, tmp_path):
    known = layers(MODELS / name, original_of(MODELS / name), pictures)
    other = layers(renamed(MODELS / name, tmp_path / name), original_of(MODELS / name), pictures)
    assert [dataclasses.replace(layer, name="") for layer in known] == [dataclasses.replace(layer, name="") for layer in other]
    assert not {layer.name for layer in known} & {layer.name for layer in other}
    assert len(known) > 35


def renamed(source: Path, target: Path) -> Path:
    """A copy in which no tensor has the name that it had."""
    if source.suffix == ".tflite":
        model = flatbuffer.read(source.read_bytes())
        for index, tensor in enumerate(model.subgraphs[0].tensors):
            tensor.name = f"t{index * 7919 % 1000}_{index}".encode()
        target.write_bytes(flatbuffer.pack(model))
        return target
    model = onnx.load(source)
    graph = model.graph
    names = {name: f"t{i * 7919 % 1000}_{i}" for i, name in enumerate(dict.fromkeys(n for node in graph.node for n in (*node.input, *node.output) if n))}
    for node in graph.node:
        for edges in (node.input, node.output):
            edges[:] = [names.get(edge, edge) for edge in edges]
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = names[value.name]
    onnx.save(model, target)
    return target


def test_a_float_file_against_itself_has_no_noise(pictures):
    for name in ("mobilenet.tflite", "mobilenet.onnx"):
        found = layers(MODELS / name, MODELS / name, pictures[:4])
        assert len(found) > 28
        assert all(layer.sqnr > 100 and not layer.suspect for layer in found)


def test_a_spelled_out_swish_and_squeeze_and_excite_are_matched(noise_pictures):
    folder = MODELS / "sign-digits"
    found = layers(folder / "mobilenet_v3_small_int8.tflite", folder / "mobilenet_v3_small.keras", noise_pictures)
    kinds = [layer.kind for layer in found]
    assert kinds.count("CONV_2D") == 43
    assert kinds.count("DEPTHWISE_CONV_2D") == 11
    assert sum(layer.name.endswith("hard_silu") for layer in found) == 10


def test_every_scheme_is_read_and_none_suspected(lenet, tmp_path):
    assert edgecnn("export", lenet, "--float32", "--float16", "--dynamic", "--int16x8", "--int8", "--out", tmp_path).code == 0
    assert edgecnn("export", lenet, "--int8", "--head", "float", "--name", "wide", "--out", tmp_path).code == 0
    assert edgecnn("export", lenet, "--int8", "--equalize", "--name", "even", "--out", tmp_path).code == 0
    card = card_of(lenet)
    shown = data.load("digits", card.preprocessing).splits["test"].pictures[:16]
    for file in sorted((*tmp_path.glob("*.tflite"), *tmp_path.glob("*.onnx"))):
        found = layers(file, tmp_path / f"lenet{file.suffix}", shown)
        assert len(found) >= 6, file
        assert [layer for layer in found if layer.suspect] == [], file


class TestReasons:
    """What was done to a file is what is said of it."""

    def changed(self, tmp_path, edit):
        model = flatbuffer.read((MODELS / "mobilenet_int8.tflite").read_bytes())
        operator = model.subgraphs[0].operators[6]
        edit(model, operator)
        path = tmp_path / "mobilenet_int8.tflite"
        path.write_bytes(flatbuffer.pack(model))
        return path

    def first(self, tmp_path, pictures, edit):
        return layers(self.changed(tmp_path, edit), MODELS / "mobilenet.tflite", pictures)[0].suspect

    def scaled(self, place, factor, channel=slice(None)):
        def edit(model, operator):
            tensor = model.subgraphs[0].tensors[operator.outputs[0] if place is None else operator.inputs[place]]
            scale = np.array(tensor.quantization.scale)
            scale[channel] *= np.float32(factor)
            tensor.quantization.scale = scale

        return edit

    def test_too_wide(self, tmp_path, pictures):
        assert self.first(tmp_path, pictures, self.scaled(None, 8)).startswith("range ")

    def test_saturated(self, tmp_path, pictures):
        assert self.first(tmp_path, pictures, self.scaled(None, 0.125)).startswith("saturated: ")

    def test_weights_of_another_scale(self, tmp_path, pictures):
        assert "times as large" in self.first(tmp_path, pictures, self.scaled(1, 0.5))

    def test_one_channel(self, tmp_path, pictures):
        assert self.first(tmp_path, pictures, self.scaled(1, 5, 3)).startswith("channel 3 of ")

    def test_dead_channels(self, tmp_path, pictures):
        def edit(model, operator):
            kernel = model.subgraphs[0].tensors[operator.inputs[1]]
            values = np.array(model.buffers[kernel.buffer].data).view(np.int8).reshape(kernel.shape)
            values[::2] = 0
            model.buffers[kernel.buffer].data = values.reshape(-1).view(np.uint8)

        assert "channels never vary" in self.first(tmp_path, pictures, edit)


class TestNoMatch:
    """One line rather than a guess."""

    def test_another_architecture(self, pictures):
        with pytest.raises(BadData, match=r"not the same network: 0 % .* --against$"):
            layers(MODELS / "squeezenet_int8.tflite", MODELS / "mobilenet.tflite", pictures)

    def test_another_training(self, pictures, tmp_path):
        model = onnx.load(MODELS / "mobilenet.onnx")
        rng = np.random.default_rng(0)
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.ndim == 4:
                tensor.CopyFrom(numpy_helper.from_array(rng.permutation(values.reshape(-1)).reshape(values.shape), tensor.name))
        onnx.save(model, tmp_path / "mobilenet.onnx")
        with pytest.raises(BadData, match=r"one architecture with other weights"):
            layers(MODELS / "mobilenet_int8.onnx", tmp_path / "mobilenet.onnx", pictures)

    def test_another_format(self, pictures):
        with pytest.raises(BadData, match=r"mobilenet\.onnx is no \.tflite file"):
            layers(MODELS / "mobilenet_int8.tflite", MODELS / "mobilenet.onnx", pictures)

    def test_no_original(self, pictures):
        with pytest.raises(BadData, match=r"has no original .* --against"):
            noise([subject(MODELS / "mobilenet_int8.tflite")], None, pictures)


class TestCommand:
    """`edgecnn validate --layers`."""

    def test_table_and_json(self, tmp_path):
        report = tmp_path / "r.json"
        words = ("--against", MODELS / "mobilenet.tflite", "--no-latency", "--count", 40, "--layers", "--json", report)
        result = edgecnn("validate", MODELS / "mobilenet_int8.tflite", *words)
        assert result.code == 0, result.err
        assert max(map(len, result.out.splitlines())) <= 80
        assert "No operator is suspected" in result.out
        row = json.loads(report.read_text())["groups"][0]["rows"][0]
        assert row["layers"][0]["name"] == row["layers"][0]["original"]
        assert sum(part["bytes"] for part in row["parts"] if not part["layer"]) == row["bytes"]

    def test_is_off_unless_asked(self, tmp_path):
        report = tmp_path / "r.json"
        words = ("--against", MODELS / "mobilenet.tflite", "--no-latency", "--count", 40, "--json", report)
        result = edgecnn("validate", MODELS / "mobilenet_int8.tflite", *words)
        assert "alone" not in result.out
        assert json.loads(report.read_text())["groups"][0]["rows"][0]["layers"] == []

    def test_the_wrong_original_is_one_line(self):
        words = ("--against", MODELS / "squeezenet.tflite", "--no-latency", "--count", 40, "--layers")
        refused(edgecnn("validate", MODELS / "mobilenet_int8.tflite", *words), "not the same network")
