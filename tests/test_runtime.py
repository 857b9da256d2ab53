"""Every runner gives the Keras model's answers, from every form of file, and says in one line what it cannot run."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx as onnx_package
import pytest
import tiny_nets

from edgecnn import card as cards
from edgecnn import files
from edgecnn.card import Card, Preprocessing
from edgecnn.errors import BadData, BadFile
from edgecnn.runtime import card_of, describe, open_model, pool, tflite_file
from edgecnn.runtime.contract import RawPixels
from edgecnn.runtime.remote import RemoteRunner
from edgecnn.runtime.scores import ScoreKind, kind_of_values

PICTURES = tiny_nets.pictures(20)
# What the tiny nets want: (pixel - 128) / 128.
WANTED = Preprocessing(tiny_nets.SIZE, tiny_nets.SIZE)
GREY = Preprocessing(tiny_nets.SIZE, tiny_nets.SIZE, "grey", (128.0,), (128.0,))


@pytest.fixture(scope="module")
def nets(tmp_path_factory) -> Path:
    """A folder with one tiny network in many forms; to be read only."""
    folder = tmp_path_factory.mktemp("nets")
    net, logits = tiny_nets.keras_net(), tiny_nets.keras_net(softmax=False)
    net.save(folder / "net.keras")
    net.save(folder / "net.h5")
    tiny_nets.tflite(net, folder / "float.tflite")
    tiny_nets.tflite(logits, folder / "logits.tflite")
    for io in ("float32", "uint8", "int8"):
        tiny_nets.tflite(net, folder / f"int_{io}.tflite", integer=True, io=io)
    tiny_nets.tflite(logits, folder / "int_logits.tflite", integer=True, io="uint8")
    tiny_nets.tflite(tiny_nets.keras_net(channels=1), folder / "grey.tflite")
    for dtype in ("float32", "float16", "uint8", "int8"):
        tiny_nets.onnx(net, folder / f"nchw_{dtype}.onnx", dtype=dtype)
    tiny_nets.onnx(net, folder / "nhwc.onnx", nchw=False)
    tiny_nets.onnx(net, folder / "fixed.onnx", batch=3)
    tiny_nets.onnx(net, folder / "logits.onnx", softmax=False)
    return folder


@pytest.fixture(scope="module")
def expected(nets) -> np.ndarray:
    """The Keras model's own probabilities."""
    import keras

    inputs = (PICTURES.astype(np.float32) - 128) / 128
    answers = np.asarray(keras.saving.load_model(nets / "net.keras")(inputs))
    assert answers.std(0).mean() > 0.03, "answers that do not vary would prove nothing"
    return answers


EXACT = [
    "net.keras",
    "net.h5",
    "float.tflite",
    "logits.tflite",
    "nchw_float32.onnx",
    "nchw_uint8.onnx",
    "nchw_int8.onnx",
    "nhwc.onnx",
    "fixed.onnx",
    "logits.onnx",
]
QUANTIZED = ["int_float32.tflite", "int_uint8.tflite", "int_int8.tflite", "int_logits.tflite", "nchw_float16.onnx"]


@pytest.mark.parametrize("name", EXACT + QUANTIZED)
def test_probabilities_are_those_of_keras(nets, expected, name):
    runner = open_model(nets / name, preprocessing=WANTED)
    answers = runner(PICTURES)
    assert answers.dtype == np.float32
    assert runner.classes == tiny_nets.CLASSES
    np.testing.assert_allclose(answers, expected, atol=1e-5 if name in EXACT else 0.06)
    runner.close()


