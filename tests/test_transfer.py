"""From other models: layers that rest, classes that count the same, and students that learn from a teacher."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from helpers import edgecnn, refused
from training import QUICK, Heard, assert_same_weights, few_digits, weights_of

from edgecnn import arch, files
from edgecnn import card as cards
from edgecnn.card import Preprocessing
from edgecnn.data import Split
from edgecnn.errors import BadSetting
from edgecnn.settings import Augment, Train
from edgecnn.train import distil, fit, preprocessing_for, train, transfer
from edgecnn.train.optimizer import Span
from edgecnn.train.transfer import Phase

FROZEN = replace(QUICK, epochs=4, freeze=2, thaw_rate=0.5)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A LeNet of 7 classes: its head fits nothing, the rest does."""
    path = tmp_path_factory.mktemp("other") / "other.keras"
    keras.utils.set_random_seed(5)
    arch.build("lenet", classes=7, image_size=32).save(path)
    return path


def test_phases():
    assert transfer.phases(Train(epochs=9)) == [Phase(Span(0, 9, 1.0))]
    assert transfer.phases(Train(epochs=9, freeze=4, thaw_rate=0.1)) == [Phase(Span(0, 4), frozen=True), Phase(Span(4, 5, 0.1))]
    assert transfer.phases(Train(epochs=4, freeze=4)) == [Phase(Span(0, 4), frozen=True)]


def test_frozen_layers_rest_and_thawed_ones_learn(other, tmp_path):
    taken = keras.saving.load_model(other).get_weights()
    train("lenet", few_digits(), settings=replace(QUICK, epochs=1, freeze=1), weights=other, out=tmp_path / "frozen")
    for old, new in zip(taken[:-2], weights_of(tmp_path / "frozen")[:-2], strict=True):
        np.testing.assert_array_equal(old, new)
    train("lenet", few_digits(), settings=replace(QUICK, epochs=2, freeze=1), weights=other, out=tmp_path / "thawed")
    assert not np.array_equal(taken[0], weights_of(tmp_path / "thawed")[0])


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(15, id="in the frozen phase", marks=pytest.mark.slow),
        pytest.param(25, id="at the change"),
        pytest.param(35, id="in the thawed phase", marks=pytest.mark.slow),
    ],
)
def test_what_was_cut_off_in_any_phase_goes_on_to_the_same_weights(other, tmp_path, stop):
    wish = {"settings": FROZEN, "weights": other}
    train("lenet", few_digits(), out=tmp_path / "whole", **wish)
    with pytest.raises(KeyboardInterrupt):
        train("lenet", few_digits(), out=tmp_path / "cut", progress=Heard(stop_at=stop), **wish)
    train("lenet", few_digits(), out=tmp_path / "cut", **wish)
    assert_same_weights(weights_of(tmp_path / "cut"), weights_of(tmp_path / "whole"))


def test_frozen_batch_norms_keep_their_statistics():
    net = arch.build("mobilenet", classes=10, image_size=32, width=0.25)
    transfer.freeze(net, ("conv_preds",), True)
    data = few_digits()
    task = fit.Task(net, data, preprocessing_for("mobilenet", image_size=32), replace(QUICK, freeze=1), fresh=("conv_preds",))
    model = fit.compiled(task, Phase(Span(0, 1), frozen=True))
    before = [np.array(w) for w in net.get_layer("conv1_bn").get_weights()]
    draws = task.feed.draws(0, 0)
    model.train_on_batch({"pictures": data.splits["train"].pictures[:32], "draws": draws}, np.eye(10, dtype="float32")[data.splits["train"].labels[:32]])
    assert_same_weights(net.get_layer("conv1_bn").get_weights(), before)
    assert len(model.trainable_variables) == 2


def test_freezing_without_weights_is_refused(tmp_path):
    refused(edgecnn("train", "lenet", "--freeze", 2, "--out", tmp_path), "expected --weights FILE or imagenet")


def test_balanced_classes_weigh_the_same_in_all():
    split = Split(np.zeros((10, 1, 1, 3), "uint8"), np.array([0] * 8 + [1] * 2), ("",) * 10)
    weights = transfer.class_weights(split, 2, "balanced")
    np.testing.assert_allclose(weights, [10 / 16, 10 / 4])
    assert weights[split.labels].mean() == pytest.approx(1)
    assert transfer.class_weights(split, 2, "equal") is None


