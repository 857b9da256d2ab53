"""The same training on JAX, TensorFlow and PyTorch, on one device and on two, in one process and in two."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, edgecnn
from training import assert_same_weights, weights_of

# Largest difference of a loss after two epochs between backends, and of an accuracy: they add up in different orders.
LOSS, ACCURACY = 0.01, 0.01

TWO_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


def command(out, what="train", **wish):
    return [sys.executable, str(ROOT / "tests" / "other_backend.py"), str(out), what, json.dumps(wish)]


def environment(backend, **more):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: nothing is compared with it")
    return {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", **more}


def on(backend, out, what="train", env=None, **wish):
    """What the program prints on a backend."""
    done = subprocess.run(command(out, what, **wish), capture_output=True, text=True, cwd=ROOT, env=environment(backend, **(env or {})), check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def jax(tmp_path_factory):
    """(folder, what was printed) of two epochs on JAX."""
    out = tmp_path_factory.mktemp("jax")
    return out, on("jax", out)


def test_jax_trains_without_tensorflow(jax):
    assert jax[1]["loaded"] == ["jax"]


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_two_epochs_agree_with_jax(jax, tmp_path, backend):
    found = on(backend, tmp_path)
    assert len(found["epochs"]) == len(jax[1]["epochs"]) == 2
    for ours, theirs in zip(found["epochs"], jax[1]["epochs"], strict=True):
        for key in ("loss", "val_loss"):
            assert ours[key] == pytest.approx(theirs[key], abs=LOSS), key
        for key in ("accuracy", "val_accuracy"):
            assert ours[key] == pytest.approx(theirs[key], abs=ACCURACY), key
    assert found["right"] > 382 * 0.5, "it learned too little to say much"


def test_a_file_trained_on_jax_exports_with_the_same_predictions(jax):
    out, found = jax
    result = edgecnn("export", out / "lenet.keras", "--float32", "--int8")
    assert result.code == 0, result.err
    result = edgecnn("validate", out / "lenet.tflite", out / "lenet.onnx", "--json", out / "report.json")
    assert result.code == 0, result.err
    (group,) = json.loads((out / "report.json").read_text())["groups"]
    assert {row["agreement"]["value"] for row in group["rows"]} == {1.0}
    assert group["original"]["top1"]["value"] == pytest.approx(found["right"] / 382)


@pytest.mark.parametrize(
    "machine",
    [{"dispatch": 7, "place": "device"}, *(pytest.param(it, marks=pytest.mark.slow) for it in ({"dispatch": 7}, {"place": "device"}))],
    ids=str,
)
def test_several_steps_at_once_and_pictures_on_the_device_change_nothing(jax, tmp_path, machine):
    found = on("jax", tmp_path, machine=machine)
    for ours, theirs in zip(found["epochs"], jax[1]["epochs"], strict=True):
        assert [ours[key] for key in ("loss", "val_loss")] == pytest.approx([theirs[key] for key in ("loss", "val_loss")], abs=1e-3)


# The sums of two devices differ in their last bit. A deep network with batch norms makes thousandths of that in a few steps, on one device too, unless
# the steps are small.
SMALL_STEPS = {"network": "resnet20", "optimizer": "sgd", "learning_rate": 2e-4, "epochs": 1}
CASES = [{"network": "lenet"}, pytest.param(SMALL_STEPS, marks=pytest.mark.slow)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["network"])
def test_two_devices_lose_the_same_as_one_at_every_step(tmp_path, case):
    one = on("jax", tmp_path, "steps", **case)
    two = on("jax", tmp_path, "steps", env=TWO_DEVICES, machine={"distribute": True}, **case)
    assert (one["devices"], two["devices"]) == (1, 2)
    assert np.abs(np.subtract(one["losses"], two["losses"])).max() <= 1e-4
    assert one["val"] == pytest.approx(two["val"], rel=1e-3)
    assert one["losses"][-1] < one["losses"][0] - 0.1, "it learned nothing, so the rest proves little"


def two_processes(outs, what):
    """Both processes of one training, as (exit code, what it printed, its errors)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    several = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2"}
    both = [
        subprocess.Popen(
            command(out, what, machine={"distribute": True}),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment("jax", JAX_PROCESS_ID=str(number), **several),
        )
        for number, out in enumerate(outs)
    ]  # fmt: skip
    told = [process.communicate(timeout=300) for process in both]
    return [(process.returncode, out, err) for process, (out, err) in zip(both, told, strict=True)]


def answers(told):
    assert [code for code, _, _ in told] == [0, 0], "".join(err[-1500:] for _, _, err in told)
    return [json.loads(out.splitlines()[-1]) for _, out, _ in told]


@pytest.mark.slow
def test_two_processes_lose_the_same_as_one(tmp_path):
    one = on("jax", tmp_path, "steps")
    for found in answers(two_processes([tmp_path, tmp_path], "steps")):
        assert found["devices"] == 2
        assert np.abs(np.subtract(one["losses"], found["losses"])).max() <= 1e-4


@pytest.mark.slow
def test_two_processes_write_the_files_of_one_training(jax, tmp_path):
    one, other = answers(two_processes([tmp_path, tmp_path], "train"))
    assert one["right"] == other["right"]
    assert abs(one["right"] - jax[1]["right"]) <= 0.01 * 382
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lenet.csv", "lenet.json", "lenet.keras", "lenet.png"]
    assert len((tmp_path / "lenet.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_processes_that_see_different_checkpoints_say_so(jax, tmp_path):
    running = subprocess.Popen(command(tmp_path / "one"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment("jax"))
    table = tmp_path / "one" / ".lenet.training" / "log.csv"
    while running.poll() is None and not (table.exists() and len(table.read_text().splitlines()) > 1):
        time.sleep(0.005)
    running.kill()
    running.wait()
    told = two_processes([tmp_path / "one", tmp_path / "two"], "train")
    assert all(code != 0 for code, _, _ in told)
    assert "the processes find [1, 0] finished epochs there" in told[0][2]


def test_killed_at_some_step_jax_goes_on_to_the_same_weights(jax, tmp_path):
    running = subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment("jax"))
    table = tmp_path / ".lenet.training" / "log.csv"
    while running.poll() is None and not (table.exists() and len(table.read_text().splitlines()) > 1):
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "lenet.keras").exists(), "it was killed too late to show anything"
    on("jax", tmp_path)
    assert_same_weights(weights_of(tmp_path), weights_of(jax[0]))


def test_distribution_on_another_backend_is_refused(tmp_path):
    result = edgecnn("train", "lenet", "--epochs", 1, "--distribute", "--out", tmp_path)
    assert result.code == 2
    assert "set KERAS_BACKEND=jax" in result.err


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path):
    env = environment("jax", **TWO_DEVICES)
    words = ["train", "lenet", "--epochs", "1", "--batch-size", "33", "--distribute", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "edgecnn", *words], capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert done.returncode == 2
    assert "batch size 33 on 2 devices: expected a multiple of 2" in done.stderr
    assert list(Path(tmp_path).iterdir()) == []
