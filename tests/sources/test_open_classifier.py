"""What a stranger's input wants comes from evidence, the strongest first, or is asked; each right answer is known by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import edgecnn, refused
from onnx import TensorProto
from PIL import Image
from sources.color_nets import CLASSES, SIZE, color_folder, color_net

from edgecnn import card as cards
from edgecnn.card import EMBEDDED, Card, Preprocessing
from edgecnn.errors import BadSetting, UnknownInputError
from edgecnn.runtime.scores import ScoreKind, kind_of_values, to_probabilities
from edgecnn.sources.class_mapping import differs_from_natural_order, map_classes_to_outputs, natural_order
from edgecnn.sources.file_facts import _parse_names
from edgecnn.sources.given_input import GivenInput, fields_of_mapping
from edgecnn.sources.mappings import CAFFE, COLOR_MAPPINGS, RAW, SIGNED, TORCH, UNIT, describe_mapping
from edgecnn.sources.open_classifier import open_classifier


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return color_folder(tmp_path_factory.mktemp("colors") / "colors")


class TestMeasured:
    @pytest.mark.parametrize(("mapping", "order"), [(RAW, "rgb"), (UNIT, "rgb"), (UNIT, "bgr"), (SIGNED, "rgb"), (TORCH, "rgb"), (CAFFE, "bgr")])
    def test_labeled_images_show_the_mapping(self, photos, tmp_path, mapping, order):
        with open_classifier(color_net(tmp_path / "net.onnx", mapping, order), data=photos) as classifier:
            assert classifier.input.source == "measured"
            assert classifier.input.preprocessing.order == order
            assert (classifier.input.preprocessing.mean, classifier.input.preprocessing.std) == (
                Preprocessing(SIZE, SIZE, order, *mapping.values(order)).mean,
                Preprocessing(SIZE, SIZE, order, *mapping.values(order)).std,
            )
            assert "right, next" in classifier.input.evidence

    def test_without_images_the_choices_are_spelled_out(self, tmp_path):
        with pytest.raises(UnknownInputError, match="--mean 0 --std 255"):
            open_classifier(color_net(tmp_path / "net.onnx", UNIT))

    def test_images_that_cannot_decide_do_not(self, photos, tmp_path):
        # So flat that every mapping gives the same answers.
        net = color_net(tmp_path / "net.onnx", UNIT)
        model = onnx.load(net)
        for tensor in model.graph.initializer:
            if tensor.name == "weights":
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros((6, 3), np.float32), "weights"))
        onnx.save(model, net)
        with pytest.raises(UnknownInputError, match="images do not decide"):
            open_classifier(net, data=photos)

    def test_few_images_decide_nothing(self, tmp_path):
        """The message proposes what is left, as it is typed."""
        with pytest.raises(UnknownInputError, match=r"images do not decide .*; say how it was trained: .*--preprocess torch"):
            open_classifier(color_net(tmp_path / "net.onnx", TORCH), data=color_folder(tmp_path / "few", per_class=3))


class TestOrderOfEvidence:
    def test_options_win(self, photos, tmp_path):
        net = color_net(tmp_path / "net.onnx", UNIT)
        with open_classifier(net, given=GivenInput({"mean": (1.0,), "std": (2.0,)}), data=photos) as classifier:
            assert classifier.input.source == "options"
            assert classifier.input.preprocessing.std == (2.0,) * 3

    def test_a_card_comes_before_the_rest(self, photos, tmp_path):
        net = color_net(tmp_path / "net.onnx", UNIT)
        model = onnx.load(net)
        card = Card("net", Preprocessing(SIZE, SIZE, mean=(0.0,), std=(255.0,)), labels=CLASSES)
        onnx.helper.set_model_props(model, {EMBEDDED: card.dumps()})
        onnx.save(model, net)
        with open_classifier(net) as classifier:
            assert (classifier.input.source, classifier.labels.labels) == ("card", CLASSES)

    @pytest.mark.parametrize("dtype", [TensorProto.UINT8, TensorProto.INT32])
    def test_the_byte_is_an_integer_input(self, photos, tmp_path, dtype):
        with open_classifier(color_net(tmp_path / "net.onnx", RAW, dtype=dtype)) as classifier:
            assert classifier.input.source == "integer input"
            images = np.stack([np.asarray(Image.open(path)) for path in sorted(photos.glob("*/*.png"))])
            right = np.repeat(np.arange(len(CLASSES)), len(images) // len(CLASSES))
            assert (classifier.runner(images).argmax(1) == right).mean() > 0.95

    def test_one_of_mean_and_std_alone_is_refused(self, tmp_path):
        with pytest.raises(BadSetting, match="--mean came without --std"):
            open_classifier(color_net(tmp_path / "net.onnx", UNIT), given=GivenInput({"mean": (0.0,)}))


class TestCommands:
    def test_validate_measures_and_says_so(self, photos, tmp_path):
        net = color_net(tmp_path / "net.onnx", TORCH)
        result = edgecnn("validate", net, "--data", photos, "--no-latency", "--json", tmp_path / "report.json")
        assert result.code == 0, result.err
        flat = " ".join(result.out.split())
        assert "input (pixel / 255 - mean) / std of ImageNet, RGB, 16x16" in flat
        assert "scores are logits" in flat
        assert "names no classes" in flat
        report = (tmp_path / "report.json").read_text()
        assert '"source": "measured"' in report

    @pytest.mark.parametrize("command", ["validate", "export"])
    def test_what_is_odd_about_the_data_is_said_once(self, tmp_path, command):
        # The data set is loaded for the input, for the classes and for what the command does.
        folder, net = color_folder(tmp_path / "colors"), color_net(tmp_path / "net.onnx", UNIT)
        (folder / "red" / "notes.txt").write_text("two lamps")
        (folder / "red" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0")
        words = {"validate": ("--no-latency",), "export": ("--int8", "--out", tmp_path / "out")}[command]
        result = edgecnn(command, net, "--data", folder, *words)
        assert result.code == 0, result.err
        assert result.err.count("red/cut.jpg") == 1, result.err
        assert result.err.count("red/notes.txt") == 1, result.err

    def test_predict_asks(self, photos, tmp_path):
        net = color_net(tmp_path / "net.onnx", UNIT)
        image = photos / "red" / "0.png"
        refused(edgecnn("predict", net, image), "--mean 0 --std 255", "--data FOLDER")
        assert edgecnn("predict", net, image, "--preprocess", "unit").out == edgecnn("predict", net, image, "--data", photos).out

    def test_names_in_the_file_are_used(self, photos, tmp_path):
        net = color_net(tmp_path / "net.onnx", UNIT)
        model = onnx.load(net)
        onnx.helper.set_model_props(model, {"names": str(dict(enumerate(CLASSES)))})
        onnx.save(model, net)
        assert "red" in edgecnn("predict", net, photos / "red" / "0.png", "--preprocess", "unit", "--top", "1").out


class TestScores:
    def test_no_softmax_over_sigmoids(self, photos, tmp_path):
        with open_classifier(color_net(tmp_path / "net.onnx", UNIT, head="sigmoid"), data=photos) as classifier:
            images = np.stack([np.asarray(Image.open(path)) for path in sorted(photos.glob("*/1*.png"))])
            np.testing.assert_array_equal(classifier.runner(images), classifier.runner.scores(images))
            assert classifier.runner.score_kind is ScoreKind.MULTI_LABEL

    @pytest.mark.parametrize(
        ("scores", "kind", "probabilities"),
        [
            ([[0.25, 0.75], [0.5, 0.5]], ScoreKind.SOFTMAX, [[0.25, 0.75], [0.5, 0.5]]),
            ([[0.0, 0.0], [-1.0, 2.0]], ScoreKind.LOGITS, [[0.5, 0.5], [0.047426, 0.952574]]),
            ([[0.25], [0.9]], ScoreKind.SIGMOID, [[0.75, 0.25], [0.1, 0.9]]),
            ([[-2.0], [2.0]], ScoreKind.LOGIT, [[0.880797, 0.119203], [0.119203, 0.880797]]),
            ([[0.9, 0.8], [0.1, 0.1]], ScoreKind.MULTI_LABEL, [[0.9, 0.8], [0.1, 0.1]]),
            ([[25.0, 75.0], [100.0, 0.0]], ScoreKind.PERCENT, [[0.25, 0.75], [1.0, 0.0]]),
        ],
    )
    def test_values_tell_the_kind(self, scores, kind, probabilities):
        scores = np.array(scores, np.float32)
        assert kind_of_values(scores) is kind
        np.testing.assert_allclose(to_probabilities(scores, kind), probabilities, atol=1e-5)


class TestClasses:
    def test_names_decide_and_not_positions(self):
        assert map_classes_to_outputs(("a", "b"), ("b", "x", "a"), 3).tolist() == [2, 0]
        assert map_classes_to_outputs(("a", "b"), ("x", "y"), 2) is None
        assert map_classes_to_outputs(("a", "b"), (), 3) is None
        assert map_classes_to_outputs(("a", "b"), (), 3, 1).tolist() == [0, 1]

    def test_natural_order(self):
        names = sorted(map(str, range(12)))
        assert natural_order(names) == [str(i) for i in range(12)]
        assert differs_from_natural_order(names)
        assert not differs_from_natural_order(["a", "b", "c"])

    @pytest.mark.parametrize(
        ("raw", "names"),
        [
            (b"{0: 'cat', 1: 'dog'}", ("cat", "dog")),
            (b'["cat", "dog"]', ("cat", "dog")),
            (b'{"0": "cat", "1": "dog"}', ("cat", "dog")),
            (b"cat\ndog\n", ("cat", "dog")),
            (b"__import__('os').system('true')", ()),
            (b"[1, 2]", ()),
            (b"[" * 100_000, ()),
            (b"", ()),
        ],
    )
    def test_names_in_metadata(self, raw, names):
        assert _parse_names(raw) == names


def test_mappings_have_names():
    for mapping in COLOR_MAPPINGS:
        assert describe_mapping(*mapping.values(mapping.order)) == mapping.text
    assert describe_mapping((1.0,) * 3, (2.0,) * 3) == "(pixel - 1) / 2"
    assert fields_of_mapping("caffe")["order"] == "bgr"


def test_a_card_keeps_the_evidence(tmp_path):
    card = Card("net", Preprocessing(8, 8), input_evidence="measured", score_kind="logits", label_source="names.txt")
    cards.write(tmp_path / "net.keras", card)
    assert cards.read(tmp_path / "net.keras") == card
