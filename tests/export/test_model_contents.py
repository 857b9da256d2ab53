"""All files of a model in one piece: as they travel to another machine, they run there as they do here."""

from __future__ import annotations

import shutil
from pathlib import Path

import foreign_nets as nets
import numpy as np
import pytest
import tensorflow as tf
from helpers import snapshot
from test_foreign_tflite import convert, network

from edgecnn.card import Preprocessing
from edgecnn.errors import BadFile
from edgecnn.runtime import open_model
from edgecnn.runtime.model_files import read_contents, write_contents

WANTED = Preprocessing(nets.SIZE, nets.SIZE, mean=nets.GIVEN["mean"], std=nets.GIVEN["std"])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    model = network()
    model.save(folder / "net.keras")
    convert(model, folder / "net.tflite")
    nets.make_onnx(folder / "whole.onnx")
    nets.with_external_weights(folder / "parted.onnx")
    tf.saved_model.save(model, str(folder / "saved"))
    (folder / "saved" / "assets").mkdir(exist_ok=True)
    (folder / "saved" / "assets" / "empty.txt").touch()
    return folder


@pytest.mark.parametrize(("name", "count"), [("net.keras", 1), ("net.tflite", 1), ("whole.onnx", 1), ("parted.onnx", 2), ("saved", 5)])
def test_a_model_runs_elsewhere_with_what_was_read_here(name: str, count: int, models: Path, tmp_path: Path) -> None:
    contents = read_contents(models / name)
    assert len(contents) == count, list(contents)
    write_contents(contents, tmp_path / "there")
    assert set(snapshot(tmp_path / "there")) == set(contents)
    images, _ = nets.make_images(6)
    here, there = (open_model(folder / name, preprocessing=WANTED, threads=1).scores(images) for folder in (models, tmp_path / "there"))
    assert here.std() > 0
    np.testing.assert_array_equal(here, there)


def test_a_folder_is_read_from_inside(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(models / "saved")
    assert "saved/saved_model.pb" in read_contents(".")


def test_weights_that_are_missing_are_named(models: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"parted\.onnx\.data, which is not beside it"):
        read_contents(shutil.copy(models / "parted.onnx", tmp_path / "parted.onnx"))
