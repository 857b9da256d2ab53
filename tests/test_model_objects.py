"""Models that a caller holds as objects: every function that takes a path takes them, and leaves them as they are."""

from __future__ import annotations

import gc
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tf_keras
from helpers import edgecnn as command
from helpers import python, snapshot
from training import Heard, few_digits

import edgecnn
from edgecnn import card as cards
from edgecnn import files
from edgecnn.card import ORIGINAL, Preprocessing
from edgecnn.errors import BadFile, BadSetting, UnknownInputError
from edgecnn.export import record_ranges
from edgecnn.formats.keras import held_models
from edgecnn.formats.keras.held_models import HeldModel
from edgecnn.formats.keras.model_objects import ModelStore, file_stem
from edgecnn.formats.keras.stored_copy import store
from edgecnn.optimize import optimize, within
from edgecnn.runtime import card_of
from edgecnn.settings import FINE_TUNING, Augment, Budget, Compress, Export, Prune, Search
from edgecnn.sources.given_input import GivenInput

PLAIN = GivenInput({"mean": (0.0,), "std": (1.0,)})
ONE_EPOCH = replace(FINE_TUNING, epochs=1, augment=Augment())
TFLITE = Export(formats=("tflite",))


class Scaled(keras.layers.Layer):
    """A layer that is registered nowhere."""

    def __init__(self, factor: float = 2.0, **options) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Gain(keras.layers.Layer):
    """One with weights, which stays as it is when a network is compressed."""

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, x):
        return x * self.gain


@keras.saving.register_keras_serializable("tests")
class Registered(Scaled):
    """The same, registered."""


class Doubled(tf_keras.layers.Layer):
    """A layer of Keras 2 that is registered nowhere."""

    def call(self, x):
        return x * 2.0


class Subclassed(keras.Model):
    """A network that is a class, and declares no input."""

    def __init__(self, classes: int = 5, **options) -> None:
        super().__init__(**options)
        self.classes = classes
        self.convolution = keras.layers.Conv2D(8, 3, activation="relu")
        self.mean = keras.layers.GlobalAveragePooling2D()
        self.scores = keras.layers.Dense(classes, activation="softmax")

    def build(self, shape):
        self.convolution.build(shape)
        self.scores.build((None, 8))
        self.built = True

    def call(self, x, training=False):
        return self.scores(self.mean(self.convolution(x / 255.0)))

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


def halved_relu(x):
    return keras.ops.relu(x) * 0.5


FACTOR = 100.0


