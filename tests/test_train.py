"""Training on a few digits: what is written, that it is repeatable, that it goes on after a kill, and what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from types import MappingProxyType

import keras
import numpy as np
import pytest

from edgecnn import arch, card, data, files
from edgecnn.card import Preprocessing
from edgecnn.catalog import CATALOG
from edgecnn.data import Dataset, Split
from edgecnn.errors import BadData, BadFile, BadSetting, CheckFailed
from edgecnn.progress import Progress
from edgecnn.runtime import open_model
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import Augment, Train
from edgecnn.train import augment, batches, curves, fit, optimizer, preprocessing_for, train
from edgecnn.train.checkpoint import Checkpoint, State

# Every source of chance is on: order, dropout, augmentation.
QUICK = Train(epochs=3, warmup=1, learning_rate=2e-3, augment=Augment(rotation=10, shift=0.05, zoom=0.1, brightness=0.1, contrast=0.1))
DROPOUT = {"dropout": 0.2}


class Heard(Progress):
    """Remembers what was said, and can stop the work at a step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.said: list[str] = []
        self.stop_at, self.done = stop_at, 0

    def step(self, text):
        self.said.append(text)

    @contextlib.contextmanager
    def track(self, text, total):
        def advance(units, note=""):
            self.done += units
            if self.stop_at is not None and self.done >= self.stop_at:
                raise KeyboardInterrupt

        yield advance


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """320 digits to train on, 100 each for val and test."""
    whole = data.load("digits", preprocessing_for("lenet"))
    counts = {"train": 320, "val": 100, "test": 100}
    return replace(whole, splits={name: some(whole.splits[name], count) for name, count in counts.items()}, digest="some of " + whole.digest)


def some(split: Split, count: int) -> Split:
    """Some of the pictures, of all classes."""
    chosen = np.random.default_rng(0).permutation(len(split))[:count]
    return Split(np.asarray(split.pictures)[chosen], split.labels[chosen], tuple(split.names[i] for i in chosen))


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """(folder, card) of an undisturbed training."""
    out = tmp_path_factory.mktemp("trained")
    return out, train("lenet", digits, settings=QUICK, arguments=DROPOUT, out=out)


def weights_of(folder, name="lenet"):
    return keras.saving.load_model(folder / f"{name}.keras", compile=False).get_weights()