@pytest.mark.parametrize("name", ["logits.tflite", "int_logits.tflite", "logits.onnx"])
def test_scores_of_logits_have_no_softmax(nets, name):
    runner = open_model(nets / name, preprocessing=WANTED)
    scores = runner.scores(PICTURES)
    assert kind_of_values(scores) is ScoreKind.LOGITS
    np.testing.assert_allclose(runner(PICTURES).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_a_fixed_batch_takes_any_number_of_pictures(nets, expected, count):
    np.testing.assert_allclose(open_model(nets / "fixed.onnx", preprocessing=WANTED)(PICTURES[:count]), expected[:count], atol=1e-5)


def test_answers_do_not_depend_on_the_batch(nets):
    runner = open_model(nets / "nchw_float32.onnx", preprocessing=WANTED)
    alone = np.concatenate([runner(p[None]) for p in PICTURES])
    np.testing.assert_allclose(runner(PICTURES), alone, atol=1e-6)


FORMS = ["float.tflite", "int_uint8.tflite", "nchw_float32.onnx", "fixed.onnx", "net.keras"]


@pytest.mark.parametrize("name", FORMS)
def test_stored_inputs_are_fed_as_they_are(nets, name):
    runner = open_model(nets / name, preprocessing=WANTED)
    stored = PICTURES if name.startswith("int") else ((PICTURES - np.float32(128)) / np.float32(128))
    stored = stored.transpose(0, 3, 1, 2) if name.endswith(".onnx") else stored
    np.testing.assert_allclose(runner.feed(stored), runner.scores(PICTURES), atol=1e-6)
    for wrong in (stored.astype(np.float64), stored[:, :2], stored[0]):
        with pytest.raises(BadData, match=r"inputs .* expects \S+ \w+ \["):
            runner.feed(wrong)


@pytest.mark.parametrize("name", FORMS)
def test_latencies_are_positive_and_as_many_as_asked(nets, name):
    times = open_model(nets / name, preprocessing=WANTED).latencies(4)
    assert len(times) == 4
    assert min(times) > 0


def test_integer_input_tensor_is_told(nets):
    given = open_model(nets / "int_uint8.tflite", preprocessing=WANTED).input
    assert (given.dtype, given.scale, given.zero_point) == ("uint8", 1 / 128, 128)


def test_grey_network_takes_rgb_pictures(nets):
    runner = open_model(nets / "grey.tflite", preprocessing=GREY)
    assert runner.preprocessing.order == "grey"
    assert runner(PICTURES).shape == (20, 4)


def test_preprocessing_changes_the_answers(nets, expected):
    raw = Preprocessing(16, 16, "rgb", (0.0,), (255.0,))
    assert np.abs(open_model(nets / "float.tflite", preprocessing=raw)(PICTURES) - expected).max() > 0.01


def test_preprocessing_of_another_size_is_refused(nets):
    with pytest.raises(BadFile, match=r"16x16.*32x32"):
        open_model(nets / "float.tflite", preprocessing=Preprocessing(32, 32))


@pytest.mark.parametrize("name", ["float.tflite", "nchw_float32.onnx", "net.keras"])
@pytest.mark.parametrize("wrong", [PICTURES.astype(np.float32), PICTURES[0], PICTURES[:, :8], PICTURES[..., :1]], ids=["float", "one", "half", "grey"])
def test_pictures_of_another_shape_are_refused(nets, name, wrong):
    with pytest.raises(BadData, match="uint8 RGB"):
        open_model(nets / name, preprocessing=WANTED)(wrong)


class TestScores:
    def test_quantized_probabilities_of_many_classes_are_recognized(self):
        rng = np.random.default_rng(0)
        real = rng.dirichlet(np.full(1000, 0.01), 50)
        assert kind_of_values((np.rint(real * 256) / 256).clip(0, 255 / 256).astype(np.float32)) is ScoreKind.SOFTMAX

    def test_independent_probabilities_get_no_softmax(self):
        assert kind_of_values(np.random.default_rng(0).random((50, 10), np.float32)) is ScoreKind.MULTI_LABEL


class TestPool:
    @pytest.mark.parametrize("name", ["float.tflite", "int_uint8.tflite", "nchw_float32.onnx", "net.keras"])
    def test_pool_gives_the_answers_of_one_runner_in_order(self, nets, name):
        many = tiny_nets.pictures(75)
        done = []
        answers = pool.evaluate(nets / name, many, workers=3, advance=lambda units, _: done.append(units), preprocessing=WANTED)
        np.testing.assert_allclose(answers.probabilities, open_model(nets / name, preprocessing=WANTED)(many), atol=1e-6)
        assert sum(done) == 75

    def test_logits_get_one_softmax(self, nets, expected):
        answers = pool.evaluate(nets / "logits.tflite", PICTURES, preprocessing=WANTED)
        np.testing.assert_allclose(answers.probabilities, expected, atol=1e-5)
        assert kind_of_values(answers.scores) is ScoreKind.LOGITS

    def test_no_pictures(self, nets):
        assert pool.evaluate(nets / "float.tflite", PICTURES[:0], preprocessing=WANTED).probabilities.shape == (0, 4)

    def test_an_error_of_a_worker_arrives(self, nets):
        with pytest.raises(BadData):
            pool.evaluate(nets / "float.tflite", PICTURES[:, :8], preprocessing=WANTED)


class TestRemote:
    def test_a_child_gives_the_same_answers_and_times(self, nets, expected):
        runner = RemoteRunner(nets / "net.keras", preprocessing=WANTED, threads=1)
        try:
            np.testing.assert_allclose(runner(PICTURES), expected, atol=1e-5)
            np.testing.assert_allclose(runner.probabilities(runner.scores(PICTURES)), expected, atol=1e-5)
            assert len(runner.latencies(3)) == 3
            with pytest.raises(BadData, match="uint8 RGB"):
                runner(PICTURES[:, :8])
            assert runner(PICTURES[:1]).shape == (1, 4), "it must live on after an error"
        finally:
            runner.close()
        assert runner._child.returncode is not None

    def test_an_error_of_loading_keeps_its_type_and_words(self, nets):
        runner = RemoteRunner(nets / "none.tflite")
        with pytest.raises(BadFile, match=r"no such \.tflite model"):
            _ = runner.classes
        runner.close()

    def test_the_child_ends_with_its_parent(self, nets):
        imports = "from edgecnn.runtime.contract import RawPixels; from edgecnn.runtime.remote import RemoteRunner"
        code = f"{imports}; r = RemoteRunner({str(nets / 'float.tflite')!r}, preprocessing=RawPixels()); r.classes; print(r._child.pid, flush=True)"
        out = subprocess.run([sys.executable, "-c", code + "; import os; os._exit(1)"], capture_output=True, text=True, check=False).stdout
        assert wait_for_end(int(out)), "the child lives on"


def wait_for_end(pid: int) -> bool:
    import time

    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


class TestCards:
    card = Card("net", Preprocessing(16, 16, mean=(100.0,), std=(50.0,)), labels=("a", "b", "c", "d"))

    def test_onnx_carries_it(self, nets, tmp_path):
        model = onnx_package.load(nets / "nchw_float32.onnx")
        onnx_package.helper.set_model_props(model, {cards.EMBEDDED: self.card.dumps()})
        onnx_package.save(model, tmp_path / "net.onnx")
        assert card_of(tmp_path / "net.onnx") == self.card
        assert open_model(tmp_path / "net.onnx").preprocessing == self.card.preprocessing

    def test_keras_has_it_beside(self, nets, tmp_path):
        copy = tmp_path / "net.keras"
        copy.write_bytes((nets / "net.keras").read_bytes())
        cards.write(copy, dataclasses.replace(self.card, weights_sha256=files.sha256(copy)))
        assert open_model(copy).card.labels == self.card.labels

    def test_the_card_of_another_file_is_refused(self, nets, tmp_path):
        copy = tmp_path / "net.keras"
        copy.write_bytes((nets / "net.keras").read_bytes())
        cards.write(copy, dataclasses.replace(self.card, weights_sha256="0" * 64))
        with pytest.raises(BadFile, match="not the card of"):
            open_model(copy)

    def test_no_card(self, nets):
        assert [card_of(nets / name) for name in ("float.tflite", "nhwc.onnx", "net.keras")] == [None] * 3


class TestDescribe:
    # conv 3*3*3*8 + 8, dense 8*4 + 4; 7x7 positions of the convolution.
    PARAMETERS, MACS = 216 + 8 + 32 + 4, 216 * 49 + 32

    @pytest.mark.parametrize("name", ["float.tflite", "int_uint8.tflite", "nchw_float32.onnx"])
    def test_counts(self, nets, name):
        info = describe(nets / name)
        extra = 2 if name.endswith(".onnx") else 0  # mean and std of the tiny ONNX
        assert (info.parameters, info.macs) == (self.PARAMETERS + extra, self.MACS)
        assert info.last_activation == "softmax"
        assert info.bytes == (nets / name).stat().st_size

    def test_weight_bytes_by_type(self, nets):
        assert describe(nets / "int_uint8.tflite").weight_bytes == {"int8": 248, "int32": 48}
        assert describe(nets / "float.tflite").weight_bytes == {"float32": 4 * self.PARAMETERS}

    def test_logits_do_not_end_in_softmax(self, nets):
        assert not describe(nets / "logits.tflite").last_activation
        assert not describe(nets / "logits.onnx").last_activation

    def test_metadata_entries(self, nets):
        assert "min_runtime_version" in tflite_file.metadata((nets / "float.tflite").read_bytes())
        assert describe(nets / "float.tflite").requires.startswith("TensorFlow Lite 1.")


class TestBadFiles:
    @pytest.mark.parametrize("name", ["float.tflite", "int_uint8.tflite", "nchw_float32.onnx"])
    def test_a_cut_off_file_is_refused_at_any_length(self, nets, tmp_path, name):
        content, cut = (nets / name).read_bytes(), tmp_path / name
        for length in range(1, len(content), max(1, len(content) // 60)):
            cut.write_bytes(content[:length])
            with pytest.raises(BadFile) as caught:
                open_model(cut, preprocessing=WANTED)
            assert "\n" not in str(caught.value)

    def test_a_cut_off_keras_file_is_refused(self, nets, tmp_path):
        content, cut = (nets / "net.keras").read_bytes(), tmp_path / "cut.keras"
        for length in (10, len(content) // 2, len(content) - 1):
            cut.write_bytes(content[:length])
            with pytest.raises(BadFile, match="cut off or damaged") as caught:
                open_model(cut, preprocessing=WANTED)
            assert "\n" not in str(caught.value)

    def test_damaged_bytes_never_crash(self, nets, tmp_path):
        """A damaged file may still run, or be refused in words; it must not end the process."""
        content, rng = (nets / "float.tflite").read_bytes(), np.random.default_rng(0)
        refused = 0
        for _ in range(60):
            broken = bytearray(content)
            broken[int(rng.integers(8, 200))] ^= int(rng.integers(1, 256))
            try:
                tflite_file.read(bytes(broken))
            except BadFile:
                refused += 1
        assert refused > 5

    def test_text_and_missing_and_directory(self, tmp_path):
        (tmp_path / "text.tflite").write_text("hello")
        (tmp_path / "text.onnx").write_text("hello")
        (tmp_path / "folder.tflite").mkdir()
        for name, words in {"text.tflite": "not a TFLite file", "text.onnx": "not an ONNX file", "no.tflite": "no such", "folder.tflite": "directory"}.items():
            with pytest.raises(BadFile, match=words):
                open_model(tmp_path / name, preprocessing=WANTED)
        with pytest.raises(BadFile, match=r"unknown suffix '\.pb'"):
            open_model(tmp_path / "a.pb", preprocessing=WANTED)

    def test_two_inputs(self, nets, tmp_path):
        path = tiny_nets.onnx(tiny_nets.keras_net(), tmp_path / "two.onnx", extra_input=True)
        with pytest.raises(BadFile, match="has 2 inputs"):
            open_model(path, preprocessing=WANTED)

    def test_missing_external_data_is_named(self, nets, tmp_path):
        model = onnx_package.load(nets / "nchw_float32.onnx")
        onnx_package.save_model(model, tmp_path / "net.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
        assert open_model(tmp_path / "net.onnx", preprocessing=WANTED).classes == 4
        (tmp_path / "weights.bin").unlink()
        with pytest.raises(BadFile, match=r"weights\.bin") as caught:
            open_model(tmp_path / "net.onnx", preprocessing=WANTED)
        assert "\n" not in str(caught.value)

    def test_an_initializer_among_the_inputs_is_no_input(self, nets, tmp_path):
        model = onnx_package.load(nets / "nchw_float32.onnx")
        model.graph.input.append(onnx_package.helper.make_tensor_value_info("bias", onnx_package.TensorProto.FLOAT, [8]))
        onnx_package.save(model, tmp_path / "old.onnx")
        assert open_model(tmp_path / "old.onnx", preprocessing=WANTED).input.name == "image"
        assert len(describe(tmp_path / "old.onnx").inputs) == 1

    def test_regressors_and_other_networks(self, tmp_path):
        import keras

        flat = keras.Sequential([keras.Input((7,)), keras.layers.Dense(4)])
        segmenter = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(5, 1)])
        for model, words in ((flat, "expected images"), (segmenter, "one row of class scores")):
            model.save(tmp_path / "model.keras")
            with pytest.raises(BadFile, match=words):
                open_model(tmp_path / "model.keras", preprocessing=WANTED)

    def test_weights_that_are_nan_are_named(self, tmp_path):
        net = tiny_nets.keras_net()
        net.get_layer("scores").bias.assign([0, np.nan, 0, 0])
        net.save(tmp_path / "nan.keras")
        with pytest.raises(BadFile, match="layer 'scores'"):
            open_model(tmp_path / "nan.keras", preprocessing=WANTED)
        for path in (tiny_nets.tflite(net, tmp_path / "nan.tflite"), tiny_nets.onnx(net, tmp_path / "nan.onnx")):
            with pytest.raises(BadFile, match="NaN"):
                open_model(path, preprocessing=WANTED)(PICTURES)

    def test_an_open_size_needs_preprocessing(self, nets, tmp_path):
        model = onnx_package.load(nets / "nchw_float32.onnx")
        for dimension in model.graph.input[0].type.tensor_type.shape.dim[2:]:
            dimension.ClearField("dim_value")
            dimension.dim_param = "side"
        onnx_package.save(model, tmp_path / "open.onnx")
        with pytest.raises(BadFile, match=r"open.*--image-size"):
            open_model(tmp_path / "open.onnx", preprocessing=RawPixels())
        assert open_model(tmp_path / "open.onnx", preprocessing=RawPixels(16))(PICTURES).shape == (20, 4)
        assert open_model(tmp_path / "open.onnx", preprocessing=Preprocessing(16, 16))(PICTURES).shape == (20, 4)


def test_rooms_load_no_more_than_their_runtime():
    code = "import sys, edgecnn.runtime.litert, edgecnn.runtime.ort, edgecnn.runtime.pool; print({'tensorflow', 'keras', 'onnx', 'jax'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
