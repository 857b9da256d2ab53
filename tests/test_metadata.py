"""TFLite metadata: what is written is read back, the network is not touched, and damage is an error of one line."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from helpers import ROOT

from edgecnn.errors import BadFile, BadSetting
from edgecnn.export import metadata
from edgecnn.export.metadata import LabelFile, Metadata, ScoreCalibration, Sigmoid, TensorNotes
from edgecnn.formats.tflite.metadata import archive, calibration, codec
from edgecnn.runtime import tflite_file

FILE = ROOT / "models" / "sign-digits" / "squeezenet_int8.tflite"
NAMES = tuple(f"Zahl {i} äöü" for i in range(10))
NOTES = Metadata(
    name="signs", description="Says which digit a hand shows.", version="7", author="someone", license="MIT",
    inputs=(TensorNotes("image", "a photo", "image", "rgb", (96, 96), (123.68, 116.78, 103.94), (58.4, 57.1, 57.4), (0.0,), (255.0,)),),
    outputs=(TensorNotes("probabilities", "scores", "feature", low=(0.0,), high=(255.0,), labels=(
        LabelFile(tuple("0123456789"), file="labels.txt"), LabelFile(NAMES, "de", "labels_de.txt")), threshold=0.25),),
    others={"read.me": b"\0\1\2"},
)  # fmt: skip
CALIBRATION = ScoreCalibration((*(Sigmoid(1.0, 0.5 + i, -0.25, 0.1 if i % 2 else None) for i in range(9)), None), "log", 0.125)


@pytest.fixture(scope="module")
def content() -> bytes:
    return archive.split(FILE.read_bytes())[0]


@pytest.fixture(scope="module")
def noted(content) -> bytes:
    return metadata.write(content, NOTES)


def test_what_is_written_is_read(noted):
    assert metadata.read(noted) == NOTES


def test_the_bytes_are_reproducible(content, noted):
    assert metadata.write(content, NOTES) == noted == metadata.write(noted, NOTES)


def test_the_network_and_other_entries_stay(content, noted):
    before, after = tflite_file.info(FILE, content), tflite_file.info(FILE, noted)
    assert (after.operators, after.card, after.weight_bytes) == (before.operators, before.card, before.weight_bytes)
    assert {**after.metadata, metadata.ENTRY: b""} == {**before.metadata, metadata.ENTRY: b""}


def test_files_are_a_stored_zip_at_the_end(noted, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(noted)
    with zipfile.ZipFile(path) as found:
        assert found.namelist() == ["labels.txt", "labels_de.txt", "read.me"]
        assert found.read("labels_de.txt").decode().split("\n") == [*NAMES, ""]
        assert {(entry.compress_type, entry.date_time[0]) for entry in found.infolist()} == {(zipfile.ZIP_STORED, 1980)}


def test_a_calibration_comes_and_goes_alone(noted):
    with_one = metadata.with_calibration(noted, CALIBRATION)
    assert metadata.read(with_one).outputs[0].calibration == CALIBRATION
    assert metadata.read(with_one) == replace(NOTES, outputs=(replace(NOTES.outputs[0], calibration=CALIBRATION),))
    other = replace(CALIBRATION, transformation="identity", file="other.csv")
    assert metadata.read(metadata.with_calibration(with_one, other)).outputs[0].calibration == other
    assert metadata.with_calibration(with_one, None) == noted


def test_an_edit_keeps_what_has_no_field(content, noted):
    """Tensor groups and custom metadata are not among the fields of `Metadata`."""
    from edgecnn.export import flatbuffer

    tree = codec.decode(tflite_file.metadata(noted)[metadata.ENTRY])
    graph = tree["subgraph_metadata"][0]
    graph["custom_metadata"] = [{"name": "x", "data": b"12345"}]
    graph["output_tensor_groups"] = [{"name": "g", "tensor_names": ["a", "b"]}]
    model = flatbuffer.read(content)
    flatbuffer.set_entries(model, {metadata.ENTRY: codec.encode(tree)})
    edited = metadata.with_calibration(flatbuffer.pack(model), CALIBRATION)
    found = codec.decode(tflite_file.metadata(edited)[metadata.ENTRY])["subgraph_metadata"][0]
    assert (found["custom_metadata"], found["output_tensor_groups"]) == (graph["custom_metadata"], graph["output_tensor_groups"])


def test_calibrated_scores_are_the_formula():
    scores = np.linspace(0.01, 0.99, 20, dtype=np.float32).reshape(2, 10)
    found = calibration.calibrated(scores, CALIBRATION)
    for row, result in zip(scores, found, strict=True):
        for x, y, one in zip(row, result, CALIBRATION.parameters, strict=True):
            low = one is None or (one.least is not None and x <= one.least)
            expected = 0.125 if low else one.scale / (1 + np.exp(-(one.slope * np.log(x) + one.offset)))
            assert y == pytest.approx(expected, rel=1e-6)
    logit = calibration.calibrated(scores, ScoreCalibration((Sigmoid(1, 1, 0),) * 10, "inverse_logistic"))
    np.testing.assert_allclose(logit, scores, rtol=1e-6)


def test_an_empty_line_is_a_class_without_parameters():
    assert calibration.dumps(CALIBRATION).decode().split("\n")[-2:] == ["1,8.5,-0.25", ""]
    assert calibration.loads(calibration.dumps(CALIBRATION), "x") == CALIBRATION.parameters


def test_a_file_without_metadata_says_so(content):
    from edgecnn.export import flatbuffer

    model = flatbuffer.read(content)
    flatbuffer.set_entries(model, {}, (metadata.ENTRY,))
    bare = flatbuffer.pack(model)
    assert metadata.read(bare) is None
    with pytest.raises(BadFile, match="without TFLite metadata"):
        metadata.with_calibration(bare, CALIBRATION)


def test_wrong_counts_are_refused(content, noted):
    with pytest.raises(BadSetting, match="3 lines of score calibration for 10 outputs"):
        metadata.with_calibration(noted, replace(CALIBRATION, parameters=(None,) * 3))
    with pytest.raises(BadSetting, match="metadata of 2 outputs for a file that has 1"):
        metadata.write(content, replace(NOTES, outputs=NOTES.outputs * 2))


def test_a_damaged_calibration_is_refused():
    with pytest.raises(BadFile, match=r"a\.tflite: line 2 of its score calibration is '1,2'"):
        calibration.loads(b"1,2,3\n1,2", "a.tflite")


def test_any_damage_is_an_error_in_words(noted):
    """Every byte of the FlatBuffer turned over, and every length cut off: BadFile, or a tree, and no other error."""
    whole = tflite_file.metadata(noted)[metadata.ENTRY]
    wrong = 0
    for damaged in [*(whole[:i] for i in range(0, len(whole), 3)), *(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :] for i in range(len(whole)))]:
        try:
            codec.decode(damaged)
        except BadFile:
            wrong += 1
    assert wrong > 50


def test_a_small_file_of_a_thousand_million_tables_is_refused():
    """Vectors of a thousand references to one table each, three deep, would take hours to walk."""
    builder = flatbuffers.Builder(0)
    builder.StartObject(0)
    table = builder.EndObject()
    for slot in (6, 2, 3):  # files of a tensor, tensors of a graph, graphs of a model
        builder.StartVector(4, 1000, 4)
        for _ in range(1000):
            builder.PrependUOffsetTRelative(table)
        vector = builder.EndVector()
        builder.StartObject(slot + 1)
        builder.PrependUOffsetTRelativeSlot(slot, vector, 0)
        table = builder.EndObject()
    builder.Finish(table, file_identifier=b"M001")
    with pytest.raises(BadFile, match="cut off or damaged"):
        codec.decode(bytes(builder.Output()))


@pytest.mark.parametrize("tail", [b"", b"PK\5\6" + bytes(18), b"PK\5\6" + b"\xff" * 18, b"PK\1\2" + bytes(60)], ids=["plain", "empty", "wild", "lost"])
def test_what_only_looks_like_a_zip_is_left_alone(content, tail):
    assert archive.split(content + tail) == (content + tail, {})