def assert_same_weights(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_writes_model_card_and_curves_and_nothing_else(trained, digits):
    out, written = trained
    assert sorted(path.name for path in out.iterdir()) == ["lenet.json", "lenet.keras", "lenet.png"]
    assert card.read(out / "lenet.keras") == written
    assert written.weights_sha256 == files.sha256(out / "lenet.keras")
    assert (written.architecture, dict(written.arguments), written.labels) == ("lenet", {**CATALOG["lenet"].arguments, **DROPOUT}, digits.classes)
    assert written.data == digits.ref()
    assert written.recipe["augment"]["rotation"] == 10
    assert written.preprocessing == Preprocessing(32, 32, "grey", (128,), (128,))
    assert {"python", "keras", "numpy", keras.backend.backend()} == set(written.versions)
    assert (out / "lenet.png").read_bytes().startswith(b"\x89PNG")


def test_accuracy_in_the_card_is_what_a_runner_measures_on_the_written_file(trained, digits):
    out, written = trained
    with contextlib.closing(open_model(out / "lenet.keras")) as runner:
        for name in ("val", "test"):
            right = int((runner(digits.splits[name].pictures).argmax(axis=1) == digits.splits[name].labels).sum())
            assert (written.accuracy[name]["correct"], written.accuracy[name]["total"]) == (right, 100)
    assert written.accuracy["val"]["top1"] > 0.3, "it learned nothing, so the rest proves little"
    assert written.accuracy["val"]["low"] < written.accuracy["val"]["top1"] < written.accuracy["val"]["high"]


def test_same_seed_gives_the_same_weights_and_another_gives_others(trained, digits, tmp_path):
    train("lenet", digits, settings=QUICK, arguments=DROPOUT, out=tmp_path)
    assert_same_weights(weights_of(tmp_path), weights_of(trained[0]))
    train("lenet", digits, settings=replace(QUICK, seed=1), arguments=DROPOUT, out=tmp_path, name="other")
    assert not np.array_equal(weights_of(tmp_path, "other")[0], weights_of(tmp_path)[0])


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(trained, digits, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train("lenet", digits, settings=QUICK, arguments=DROPOUT, out=tmp_path, progress=Heard(stop_at=15))
    assert [path.name for path in tmp_path.iterdir()] == [".lenet.training"]
    heard = Heard()
    train("lenet", digits, settings=QUICK, arguments=DROPOUT, out=tmp_path, progress=heard)
    assert "resumed after epoch 1 of 3" in heard.said
    assert_same_weights(weights_of(tmp_path), weights_of(trained[0]))
    assert not (tmp_path / ".lenet.training").exists()


KILLED = """
import contextlib, os, signal
from edgecnn import data
from edgecnn.progress import Progress
from edgecnn.settings import Augment, Train
from edgecnn.train import preprocessing_for, train

class Kill(Progress):
    @contextlib.contextmanager
    def track(self, text, total):
        done = 0
        def advance(units, note=""):
            nonlocal done
            done += units
            if done >= {step}:
                os.kill(os.getpid(), signal.SIGKILL)
        yield advance

digits = data.load("digits", preprocessing_for("lenet"))
settings = Train(epochs=2, warmup=0, augment=Augment(rotation=10, contrast=0.2))
train("lenet", digits, settings=settings, arguments={{"dropout": 0.2}}, out={out!r}, progress=Kill())
"""


def test_kill_minus_9_loses_no_more_than_the_epoch(tmp_path):
    code = KILLED.format(step=45, out=str(tmp_path / "killed"))  # 40 steps an epoch
    killed = subprocess.run([sys.executable, "-c", code], env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()[-500:]
    assert not (tmp_path / "killed" / "lenet.keras").exists()
    settings = Train(epochs=2, warmup=0, augment=Augment(rotation=10, contrast=0.2))
    whole = data.load("digits", preprocessing_for("lenet"))
    heard = Heard()
    train("lenet", whole, settings=settings, arguments=DROPOUT, out=tmp_path / "killed", progress=heard)
    train("lenet", whole, settings=settings, arguments=DROPOUT, out=tmp_path / "whole")
    assert "resumed after epoch 1 of 2" in heard.said
    assert_same_weights(weights_of(tmp_path / "killed"), weights_of(tmp_path / "whole"))


@pytest.mark.parametrize("change", ["settings", "fresh"])
def test_a_stopped_training_is_left_behind_when_asked_for_another(digits, tmp_path, change):
    with pytest.raises(KeyboardInterrupt):
        train("lenet", digits, settings=QUICK, out=tmp_path, progress=Heard(stop_at=15))
    heard = Heard()
    settings = replace(QUICK, epochs=1) if change == "settings" else QUICK
    train("lenet", digits, settings=settings, out=tmp_path, progress=heard, fresh=change == "fresh")
    assert not any("resumed" in line for line in heard.said)
    assert any("starting over" in line for line in heard.said) == (change == "settings")


def test_a_damaged_checkpoint_is_no_checkpoint(tmp_path):
    checkpoint = Checkpoint(tmp_path / "net.keras", "digest")
    checkpoint.save(State([{"loss": 1.0}], [np.arange(5)], [np.ones(3)], 0))
    assert checkpoint.load().history == [{"loss": 1.0}]
    np.testing.assert_array_equal(checkpoint.load().variables[0], np.arange(5))
    assert Checkpoint(tmp_path / "net.keras", "another digest").load() is None
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:200])
    assert checkpoint.load() is None


def test_best_weights_are_those_of_the_best_val_accuracy(digits, tmp_path):
    keras.utils.set_random_seed(0)
    net = arch.build("lenet", image_size=32)
    state = fit.fit(net, digits, preprocessing_for("lenet"), replace(QUICK, epochs=4), Checkpoint(tmp_path / "lenet.keras", ""), Progress())
    assert len(state.history) == 4
    assert state.best_epoch == max(range(4), key=lambda i: (state.history[i]["val_accuracy"], -state.history[i]["val_loss"]))
    net.set_weights(state.best)
    answers = net.predict(prepare(digits.splits["val"].pictures, preprocessing_for("lenet")), verbose=0)
    assert (answers.argmax(axis=1) == digits.splits["val"].labels).mean() == pytest.approx(state.history[state.best_epoch]["val_accuracy"])


def test_patience_stops_a_training_that_gets_no_better(digits, tmp_path):
    state = State([{"val_accuracy": 0.5, "val_loss": 1.0}] * 3, best_epoch=0)
    assert fit.stalled(state, replace(QUICK, patience=2))
    assert not fit.stalled(state, replace(QUICK, patience=3))
    assert not fit.stalled(state, QUICK)


def test_without_epochs_it_only_judges_and_draws_no_curves(digits, tmp_path):
    written = train("lenet", digits, settings=Train(epochs=0), out=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lenet.json", "lenet.keras"]
    assert written.accuracy["test"]["total"] == 100


class Counted:
    """Pictures that count how often they are looked at."""

    def __init__(self, pictures):
        self.pictures, self.shape, self.reads = pictures, pictures.shape, 0

    def __getitem__(self, chosen):
        self.reads += len(chosen)
        return self.pictures[chosen]


def test_the_test_split_is_read_once(digits, tmp_path):
    test = digits.splits["test"]
    counted = Counted(test.pictures)
    watched = replace(digits, splits=MappingProxyType({**digits.splits, "test": replace(test, pictures=counted)}))
    keras_reads_again_to_learn_the_shapes = 2 * 32
    train("lenet", watched, settings=QUICK, out=tmp_path)
    assert 100 <= counted.reads <= 100 + keras_reads_again_to_learn_the_shapes


def test_a_loss_that_is_no_number_stops_in_one_line_and_writes_no_model(digits, tmp_path):
    net = arch.build("lenet", image_size=32)
    net.get_layer("logits").set_weights([np.full((84, 10), 3e38), np.zeros(10)])  # finite, but not what it computes
    net.save(tmp_path / "wild.keras")
    with pytest.raises(CheckFailed, match=r"loss is (nan|inf) at step \d+ \(epoch \d\); lower the learning rate") as caught:
        train("lenet", digits, weights=tmp_path / "wild.keras", settings=QUICK, out=tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "lenet.keras").exists()


def test_weights_that_are_no_numbers_stop_a_training_whose_loss_hides_them():
    with pytest.raises(CheckFailed, match="weights are no longer numbers after epoch 1"):
        fit.check_sound({"val_loss": 2.3}, [np.ones(3), np.array([1, np.nan])], 0)
    with pytest.raises(CheckFailed, match="val loss is nan after epoch 3"):
        fit.check_sound({"val_loss": float("nan")}, [np.ones(3)], 2)
    fit.check_sound({"val_loss": 2.3}, [np.ones(3)], 0)


def test_bfloat16_trains_and_the_file_is_float32(digits, tmp_path):
    train("lenet", digits, settings=replace(QUICK, epochs=1, precision="bfloat16"), out=tmp_path)
    stored = keras.saving.load_model(tmp_path / "lenet.keras", compile=False)
    assert {layer.dtype_policy.name for layer in stored.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("architecture", "preprocessing", "error", "message"),
    [
        ("lenet", Preprocessing(28, 28, "grey", (128,), (128,)), BadData, r"pictures of \(32, 32\) pixels; expected the input's size \(28, 28\)"),
        ("lenet", Preprocessing(32, 32), BadSetting, "lenet takes 1 channels, preprocessing gives 'rgb': expected grey"),
    ],
    ids=["size", "channels"],
)
def test_what_does_not_fit_is_refused(digits, tmp_path, architecture, preprocessing, error, message):
    with pytest.raises(error, match=message):
        train(architecture, digits, preprocessing=preprocessing, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_before_the_first_step(digits, tmp_path):
    (tmp_path / "file").write_text("in the way")
    heard = Heard()
    with pytest.raises(BadFile, match="cannot write"):
        train("lenet", digits, settings=QUICK, out=tmp_path / "file" / "models", progress=heard)
    assert heard.done == 0


def test_an_empty_split_is_refused(digits, tmp_path):
    empty = replace(digits, splits={**digits.splits, "val": some(digits.splits["val"], 0)})
    with pytest.raises(BadData, match="no pictures in val"):
        train("lenet", empty, out=tmp_path)


@pytest.mark.parametrize(
    "preprocessing",
    [Preprocessing(8, 9), Preprocessing(8, 9, "bgr", (104, 117, 123), (1, 1, 1)), Preprocessing(8, 9, "grey", (10,), (50,))],
    ids=lambda p: p.order,
)
def test_input_of_the_training_graph_is_that_of_the_runners(preprocessing):
    pictures = np.random.default_rng(0).integers(0, 256, (64, 8, 9, 3), "uint8")
    ours = augment.ToInput(preprocessing)(keras.ops.cast(pictures, "float32"))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), prepare(pictures, preprocessing), atol=1e-6)


def changed(pictures, training=True, **settings):
    layer = augment.RandomChange(Augment(**settings), seed=0)
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(pictures.astype("float32")), training=training))


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (64, 12, 10, 3)).astype("float32")


