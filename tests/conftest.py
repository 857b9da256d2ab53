"""Fixtures that several test files use, a cache of the session's own, and a quiet TensorFlow."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from edgecnn.validate.report import Report

_OWN_CACHE = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "EDGECNN_CACHE" not in os.environ:
        os.environ["EDGECNN_CACHE"] = config.stash[_OWN_CACHE] = tempfile.mkdtemp(prefix="edgecnn-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if folder := config.stash.get(_OWN_CACHE, None):
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ["EDGECNN_CACHE"]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; tests that need it are skipped where there is none."""
    folder = os.environ.get("EDGECNN_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("EDGECNN_DATA is not set: this test needs its pictures")
    return Path(folder)


@pytest.fixture(scope="session")
def weights_folder(data_folder: Path) -> Path:
    """The folder of independent ImageNet weights, beside the real data."""
    folder = data_folder.parent / "weights"
    if not folder.is_dir():
        pytest.skip("there is no folder `weights` beside EDGECNN_DATA: this test needs its models")
    return folder


@pytest.fixture(scope="session")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LeNet with its card, trained on digits by the command line for a few seconds; to be read only."""
    from helpers import edgecnn

    out = tmp_path_factory.mktemp("lenet")
    result = edgecnn("train", "lenet", "--data", "digits", "--epochs", 3, "--warmup", 1, "--no-augment", "--out", out)
    assert result.code == 0, result.err
    return out / "lenet.keras"


@pytest.fixture(scope="session")
def exported(lenet: Path) -> Path:
    """The same model as float32 and int8 .tflite and .onnx beside it; returns the folder."""
    from helpers import edgecnn

    result = edgecnn("export", lenet, "--float32", "--int8")
    assert result.code == 0, result.err
    return lenet.parent


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, which is not there yet."""
    place = tmp_path / "cache"
    monkeypatch.setenv("EDGECNN_CACHE", str(place))
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A made-up set of pictures in three class folders."""
    from pets import fill

    return fill(tmp_path / "pets")


@pytest.fixture(scope="session")
def real_report(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """What `validate` measured on the exported LeNets, and the JSON that the command line would write of it."""
    from edgecnn.settings import Limits
    from edgecnn.validate import validate

    files = [exported / name for name in ("lenet.tflite", "lenet_int8.tflite")]
    report = validate(files, threads=(1,), count=100, limits=Limits(max_drop=50, max_size=10_000))
    path = tmp_path_factory.mktemp("report") / "run.json"
    path.write_text(json.dumps(report.to_dict()))
    return report, path


@pytest.fixture(scope="session")
def mediapipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with MediaPipe, in an environment of its own."""
    from environments import python_with

    return python_with(tmp_path_factory.mktemp("mediapipe"), "mediapipe==1.2.2")


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory, data_folder: Path) -> Path:
    """The trained sign-digits models in four schemes each, with German names; returns the folder."""
    from environments import GERMAN, SCHEMES
    from helpers import ROOT, edgecnn

    out = tmp_path_factory.mktemp("shipped")
    names = out / "de.txt"
    names.write_text("\n".join(GERMAN) + "\n")
    for model in ("squeezenet", "mobilenet"):
        words = (ROOT / "models" / "sign-digits" / f"{model}.keras", "--tflite", *(f"--{scheme}" for scheme in SCHEMES), "--out", out)
        result = edgecnn("export", *words, "--labels", names, "--locale", "de", "--author", "A. Person", "--license", "MIT")
        assert result.code == 0, result.err
    return out
