"""What every .tflite export says of itself: labels, translations, author, versions of operators, also after it is stored sparse or packed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers import edgecnn, refused

from edgecnn import card as cards
from edgecnn import files, packing
from edgecnn.export import flatbuffer, metadata, versions
from edgecnn.formats.tflite.metadata import archive
from edgecnn.runtime import tflite_file

NAMES = {"de": ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"), "fr": tuple(f"n° {i}" for i in range(10))}


@pytest.fixture
def translations(tmp_path: Path) -> dict[str, Path]:
    """Label files in two languages, one of them JSON."""
    found = {"de": tmp_path / "de.txt", "fr": tmp_path / "fr.json"}
    found["de"].write_text("\n".join(NAMES["de"]) + "\n")
    found["fr"].write_text(json.dumps(NAMES["fr"]))
    return found


def _localized(translations: dict[str, Path]) -> list[object]:
    return [word for locale, path in translations.items() for word in ("--labels", path, "--locale", locale)]


def test_an_export_says_who_made_it_and_names_its_classes(lenet, translations, tmp_path):
    said = ("--author", "A. Person", "--license", "CC BY 4.0", "--model-version", "1.2")
    result = edgecnn("export", lenet, "--tflite", "--int8", "--out", tmp_path, *said, *_localized(translations))
    assert result.code == 0, result.err
    path = tmp_path / "lenet_int8.tflite"
    told = metadata.read(path.read_bytes())
    assert (told.name, told.version, told.author, told.license) == ("lenet", "1.2", "A. Person", "CC BY 4.0")
    labels = {one.locale: one.names for one in told.outputs[0].labels}
    assert labels == {"": tuple("0123456789"), **NAMES}
    card = tflite_file.describe(path).card
    assert (card.labels, card.scheme) == (tuple("0123456789"), "int8")
    info = edgecnn("info", path).out
    assert all(part in " ".join(info.split()) for part in ("by A. Person, CC BY 4.0", "labels_de.txt (de) 10: null, eins", "grayscale image 32x32"))
    assert json.loads(edgecnn("info", path, "--json").out)["tflite_metadata"]["author"] == "A. Person"


def test_other_people_s_metadata_is_told(exported, tmp_path):
    path = tmp_path / "bare.tflite"
    model = flatbuffer.read(archive.split((exported / "lenet.tflite").read_bytes())[0])
    flatbuffer.set_entries(model, {}, (metadata.ENTRY, "edgecnn.card"))
    path.write_bytes(flatbuffer.pack(model))
    assert "none: an app must know labels and pixel mapping" in " ".join(edgecnn("info", path).out.split())
    assert json.loads(edgecnn("info", path, "--json").out)["tflite_metadata"] is None
    path.write_bytes(
        metadata.write(path.read_bytes(), metadata.Metadata("theirs", inputs=(metadata.TensorNotes("in"),), outputs=(metadata.TensorNotes("out"),)))
    )
    assert "metadata theirs" in " ".join(edgecnn("info", path).out.split())


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_the_same_export_twice_is_the_same_bytes(scheme, lenet, tmp_path):
    for folder in ("a", "b"):
        assert edgecnn("export", lenet, "--tflite", f"--{scheme}", "--out", tmp_path / folder).code == 0
    name = "lenet.tflite" if scheme == "float32" else "lenet_int8.tflite"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--locale", "de"), "--locale de came without label names"),
        (("--labels", "{de}", "--locale", "German!"), "expected a language code"),
        (("--labels", "{de}", "--labels", "{de}"), "is a second file of names"),
        (("--labels", "{de}", "--locale", "de", "--labels", "{fr}", "--locale", "DE"), "came twice"),
        (("--labels", "{three}", "--locale", "de"), "3 labels came; expected 10"),
    ],
    ids=["alone", "code", "two", "twice", "three"],
)
def test_labels_that_do_not_fit_are_refused(words, said, lenet, translations, tmp_path):
    three = tmp_path / "three.txt"
    three.write_text("a\nb\nc\n")
    chosen = [word.format(**translations, three=three) for word in words]
    refused(edgecnn("export", lenet, "--tflite", "--out", tmp_path / "out", *chosen), said)


@pytest.fixture(scope="module")
def pruned(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same LeNet with one weight in twenty of its dense layers left."""
    out = tmp_path_factory.mktemp("pruned") / "lenet.keras"
    model = keras.models.load_model(lenet)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense) and layer.units > 10:
            kernel, *rest = layer.get_weights()
            layer.set_weights([np.where(np.abs(kernel) < np.quantile(np.abs(kernel), 0.95), 0, kernel), *rest])
    model.save(out)
    cards.write(out, replace(cards.read(lenet), weights_sha256=files.sha256(out)))
    return out


def test_a_sparse_file_keeps_its_labels_and_needs_a_later_runtime(pruned, translations, tmp_path):
    assert edgecnn("export", pruned, "--tflite", "--out", tmp_path, *_localized(translations)).code == 0
    found = tflite_file.describe(tmp_path / "lenet.tflite")
    assert found.sparse_kernels
    assert found.requires == "TensorFlow Lite 2.2 or later (for DENSIFY version 1)"
    assert found.metadata[versions.ENTRY] == b"2.2.0".ljust(16, b"\0")
    assert {one.locale for one in metadata.read((tmp_path / "lenet.tflite").read_bytes()).outputs[0].labels} == {"", "de", "fr"}


def test_kernels_are_stored_dense_for_a_runtime_that_cannot_spread_them(pruned, tmp_path):
    assert edgecnn("export", pruned, "--tflite", "--min-runtime", "2.1", "--out", tmp_path).code == 0
    found = tflite_file.describe(tmp_path / "lenet.tflite")
    assert not found.sparse_kernels
    assert found.requires == "TensorFlow Lite 1.5 or later (for CONV_2D version 1)"


def test_a_file_with_labels_at_its_end_is_packed_and_comes_back(exported, tmp_path):
    path = exported / "lenet_int8.tflite"
    packed = packing.pack(path, out=tmp_path / "lenet.edgez")
    assert packing.unpack(packed.path, out=tmp_path / "lenet.tflite").path.read_bytes() == path.read_bytes()


def test_codes_that_nothing_uses_are_dropped(exported):
    """A runtime looks for the kernel of every code; one of them would make a file newer than it is."""
    model = flatbuffer.read(archive.split((exported / "lenet.tflite").read_bytes())[0])
    from ai_edge_litert import schema_py_generated as schema

    kinds = [code.builtinCode for code in model.operatorCodes]
    model.operatorCodes.insert(0, schema.OperatorCodeT(builtinCode=schema.BuiltinOperator.GELU, version=1))
    for operator in model.subgraphs[0].operators:
        operator.opcodeIndex += 1
    versions.settle(model)
    assert [code.builtinCode for code in model.operatorCodes] == kinds
    assert {operator.opcodeIndex for operator in model.subgraphs[0].operators} == set(range(len(kinds)))