def wake(model):
    """Weights with which every layer matters."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if "float" in str(weight.dtype):
            weight.assign(random.normal(0, 0.5, weight.shape) if len(weight.shape) > 1 else random.uniform(0.5, 1.5, weight.shape))
    return model


def net(front, name="net", layers=keras.layers, activation="relu"):
    image = layers.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation=activation)(front(image)))
    kind = keras.Model if layers is keras.layers else tf_keras.Model
    return wake(kind(image, layers.Dense(5, activation="softmax")(x), name=name))


def inside(layers=keras.layers):
    return layers.Rescaling(1 / 255)


def sequential():
    return wake(keras.Sequential([keras.Input((32, 32, 3)), inside(), keras.layers.Flatten(), keras.layers.Dense(5, activation="softmax")], name="chain"))


def subclassed():
    model = Subclassed(name="a_class")
    model.build((None, 32, 32, 3))
    return wake(model)


# Name -> how it is made, and the stem of its files.
MODELS = {
    "plain": (lambda: net(inside()), "net"),
    "sequential": (sequential, "chain"),
    "own layer": (lambda: net(lambda x: Scaled(3.0)(inside()(x)), "own"), "own"),
    "registered layer": (lambda: net(lambda x: Registered(0.5)(inside()(x)), "registered"), "registered"),
    "own activation": (lambda: net(inside(), "activation", activation=halved_relu), "activation"),
    "lambda": (lambda: net(keras.layers.Lambda(lambda x: keras.ops.tanh(x / FACTOR)), "lambda"), "lambda"),
    "function in a lambda": (lambda: net(keras.layers.Lambda(halved_relu), "function"), "function"),
    "subclassed": (subclassed, "a_class"),
    "spaces": (lambda: net(lambda x: Scaled(3.0)(inside()(x)), "my net (v2)"), "my_net_v2"),
    "keras 2": (lambda: net(inside(tf_keras.layers), "old", tf_keras.layers), "old"),
    "keras 2, a slash": (lambda: net(inside(tf_keras.layers), "nets/old", tf_keras.layers), "nets_old"),
    "keras 2, own layer": (lambda: net(Doubled(), "doubled", tf_keras.layers), "doubled"),
    "keras 2, lambda": (lambda: net(tf_keras.layers.Lambda(lambda x: tf_keras.backend.tanh(x / FACTOR)), "bent", tf_keras.layers), "bent"),
}
IMAGES = np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3), np.uint8)


def answers(model) -> np.ndarray:
    return np.asarray(model(IMAGES.astype(np.float32), training=False))


def by_file(path: Path) -> np.ndarray:
    """Probabilities of an export in the order of the outputs, through the public door."""
    classify = edgecnn.load(path)
    return np.array([[score.probability for score in sorted(classify(image))] for image in IMAGES])


@pytest.fixture(autouse=True)
def no_copy_stays(tmp_path_factory, monkeypatch):
    """Copies of objects are gone when a function is through, whatever happened in it."""
    place = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    gc.collect()
    assert not list(place.glob("edgecnn-model-*"))
    assert not held_models._COPIES
    assert not held_models._DERIVED


@pytest.mark.parametrize("name", MODELS)
def test_an_object_is_exported_and_stays_as_it_is(name, tmp_path):
    make, stem = MODELS[name]
    model = make()
    model.layers[-1].trainable = False
    model.compile("sgd", "mse")
    before, optimizer, progress = model.get_weights(), model.optimizer, Heard()
    written = edgecnn.export(model, out=tmp_path, preprocessing=PLAIN, progress=progress)
    assert {file.path.name for file in written} == {f"{stem}.tflite", f"{stem}.onnx"}
    for file in written:
        np.testing.assert_allclose(by_file(file.path), answers(model), atol=1e-4)
        card = card_of(file.path)
        assert (card.name, card.sources[ORIGINAL]) == (stem, f"{stem} (in memory)")
        assert tempfile.tempdir.encode() not in file.path.read_bytes()
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))
    assert model.optimizer is optimizer
    assert [layer.trainable for layer in model.layers] == [True] * (len(model.layers) - 1) + [False]
    assert not any(tempfile.tempdir in step for step in progress.said)
    assert f"loading {stem} (in memory)" in progress.said


@pytest.mark.parametrize("name", ["plain", "sequential", "keras 2"])
def test_the_files_are_those_of_the_saved_model(name, tmp_path):
    make, stem = MODELS[name]
    model = make()
    model.save(tmp_path / f"{stem}.keras")
    of_file = edgecnn.export(tmp_path / f"{stem}.keras", settings=TFLITE, out=tmp_path / "file")[0].path
    of_object = edgecnn.export(model, settings=TFLITE, out=tmp_path / "object")[0].path
    a_card, b_card = card_of(of_file), card_of(of_object)
    assert replace(a_card, weights_sha256="", sources={}) == replace(b_card, weights_sha256="", sources={})
    assert without_notes(of_file) == without_notes(of_object)


def without_notes(path: Path) -> list[bytes]:
    """Names, types, shapes and constants of a .tflite, without its metadata."""
    from edgecnn.runtime import tflite_file

    model = tflite_file.read(path.read_bytes(), path)
    notes = {entry.buffer for entry in model.metadata}
    tensors = [repr((t.name, t.type, list(t.shape))).encode() for t in model.subgraphs[0].tensors]
    return tensors + [bytes(b.data) if b.data is not None else b"" for i, b in enumerate(model.buffers) if i not in notes]


def test_a_copy_depends_on_the_model_alone(tmp_path):
    model = net(lambda x: Scaled(3.0)(inside()(x)))
    digests = set()
    for place in (tmp_path / "a", tmp_path / "b"):
        time.sleep(1.1)  # Keras writes the second of saving
        place.mkdir()
        held = HeldModel(model, "net")
        digests.add(files.sha256(store(held, place, "net")))
        held_models.release(held)
    assert len(digests) == 1


def test_without_an_out_models_is_the_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = edgecnn.export(net(inside()), settings=TFLITE)
    assert [file.path for file in written] == [Path("models/net.tflite")]
    assert list(snapshot(tmp_path)) == ["models/net.tflite"]


def test_what_the_input_wants_is_never_assumed(tmp_path):
    with pytest.raises(UnknownInputError, match=r"^bare \(in memory\) does not say how a pixel becomes its input.*--mean 0 --std 1") as refusal:
        edgecnn.export(net(lambda x: x, "bare"), out=tmp_path)
    assert "\n" not in str(refusal.value)
    assert not snapshot(tmp_path)


@pytest.mark.parametrize(
    ("name", "stem"), [("a/b c", "a_b_c"), ("../../etc", "etc"), ("", "model"), ("...", "model"), ("x" * 300, "x" * 80), ("net_1.00", "net_1.00")]
)
def test_a_name_becomes_a_file_name(name, stem):
    assert file_stem(name) == stem


# --- what cannot be taken ---


def unsaved():
    class Stubborn(keras.layers.Layer):
        def __init__(self, thing) -> None:
            super().__init__()
            self.thing = thing

        def call(self, x):
            return x

    return net(Stubborn(object()), "stubborn")


def forgetful():
    class Forgetful(keras.layers.Layer):
        def __init__(self, factor=1.0, **options) -> None:
            super().__init__(**options)
            self.factor = factor

        def call(self, x):
            return keras.ops.tanh(x / 100 - self.factor)

        def get_config(self):
            return super().get_config()

    return net(Forgetful(3.0), "forgetful")


def two_of_a_name():
    def make(factor):
        class Same(keras.layers.Layer):
            def call(self, x):
                return x * factor

        return Same()

    one, other = make(2.0), make(3.0)
    return net(lambda x: one(other(x)), "two")


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (unsaved, BadFile, r"^stubborn \(in memory\) cannot be saved by Keras"),
        (forgetful, BadFile, r"^forgetful \(in memory\): the model that Keras saves gives other scores than the object"),
        (two_of_a_name, BadFile, r"^two \(in memory\) has 2 classes or functions of its own that are called Same"),
        (lambda: keras.Sequential([keras.layers.Dense(3)], name="raw"), BadSetting, r"^raw \(in memory\) is not built"),
        (lambda: keras.layers.Dense(3), BadSetting, "expected a path, a name or a keras.Model"),
        (lambda: 5, BadSetting, "given as builtins.int; expected a path"),
    ],
)
@pytest.mark.parametrize("function", [edgecnn.export, edgecnn.load, edgecnn.validate, optimize])
def test_an_object_that_is_no_classifier_is_refused_in_one_line(function, make, kind, words):
    with pytest.raises(kind, match=words) as refusal:
        function(make())
    assert "\n" not in str(refusal.value)
    assert tempfile.tempdir not in str(refusal.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda model: edgecnn.bundle(model, "c"), r"edgecnn\.export\(model"),
        (lambda model: record_ranges(model, "digits"), "save it and name the file"),
        (lambda model: edgecnn.train("lenet", few_digits(), weights=model), "save it and name the file"),
        (lambda model: edgecnn.train("lenet", few_digits(), teacher=model), "save it and name the file"),
    ],
)
def test_where_only_a_file_will_do(call, words):
    with pytest.raises(BadSetting, match=rf"^net \(in memory\) is a model object, and .*{words}"):
        call(net(inside()))


# --- the other functions, on digits ---


@pytest.fixture(scope="module")
def digits():
    """A small net with layers of its own, trained on handwritten digits for seconds."""
    keras.utils.set_random_seed(0)
    data = few_digits()
    size = data.splits["train"].pictures.shape[1:3]
    image = keras.Input((*size, 3))
    x = Gain()(keras.layers.Rescaling(1 / 255)(image))
    x = keras.layers.Conv2D(16, 3, strides=2, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(x), name="digits_net")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    train = data.splits["train"]
    model.fit(np.asarray(train.pictures, np.float32), train.labels, epochs=15, verbose=0)
    return model


def test_load_answers_as_the_object(digits):
    classify = edgecnn.load(digits, labels=[str(i) for i in range(10)])
    images = np.asarray(few_digits().splits["test"].pictures[:8])
    expected = np.asarray(digits(images.astype(np.float32), training=False))
    given = [[score.probability for score in sorted(classify(image))] for image in images]
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_files_are_validated_against_an_object(digits, tmp_path):
    out = tmp_path / "out"
    written = edgecnn.export(digits, settings=replace(TFLITE, schemes=("float32", "int8")), data="digits", out=out)
    report = edgecnn.validate([file.path for file in written], against=digits, data="digits", threads=(1,), count=200, parity=True)
    (group,) = report.groups
    assert group.original.file == "digits_net (in memory)"
    assert group.original.top1.value > 0.8
    assert group.rows[0].agreement.value == 1
    assert group.rows[1].agreement.value > 0.95
    assert group.original.latencies[0].median > 0
    assert tempfile.tempdir not in str(report.to_dict())
    again = edgecnn.validate([file.path for file in written], against=digits, data="digits", threads=(), count=200)
    assert any("has been run on these pictures before" in note for note in again.groups[0].notes)


def test_an_object_is_validated_alone(digits):
    report = edgecnn.validate(digits, data="digits", threads=(), count=200)
    (row,) = report.groups[0].rows
    assert (row.file, row.top1.value > 0.8) == ("digits_net (in memory)", True)


@pytest.mark.slow
def test_starting_an_object_is_profiled(digits):
    report = edgecnn.validate(digits, data="digits", threads=(), count=20, profile=True)
    assert report.groups[0].rows[0].start.load > 0


def test_a_validation_afterwards_says_that_the_original_is_not_stored(digits, tmp_path):
    file = edgecnn.export(digits, settings=TFLITE, data="digits", out=tmp_path)[0].path
    # A file of that name is another model, for all that is known.
    net(inside()).save(tmp_path / "digits_net.keras")
    result = command("validate", file, "--data", "digits", "--count", 50, "--threads", 1)
    assert result.code == 0, result.err
    note = "its original is the model object digits_net (in memory), which is not stored; save it and name it with --against to compare"
    assert note in " ".join(result.out.split())
    asked = command("validate", file, "--data", "digits", "--max-drop", 1)
    assert asked.code == 2
    assert "--against" in asked.err


@pytest.mark.parametrize("as_teacher", [False, True])
def test_an_object_is_compressed_and_another_teaches(digits, tmp_path, as_teacher):
    before = digits.get_weights()
    teacher = {"teacher": digits} if as_teacher else {}
    result = edgecnn.compress(digits, settings=Compress(prune=Prune(0.5), train=ONE_EPOCH), data=few_digits(), out=tmp_path, **teacher)
    assert result.path == tmp_path / "digits_net-prune50.keras"
    assert result.zeros > 0.45
    sources = cards.read(result.path).sources
    assert set(sources) == {"weights", *teacher}
    assert all(re.fullmatch(r"digits_net \(in memory\) [0-9a-f]{64}", source) for source in sources.values())
    assert all(np.array_equal(one, other) for one, other in zip(before, digits.get_weights(), strict=True))
    kept = keras.saving.load_model(result.path, custom_objects={"Gain": Gain}, compile=False)
    assert len(kept.weights) == len(before)


def test_a_budget_is_kept_to(digits, tmp_path, cache):
    budget = Budget(50.0, quantize=None)
    (fitted,) = within(digits, budget, settings=Export(("int8",), ("tflite",)), against=digits, data=few_digits(), out=tmp_path)
    assert fitted.exported.path == tmp_path / "digits_net_int8.tflite"
    assert fitted.val.before > 0.8


def test_a_search_goes_on_where_it_was_cut_off(digits, tmp_path, cache):
    search = Search(50.0, formats=("tflite",), channels=(), prune=(0.5,), clusters=(), quantize=False, train=ONE_EPOCH)
    first, second = Heard(), Heard()
    (found,) = optimize(digits, search=search, data=few_digits(), out=tmp_path, progress=first)
    optimize(digits, search=search, data=few_digits(), out=tmp_path, progress=second)
    assert not any("trained before" in step for step in first.said)
    assert any("trained before" in step for step in second.said), "a copy of the same object has another digest"
    assert tempfile.tempdir not in (tmp_path / "digits_net-optimize.json").read_text()
    assert '"model": "digits_net (in memory)"' in (tmp_path / "digits_net-optimize.json").read_text()
    assert found.exported.path.is_relative_to(tmp_path)
    assert not any("edgecnn-model-" in str(it.model) for it in found.candidates)


def test_on_another_backend_an_object_is_opened_too():
    code = """
import os
os.environ["KERAS_BACKEND"] = "jax"
import keras, numpy as np, edgecnn
class Own(keras.layers.Layer):
    def call(self, x):
        return x * 2
model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), Own(), keras.layers.Flatten(), keras.layers.Dense(3)])
image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
given = [score.probability for score in sorted(edgecnn.load(model)(image))]
print(np.abs(given - np.asarray(keras.ops.softmax(model(image[None].astype("float32"))))[0]).max() < 1e-5)
"""
    assert python(code).splitlines()[-1] == "True"


def test_progress_and_results_name_no_folder_of_the_store():
    with ModelStore(heard := Heard()) as objects:
        path = objects.path(net(inside(), "a b"))
        assert objects.path(str(path)) == str(path)
        objects.progress.step(f"loading {path}")
        renamed = objects.renamed([Preprocessing(1, 1), path, {"at": f"{path}: x"}])
    assert heard.said[-1] == "loading a_b (in memory)"
    assert renamed == [Preprocessing(1, 1), Path("a_b (in memory)"), {"at": "a_b (in memory): x"}]