def test_nothing_is_changed_outside_training(noise):
    np.testing.assert_array_equal(changed(noise, training=False, rotation=30, brightness=0.5, flip=True), noise)


def test_flip_mirrors_about_half_of_the_pictures_and_leaves_the_others(noise):
    found = changed(noise, flip=True)
    same = np.isclose(found, noise, atol=1e-2).all(axis=(1, 2, 3))
    mirrored = np.isclose(found, noise[:, :, ::-1], atol=1e-2).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 16 < mirrored.sum() < 48


def test_brightness_adds_up_to_its_share_of_the_full_range():
    found = changed(np.full((200, 4, 4, 3), 128.0), brightness=0.2) - 128
    assert np.ptp(found, axis=(1, 2, 3)).max() == 0
    assert -51.01 <= found.min() < -45
    assert 45 < found.max() <= 51.01


def test_contrast_spreads_around_the_mean_and_pixels_stay_bytes(noise):
    calm = 128 + (noise - 128) / 4
    ratio = changed(calm, contrast=0.3).std(axis=(1, 2, 3)) / calm.std(axis=(1, 2, 3))
    assert 0.7 <= ratio.min() < 0.8
    assert 1.2 < ratio.max() <= 1.3
    wild = changed(noise, contrast=0.9, brightness=0.9)
    assert (wild.min(), wild.max()) == (0, 255)


