"""Classifiers as other people have them are flattened, bridged to TF-MOT and compressed, and mean the same afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import ordinary_models
import pytest
from keras import layers
from ordinary_models import MODELS, SIZE, stirred

from edgecnn.card import Card, DataRef, Preprocessing
from edgecnn.cli.commands.compress import report
from edgecnn.compress import compress
from edgecnn.compress.answers import answers_of
from edgecnn.compress.endings import ending_of, operation_of
from edgecnn.compress.flat_model import flatten_model, is_foreign, with_input_of
from edgecnn.compress.legacy_keras import to_legacy
from edgecnn.compress.quantize_aware import outputs, prefix
from edgecnn.data import Dataset, Split
from edgecnn.errors import BadData, BadFile
from edgecnn.formats.keras.trust import LoadingOptions, use
from edgecnn.runtime.scores import ScoreKind
from edgecnn.settings import FINE_TUNING, Channels, Compress, Prune, QuantizeAware

RAW = Preprocessing(SIZE, SIZE, mean=(0.0,), std=(1.0,))
ENDINGS = {
    "tutorial_with_augmentation": "", "nested_base_with_preprocess_input": "", "one_logit": "", "gray_without_channels": "", "one_sigmoid": "sigmoid",
    "independent_sigmoids": "sigmoid",
}  # fmt: skip
WHOLE = {
    "layer_with_its_own_weight": ("scaled",), "layers_in_a_row": ("scaled",), "layers_of_convnext": ("layer_scale",),
}  # fmt: skip


def scores(net: keras.Model, images: np.ndarray) -> np.ndarray:
    """Row by row, in the type of the input."""
    dtype = net.inputs[0].dtype if isinstance(net.inputs[0].dtype, str) else net.inputs[0].dtype.name
    rows = [keras.ops.convert_to_numpy(net(image[None].astype(dtype), training=False)) for image in images]
    return np.asarray(np.concatenate(rows), np.float32).reshape(len(images), -1)


def images_for(net: keras.Model) -> np.ndarray:
    """Bytes as floats, at the size that open sides take."""
    return np.random.default_rng(1).integers(0, 256, (3, *(side or SIZE for side in net.inputs[0].shape[1:]))).astype("float32")


LARGE = ("nested_base_with_preprocess_input", "mobilenet_v3_whole")


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in MODELS])
def test_a_flat_copy_and_its_bridge_give_the_same_scores(name, tmp_path):
    net = stirred(MODELS[name]())
    images, atol = images_for(net), 0.02 if name == "mixed_half_precision" else 1e-4
    expected, own = scores(net, images), images
    flat = flatten_model(net, RAW, Path("theirs.keras"))
    images = images.transpose(0, 2, 3, 1) if name == "channels_first" else images
    assert flat.whole == WHOLE.get(name, ())
    assert all(not isinstance(layer, keras.Model) and (not is_foreign(layer) or layer.name in flat.whole) for layer in flat.net.layers)
    np.testing.assert_allclose(scores(flat.net, images), expected, atol=atol)

    ending = ending_of(flat.net)
    assert ending.activation == ENDINGS.get(name, "softmax")
    legacy = to_legacy(flat.net, ending.logits)
    logits = keras.Model(flat.net.input, operation_of(flat.net, ending.logits).output)(images) if ending.logits else flat.net(images)
    np.testing.assert_allclose(legacy.model(images, training=False).numpy(), keras.ops.convert_to_numpy(logits), atol=1e-3)
    for one, other in zip(flat.net.get_weights(), legacy.weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    with_input_of(flat.net, net).save(tmp_path / "written.keras")
    if not flat.whole:
        written = keras.saving.load_model(tmp_path / "written.keras", compile=False)
        assert (written.inputs[0].dtype, written.inputs[0].shape[0]) == (net.inputs[0].dtype, net.inputs[0].shape[0])
        np.testing.assert_allclose(scores(written, own), expected, atol=atol)


def colors(classes: tuple[str, ...]) -> Dataset:
    """Noise around a color for each class: 64 images to train on, 24 each for val and test."""
    random = np.random.default_rng(0)
    palette = random.integers(40, 216, (len(classes), 1, 1, 3))

    def split(count: int) -> Split:
        labels = np.arange(count) % len(classes)
        images = np.clip(palette[labels] + random.normal(0, 40, (count, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
        return Split(images, labels.astype(np.int64), tuple(f"{i}.png" for i in range(count)))

    return Dataset("colors", classes, {"train": split(64), "val": split(24), "test": split(24)}, digest=f"colors {len(classes)}")


TEN = tuple("abcdefghij")
QUICK = replace(FINE_TUNING, epochs=1)
PRUNED, ROUNDED = {"prune": Prune(0.3)}, {"quantize": QuantizeAware(observe=1)}


def told(scores_: np.ndarray) -> np.ndarray:
    """The class that scores say, worked out here: of one score, whether it says the second class."""
    if scores_.shape[1] > 1:
        return scores_.argmax(1)
    are_logits = scores_.min() < 0 or scores_.max() > 1
    return (scores_[:, 0] > (0 if are_logits else 0.5)).astype(int)


def done(net: keras.Model, folder: Path, data: Dataset, **about):
    """Compress a model as its author saved it."""
    net.save(folder / "theirs.keras")
    steps = {key: about.pop(key) for key in ("prune", "quantize", "channels") if key in about}
    train = about.pop("train", QUICK)
    return compress(folder / "theirs.keras", settings=Compress(train=train, **steps), data=data, preprocessing=about.pop("preprocessing", RAW), **about)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("one_sigmoid", ROUNDED), ("one_logit", PRUNED), ("independent_sigmoids", PRUNED), ("gray_without_channels", PRUNED),
        ("channels_first", PRUNED),
        ("bytes_in", {"channels": Channels(0.2, multiple=1, least=2)}),
        pytest.param("many_activations", ROUNDED, marks=pytest.mark.slow), pytest.param("branches", PRUNED | ROUNDED, marks=pytest.mark.slow),
        pytest.param("one_sigmoid", {"channels": Channels(0.2, multiple=1, least=2)}, marks=pytest.mark.slow),
        pytest.param("channels_first", {"channels": Channels(0.2, multiple=1, least=2)} | PRUNED | ROUNDED, marks=pytest.mark.slow),
        pytest.param("layers_of_convnext", ROUNDED, marks=pytest.mark.slow),
        pytest.param("percent", ROUNDED, marks=pytest.mark.slow), pytest.param("tutorial_with_augmentation", PRUNED | ROUNDED, marks=pytest.mark.slow),
        pytest.param("nested_base_with_preprocess_input", PRUNED | ROUNDED, marks=pytest.mark.slow),
        pytest.param("caffe_order_in_the_graph", ROUNDED, marks=pytest.mark.slow),
        pytest.param("mixed_half_precision", ROUNDED, marks=pytest.mark.slow), pytest.param("fixed_batch", ROUNDED, marks=pytest.mark.slow),
        pytest.param("softmax_by_operations", ROUNDED, marks=pytest.mark.slow), pytest.param("shared_layers", ROUNDED, marks=pytest.mark.slow),
        pytest.param("resizing_of_any_size", ROUNDED, marks=pytest.mark.slow), pytest.param("mobilenet_v3_whole", ROUNDED, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_what_is_written_is_read_by_keras_alone_and_judged_right(name, steps, tmp_path):
    net, gray = stirred(MODELS[name]()), name.startswith("gray")
    preprocessing = Preprocessing(SIZE, SIZE, "grey", mean=(0.0,), std=(1.0,)) if gray else RAW
    data = colors(("no", "yes") if net.output_shape[-1] == 1 else TEN)
    before = scores(net, np.zeros((1, *(side or SIZE for side in net.inputs[0].shape[1:])), "float32"))
    result = done(net, tmp_path, data, preprocessing=preprocessing, **steps)
    written = keras.saving.load_model(result.path, compile=False)
    assert (written.inputs[0].dtype, written.inputs[0].shape[0], written.output_shape[1:]) == (
        net.inputs[0].dtype,
        net.inputs[0].shape[0],
        net.output_shape[1:],
    )

    test = data.splits["test"]
    images = (np.rint(test.pictures @ np.array([0.299, 0.587, 0.114])) if gray else test.pictures).astype("float32")
    images = images.transpose(0, 3, 1, 2) if name == "channels_first" else images
    answers = told(scores(written, images))
    assert result.changes[1].after == pytest.approx((answers == test.labels).mean())
    assert result.changes[1].agreement == pytest.approx((answers == told(scores(net, images))).mean())
    after = scores(written, images)
    kind = "softmax" if name not in ENDINGS and name != "percent" else ENDINGS.get(name, "percent")
    if kind in ("softmax", "percent"):
        np.testing.assert_allclose(after.sum(1), 100 if kind == "percent" else 1, rtol=1e-3)
    elif kind == "sigmoid":
        assert after.min() >= 0
        assert after.max() <= 1
    if "prune" in steps:
        assert result.zeros >= 0.29
    assert before.shape[1] == after.shape[1]


def test_a_layer_of_other_layers_becomes_these(tmp_path):
    """Its author's class is not needed any more; one with weights of its own stays, and needs it."""
    data, definitions = colors(TEN), LoadingOptions(custom_objects=ordinary_models.__file__)
    with use(definitions):
        result = done(MODELS["layer_made_of_layers"](), tmp_path, data, **PRUNED)
        whole = done(MODELS["layer_with_its_own_weight"](), tmp_path, data, name="whole", **PRUNED)
    written = keras.saving.load_model(result.path, compile=False)
    answers = told(scores(written, data.splits["test"].pictures.astype("float32")))
    assert result.changes[1].after == pytest.approx((answers == data.splits["test"].labels).mean())
    with pytest.raises((TypeError, ValueError), match="Scaled"):
        keras.saving.load_model(whole.path, compile=False)


