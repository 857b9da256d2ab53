"""Evaluation as Ray tasks on one machine with two workers: the same table. Skipped without the extra `ray`; tools/test.sh --all installs it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from helpers import edgecnn, refused
from test_validate import shop  # noqa: F401 - a fixture

from edgecnn.sources.given_input import GivenInput
from edgecnn.validate import validate


@pytest.fixture
def ray():
    return pytest.importorskip("ray", reason="Ray is not installed: pip install 'edgecnn[ray]'")


@pytest.mark.slow
def test_two_workers_give_the_same_table(ray, shop):  # noqa: F811
    paths = [shop / "models" / name for name in ("net_int8.tflite", "net.onnx")]
    here, there = (validate(paths, data=shop / "colors", threads=(), fresh=True, ray=address) for address in (None, "local"))
    assert [replace(group, notes=()) for group in here.groups] == [replace(group, notes=()) for group in there.groups]
    assert not ray.is_initialized(), "the cluster must end with the validation"


@pytest.mark.slow
def test_a_model_of_several_files_is_sent_whole(ray, shop, tmp_path):  # noqa: F811
    """A SavedModel folder, and an .onnx that keeps its weights in a second file."""
    import keras
    import onnx

    keras.models.load_model(shop / "models" / "net.keras").export(tmp_path / "saved", verbose=False)
    onnx.save(onnx.load(shop / "models" / "net.onnx"), tmp_path / "net.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    given = GivenInput({"mean": (128.0,), "std": (128.0,)})
    for path in (tmp_path / "saved", tmp_path / "net.onnx"):
        options = {"data": shop / "colors", "threads": (), "fresh": True, **({"given": given} if path.is_dir() else {})}
        here, there = (validate([path], ray=address, **options) for address in (None, "local"))
        assert [replace(group, notes=()) for group in here.groups] == [replace(group, notes=()) for group in there.groups]


@pytest.mark.slow
def test_a_fault_in_a_worker_is_told_in_one_line(ray, shop, tmp_path):  # noqa: F811
    import onnx
    from onnx import numpy_helper

    model = onnx.load(shop / "bare" / "net.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "offset":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * float("nan"), tensor.name))
    onnx.save(model, tmp_path / "nan.onnx")
    refused(edgecnn("validate", tmp_path / "nan.onnx", "--data", shop / "colors", "--no-latency", "--ray", "local", "--mean", 128, "--std", 128), "NaN")


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere", "ray://127.0.0.1:9", "127.0.0.1:999999"])
def test_an_address_where_nobody_answers(ray, shop, address):  # noqa: F811
    refused(
        edgecnn("validate", shop / "bare" / "net.onnx", "--data", shop / "colors", "--no-latency", "--ray", address, "--mean", 128, "--std", 128),
        address,
        "Ray",
    )


def test_without_the_package_it_says_how_to_get_it(shop, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "edgecnn.validate.ray_tasks", raising=False)
    monkeypatch.delattr("edgecnn.validate.ray_tasks", raising=False)
    refused(
        edgecnn("validate", shop / "bare" / "net.onnx", "--data", shop / "colors", "--no-latency", "--ray", "local", "--mean", 128, "--std", 128),
        "edgecnn[ray]",
    )