def test_shift_zoom_and_rotation_move_a_dot_by_what_was_asked():
    size, dot = 41, np.zeros((300, 41, 41, 3))
    dot[:, 20, 30] = 255  # ten pixels right of the centre
    y, x = np.mgrid[:size, :size] - 20

    def places(**settings):
        found = changed(dot, **settings)[..., 0]
        total = found.sum(axis=(1, 2))
        return (found * x).sum(axis=(1, 2)) / total, (found * y).sum(axis=(1, 2)) / total

    right, down = places(rotation=90)
    np.testing.assert_allclose(np.hypot(right, down), 10, atol=0.3)
    assert np.degrees(np.arctan2(down, right)).max() > 80
    assert np.degrees(np.arctan2(down, right)).min() < -80
    right, down = places(shift=0.1)
    assert np.abs(right - 10).max() <= 4.2
    assert np.abs(down).max() <= 4.2
    assert np.abs(down).max() > 3.8
    right, down = places(zoom=0.25)
    assert 7.7 < right.min() < 8.5
    assert 12.5 < right.max() < 13.6
    assert np.abs(down).max() < 0.1


def test_schedule_rises_to_the_rate_and_falls_to_nothing():
    rate = optimizer.schedule(Train(epochs=10, warmup=2, learning_rate=0.1), steps=50)
    values = np.array([float(rate(step)) for step in range(501)])
    assert 0 < values[0] < 0.002
    assert values.argmax() == 100
    assert values.max() == pytest.approx(0.1, rel=1e-5)
    assert values[300] == pytest.approx(0.05, rel=1e-4)
    assert values[500] == pytest.approx(0, abs=1e-9)
    assert (np.diff(values[:100]) > 0).all()
    assert (np.diff(values[101:]) < 0).all()


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_shrinks_kernels_and_leaves_biases_and_batch_norms(name):
    net = arch.build("mobilenet", image_size=32, classes=3, width=0.25, bias=True)
    net.set_weights([np.ones_like(w) for w in net.get_weights()])
    made = optimizer.build(Train(optimizer=name, weight_decay=0.1, warmup=0, learning_rate=0.5), steps=10)
    made.apply([keras.ops.zeros_like(w) for w in net.trainable_variables], net.trainable_variables)
    for weight in net.trainable_variables:
        assert float(keras.ops.min(weight)) == pytest.approx(0.95 if "kernel" in weight.path else 1), weight.path


def test_order_is_decided_by_seed_and_epoch_and_batches_are_whole(digits):
    def order(seed, epoch):
        return batches.shuffled(digits.splits["train"], 10, 48, seed=seed, epoch=epoch).order

    np.testing.assert_array_equal(order(0, 1), order(0, 1))
    assert not np.array_equal(order(0, 1), order(0, 2))
    assert not np.array_equal(order(0, 1), order(1, 1))
    assert len(order(0, 0)) == 6 * 48
    assert len(set(order(0, 0))) == 6 * 48
    pictures, labels = batches.in_order(digits.splits["val"], 10, 48)[2]
    assert (pictures.shape, labels.shape) == ((4, 32, 32, 3), (4, 10))
    np.testing.assert_array_equal(labels.argmax(axis=1), digits.splits["val"].labels[96:])


def test_curves_show_every_epoch_of_train_and_val():
    history = [{"loss": 2.0 - i, "accuracy": i / 2, "val_loss": 2.1 - i, "val_accuracy": i / 3} for i in range(3)]
    left, right = curves.draw(history, 2, "lenet on digits").axes
    assert [line.get_label() for line in left.lines] == ["train", "val", "kept: epoch 3"]
    np.testing.assert_allclose(right.lines[1].get_ydata(), [0, 100 / 3, 200 / 3])
    assert right.get_ylabel() == "accuracy, %"


def test_rooms_of_training_name_no_tensorflow():
    from pathlib import Path

    root = Path(arch.__file__).parents[1]
    named = [path.name for folder in ("arch", "train") for path in (root / folder).glob("*.py") if "import tensorflow" in path.read_text()]
    assert named == []


def test_card_is_plain_json(trained):
    assert json.loads((trained[0] / "lenet.json").read_text())["seed"] == 0