def test_class_weights_change_the_loss_of_training_alone():
    data = few_digits()
    train_split = data.splits["train"]
    keep = np.flatnonzero((train_split.labels != 3) | (np.arange(len(train_split)) % 8 == 0))
    data = replace(data, splits={**data.splits, "train": Split(train_split.pictures[keep], train_split.labels[keep], ("",) * len(keep))})
    net = arch.build("lenet", classes=10, image_size=32)
    settings = Train(epochs=1, class_weights="balanced", label_smoothing=0.0)
    model = fit.compiled(fit.Task(net, data, preprocessing_for("lenet"), settings))
    given = {"pictures": keras.ops.convert_to_tensor(data.splits["train"].pictures[:16])}
    labels = np.eye(10, dtype="float32")[data.splits["train"].labels[:16]]
    inputs, _, weights = model.preparation((given, keras.ops.convert_to_tensor(labels)), True)
    logits = keras.ops.convert_to_numpy(keras.Model(net.input, net.get_layer("logits").output)(inputs))
    cross_entropy = -(labels * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))).sum(axis=1)
    expected = (cross_entropy * transfer.class_weights(data.splits["train"], 10, "balanced")[labels.argmax(axis=1)]).mean()
    assert float(model.compute_loss(y=labels, y_pred=logits, sample_weight=weights)) == pytest.approx(expected, rel=1e-4)
    assert len(model.preparation((given, labels), False)) == 2


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A LeNet that knows digits well, with its card; other preprocessing than the student's."""
    out = tmp_path_factory.mktemp("teacher")
    train("lenet", few_digits(), settings=replace(QUICK, epochs=12), out=out, name="teacher")
    return out / "teacher.keras"


def test_a_teacher_sees_the_pictures_in_its_own_preprocessing(teacher):
    card = cards.read(teacher)
    theirs = keras.saving.load_model(teacher)
    pictures = few_digits().splits["val"].pictures[:8].astype("float32")
    student = Preprocessing(32, 32, "bgr", (104, 117, 123), (58, 57, 57))
    adapted = distil.teacher(teacher, student, card.labels)
    from edgecnn.train.to_input import to_input

    ours = adapted(to_input(keras.ops.convert_to_tensor(pictures), student))
    expected = keras.Model(theirs.input, theirs.get_layer("logits").output)(to_input(keras.ops.convert_to_tensor(pictures), card.preprocessing))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(expected), atol=1e-3)


def test_a_student_learns_from_its_teacher_alone(teacher, tmp_path):
    settings = replace(QUICK, epochs=20, learning_rate=5e-3, teacher_share=1.0, temperature=2.0, augment=Augment())
    data = few_digits()
    lies = replace(data.splits["train"], labels=(data.splits["train"].labels + 1) % 10)
    data = replace(data, splits={**data.splits, "train": lies})
    card = train("lenet", data, settings=settings, teacher=teacher, out=tmp_path)
    assert card.accuracy["test"]["top1"] > 0.6
    assert card.sources == {"teacher": f"teacher.keras {files.sha256(teacher)}"}
    stored = keras.saving.load_model(tmp_path / "lenet.keras")
    assert len(stored.weights) == len(arch.build("lenet", image_size=32).weights)


def test_a_distillation_that_was_cut_off_goes_on_and_its_checkpoint_has_no_teacher(teacher, tmp_path):
    train("lenet", few_digits(), settings=QUICK, teacher=teacher, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train("lenet", few_digits(), settings=QUICK, teacher=teacher, out=tmp_path / "cut", progress=Heard(stop_at=15))
    with np.load(tmp_path / "cut" / ".lenet.training" / "state.npz") as stored:
        shapes = [stored[key].shape for key in stored.files if key.startswith("variable")]
    assert shapes.count((84, 10)) == 3, "the student's head and its two moments"
    train("lenet", few_digits(), settings=QUICK, teacher=teacher, out=tmp_path / "cut")
    assert_same_weights(weights_of(tmp_path / "cut"), weights_of(tmp_path / "whole"))


def test_a_teacher_of_other_labels_is_refused(other):
    with pytest.raises(BadSetting, match=r"teacher other.keras has other labels \(7 of them"):
        distil.teacher(other, preprocessing_for("lenet"), tuple("0123456789"))


def test_class_weights_beside_a_teacher_are_refused(lenet, tmp_path):
    words = ("train", "lenet", "--teacher", lenet, "--class-weights", "balanced", "--out", tmp_path)
    refused(edgecnn(*words), "class weights 'balanced' with a teacher")