def test_a_fine_tuning_learns_one_sigmoid(tmp_path):
    """From a network that knows nothing: with the wrong loss or the wrong targets it would stay at a half."""
    keras.utils.set_random_seed(1)
    train = replace(QUICK, epochs=6, learning_rate=3e-4, teacher_share=0.0, batch_size=8)
    result = done(MODELS["one_sigmoid"](), tmp_path, colors(("no", "yes")), prune=Prune(0.1), train=train)
    assert result.changes[1].after >= 0.9


def test_several_labels_at_once_count_together(tmp_path):
    """Three labels, any of which may hold: learnt one by one, and an image counts as right if all three are."""
    random = np.random.default_rng(2)

    def split(count: int) -> Split:
        targets = random.integers(0, 2, (count, 3)).astype(np.uint8)
        images = np.clip(60 + 130 * targets[:, None, None] + random.normal(0, 20, (count, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
        return Split(images, np.full(count, -1), tuple(f"{i}.png" for i in range(count)), targets)

    data = Dataset("lamps", ("red", "green", "blue"), {"train": split(96), "val": split(24), "test": split(40)}, digest="lamps")
    source = keras.Input((SIZE, SIZE, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 1, activation="relu")(layers.Rescaling(1 / 127.5, offset=-1)(source)))
    keras.utils.set_random_seed(3)
    net = keras.Model(source, layers.Dense(3, activation="sigmoid")(x))
    train = replace(QUICK, epochs=8, learning_rate=1e-2, teacher_share=0.0, batch_size=8)
    result = done(net, tmp_path, data, prune=Prune(0.1), train=train)
    test = data.splits["test"]
    images = test.pictures.astype("float32")
    before, after = (((scores(one, images) > 0.5) == test.targets).all(1).mean() for one in (net, keras.saving.load_model(result.path, compile=False)))
    assert result.multi_label
    assert (result.changes[1].before, result.changes[1].after) == (pytest.approx(before), pytest.approx(after))
    assert after >= 0.9 > 0.5 > before
    assert "an image counts as right if all its labels are" in report(result)


def test_classes_are_found_by_name_among_more_outputs(tmp_path):
    """Eleven outputs, the first for the background, and three classes in another order than the outputs have."""
    source = keras.Input((SIZE, SIZE, 3))
    net = keras.Model(source, layers.Dense(11, activation="softmax")(layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(source))))
    data = colors(("c", "a", "f"))
    result = done(net, tmp_path, data, labels=TEN, label_offset=1, prune=Prune(0.3), train=replace(QUICK, epochs=1))
    images = data.splits["test"].pictures.astype("float32")
    right = scores(keras.saving.load_model(result.path, compile=False), images).argmax(1) == np.array([3, 1, 6])[data.splits["test"].labels]
    assert result.changes[1].after == pytest.approx(right.mean())
    assert (result.card.labels, result.card.label_offset) == (TEN, 1)


def test_without_names_the_model_is_its_only_teacher(tmp_path):
    net = MODELS["bytes_in"]()
    result = done(net, tmp_path, colors(("x", "y", "z")), quantize=QuantizeAware(observe=1))
    images = colors(("x", "y", "z")).splits["test"].pictures.astype("float32")
    same = told(scores(keras.saving.load_model(result.path, compile=False), images)) == told(scores(net, images))
    assert (result.changes[1].before, result.changes[1].after, result.card.accuracy, result.card.labels) == (None, None, {}, ())
    assert result.changes[1].agreement == pytest.approx(same.mean())


CARD = Card(name="theirs", preprocessing=RAW, labels=("b", "a"), data=DataRef("x", "y", {}))


def test_one_score_means_the_second_label():
    answers = answers_of(CARD, colors(("a", "b")), 1, ScoreKind.SIGMOID, "sigmoid")
    np.testing.assert_array_equal(answers.targets(Split(np.zeros(2), np.array([0, 1]), ("", "")), slice(None)), [[1], [0]])


def test_names_that_do_not_match_are_refused_unless_labels_are_not_learnt():
    with pytest.raises(BadData, match="has class c, which theirs does not know"):
        answers_of(CARD, colors(("a", "c")), 2, ScoreKind.SOFTMAX)
    assert answers_of(CARD, colors(("a", "c")), 2, ScoreKind.SOFTMAX, labels_count=False).rows is None


def test_more_outputs_than_classes_are_never_paired_by_position():
    card = replace(CARD, labels=())
    assert answers_of(card, colors(TEN), 11, ScoreKind.SOFTMAX).rows is None
    assert answers_of(replace(card, label_offset=1), colors(TEN), 11, ScoreKind.SOFTMAX).rows.argmax(1).tolist() == list(range(1, 11))


def test_what_prepares_the_input_is_left_alone_by_rounding():
    flat = flatten_model(MODELS["caffe_order_in_the_graph"](), RAW, Path("theirs.keras")).net
    left = prefix(flat)
    assert len(left) >= 3
    assert not left & outputs(to_legacy(flat, ending_of(flat).logits))


def test_a_model_that_looks_at_its_neighbours_is_refused():
    source = keras.Input((SIZE, SIZE, 3))
    x = layers.Flatten()(source)
    net = keras.Model(source, layers.Softmax(axis=0)(layers.Dense(4)(x)))
    with pytest.raises(BadFile, match="look at other images of the batch"):
        flatten_model(net, RAW, Path("theirs.keras"))


def test_folded_batch_norms_stay_as_they_are():
    """Statistics of 0 and 1 say that a converter has folded them away."""
    source = keras.Input((SIZE, SIZE, 3))
    norms = [layers.BatchNormalization(momentum=0.5, name=name) for name in ("folded", "alive")]
    net = keras.Model(source, layers.Softmax()(layers.Dense(4)(layers.Flatten()(norms[1](norms[0](source))))))
    norms[1].set_weights([np.ones(3), np.zeros(3), np.full(3, 0.5), np.full(3, 2.0)])
    legacy = to_legacy(flatten_model(net, RAW, Path("theirs.keras")).net)
    images = np.random.default_rng(0).uniform(0, 255, (8, SIZE, SIZE, 3)).astype("float32")
    legacy.model(images, training=True)
    moved = {name: not np.array_equal(variables[2].numpy(), norm.moving_mean.numpy()) for (name, variables), norm in zip(
        [(name, legacy.variables[name]) for name in ("folded", "alive")], norms, strict=True)}  # fmt: skip
    assert moved == {"folded": False, "alive": True}
