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
from training import DROPOUT, QUICK, Heard, assert_same_weights, few_digits, some, weights_of

from edgecnn import arch, card, data, files
from edgecnn.card import Preprocessing
from edgecnn.catalog import CATALOG
from edgecnn.data import Dataset
from edgecnn.errors import BadData, BadFile, BadSetting, CheckFailed
from edgecnn.progress import Progress
from edgecnn.runtime import open_model
from edgecnn.runtime.preprocess import prepare
from edgecnn.settings import Augment, Train
from edgecnn.train import curves, fit, preprocessing_for, train
from edgecnn.train.checkpoint import Checkpoint, State


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return few_digits()


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """(folder, card) of an undisturbed training."""
    out = tmp_path_factory.mktemp("trained")
    return out, train("lenet", digits, settings=QUICK, arguments=DROPOUT, out=out)


def test_writes_model_card_curves_and_log_and_nothing_else(trained, digits):
    out, written = trained
    assert sorted(path.name for path in out.iterdir()) == ["lenet.csv", "lenet.json", "lenet.keras", "lenet.png"]
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
    task = fit.Task(net, digits, preprocessing_for("lenet"), replace(QUICK, epochs=4))
    state = fit.fit(task, Checkpoint(tmp_path / "lenet.keras", ""), Progress())
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
        self.reads += len(self.pictures[chosen])
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
    assert not list(tmp_path.glob("lenet*"))


def test_a_loss_that_is_no_number_leaves_the_last_good_weights(digits, tmp_path):
    wild = replace(QUICK, optimizer="sgd", epochs=30, warmup=29, learning_rate=10.0, weight_decay=1.0)  # rises until weights grow at every step
    with pytest.raises(CheckFailed, match=r"; the weights of epoch (\d+) \(val [\d.]+ %\) are in .*lenet-last-good.keras$"):
        train("lenet", digits, settings=wild, out=tmp_path)
    assert all(np.isfinite(array).all() for array in weights_of(tmp_path, "lenet-last-good"))
    train("lenet", digits, settings=replace(QUICK, epochs=0), weights=tmp_path / "lenet-last-good.keras", out=tmp_path)


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
