"""Float .onnx files of other tools: quantized within their format, under their own names, with the answers that a bare loop gives."""

from __future__ import annotations

import json
from pathlib import Path

import foreign_nets as nets
import numpy as np
import onnx
import onnxruntime
import pytest
from helpers import edgecnn, refused

from edgecnn.bundle import bundle
from edgecnn.card import ORIGINAL, Preprocessing
from edgecnn.export import export
from edgecnn.formats.keras import trust
from edgecnn.packing import pack, unpack
from edgecnn.runtime import describe, open_model
from edgecnn.runtime.model_files import digest, total_bytes
from edgecnn.settings import Export
from edgecnn.sources.given_input import GivenInput
from edgecnn.validate import validate

OPTIONS = ("--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375")

# Name -> arguments of `make_onnx`.
READ = {
    "batch norm": {},
    "opset 9, weights as inputs": {"opset": 9, "change": nets.initializers_as_inputs},
    "opset 11": {"opset": 11},
    "opset 18": {"opset": 18},
    "constant nodes": {"change": nets.constant_nodes},
    "float16": {"change": nets.half_precision},
    "uint8 input": {"change": nets.bytes_inside},
    "batch of one only": {"change": nets.batch_of_one},
    "fixed batch of 1": {"batch": 1},
    "fixed batch of 3": {"batch": 3},
    "two outputs": {"change": nets.two_outputs},
    "names of ours inside": {"change": nets.inner_names},
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nets.write_photos(tmp_path_factory.mktemp("photos"), 60)


def answers(path: Path, images: np.ndarray, output: str = "output") -> np.ndarray:
    """Scores [N, 3] by ONNX Runtime alone, one image at a time, repeated where the batch is fixed."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    batch = given.shape[0] if isinstance(given.shape[0], int) else 1
    kinds = {"tensor(uint8)": images, "tensor(float)": nets.normalized(images), "tensor(float16)": nets.normalized(images).astype(np.float16)}
    inputs = kinds[given.type]
    return np.stack([session.run([output], {given.name: np.repeat(one[None], batch, 0)})[0][0] for one in inputs]).astype(np.float32)


def given_of(name: str) -> GivenInput:
    return GivenInput() if name == "uint8 input" else GivenInput(nets.GIVEN)


@pytest.mark.parametrize("name", READ)
def test_files_of_every_form_are_derived_from_a_float_file_and_answer_as_it_does(name: str, photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx", **READ[name])
    images, labels = nets.make_images(60, seed=5)
    theirs = answers(path, images)
    assert (theirs.argmax(1) == labels).mean() > 0.9
    with trust.use(trust.LoadingOptions(output="output")):
        settings = Export(("float32", "float16", "int8"), ("onnx",), calibration=40)
        written = export(path, settings=settings, data=photos, preprocessing=given_of(name))
    assert [file.path.name for file in written] == ["theirs_float32.onnx", "theirs_float16.onnx", "theirs_int8.onnx"]
    spread = theirs.std(0).mean()
    for file, allowed in zip(written, (2e-2 if name == "float16" else 1e-3, 2e-2, 0.2), strict=True):
        ours = answers(file.path, images)
        assert np.sqrt(np.square(ours - theirs).mean()) < allowed * spread
        assert (ours.argmax(1) == theirs.argmax(1)).mean() > 0.9
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(written[2].path).graph.node}


@pytest.mark.parametrize("name", ["batch norm", "uint8 input", "two outputs"])
def test_ends_keep_their_names_types_and_open_batch(name: str, photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx", **READ[name])
    (given,) = (value for value in onnx.load(path).graph.input)
    with trust.use(trust.LoadingOptions(output="output")):
        (written,) = export(path, settings=Export(("int8",), calibration=10), data=photos, preprocessing=given_of(name))
    graph = onnx.load(written.path).graph
    assert [value.name for value in graph.input] == [given.name]
    assert [value.name for value in graph.output] == ["output"]
    assert graph.input[0].type == given.type


def test_batch_norm_is_folded_before_it_is_quantized(photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx")
    (written,) = export(path, settings=Export(("int8",), calibration=10), data=photos, preprocessing=GivenInput(nets.GIVEN))
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(written.path).graph.node}


def test_card_names_the_file_and_validate_finds_it(photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx")
    (written,) = export(path, settings=Export(("int8",), calibration=10), data=photos, preprocessing=GivenInput(nets.GIVEN))
    card = describe(written.path).card
    assert (card.name, card.sources[ORIGINAL], card.weights_sha256) == ("theirs", "theirs.onnx", digest(path))
    report = validate([written.path], data=photos, threads=())
    assert [Path(row.file).name for group in report.groups for row in (group.original, *group.rows)] == ["theirs.onnx", "theirs_int8.onnx"]


def test_changed_original_is_told(photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx")
    (written,) = export(path, settings=Export(("int8",), calibration=10), data=photos, preprocessing=GivenInput(nets.GIVEN))
    nets.make_onnx(path, opset=18)
    refused(edgecnn("validate", written.path, "--data", photos, "--no-latency"), "has changed since")


def test_budget_chooses_a_way_without_training(photos: Path, tmp_path: Path) -> None:
    path = nets.make_onnx(tmp_path / "theirs.onnx")
    result = edgecnn("export", path, "--int8", "--max-drop", "20", "--calibration", "20", "--data", photos, *OPTIONS)
    assert result.code == 0, result.err
    assert (tmp_path / "theirs_int8.onnx").is_file()


class TestRefused:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return nets.make_onnx(tmp_path / "theirs.onnx")

    def test_other_format(self, path: Path, photos: Path) -> None:
        refused(edgecnn("export", path, "--tflite", "--int8", "--data", photos, *OPTIONS), "within its own format", ".keras")

    def test_both_formats_that_were_named(self, path: Path, photos: Path) -> None:
        refused(edgecnn("export", path, "--tflite", "--onnx", "--int8", "--data", photos, *OPTIONS), "within its own format")

    @pytest.mark.parametrize("options", [("--equalize",), ("--qat",), ("--prune", "0.5"), ("--max-drop", "1", "--epochs", "2")])
    def test_what_needs_layers(self, options: tuple[str, ...], path: Path, photos: Path) -> None:
        refused(edgecnn("export", path, "--int8", *options, "--data", photos, *OPTIONS), "is a finished file", ".keras")

    @pytest.mark.parametrize(("words", "said"), [(("compress", "--prune", "0.5"), "is a finished file"), (("optimize",), "--data FOLDER")])
    def test_commands_that_train(self, words: tuple[str, ...], said: str, path: Path) -> None:
        (path.parent / "theirs.json").write_text(json.dumps({"not": "a card"}))
        refused(edgecnn(words[0], path, *words[1:]), said)

    def test_dynamic_quantized(self, path: Path, photos: Path, tmp_path: Path) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(path, tmp_path / "small.onnx", weight_type=QuantType.QUInt8)
        refused(edgecnn("export", tmp_path / "small.onnx", "--int8", "--data", photos, *OPTIONS), "is quantized already")

    def test_dynamic_quantized_runs_one_image_at_a_time(self, path: Path, photos: Path, tmp_path: Path) -> None:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        small = tmp_path / "small.onnx"
        quantize_dynamic(path, small, weight_type=QuantType.QUInt8)
        images, _ = nets.make_images(12, seed=5)
        given = Preprocessing(nets.SIZE, nets.SIZE, mean=nets.GIVEN["mean"], std=nets.GIVEN["std"])
        runner = open_model(small, preprocessing=given)
        np.testing.assert_allclose(runner.scores(images), answers(small, images), atol=1e-4)

    def test_quantized_by_edgecnn(self, path: Path, photos: Path, tmp_path: Path) -> None:
        export(path, settings=Export(("int8",), calibration=10), data=photos, preprocessing=GivenInput(nets.GIVEN))
        refused(edgecnn("export", tmp_path / "theirs_int8.onnx", "--int8", "--data", photos), "is quantized already")

    def test_label_without_scores(self, photos: Path, tmp_path: Path) -> None:
        path = nets.make_onnx(tmp_path / "label.onnx", change=nets.label_only)
        refused(edgecnn("export", path, "--int8", "--data", photos, *OPTIONS), "ArgMax")

    def test_two_outputs_and_none_named(self, photos: Path, tmp_path: Path) -> None:
        path = nets.make_onnx(tmp_path / "two.onnx", change=nets.two_outputs)
        refused(edgecnn("export", path, "--int8", "--data", photos, *OPTIONS), "features", "output", "--output NAME")

    @pytest.mark.parametrize(
        ("change", "words"),
        [(nets.training_norm, "depend on the other images"), (nets.softmax_over_batch, "depend on the other images"), (nets.noise, "each time")],
        ids=["batch norm in training mode", "softmax over the batch", "noise"],
    )
    @pytest.mark.parametrize("command", ["export", "validate"])
    def test_answers_that_depend_on_more_than_the_image(self, change: object, words: str, command: str, photos: Path, tmp_path: Path) -> None:
        path = nets.make_onnx(tmp_path / "theirs.onnx", change=change)
        rest = ("--int8",) if command == "export" else ("--no-latency",)
        refused(edgecnn(command, path, *rest, "--data", photos, *OPTIONS), words, "inference mode")


class TestExternalWeights:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return nets.with_external_weights(tmp_path / "theirs.onnx")

    def test_both_files_are_the_size(self, path: Path, photos: Path) -> None:
        both = path.stat().st_size + path.with_name("theirs.onnx.data").stat().st_size
        assert total_bytes(path) == describe(path).bytes == both
        result = edgecnn("validate", path, "--data", photos, "--no-latency", "--max-size", both - 1, *OPTIONS)
        assert result.code == 1, result.err
        assert f"{both:,} bytes" in result.out
        assert edgecnn("validate", path, "--data", photos, "--no-latency", "--max-size", both, *OPTIONS).code == 0

    def test_other_weights_are_another_model(self, path: Path) -> None:
        before, data = digest(path), path.with_name("theirs.onnx.data")
        data.write_bytes(data.read_bytes()[::-1])
        assert digest(path) != before

    def test_derived_files_stand_alone(self, path: Path, photos: Path) -> None:
        images, _ = nets.make_images(20, seed=5)
        theirs = answers(path, images)
        (written,) = export(path, settings=Export(("float32",)), data=photos, preprocessing=GivenInput(nets.GIVEN))
        path.with_name("theirs.onnx.data").unlink()
        np.testing.assert_allclose(answers(written.path, images), theirs, atol=1e-4)

    def test_packing_carries_both(self, path: Path, tmp_path: Path) -> None:
        done = pack(path, out=tmp_path / "packed" / "theirs.onnx.edgez")
        assert done.bytes == total_bytes(path)
        assert [part.path.name for part in done.parts] == ["theirs.onnx.data.edgez"]
        unpack(done.path, out=tmp_path / "again" / "theirs.onnx")
        for name in ("theirs.onnx", "theirs.onnx.data"):
            assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()

    @pytest.mark.parametrize("target", ["web", "ort"])
    def test_bundles_carry_all_weights(self, target: str, path: Path) -> None:
        images, _ = nets.make_images(4)
        theirs = answers(path, images)
        done = bundle(path, target, count=1, preprocessing=GivenInput(nets.GIVEN))
        (model,) = (file for file in done.files if file.suffix in (".onnx", ".ort"))
        path.with_name("theirs.onnx.data").unlink()
        np.testing.assert_allclose(answers(model, images), theirs, atol=1e-4)

    def test_missing_and_outside(self, path: Path, photos: Path) -> None:
        path.with_name("theirs.onnx.data").unlink()
        refused(edgecnn("export", path, "--int8", "--data", photos, *OPTIONS), "theirs.onnx.data")
        model = onnx.load(path, load_external_data=False)
        model.graph.initializer[0].external_data[0].value = "../elsewhere.data"
        path.write_bytes(model.SerializeToString())
        refused(edgecnn("pack", path), "outside of its folder")
